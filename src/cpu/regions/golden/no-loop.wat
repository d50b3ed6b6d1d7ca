;; Without a loop registers are read where they are needed and written at once; flags wait for the end.
;;
;; region: test rax, rax
;;         js .end
;;         mov rbx, [rsi]
;;         add rbx, rax
;;         mov rcx, rbx
;; .end:   ret

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rax i64)
(local 6 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rsi i64)
(local $bank i32)
(local 12 i32)
(local 13 i32)
(local $rbx i64)
(local 15 i64)
(local 16 i64)
(local $rcx i64)
(local $rsp i64)
(local 19 i64)
(local 20 i64)
(local 21 i64)
(local 22 i32)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
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
i32.load offset=224
local.set $bank
local.get $cpu
i32.load offset=168
local.set $budget
block $block0
  block $block1
    local.get $budget
    i32.const 2
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if2
      i32.const record0
      local.set $result
      i32.const 2
      local.set $how
      br $block0
    end $if2
    block $block3
      local.get $cpu
      i64.load
      local.set $rax
      local.get $rax
      local.set 6
      i32.const 0x617
      local.set $flagKind
      local.get 6
      local.get $rax
      i64.and
      local.set $flagResult
    end $block3
    local.get $flagResult
    i64.const 0
    i64.lt_s
    if $if4
      br $block1
    end $if4
    local.get $budget
    i32.const 3
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if5
      i32.const record1
      local.set $result
      i32.const 3
      local.set $how
      br $block0
    end $if5
    block $block6
      local.get $cpu
      i64.load offset=48
      local.set $rsi
      local.get $rsi
      i64.const 0
      i64.add
      local.set 6
      local.get $bank
      local.get 6
      i32.wrap_i64
      i32.const 8
      i32.shr_u
      i32.const 0x3ff0
      i32.and
      i32.add
      local.set 13
      local.get 6
      i64.const 7
      i64.add
      i64.const -0x1000
      i64.and
      local.get 13
      i64.load
      i64.eq
      if $if7
        local.get $rsi
        i32.wrap_i64
        local.get 13
        i32.load offset=8
        i32.add
        local.set 12
      else $if7
        local.get 6
        local.set $address
        i32.const record1
        local.set $result
        i32.const 0x80203
        local.set $how
        br $block0
      end $if7
      local.get 12
      i64.load
      local.set $rbx
      local.get $cpu
      local.get $rbx
      i64.store offset=24
    end $block6
    block $block8
      local.get $rbx
      local.set 6
      local.get $rax
      local.set 15
      local.get 6
      local.get 15
      i64.add
      local.set 16
      local.get 16
      local.set $rbx
      local.get $cpu
      local.get $rbx
      i64.store offset=24
      i32.const 0x647
      local.set $flagKind
      local.get 6
      local.set $flagOperand
      local.get 16
      local.set $flagResult
    end $block8
    block $block9
      local.get $rbx
      local.set $rcx
      local.get $cpu
      local.get $rcx
      i64.store offset=8
    end $block9
    br $block1
  end $block1
  local.get $budget
  i32.const 1
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if10
    i32.const record2
    local.set $result
    i32.const 1
    local.set $how
    br $block0
  end $if10
  local.get $cpu
  i64.load offset=32
  local.set $rsp
  local.get $rsp
  local.set 16
  local.get 16
  i64.const 0
  i64.add
  local.set 15
  local.get $bank
  local.get 15
  i32.wrap_i64
  i32.const 8
  i32.shr_u
  i32.const 0x3ff0
  i32.and
  i32.add
  local.set 13
  local.get 15
  i64.const 7
  i64.add
  i64.const -0x1000
  i64.and
  local.get 13
  i64.load
  i64.eq
  if $if11
    local.get 16
    i32.wrap_i64
    local.get 13
    i32.load offset=8
    i32.add
    local.set 12
  else $if11
    local.get 15
    local.set $address
    i32.const record2
    local.set $result
    i32.const 0x80201
    local.set $how
    br $block0
  end $if11
  local.get 12
  i64.load
  local.set 6
  local.get 6
  local.set 19
  local.get 19
  i64.const 16
  i64.shl
  i64.const 16
  i64.shr_s
  local.get 19
  i64.ne
  if $if12
    i32.const record2
    local.set $result
    i32.const 0x401
    local.set $how
    br $block0
  end $if12
  local.get $rsp
  i64.const 8
  i64.add
  local.set 20
  local.get 20
  local.set $rsp
  local.get $cpu
  local.get $rsp
  i64.store offset=32
  local.get 6
  local.set 21
  local.get 21
  local.set $address
  br $block0
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
local.get $budget
local.get $how
i32.const 255
i32.and
i32.add
i32.store offset=168
local.get $result
if $if13
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 13
  local.get 13
  local.get 13
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 22
  local.get 22
  if $if14
    local.get $cpu
    local.get $address
    local.get 22
    local.get $result
    return_call $retryInRegion
  end $if14
  local.get $result
  return
end $if13
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
