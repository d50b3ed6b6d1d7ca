;; PUSH and POP: the stack pointer moves after the store, which may leave the region.
;;
;; region: push rbp
;;         mov rbp, rsp
;;         push qword [rdi]
;;         pop rax
;;         leave
;;         jmp $

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local $rbp i64)
(local 6 i64)
(local $rsp i64)
(local 8 i64)
(local $bank i32)
(local 10 i32)
(local 11 i64)
(local 12 i32)
(local $rdi i64)
(local 14 i32)
(local 15 i32)
(local 16 i32)
(local 17 i64)
(local $rax i64)
i32.const 0
i32.const 0
i64.load offset=32768
i64.const 1
i64.add
i64.store offset=32768
local.get $cpu
i64.load offset=40
local.set $rbp
local.get $cpu
i64.load offset=32
local.set $rsp
local.get $cpu
i64.load offset=56
local.set $rdi
local.get $cpu
i64.load
local.set $rax
local.get $cpu
i32.load offset=224
local.set $bank
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
    local.get $rbp
    local.set 6
    local.get $rsp
    i64.const -8
    i64.add
    local.set 8
    local.get 8
    i64.const -8
    i64.add
    local.set 11
    local.get $bank
    local.get 11
    i32.wrap_i64
    i32.const 8
    i32.shr_u
    i32.const 0x3ff0
    i32.and
    i32.add
    local.set 12
    local.get 11
    i64.const 15
    i64.add
    i64.const -0x1000
    i64.and
    local.get 12
    i64.load offset=16384
    i64.eq
    if $if3
      local.get 8
      i32.wrap_i64
      local.get 12
      i32.load offset=16392
      i32.add
      local.set 10
    else $if3
      local.get 11
      local.set $address
      i32.const record0
      local.set $result
      i32.const 0x10c205
      local.set $how
      br $block0
    end $if3
    local.get 10
    local.get 6
    i64.store
    local.get 8
    local.set $rsp
  end $block2
  block $block4
    local.get $rsp
    local.set $rbp
  end $block4
  block $block5
    local.get $rdi
    i64.const 0
    i64.add
    local.set 11
    local.get $bank
    local.get 11
    i32.wrap_i64
    i32.const 8
    i32.shr_u
    i32.const 0x3ff0
    i32.and
    i32.add
    local.set 12
    local.get 11
    i64.const 7
    i64.add
    i64.const -0x1000
    i64.and
    local.get 12
    i64.load
    i64.eq
    if $if6
      local.get $rdi
      i32.wrap_i64
      local.get 12
      i32.load offset=8
      i32.add
      local.set 14
    else $if6
      local.get 11
      local.set $address
      i32.const record1
      local.set $result
      i32.const 0x80203
      local.set $how
      br $block0
    end $if6
    local.get 14
    i64.load
    local.set 8
    local.get $rsp
    i64.const -8
    i64.add
    local.set 6
    local.get 10
    i32.const -8
    i32.add
    local.set 15
    local.get 15
    local.get 8
    i64.store
    local.get 6
    local.set $rsp
  end $block5
  block $block7
    local.get $rsp
    local.set 6
    local.get 6
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
    local.set 15
    local.get 8
    i64.const 7
    i64.add
    i64.const -0x1000
    i64.and
    local.get 15
    i64.load
    i64.eq
    if $if8
      local.get 6
      i32.wrap_i64
      local.get 15
      i32.load offset=8
      i32.add
      local.set 16
    else $if8
      local.get 8
      local.set $address
      i32.const record2
      local.set $result
      i32.const 0x80202
      local.set $how
      br $block0
    end $if8
    local.get 16
    i64.load
    local.set 11
    local.get $rsp
    i64.const 8
    i64.add
    local.set 17
    local.get 17
    local.set $rsp
    local.get 11
    local.set $rax
  end $block7
  block $block9
    local.get $rsp
    local.get $rbp
    local.get $rsp
    i64.sub
    i64.add
    local.set 17
    local.get $bank
    local.get 17
    i32.wrap_i64
    i32.const 8
    i32.shr_u
    i32.const 0x3ff0
    i32.and
    i32.add
    local.set 12
    local.get 17
    i64.const 7
    i64.add
    i64.const -0x1000
    i64.and
    local.get 12
    i64.load
    i64.eq
    if $if10
      local.get 17
      i32.wrap_i64
      local.get 12
      i32.load offset=8
      i32.add
      local.set 15
    else $if10
      local.get 17
      local.set $address
      i32.const record3
      local.set $result
      i32.const 0x80201
      local.set $how
      br $block0
    end $if10
    local.get 15
    i64.load
    local.set 11
    local.get $rsp
    local.get $rbp
    local.get $rsp
    i64.sub
    i64.const 8
    i64.add
    i64.add
    local.set 8
    local.get 8
    local.set $rsp
    local.get 11
    local.set $rbp
  end $block9
  loop $loop11
    local.get $budget
    i32.const 1
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if12
      i32.const record4
      local.set $result
      i32.const 1
      local.set $how
      br $block0
    end $if12
    br $loop11
  end $loop11
end $block0
local.get $cpu
local.get $rsp
i64.store offset=32
local.get $cpu
local.get $rbp
i64.store offset=40
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
if $if13
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
  local.set 15
  local.get 15
  if $if14
    local.get $cpu
    local.get $address
    local.get 15
    local.get $result
    return_call $retryInRegion
  end $if14
  local.get $result
  return
end $if13
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
