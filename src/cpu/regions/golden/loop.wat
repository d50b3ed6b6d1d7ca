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
(local $how i32)
(local $address i64)
(local $rax i64)
(local 6 i64)
(local $rsi i64)
(local $bank i32)
(local 9 i32)
(local 10 i64)
(local 11 i32)
(local 12 i64)
(local 13 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rcx i64)
(local 18 i32)
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
      i32.const 4
      local.set $how
      br $block0
    end $if2
    block $block3
      local.get $rax
      local.set 6
      local.get $rsi
      i64.const 0
      i64.add
      local.set 10
      local.get $bank
      local.get 10
      i32.wrap_i64
      i32.const 8
      i32.shr_u
      i32.const 0x3ff0
      i32.and
      i32.add
      local.set 11
      local.get 10
      i64.const 7
      i64.add
      i64.const -0x1000
      i64.and
      local.get 11
      i64.load
      i64.eq
      if $if4
        local.get $rsi
        i32.wrap_i64
        local.get 11
        i32.load offset=8
        i32.add
        local.set 9
      else $if4
        local.get 10
        local.set $address
        i32.const record0
        local.set $result
        i32.const 0x80204
        local.set $how
        br $block0
      end $if4
      local.get 9
      i64.load
      local.set 12
      local.get 6
      local.get 12
      i64.add
      local.set 13
      local.get 13
      local.set $rax
      i32.const 0x647
      local.set $flagKind
      local.get 6
      local.set $flagOperand
      local.get 13
      local.set $flagResult
    end $block3
    block $block5
      local.get $rsi
      local.set 13
      i64.const 8
      local.set 12
      local.get 13
      local.get 12
      i64.add
      local.set 10
      local.get 10
      local.set $rsi
      i32.const 0x647
      local.set $flagKind
      local.get 13
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
      i32.wrap_i64
      i64.extend_i32_u
      local.set $rcx
      local.get $flagResult
      local.get $flagOperand
      i64.lt_u
      i64.extend_i32_u
      local.set 12
      i32.const 0x41e
      local.set $flagKind
      local.get 12
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
        i32.const 1
        local.set $how
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
  local.set 11
  local.get 11
  local.get 11
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 18
  local.get 18
  if $if11
    local.get $cpu
    local.get $address
    local.get 18
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
