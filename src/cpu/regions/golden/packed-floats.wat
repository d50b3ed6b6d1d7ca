;; XMM registers are v128 locals.
;;
;; region: movups xmm1, [rsi]
;;         mulps xmm1, xmm0
;;         addps xmm2, xmm1
;;         add rsi, 16
;;         dec ecx
;;         jnz region

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rsi i64)
(local $bank i32)
(local 7 i32)
(local 8 i64)
(local 9 i32)
(local $xmm1 v128)
(local 11 v128)
(local $xmm0 v128)
(local 13 v128)
(local 14 v128)
(local 15 v128)
(local 16 v128)
(local $xmm2 v128)
(local 18 i64)
(local 19 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rcx i64)
(local 24 i32)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i64.load offset=48
local.set $rsi
local.get $cpu
i32.const 0x410
i32.add
v128.load
local.set $xmm1
local.get $cpu
i32.const 0x400
i32.add
v128.load
local.set $xmm0
local.get $cpu
i32.const 0x420
i32.add
v128.load
local.set $xmm2
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
    i32.const 6
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if2
      i32.const record0
      local.set $result
      i32.const 6
      local.set $how
      br $block0
    end $if2
    block $block3
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 7
      i32.and
      if $if4
        local.get $cpu
        i32.const 228
        i32.add
        i32.load
        i32.const 5
        i32.and
        if $if5
          i32.const record0
          local.set $result
          i32.const 0x406
          local.set $how
          br $block0
        end $if5
        local.get $cpu
        i32.const 228
        i32.add
        i32.load
        i32.const 2
        i32.and
        if $if6
          i32.const record0
          local.set $result
          i32.const 0x406
          local.set $how
          br $block0
        end $if6
      end $if4
      local.get $rsi
      i64.const 0
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
      local.set 9
      local.get 8
      i64.const 15
      i64.add
      i64.const -0x1000
      i64.and
      local.get 9
      i64.load
      i64.eq
      if $if7
        local.get $rsi
        i32.wrap_i64
        local.get 9
        i32.load offset=8
        i32.add
        local.set 7
      else $if7
        local.get 8
        local.set $address
        i32.const record0
        local.set $result
        i32.const 0x100206
        local.set $how
        br $block0
      end $if7
      local.get 7
      v128.load
      local.set $xmm1
    end $block3
    block $block8
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 7
      i32.and
      if $if9
        local.get $cpu
        i32.const 228
        i32.add
        i32.load
        i32.const 5
        i32.and
        if $if10
          i32.const record1
          local.set $result
          i32.const 0x405
          local.set $how
          br $block0
        end $if10
        local.get $cpu
        i32.const 228
        i32.add
        i32.load
        i32.const 2
        i32.and
        if $if11
          i32.const record1
          local.set $result
          i32.const 0x405
          local.set $how
          br $block0
        end $if11
      end $if9
      local.get $xmm1
      local.set 11
      local.get $xmm0
      local.set 13
      local.get 11
      local.set 14
      local.get 13
      local.set 15
      local.get $cpu
      i32.const 0x5a8
      i32.add
      i32.load
      i32.const 0x7fa0
      i32.and
      i32.const 0x1fa0
      i32.xor
      local.get 14
      v128.const i32x4 0xd0000000 0xd0000000 0xd0000000 0xd0000000
      i32x4.add
      local.get 15
      v128.const i32x4 0xd0000000 0xd0000000 0xd0000000 0xd0000000
      i32x4.add
      v128.or
      v128.const i32x4 0x60000000 0x60000000 0x60000000 0x60000000
      v128.and
      v128.any_true
      i32.or
      i32.eqz
      if $if12
        local.get 14
        local.get 15
        f32x4.mul
        local.set 16
      else $if12
        local.get $cpu
        local.get 11
        local.get 13
        call $vectorSingle-mul-mul-mul-mulGeneral
        local.set 16
        local.get $cpu
        i32.const 788
        i32.add
        i32.load
        if $if13
          local.get $cpu
          i32.const 0xc18
          i32.add
          i32.load
          i32.const 0x400
          i32.and
          if $if14
            i32.const record1
            local.set $result
            i32.const 0x405
            local.set $how
            br $block0
          else $if14
            i32.const record1
            local.set $result
            i32.const 0x405
            local.set $how
            br $block0
          end $if14
        end $if13
      end $if12
      local.get 16
      local.set $xmm1
    end $block8
    block $block15
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 7
      i32.and
      if $if16
        local.get $cpu
        i32.const 228
        i32.add
        i32.load
        i32.const 5
        i32.and
        if $if17
          i32.const record2
          local.set $result
          i32.const 0x404
          local.set $how
          br $block0
        end $if17
        local.get $cpu
        i32.const 228
        i32.add
        i32.load
        i32.const 2
        i32.and
        if $if18
          i32.const record2
          local.set $result
          i32.const 0x404
          local.set $how
          br $block0
        end $if18
      end $if16
      local.get $xmm2
      local.set 16
      local.get $xmm1
      local.set 15
      local.get 16
      local.set 14
      local.get 15
      local.set 13
      local.get $cpu
      i32.const 0x5a8
      i32.add
      i32.load
      i32.const 0x7fa0
      i32.and
      i32.const 0x1fa0
      i32.xor
      local.get 14
      v128.const i32x4 0xe0000000 0xe0000000 0xe0000000 0xe0000000
      i32x4.add
      local.get 13
      v128.const i32x4 0xe0000000 0xe0000000 0xe0000000 0xe0000000
      i32x4.add
      v128.or
      i32.const 1
      i32x4.shl
      i32x4.bitmask
      i32.or
      i32.eqz
      if $if19
        local.get 14
        local.get 13
        f32x4.add
        local.set 11
      else $if19
        local.get $cpu
        local.get 16
        local.get 15
        call $vectorSingle-add-add-add-addGeneral
        local.set 11
        local.get $cpu
        i32.const 788
        i32.add
        i32.load
        if $if20
          local.get $cpu
          i32.const 0xc18
          i32.add
          i32.load
          i32.const 0x400
          i32.and
          if $if21
            i32.const record2
            local.set $result
            i32.const 0x404
            local.set $how
            br $block0
          else $if21
            i32.const record2
            local.set $result
            i32.const 0x404
            local.set $how
            br $block0
          end $if21
        end $if20
      end $if19
      local.get 11
      local.set $xmm2
    end $block15
    block $block22
      local.get $rsi
      local.set 8
      i64.const 16
      local.set 18
      local.get 8
      local.get 18
      i64.add
      local.set 19
      local.get 19
      local.set $rsi
      i32.const 0x647
      local.set $flagKind
      local.get 8
      local.set $flagOperand
      local.get 19
      local.set $flagResult
    end $block22
    block $block23
      local.get $rcx
      i64.extend32_s
      i64.const 1
      i64.sub
      i64.extend32_s
      local.set 19
      local.get 19
      i32.wrap_i64
      i64.extend_i32_u
      local.set $rcx
      local.get $flagResult
      local.get $flagOperand
      i64.lt_u
      i64.extend_i32_u
      local.set 18
      i32.const 0x41e
      local.set $flagKind
      local.get 18
      local.set $flagOperand
      local.get 19
      local.set $flagResult
    end $block23
    local.get $flagResult
    i64.eqz
    i32.eqz
    if $if24
      br $loop1
    end $if24
    loop $loop25
      local.get $budget
      i32.const 1
      i32.sub
      local.set $budget
      local.get $budget
      i32.const 0
      i32.lt_s
      if $if26
        i32.const record3
        local.set $result
        i32.const 1
        local.set $how
        br $block0
      end $if26
      br $loop25
    end $loop25
  end $loop1
end $block0
local.get $cpu
i32.const 0x410
i32.add
local.get $xmm1
v128.store
local.get $cpu
i32.const 0x420
i32.add
local.get $xmm2
v128.store
local.get $cpu
local.get $rsi
i64.store offset=48
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
if $if27
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 9
  local.get 9
  local.get 9
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 24
  local.get 24
  if $if28
    local.get $cpu
    local.get $address
    local.get 24
    local.get $result
    return_call $retryInRegion
  end $if28
  local.get $result
  return
end $if27
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
