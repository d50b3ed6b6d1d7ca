;; A branch to a register leaves the region by way of the branch function.
;;
;; region: and eax, 3
;;         lea rdx, [rel table]
;;         jmp [rdx + rax * 8]
;; table:  dq 0

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rax i64)
(local 6 i64)
(local 7 i64)
(local 8 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rdx i64)
(local $bank i32)
(local 14 i32)
(local 15 i32)
(local 16 i64)
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
  local.get $budget
  i32.const 3
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if1
    i32.const record0
    local.set $result
    i32.const 3
    local.set $how
    br $block0
  end $if1
  block $block2
    local.get $cpu
    i64.load
    local.set $rax
    local.get $rax
    i64.extend32_s
    local.set 6
    i64.const 3
    local.set 7
    local.get 6
    local.get 7
    i64.and
    local.set 8
    local.get 8
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rax
    local.get $cpu
    local.get $rax
    i64.store
    i32.const 0x616
    local.set $flagKind
    local.get 8
    local.set $flagResult
  end $block2
  block $block3
    local.get $cpu
    i64.load offset=184
    i64.const 15
    i64.add
    local.set $rdx
    local.get $cpu
    local.get $rdx
    i64.store offset=16
  end $block3
  local.get $rdx
  local.get $rax
  i64.const 3
  i64.shl
  i64.add
  local.set 8
  local.get $bank
  local.get 8
  i32.wrap_i64
  i32.const 8
  i32.shr_u
  i32.const 0x3ff0
  i32.and
  i32.add
  local.set 15
  local.get 8
  i64.const 7
  i64.add
  i64.const -0x1000
  i64.and
  local.get 15
  i64.load
  i64.eq
  if $if4
    local.get 8
    i32.wrap_i64
    local.get 15
    i32.load offset=8
    i32.add
    local.set 14
  else $if4
    local.get 8
    local.set $address
    i32.const record1
    local.set $result
    i32.const 0x80201
    local.set $how
    br $block0
  end $if4
  local.get 14
  i64.load
  local.set 7
  local.get 7
  local.set 6
  local.get 6
  i64.const 16
  i64.shl
  i64.const 16
  i64.shr_s
  local.get 6
  i64.ne
  if $if5
    i32.const record1
    local.set $result
    i32.const 0x401
    local.set $how
    br $block0
  end $if5
  local.get 7
  local.set 16
  local.get 16
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
if $if6
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
  local.set 14
  local.get 14
  if $if7
    local.get $cpu
    local.get $address
    local.get 14
    local.get $result
    return_call $retryInRegion
  end $if7
  local.get $result
  return
end $if6
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
