;; Code in two pages: going on in the next one checks that it is mapped as it was.
;;
;;         jmp region
;;         times 0xff0 - ($ - $$) nop
;; region: mov eax, 1
;;         mov ebx, 2
;;         mov ecx, 3
;;         mov edx, 4
;;         add eax, ebx
;;         dec rbp
;;         jnz region

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rax i64)
(local $rbx i64)
(local $rcx i64)
(local 8 i32)
(local 9 i32)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i32.load offset=168
local.set $budget
block $block0
  local.get $budget
  i32.const 3
  i32.sub
  local.set $budget
  local.get $budget
  i32.const 0
  i32.lt_s
  if $if1
    i32.const record0
    local.set $result
    i32.const 3
    local.set $how
    br $block0
  end $if1
  block $block2
    i64.const 1
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rax
    local.get $cpu
    local.get $rax
    i64.store
  end $block2
  block $block3
    i64.const 2
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rbx
    local.get $cpu
    local.get $rbx
    i64.store offset=24
  end $block3
  block $block4
    i64.const 3
    i32.wrap_i64
    i64.extend_i32_u
    local.set $rcx
    local.get $cpu
    local.get $rcx
    i64.store offset=8
  end $block4
  local.get $cpu
  i64.load offset=184
  i64.const 0xfff
  i64.add
  local.set $address
  br $block0
end $block0
local.get $cpu
local.get $budget
local.get $how
i32.const 255
i32.and
i32.add
i32.store offset=168
local.get $result
if $if5
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
  if $if6
    local.get $cpu
    local.get $address
    local.get 9
    local.get $result
    return_call $retryInRegion
  end $if6
  local.get $result
  return
end $if5
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
