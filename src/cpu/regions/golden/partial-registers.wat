;; Bytes and words are put into their registers; 32-bit results clear the upper half.
;;
;; region: mov ah, bl
;;         add al, ah
;;         mov cx, ax
;;         mov edx, ecx
;;         movsx rdi, cx

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rbx i64)
(local $rax i64)
(local 7 i64)
(local 8 i64)
(local 9 i64)
(local $flagKind i32)
(local $flagOperand i64)
(local $flagResult i64)
(local $rcx i64)
(local $rdx i64)
(local $rdi i64)
(local 16 i32)
(local 17 i32)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i64.load offset=24
local.set $rbx
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
i64.load offset=16
local.set $rdx
local.get $cpu
i64.load offset=56
local.set $rdi
local.get $cpu
i32.load offset=168
local.set $budget
block $block0
  local.get $budget
  i32.const 5
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if1
    i32.const record0
    local.set $result
    i32.const 5
    local.set $how
    br $block0
  end $if1
  block $block2
    local.get $rax
    i64.const -0xff01
    i64.and
    local.get $rbx
    i64.extend8_s
    i64.const 255
    i64.and
    i64.const 8
    i64.shl
    i64.or
    local.set $rax
  end $block2
  block $block3
    local.get $rax
    i64.extend8_s
    local.set 7
    local.get $rax
    i64.const 8
    i64.shr_u
    i64.extend8_s
    local.set 8
    local.get 7
    local.get 8
    i64.add
    i64.extend8_s
    local.set 9
    local.get $rax
    i64.const -256
    i64.and
    local.get 9
    i64.const 255
    i64.and
    i64.or
    local.set $rax
    i32.const 0x644
    local.set $flagKind
    local.get 7
    local.set $flagOperand
    local.get 9
    local.set $flagResult
  end $block3
  block $block4
    local.get $rcx
    i64.const -0x10000
    i64.and
    local.get $rax
    i64.extend16_s
    i64.const 0xffff
    i64.and
    i64.or
    local.set $rcx
  end $block4
  block $block5
    local.get $rcx
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rdx
  end $block5
  block $block6
    local.get $rcx
    i64.extend16_s
    local.set $rdi
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
      i32.const record1
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
local.get $rdx
i64.store offset=16
local.get $cpu
local.get $rdi
i64.store offset=56
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
  local.set 16
  local.get 16
  local.get 16
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 17
  local.get 17
  if $if10
    local.get $cpu
    local.get $address
    local.get 17
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
