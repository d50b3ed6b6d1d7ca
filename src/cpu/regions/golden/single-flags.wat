;; BT, STC and ROL set flags alone: those go to the kind, and what was known of the others still holds.
;;
;; region: cmp rax, rbx
;;         bt rdx, 3
;;         setl sil
;;         setc dil
;;         rol ebx, 5
;;         adc ecx, 0
;;         stc
;;         sbb edx, edx

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
(local $rdx i64)
(local 14 i64)
(local 15 i32)
(local 16 i32)
(local $rsi i64)
(local $rdi i64)
(local 19 i64)
(local 20 i64)
(local 21 i32)
(local 22 i32)
(local 23 i32)
(local $rcx i64)
(local 25 i32)
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
i64.load offset=16
local.set $rdx
local.get $cpu
i64.load offset=48
local.set $rsi
local.get $cpu
i64.load offset=56
local.set $rdi
local.get $cpu
i64.load offset=8
local.set $rcx
local.get $cpu
i32.load offset=168
local.set $budget
block $block0
  local.get $budget
  i32.const 8
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if1
    i32.const record0
    local.set $result
    i32.const 8
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
  block $block3
    i64.const 3
    local.set 8
    local.get 8
    i64.const 63
    i64.and
    local.set 6
    local.get $rdx
    local.set 14
    local.get 14
    local.get 6
    i64.shr_u
    i32.wrap_i64
    i32.const 1
    i32.and
    local.set 15
    local.get 15
    local.set 16
    i32.const 0x60f
    local.get 15
    i32.const 448
    i32.mul
    i32.or
    local.set $flagKind
  end $block3
  block $block4
    local.get $rsi
    i64.const -256
    i64.and
    local.get $flagOperand
    local.get 12
    i64.lt_s
    i64.extend_i32_u
    i64.const 255
    i64.and
    i64.or
    local.set $rsi
  end $block4
  block $block5
    local.get $rdi
    i64.const -256
    i64.and
    local.get 16
    i64.extend_i32_u
    i64.const 255
    i64.and
    i64.or
    local.set $rdi
  end $block5
  block $block6
    local.get $rbx
    i64.extend32_s
    local.set 14
    i64.const 5
    local.set 6
    local.get 14
    i32.wrap_i64
    i64.extend_i32_u
    local.set 8
    local.get 6
    i64.const 31
    i64.and
    local.set 19
    local.get 8
    local.get 19
    i64.shl
    local.get 8
    i64.const 32
    local.get 19
    i64.sub
    i64.const 31
    i64.and
    i64.shr_u
    i64.or
    i64.extend32_s
    local.set 20
    local.get 20
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rbx
    local.get 20
    i32.wrap_i64
    i32.const 1
    i32.and
    local.set 15
    local.get 15
    local.set 21
    local.get 20
    i64.const 31
    i64.shr_u
    i32.wrap_i64
    i32.const 1
    i32.and
    local.get 15
    i32.xor
    local.set 22
    local.get 21
    local.set 16
    local.get 22
    local.set 23
    i32.const 0x260f
    local.get 21
    i32.const 448
    i32.mul
    i32.or
    local.get 22
    i32.const 0x4000
    i32.mul
    i32.or
    local.set $flagKind
  end $block6
  block $block7
    local.get $rcx
    i64.extend32_s
    local.set 20
    i64.const 0
    local.set 19
    local.get 16
    local.set 22
    local.get 20
    local.get 19
    i64.add
    local.get 22
    i64.extend_i32_u
    i64.add
    i64.extend32_s
    local.set 8
    local.get 8
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rcx
    i32.const 0x646
    local.get 22
    i32.const 132
    i32.mul
    i32.add
    local.set $flagKind
    local.get 20
    local.set $flagOperand
    local.get 8
    local.set $flagResult
    local.get 22
    local.set 25
  end $block7
  block $block8
    i32.const 1
    local.set 22
    local.get 22
    local.set 16
    local.get $flagKind
    i32.const -449
    i32.and
    i32.const 512
    i32.or
    local.get 22
    i32.const 448
    i32.mul
    i32.or
    local.set $flagKind
  end $block8
  block $block9
    local.get $rdx
    i64.extend32_s
    local.set 8
    local.get $rdx
    i64.extend32_s
    local.set 19
    local.get 16
    local.set 22
    local.get 8
    local.get 19
    i64.sub
    local.get 22
    i64.extend_i32_u
    i64.sub
    i64.extend32_s
    local.set 20
    local.get 20
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rdx
    i32.const 0x70e
    local.get 22
    i32.const 132
    i32.mul
    i32.add
    local.set $flagKind
    local.get 8
    local.set $flagOperand
    local.get 20
    local.set $flagResult
    local.get 19
    local.set 12
    local.get 22
    local.set 25
  end $block9
  loop $loop10
    local.get $budget
    i32.const 1
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if11
      i32.const record1
      local.set $result
      i32.const 1
      local.set $how
      br $block0
    end $if11
    br $loop10
  end $loop10
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
local.get $rsi
i64.store offset=48
local.get $cpu
local.get $rdi
i64.store offset=56
local.get $cpu
local.get $rbx
i64.store offset=24
local.get $cpu
local.get $rcx
i64.store offset=8
local.get $cpu
local.get $rdx
i64.store offset=16
local.get $cpu
local.get $budget
local.get $how
i32.const 255
i32.and
i32.add
i32.store offset=168
local.get $result
if $if12
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 22
  local.get 22
  local.get 22
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 21
  local.get 21
  if $if13
    local.get $cpu
    local.get $address
    local.get 21
    local.get $result
    return_call $retryInRegion
  end $if13
  local.get $result
  return
end $if12
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
