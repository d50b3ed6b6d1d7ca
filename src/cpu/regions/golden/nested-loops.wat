;; A loop in a loop is a loop in a loop.
;;
;; region: mov ecx, 10
;; .inner: add eax, ecx
;;         dec ecx
;;         jnz .inner
;;         dec edx
;;         jnz region

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rcx i64)
(local $rax i64)
(local 7 i64)
(local 8 i64)
(local 9 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rdx i64)
(local 14 i32)
(local 15 i32)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i64.load offset=8
local.set $rcx
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
i64.load offset=16
local.set $rdx
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
    block $block3
      i64.const 10
      i32.wrap_i64
      i64.extend_i32_u
      local.set $rcx
    end $block3
    loop $loop4
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
        local.get $rax
        i64.extend32_s
        local.set 7
        local.get $rcx
        i64.extend32_s
        local.set 8
        local.get 7
        local.get 8
        i64.add
        i64.extend32_s
        local.set 9
        local.get 9
        i32.wrap_i64
        i64.extend_i32_u
        local.set $rax
        i32.const 0x646
        local.set $flagKind
        local.get 7
        local.set $flagOperand
        local.get 9
        local.set $flagResult
      end $block6
      block $block7
        local.get $rcx
        i64.extend32_s
        i64.const 1
        i64.sub
        i64.extend32_s
        local.set 9
        local.get 9
        i32.wrap_i64
        i64.extend_i32_u
        local.set $rcx
        local.get $flagResult
        local.get $flagOperand
        i64.lt_u
        i64.extend_i32_u
        local.set 8
        i32.const 0x41e
        local.set $flagKind
        local.get 8
        local.set $flagOperand
        local.get 9
        local.set $flagResult
      end $block7
      local.get $flagResult
      i64.eqz
      i32.eqz
      if $if8
        br $loop4
      end $if8
      local.get $budget
      i32.const 2
      i32.sub
      local.set $budget
      local.get $budget
      i32.const 0
      i32.lt_s
      if $if9
        i32.const record2
        local.set $result
        i32.const 2
        local.set $how
        br $block0
      end $if9
      block $block10
        local.get $rdx
        i64.extend32_s
        i64.const 1
        i64.sub
        i64.extend32_s
        local.set 8
        local.get 8
        i32.wrap_i64
        i64.extend_i32_u
        local.set $rdx
        local.get $flagOperand
        i32.wrap_i64
        i32.const 1
        i32.and
        i64.extend_i32_u
        local.set 9
        i32.const 0x41e
        local.set $flagKind
        local.get 9
        local.set $flagOperand
        local.get 8
        local.set $flagResult
      end $block10
      local.get $flagResult
      i64.eqz
      i32.eqz
      if $if11
        br $loop1
      end $if11
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
        br $loop12
      end $loop12
    end $loop4
  end $loop1
end $block0
local.get $cpu
local.get $rcx
i64.store offset=8
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
if $if14
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 14
  local.get 14
  local.get 14
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 15
  local.get 15
  if $if15
    local.get $cpu
    local.get $address
    local.get 15
    local.get $result
    return_call $retryInRegion
  end $if15
  local.get $result
  return
end $if14
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
