;; A loop: its registers and flags stay in locals. JNZ knows what set the flags; sets that nobody asks for, V8 drops.
;;
;; region: add rax, [rsi]
;;         add rsi, 8
;;         dec ecx
;;         jnz region

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $cause i32)
(local $target i64)
(local $missed i64)
(local $access i32)
(local $rax i64)
(local 8 i64)
(local $rsi i64)
(local 10 i64)
(local 11 i32)
(local $bank i32)
(local 13 i32)
(local 14 i64)
(local 15 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rcx i64)
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
i64.load offset=48
local.set $rsi
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
i32.load offset=224
local.set $bank
local.get $cpu
i32.load offset=168
local.set $budget
block $block0
  loop $loop1
    local.get $budget
    i32.const 4
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if2
      i32.const record0
      local.set $result
      local.get $budget
      i32.const 4
      i32.add
      local.set $budget
      i32.const 0
      local.set $cause
      br $block0
    end $if2
    block $block3
      local.get $rax
      local.set 8
      local.get $rsi
      local.set 10
      local.get $bank
      local.get 10
      i32.wrap_i64
      i32.const 8
      i32.shr_u
      i32.const 0x3ff0
      i32.and
      i32.add
      local.set 13
      local.get 10
      i64.const 7
      i64.add
      i64.const -0x1000
      i64.and
      local.get 13
      i64.load
      i64.eq
      if $if4
        local.get 10
        i32.wrap_i64
        local.get 13
        i32.load offset=8
        i32.add
        local.set 11
      else $if4
        local.get 10
        local.set $missed
        i32.const 16
        local.set $access
        i32.const record0
        local.set $result
        local.get $budget
        i32.const 4
        i32.add
        local.set $budget
        i32.const 2
        local.set $cause
        br $block0
      end $if4
      local.get 11
      i64.load
      local.set 14
      local.get 8
      local.get 14
      i64.add
      local.set 15
      local.get 15
      local.set $rax
      i32.const 0x647
      local.set $flagKind
      local.get 8
      local.set $flagOperand
      local.get 15
      local.set $flagResult
    end $block3
    block $block5
      local.get $rsi
      local.set 15
      i64.const 8
      local.set 14
      local.get 15
      local.get 14
      i64.add
      local.set 10
      local.get 10
      local.set $rsi
      i32.const 0x647
      local.set $flagKind
      local.get 15
      local.set $flagOperand
      local.get 10
      local.set $flagResult
    end $block5
    block $block6
      local.get $rcx
      i64.extend32_s
      i64.const 1
      i64.sub
      i64.extend32_s
      local.set 10
      local.get 10
      i64.const 0xffffffff
      i64.and
      local.set $rcx
      local.get $flagResult
      local.get $flagOperand
      i64.lt_u
      i64.extend_i32_u
      local.set 14
      i32.const 0x41e
      local.set $flagKind
      local.get 14
      local.set $flagOperand
      local.get 10
      local.set $flagResult
    end $block6
    local.get $flagResult
    i64.eqz
    i32.eqz
    if $if7
      br $loop1
    end $if7
    loop $loop8
      local.get $budget
      i32.const 1
      i32.sub
      local.set $budget
      local.get $budget
      i32.const 0
      i32.lt_s
      if $if9
        i32.const record1
        local.set $result
        local.get $budget
        i32.const 1
        i32.add
        local.set $budget
        i32.const 0
        local.set $cause
        br $block0
      end $if9
      br $loop8
    end $loop8
  end $loop1
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
local.get $rsi
i64.store offset=48
local.get $cpu
local.get $rcx
i64.store offset=8
local.get $cpu
local.get $budget
i32.store offset=168
local.get $result
if $if10
  local.get $cause
  i32.const 3
  i32.shl
  local.get $cause
  i32.const 3
  i32.shl
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $access
  if $if11
    local.get $cpu
    local.get $missed
    local.get $access
    local.get $result
    return_call $retryInRegion
  end $if11
  local.get $result
  return
end $if10
local.get $cpu
local.get $target
return_call $branchFromRegion
unreachable
