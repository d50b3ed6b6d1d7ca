;; A call that is followed: the return address is pushed, and the return compares it with what it knows.
;;
;; region: call square
;;         add rbx, rax
;;         dec ecx
;;         jnz region
;;         jmp $
;; square: imul rax, rax
;;         ret

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rsp i64)
(local 6 i64)
(local $bank i32)
(local 8 i32)
(local 9 i64)
(local 10 i32)
(local $rax i64)
(local 12 i64)
(local 13 i64)
(local 14 i64)
(local 15 i64)
(local 16 f64)
(local 17 i32)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local 21 i32)
(local 22 i64)
(local 23 i64)
(local $rbx i64)
(local 25 i64)
(local 26 i64)
(local 27 i64)
(local $rcx i64)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i64.load offset=32
local.set $rsp
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
i64.load offset=24
local.set $rbx
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
    i32.const 1
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if2
      i32.const record0
      local.set $result
      i32.const 1
      local.set $how
      br $block0
    end $if2
    local.get $rsp
    i64.const -8
    i64.add
    local.set 6
    local.get 6
    i64.const 0
    i64.add
    local.set 9
    local.get $bank
    local.get 9
    i32.wrap_i64
    i32.const 8
    i32.shr_u
    i32.const 0x3ff0
    i32.and
    i32.add
    local.set 10
    local.get 9
    i64.const 7
    i64.add
    i64.const -0x1000
    i64.and
    local.get 10
    i64.load offset=16384
    i64.eq
    if $if3
      local.get 6
      i32.wrap_i64
      local.get 10
      i32.load offset=16392
      i32.add
      local.set 8
    else $if3
      local.get 9
      local.set $address
      i32.const record0
      local.set $result
      i32.const 0x84201
      local.set $how
      br $block0
    end $if3
    local.get 8
    local.get $cpu
    i64.load offset=184
    i64.const 7
    i64.add
    i64.store
    local.get 6
    local.set $rsp
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
      local.set 12
      local.get $rax
      local.set 13
      local.get 12
      local.get 13
      i64.mul
      local.set 14
      local.get 14
      local.set 15
      local.get 12
      f64.convert_i64_s
      local.get 13
      f64.convert_i64_s
      f64.mul
      f64.abs
      local.set 16
      local.get 15
      local.set $rax
      local.get 16
      f64.const 9223372036854776000
      f64.sub
      f64.abs
      f64.const 8192
      f64.lt
      if $if6 (result i32)
        local.get $cpu
        local.get 12
        local.get 13
        call $multiplyHighSigned
        local.get 14
        i64.const 63
        i64.shr_s
        i64.ne
      else $if6
        local.get 16
        f64.const 9223372036854776000
        f64.gt
      end $if6
      local.set 17
      i32.const 0x423
      local.set $flagKind
      local.get 17
      local.get 17
      i32.const 11
      i32.shl
      i32.or
      i64.extend_i32_u
      local.set $flagOperand
      local.get 15
      local.set $flagResult
    end $block5
    local.get $rsp
    local.set 15
    local.get 15
    i64.const 0
    i64.add
    local.set 14
    local.get $bank
    local.get 14
    i32.wrap_i64
    i32.const 8
    i32.shr_u
    i32.const 0x3ff0
    i32.and
    i32.add
    local.set 17
    local.get 14
    i64.const 7
    i64.add
    i64.const -0x1000
    i64.and
    local.get 17
    i64.load
    i64.eq
    if $if7
      local.get 15
      i32.wrap_i64
      local.get 17
      i32.load offset=8
      i32.add
      local.set 21
    else $if7
      local.get 14
      local.set $address
      i32.const record2
      local.set $result
      i32.const 0x80201
      local.set $how
      br $block0
    end $if7
    local.get 21
    i64.load
    local.set 13
    local.get 13
    local.set 12
    local.get 12
    i64.const 16
    i64.shl
    i64.const 16
    i64.shr_s
    local.get 12
    i64.ne
    if $if8
      i32.const record2
      local.set $result
      i32.const 0x401
      local.set $how
      br $block0
    end $if8
    local.get $rsp
    i64.const 8
    i64.add
    local.set 22
    local.get 22
    local.set $rsp
    local.get 13
    local.set 23
    local.get 23
    local.get $cpu
    i64.load offset=184
    i64.const 7
    i64.add
    i64.eq
    if $if9
      local.get $budget
      i32.const 3
      i32.sub
      local.set $budget
      local.get $budget
      i32.const 0
      i32.lt_s
      if $if10
        i32.const record3
        local.set $result
        i32.const 3
        local.set $how
        br $block0
      end $if10
      block $block11
        local.get $rbx
        local.set 25
        local.get $rax
        local.set 26
        local.get 25
        local.get 26
        i64.add
        local.set 27
        local.get 27
        local.set $rbx
        i32.const 0x647
        local.set $flagKind
        local.get 25
        local.set $flagOperand
        local.get 27
        local.set $flagResult
      end $block11
      block $block12
        local.get $rcx
        i64.extend32_s
        i64.const 1
        i64.sub
        i64.extend32_s
        local.set 27
        local.get 27
        i32.wrap_i64
        i64.extend_i32_u
        local.set $rcx
        local.get $flagResult
        local.get $flagOperand
        i64.lt_u
        i64.extend_i32_u
        local.set 26
        i32.const 0x41e
        local.set $flagKind
        local.get 26
        local.set $flagOperand
        local.get 27
        local.set $flagResult
      end $block12
      local.get $flagResult
      i64.eqz
      i32.eqz
      if $if13
        br $loop1
      end $if13
      loop $loop14
        local.get $budget
        i32.const 1
        i32.sub
        local.set $budget
        local.get $budget
        i32.const 0
        i32.lt_s
        if $if15
          i32.const record4
          local.set $result
          i32.const 1
          local.set $how
          br $block0
        end $if15
        br $loop14
      end $loop14
    end $if9
    local.get 23
    local.set $address
    br $block0
  end $loop1
end $block0
local.get $cpu
local.get $rsp
i64.store offset=32
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
local.get $rbx
i64.store offset=24
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
  local.set 17
  local.get 17
  if $if17
    local.get $cpu
    local.get $address
    local.get 17
    local.get $result
    return_call $retryInRegion
  end $if17
  local.get $result
  return
end $if16
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
