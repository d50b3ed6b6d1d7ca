;; CPUID is executed by the system: all registers are written back before, and loaded again.
;;
;; region: mov eax, 1
;;         cpuid
;;         and ecx, 15

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rax i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rcx i64)
(local 10 i32)
(local 11 i64)
(local 12 i64)
(local 13 i64)
(local 14 i32)
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
    i64.const 1
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rax
  end $block2
  local.get $cpu
  local.get $rax
  i64.store
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
  local.get $rcx
  i64.store offset=8
  local.get $cpu
  local.get $budget
  i32.store offset=168
  i32.const 0
  i32.const 0
  i64.load offset=4096
  i32.const 0
  i32.load offset=4224
  local.get $cpu
  i32.load offset=168
  i32.sub
  i64.extend_i32_s
  i64.add
  i64.store offset=4096
  local.get $cpu
  local.get $cpu
  i64.load offset=184
  i64.const 7
  i64.add
  i64.store offset=136
  local.get $cpu
  i32.const record1
  call $systemOperation
  local.set 10
  i32.const 0
  local.get $cpu
  i32.load offset=168
  i32.store offset=4224
  local.get 10
  if $if3
    i32.const 0
    i32.const 0
    i64.load offset=4136
    i64.const 1
    i64.add
    i64.store offset=4136
    local.get 10
    i32.const 3
    i32.eq
    if $if4
      i32.const record2
      return
    end $if4
    local.get 10
    return
  end $if3
  local.get $cpu
  i64.load
  local.set $rax
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
  local.get $budget
  i32.const 1
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if5
    i32.const record3
    local.set $result
    i32.const 1
    local.set $how
    br $block0
  end $if5
  block $block6
    local.get $rcx
    i64.extend32_s
    local.set 11
    i64.const 15
    local.set 12
    local.get 11
    local.get 12
    i64.and
    local.set 13
    local.get 13
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rcx
    i32.const 0x616
    local.set $flagKind
    local.get 13
    local.set $flagResult
  end $block6
  loop $loop7
    local.get $budget
    i32.const 1
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if8
      i32.const record4
      local.set $result
      i32.const 1
      local.set $how
      br $block0
    end $if8
    br $loop7
  end $loop7
end $block0
local.get $cpu
local.get $rax
i64.store
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
if $if9
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 10
  local.get 10
  local.get 10
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 14
  local.get 14
  if $if10
    local.get $cpu
    local.get $address
    local.get 14
    local.get $result
    return_call $retryInRegion
  end $if10
  local.get $result
  return
end $if9
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
