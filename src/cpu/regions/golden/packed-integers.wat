;; One SIMD instruction each.
;;
;; region: movdqa xmm1, xmm0
;;         paddd xmm0, xmm2
;;         pxor xmm1, xmm0
;;         pshufd xmm3, xmm1, 0x1b
;;         pcmpeqb xmm3, xmm0
;;         pmovmskb eax, xmm3

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $xmm0 v128)
(local $xmm1 v128)
(local 7 v128)
(local $xmm2 v128)
(local 9 v128)
(local $xmm3 v128)
(local $rax i64)
(local 12 i32)
(local 13 i32)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i32.const 0x400
i32.add
v128.load
local.set $xmm0
local.get $cpu
i32.const 0x410
i32.add
v128.load
local.set $xmm1
local.get $cpu
i32.const 0x420
i32.add
v128.load
local.set $xmm2
local.get $cpu
i32.const 0x430
i32.add
v128.load
local.set $xmm3
local.get $cpu
i64.load
local.set $rax
local.get $cpu
i32.load offset=168
local.set $budget
block $block0
  local.get $budget
  i32.const 6
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if1
    i32.const record0
    local.set $result
    i32.const 6
    local.set $how
    br $block0
  end $if1
  block $block2
    local.get $cpu
    i32.const 228
    i32.add
    i32.load
    i32.const 7
    i32.and
    if $if3
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 5
      i32.and
      if $if4
        i32.const record0
        local.set $result
        i32.const 0x406
        local.set $how
        br $block0
      end $if4
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 2
      i32.and
      if $if5
        i32.const record0
        local.set $result
        i32.const 0x406
        local.set $how
        br $block0
      end $if5
    end $if3
    local.get $xmm0
    local.set $xmm1
  end $block2
  block $block6
    local.get $cpu
    i32.const 228
    i32.add
    i32.load
    i32.const 7
    i32.and
    if $if7
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 5
      i32.and
      if $if8
        i32.const record1
        local.set $result
        i32.const 0x405
        local.set $how
        br $block0
      end $if8
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 2
      i32.and
      if $if9
        i32.const record1
        local.set $result
        i32.const 0x405
        local.set $how
        br $block0
      end $if9
    end $if7
    local.get $xmm0
    local.set 7
    local.get $xmm2
    local.set 9
    local.get 7
    local.get 9
    i32x4.add
    local.set $xmm0
  end $block6
  block $block10
    local.get $cpu
    i32.const 228
    i32.add
    i32.load
    i32.const 7
    i32.and
    if $if11
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 5
      i32.and
      if $if12
        i32.const record2
        local.set $result
        i32.const 0x404
        local.set $how
        br $block0
      end $if12
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 2
      i32.and
      if $if13
        i32.const record2
        local.set $result
        i32.const 0x404
        local.set $how
        br $block0
      end $if13
    end $if11
    local.get $xmm1
    local.set 9
    local.get $xmm0
    local.set 7
    local.get 9
    local.get 7
    v128.xor
    local.set $xmm1
  end $block10
  block $block14
    local.get $cpu
    i32.const 228
    i32.add
    i32.load
    i32.const 7
    i32.and
    if $if15
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 5
      i32.and
      if $if16
        i32.const record3
        local.set $result
        i32.const 0x403
        local.set $how
        br $block0
      end $if16
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 2
      i32.and
      if $if17
        i32.const record3
        local.set $result
        i32.const 0x403
        local.set $how
        br $block0
      end $if17
    end $if15
    local.get $xmm3
    local.set 7
    local.get $xmm1
    local.set 9
    local.get 9
    local.get 9
    i8x16.shuffle 12 13 14 15 8 9 10 11 20 21 22 23 16 17 18 19
    local.set $xmm3
  end $block14
  block $block18
    local.get $cpu
    i32.const 228
    i32.add
    i32.load
    i32.const 7
    i32.and
    if $if19
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 5
      i32.and
      if $if20
        i32.const record4
        local.set $result
        i32.const 0x402
        local.set $how
        br $block0
      end $if20
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 2
      i32.and
      if $if21
        i32.const record4
        local.set $result
        i32.const 0x402
        local.set $how
        br $block0
      end $if21
    end $if19
    local.get $xmm3
    local.set 9
    local.get $xmm0
    local.set 7
    local.get 9
    local.get 7
    i8x16.eq
    local.set $xmm3
  end $block18
  block $block22
    local.get $cpu
    i32.const 228
    i32.add
    i32.load
    i32.const 7
    i32.and
    if $if23
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 5
      i32.and
      if $if24
        i32.const record5
        local.set $result
        i32.const 0x401
        local.set $how
        br $block0
      end $if24
      local.get $cpu
      i32.const 228
      i32.add
      i32.load
      i32.const 2
      i32.and
      if $if25
        i32.const record5
        local.set $result
        i32.const 0x401
        local.set $how
        br $block0
      end $if25
    end $if23
    local.get $xmm3
    i8x16.bitmask
    i64.extend_i32_u
    local.set $rax
  end $block22
  loop $loop26
    local.get $budget
    i32.const 1
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if27
      i32.const record6
      local.set $result
      i32.const 1
      local.set $how
      br $block0
    end $if27
    br $loop26
  end $loop26
end $block0
local.get $cpu
i32.const 0x410
i32.add
local.get $xmm1
v128.store
local.get $cpu
i32.const 0x400
i32.add
local.get $xmm0
v128.store
local.get $cpu
i32.const 0x430
i32.add
local.get $xmm3
v128.store
local.get $cpu
local.get $rax
i64.store
local.get $cpu
local.get $budget
local.get $how
i32.const 255
i32.and
i32.add
i32.store offset=168
local.get $result
if $if28
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 12
  local.get 12
  local.get 12
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 13
  local.get 13
  if $if29
    local.get $cpu
    local.get $address
    local.get 13
    local.get $result
    return_call $retryInRegion
  end $if29
  local.get $result
  return
end $if28
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
