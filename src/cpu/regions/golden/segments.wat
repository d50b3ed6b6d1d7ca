;; 32-bit code with segments that begin elsewhere: offsets are checked before they are used.
;;
;; region: mov eax, [esi + 4]
;;         add [edi], eax
;;         loop region

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rsi i64)
(local 6 i64)
(local $bank i32)
(local 8 i32)
(local 9 i32)
(local $rax i64)
(local $rdi i64)
(local 12 i64)
(local 13 i64)
(local 14 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rcx i64)
(local 19 i64)
(local 20 i64)
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
i64.load
local.set $rax
local.get $cpu
i64.load offset=56
local.set $rdi
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
    i32.const 3
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if2
      i32.const record0
      local.set $result
      i32.const 3
      local.set $how
      br $block0
    end $if2
    block $block3
      local.get $cpu
      local.get $rsi
      i64.const 4
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      i32.const 4
      i32.const 3
      call $segmentRead
      local.set 6
      local.get $bank
      local.get 6
      i32.wrap_i64
      i32.const 8
      i32.shr_u
      i32.const 0x3ff0
      i32.and
      i32.add
      local.set 9
      local.get 6
      i64.const 3
      i64.add
      i64.const -0x1000
      i64.and
      local.get 9
      i64.load
      i64.eq
      if $if4
        local.get 6
        i32.wrap_i64
        local.get 9
        i32.load offset=8
        i32.add
        local.set 8
      else $if4
        local.get 6
        local.set $address
        i32.const record0
        local.set $result
        i32.const 0x40203
        local.set $how
        br $block0
      end $if4
      local.get 8
      i32.load
      i64.extend_i32_u
      local.set $rax
    end $block3
    block $block5
      local.get $cpu
      local.get $rdi
      i32.wrap_i64
      i64.extend_i32_u
      i32.const 4
      i32.const 3
      call $segmentWrite
      local.set 6
      local.get $bank
      local.get 6
      i32.wrap_i64
      i32.const 8
      i32.shr_u
      i32.const 0x3ff0
      i32.and
      i32.add
      local.set 8
      local.get 6
      i64.const 3
      i64.add
      i64.const -0x1000
      i64.and
      local.get 8
      i64.load offset=16384
      i64.eq
      if $if6
        local.get 6
        i32.wrap_i64
        local.get 8
        i32.load offset=16392
        i32.add
        local.set 9
      else $if6
        local.get 6
        local.set $address
        i32.const record1
        local.set $result
        i32.const 0x44202
        local.set $how
        br $block0
      end $if6
      local.get 9
      i64.load32_s
      local.set 12
      local.get $rax
      i64.extend32_s
      local.set 13
      local.get 12
      local.get 13
      i64.add
      i64.extend32_s
      local.set 14
      local.get 9
      local.get 14
      i64.store32
      i32.const 0x646
      local.set $flagKind
      local.get 12
      local.set $flagOperand
      local.get 14
      local.set $flagResult
    end $block5
    local.get $rcx
    i64.const 1
    i64.sub
    i32.wrap_i64
    i64.extend_i32_u
    local.set 14
    local.get 14
    i64.const 0
    i64.ne
    i32.const 1
    i32.and
    local.set 8
    local.get 8
    if $if7
      local.get $cpu
      i64.load offset=184
      i64.const 9
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      i64.const -7
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      local.set 13
      local.get 13
      local.get $cpu
      i64.load offset=216
      i64.gt_u
      if $if8
        i32.const record2
        local.set $result
        i32.const 0x401
        local.set $how
        br $block0
      end $if8
    end $if7
    i64.const 0xffffffff
    local.set 12
    local.get $rcx
    local.get 12
    i64.const -1
    i64.xor
    i32.const 0
    local.get 12
    i64.const 0xffff
    i64.eq
    i32.sub
    i64.extend_i32_s
    i64.and
    i64.and
    local.get 14
    local.get 12
    i64.and
    i64.or
    local.set $rcx
    local.get 8
    if $if9
      local.get $cpu
      i64.load offset=184
      i64.const 9
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      i64.const -7
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      local.set 6
      local.get 6
      i32.wrap_i64
      i64.extend_i32_u
      local.set 19
      local.get 19
      local.get $cpu
      i64.load offset=216
      i64.gt_u
      if $if10
        i32.const record2
        local.set $result
        i32.const 0x401
        local.set $how
        br $block0
      end $if10
      local.get 6
      local.set 20
      local.get 20
      local.get $cpu
      i64.load offset=184
      i64.const 2
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      i64.ne
      if $if11
        local.get 20
        local.set $address
        br $block0
      end $if11
      br $loop1
    end $if9
    loop $loop12
      local.get $budget
      i32.const 1
      i32.sub
      local.set $budget
      local.get $budget
      i32.const 0
      i32.lt_s
      if $if13
        i32.const record3
        local.set $result
        i32.const 1
        local.set $how
        br $block0
      end $if13
      local.get $cpu
      i64.load offset=184
      i64.const 11
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      i64.const -2
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      local.set 20
      local.get 20
      i32.wrap_i64
      i64.extend_i32_u
      local.set 19
      local.get 19
      local.get $cpu
      i64.load offset=216
      i64.gt_u
      if $if14
        i32.const record3
        local.set $result
        i32.const 0x401
        local.set $how
        br $block0
      end $if14
      local.get 20
      local.set 6
      local.get 6
      local.get $cpu
      i64.load offset=184
      i64.const 9
      i64.add
      i32.wrap_i64
      i64.extend_i32_u
      i64.ne
      if $if15
        local.get 6
        local.set $address
        br $block0
      end $if15
      br $loop12
    end $loop12
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
if $if16
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 8
  local.get 8
  local.get 8
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 9
  local.get 9
  if $if17
    local.get $cpu
    local.get $address
    local.get 9
    local.get $result
    return_call $retryInRegion
  end $if17
  local.get $result
  return
end $if16
local.get $cpu
local.get $address
return_call $branchFromSegmented
unreachable
