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
(local $cause i32)
(local $target i64)
(local $missed i64)
(local $access i32)
(local $rax i64)
(local $rbx i64)
(local $rcx i64)
(local $ipBase i64)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i64.load offset=184
local.set $ipBase
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
    local.get $budget
    i32.const 3
    i32.add
    local.set $budget
    i32.const 0
    local.set $cause
    br $block0
  end $if1
  block $block2
    i64.const 1
    i64.const 0xffffffff
    i64.and
    local.set $rax
    local.get $cpu
    local.get $rax
    i64.store
  end $block2
  block $block3
    i64.const 2
    i64.const 0xffffffff
    i64.and
    local.set $rbx
    local.get $cpu
    local.get $rbx
    i64.store offset=24
  end $block3
  block $block4
    i64.const 3
    i64.const 0xffffffff
    i64.and
    local.set $rcx
    local.get $cpu
    local.get $rcx
    i64.store offset=8
  end $block4
  local.get $ipBase
  i64.const 0xfff
  i64.add
  local.set $target
  i32.const 0
  local.set $result
  br $block0
end $block0
local.get $cpu
local.get $budget
i32.store offset=168
local.get $result
if $if5
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
  if $if6
    local.get $cpu
    local.get $missed
    local.get $access
    local.get $result
    return_call $retryInRegion
  end $if6
  local.get $result
  return
end $if5
local.get $cpu
local.get $target
return_call $branchFromRegion
unreachable
