;; An if with an else: structured blocks that meet again, one compare-and-branch each.
;;
;; region: cmp rax, rbx
;;         jb .less
;;         sub rax, rbx
;;         jmp .end
;; .less:  xchg rax, rbx
;; .end:   lea rcx, [rax + rbx * 4 + 7]

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rax i64)
(local 6 i64)
(local $rbx i64)
(local 8 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local 12 i64)
(local 13 i64)
(local $rcx i64)
(local 15 i32)
(local 16 i32)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i64.load
local.set $rax
local.get $cpu
i64.load offset=24
local.set $rbx
local.get $cpu
i32.load offset=160
local.set $flagKind
local.get $cpu
i64.load offset=144
local.set $flagOperand
local.get $cpu
i64.load offset=152
local.set $flagResult
local.get $cpu
i64.load offset=8
local.set $rcx
local.get $cpu
i32.load offset=168
local.set $budget
block $block0
  local.get $budget
  i32.const 2
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if1
    i32.const record0
    local.set $result
    i32.const 2
    local.set $how
    br $block0
  end $if1
  block $block2
    local.get $rax
    local.set 6
    local.get $rbx
    local.set 8
    i32.const 0x70f
    local.set $flagKind
    local.get 6
    local.set $flagOperand
    local.get 6
    local.get 8
    i64.sub
    local.set $flagResult
    local.get 8
    local.set 12
  end $block2
  local.get $flagOperand
  local.get 12
  i64.lt_u
  if $if3
    local.get $cpu
    i64.load offset=184
    i64.const 12
    i64.add
    local.set $address
    br $block0
  end $if3
  local.get $budget
  i32.const 2
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if4
    i32.const record1
    local.set $result
    i32.const 2
    local.set $how
    br $block0
  end $if4
  block $block5
    local.get $rax
    local.set 8
    local.get $rbx
    local.set 6
    local.get 8
    local.get 6
    i64.sub
    local.set 13
    local.get 13
    local.set $rax
    i32.const 0x70f
    local.set $flagKind
    local.get 8
    local.set $flagOperand
    local.get 13
    local.set $flagResult
    local.get 6
    local.set 12
  end $block5
  local.get $budget
  i32.const 1
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if6
    i32.const record2
    local.set $result
    i32.const 1
    local.set $how
    br $block0
  end $if6
  block $block7
    local.get $rax
    local.get $rbx
    i64.const 2
    i64.shl
    i64.add
    i64.const 7
    i64.add
    local.set $rcx
  end $block7
  loop $loop8
    local.get $budget
    i32.const 1
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if9
      i32.const record3
      local.set $result
      i32.const 1
      local.set $how
      br $block0
    end $if9
    br $loop8
  end $loop8
end $block0
local.get $cpu
local.get $flagKind
i32.store offset=160
local.get $cpu
local.get $flagOperand
i64.store offset=144
local.get $cpu
local.get $flagResult
i64.store offset=152
local.get $cpu
local.get $rax
i64.store
local.get $cpu
local.get $rcx
i64.store offset=8
local.get $cpu
local.get $budget
local.get $how
i32.const 255
i32.and
i32.add
i32.store offset=168
local.get $result
if $if10
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 15
  local.get 15
  local.get 15
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 16
  local.get 16
  if $if11
    local.get $cpu
    local.get $address
    local.get 16
    local.get $result
    return_call $retryInRegion
  end $if11
  local.get $result
  return
end $if10
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
