;; REP MOVSQ: a step that branches to itself.
;;
;; region: rep movsq
;;         mov eax, ecx

(param $cpu i32)
(result i32)
(local $budget i32)
(local $result i32)
(local $how i32)
(local $address i64)
(local 5 i32)
(local $rcx i64)
(local 7 i64)
(local $rsi i64)
(local 9 i64)
(local 10 i32)
(local $bank i32)
(local 12 i32)
(local $rdi i64)
(local 14 i64)
(local 15 i32)
(local 16 i32)
(local 17 i32)
(local 18 i32)
(local 19 i32)
(local 20 i32)
(local 21 i32)
(local 22 i64)
(local 23 i64)
(local 24 i64)
(local 25 i64)
(local 26 i64)
(local 27 i64)
(local 28 i64)
(local 29 i32)
(local 30 i32)
(local 31 i64)
(local 32 i64)
(local 33 i32)
(local 34 i32)
(local 35 i64)
(local 36 i64)
(local 37 i64)
(local 38 i64)
(local 39 i64)
(local $rax i64)
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
i64.load offset=48
local.set $rsi
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
      i32.const 1
      local.set 5
      local.get 5
      if $if4
        local.get $rcx
        local.set 7
        local.get 7
        i64.eqz
        if $if5
          br $block3
        end $if5
        local.get $rsi
        local.set 9
        local.get $bank
        local.get 9
        i32.wrap_i64
        i32.const 8
        i32.shr_u
        i32.const 0x3ff0
        i32.and
        i32.add
        local.set 12
        local.get 9
        i64.const -0x1000
        i64.and
        local.get 12
        i64.load
        i64.eq
        if $if6
          local.get 9
          i32.wrap_i64
          local.get 12
          i32.load offset=8
          i32.add
          local.set 10
        else $if6
          i32.const 0
          local.set 10
        end $if6
        local.get $rdi
        local.set 14
        local.get $bank
        local.get 14
        i32.wrap_i64
        i32.const 8
        i32.shr_u
        i32.const 0x3ff0
        i32.and
        i32.add
        local.set 16
        local.get 14
        i64.const -0x1000
        i64.and
        local.get 16
        i64.load offset=16384
        i64.eq
        if $if7
          local.get 14
          i32.wrap_i64
          local.get 16
          i32.load offset=16392
          i32.add
          local.set 15
        else $if7
          i32.const 0
          local.set 15
        end $if7
        i32.const 8
        local.get $cpu
        i32.const 164
        i32.add
        i32.load
        i32.const 0x400
        i32.and
        i32.const 16
        i32.mul
        i32.const 10
        i32.shr_u
        i32.sub
        i64.extend_i32_s
        i64.const 0
        i64.gt_s
        local.get 10
        i32.const 0
        i32.ne
        local.get 15
        i32.const 0
        i32.ne
        i32.and
        i32.and
        if $if8
          i32.const 0x1000
          local.get 10
          i32.const 0xfff
          i32.and
          i32.sub
          i32.const 8
          i32.div_u
          local.set 17
          i32.const 0x1000
          local.get 15
          i32.const 0xfff
          i32.and
          i32.sub
          i32.const 8
          i32.div_u
          local.set 18
          local.get 17
          local.get 18
          i32.lt_s
          if $if9 (result i32)
            local.get 17
          else $if9
            local.get 18
          end $if9
          local.set 19
          local.get $budget
          i32.const 1
          i32.add
          local.set 20
          local.get 19
          local.get 20
          i32.lt_s
          if $if10 (result i32)
            local.get 19
          else $if10
            local.get 20
          end $if10
          local.set 19
          local.get 7
          local.get 19
          i64.extend_i32_u
          i64.lt_u
          if $if11
            local.get 7
            i32.wrap_i64
            local.set 19
          end $if11
          local.get 19
          i32.const 2
          i32.ge_s
          if $if12
            local.get $cpu
            local.get 15
            local.get 10
            local.get 19
            call $copyElements64
            local.set 21
            local.get $budget
            local.get 21
            i32.const 1
            i32.sub
            i32.sub
            local.set $budget
            local.get 21
            i64.extend_i32_u
            local.set 22
            local.get 22
            i64.const 8
            i64.mul
            local.set 23
            i64.const -1
            local.set 24
            local.get $rsi
            local.get 24
            i64.const -1
            i64.xor
            i32.const 0
            local.get 24
            i64.const 0xffff
            i64.eq
            i32.sub
            i64.extend_i32_s
            i64.and
            i64.and
            local.get $rsi
            local.get 23
            i64.add
            local.get 24
            i64.and
            i64.or
            local.set $rsi
            i64.const -1
            local.set 25
            local.get $rdi
            local.get 25
            i64.const -1
            i64.xor
            i32.const 0
            local.get 25
            i64.const 0xffff
            i64.eq
            i32.sub
            i64.extend_i32_s
            i64.and
            i64.and
            local.get $rdi
            local.get 23
            i64.add
            local.get 25
            i64.and
            i64.or
            local.set $rdi
            local.get $rcx
            local.get 22
            i64.sub
            local.set 26
            i64.const -1
            local.set 27
            local.get $rcx
            local.get 27
            i64.const -1
            i64.xor
            i32.const 0
            local.get 27
            i64.const 0xffff
            i64.eq
            i32.sub
            i64.extend_i32_s
            i64.and
            i64.and
            local.get 26
            local.get 27
            i64.and
            i64.or
            local.set $rcx
            local.get 26
            i64.const 0
            i64.ne
            if $if13
              br $loop1
            end $if13
            br $block3
          end $if12
        end $if8
      end $if4
      local.get $rsi
      local.set 28
      local.get $bank
      local.get 28
      i32.wrap_i64
      i32.const 8
      i32.shr_u
      i32.const 0x3ff0
      i32.and
      i32.add
      local.set 30
      local.get 28
      i64.const 7
      i64.add
      i64.const -0x1000
      i64.and
      local.get 30
      i64.load
      i64.eq
      if $if14
        local.get 28
        i32.wrap_i64
        local.get 30
        i32.load offset=8
        i32.add
        local.set 29
      else $if14
        local.get 28
        local.set $address
        i32.const record0
        local.set $result
        i32.const 0x80201
        local.set $how
        br $block0
      end $if14
      local.get 29
      i64.load
      local.set 31
      local.get $rdi
      local.set 32
      local.get $bank
      local.get 32
      i32.wrap_i64
      i32.const 8
      i32.shr_u
      i32.const 0x3ff0
      i32.and
      i32.add
      local.set 34
      local.get 32
      i64.const 7
      i64.add
      i64.const -0x1000
      i64.and
      local.get 34
      i64.load offset=16384
      i64.eq
      if $if15
        local.get 32
        i32.wrap_i64
        local.get 34
        i32.load offset=16392
        i32.add
        local.set 33
      else $if15
        i32.const record0
        local.set $result
        i32.const 513
        local.set $how
        br $block0
      end $if15
      local.get 33
      local.get 31
      i64.store
      i32.const 8
      local.get $cpu
      i32.const 164
      i32.add
      i32.load
      i32.const 0x400
      i32.and
      i32.const 16
      i32.mul
      i32.const 10
      i32.shr_u
      i32.sub
      i64.extend_i32_s
      local.set 35
      i64.const -1
      local.set 36
      local.get $rsi
      local.get 36
      i64.const -1
      i64.xor
      i32.const 0
      local.get 36
      i64.const 0xffff
      i64.eq
      i32.sub
      i64.extend_i32_s
      i64.and
      i64.and
      local.get $rsi
      local.get 35
      i64.add
      local.get 36
      i64.and
      i64.or
      local.set $rsi
      i64.const -1
      local.set 37
      local.get $rdi
      local.get 37
      i64.const -1
      i64.xor
      i32.const 0
      local.get 37
      i64.const 0xffff
      i64.eq
      i32.sub
      i64.extend_i32_s
      i64.and
      i64.and
      local.get $rdi
      local.get 35
      i64.add
      local.get 37
      i64.and
      i64.or
      local.set $rdi
      local.get 5
      if $if16
        local.get $rcx
        i64.const 1
        i64.sub
        local.set 38
        i64.const -1
        local.set 39
        local.get $rcx
        local.get 39
        i64.const -1
        i64.xor
        i32.const 0
        local.get 39
        i64.const 0xffff
        i64.eq
        i32.sub
        i64.extend_i32_s
        i64.and
        i64.and
        local.get 38
        local.get 39
        i64.and
        i64.or
        local.set $rcx
        local.get 38
        i64.const 0
        i64.ne
        if $if17
          br $loop1
        end $if17
      end $if16
    end $block3
    local.get $budget
    i32.const 1
    i32.sub
    local.set $budget
    local.get $budget
    i32.const 0
    i32.lt_s
    if $if18
      i32.const record1
      local.set $result
      i32.const 1
      local.set $how
      br $block0
    end $if18
    block $block19
      local.get $rcx
      i32.wrap_i64
      i64.extend_i32_u
      local.set $rax
    end $block19
    loop $loop20
      local.get $budget
      i32.const 1
      i32.sub
      local.set $budget
      local.get $budget
      i32.const 0
      i32.lt_s
      if $if21
        i32.const record2
        local.set $result
        i32.const 1
        local.set $how
        br $block0
      end $if21
      br $loop20
    end $loop20
  end $loop1
end $block0
local.get $cpu
local.get $rsi
i64.store offset=48
local.get $cpu
local.get $rdi
i64.store offset=56
local.get $cpu
local.get $rcx
i64.store offset=8
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
if $if22
  local.get $how
  i32.const 8
  i32.shr_u
  i32.const 7
  i32.and
  i32.const 3
  i32.shl
  local.set 34
  local.get 34
  local.get 34
  i64.load offset=4112
  i64.const 1
  i64.add
  i64.store offset=4112
  local.get $how
  i32.const 14
  i32.shr_u
  local.set 33
  local.get 33
  if $if23
    local.get $cpu
    local.get $address
    local.get 33
    local.get $result
    return_call $retryInRegion
  end $if23
  local.get $result
  return
end $if22
local.get $cpu
local.get $address
return_call $branchFromRegion
unreachable
