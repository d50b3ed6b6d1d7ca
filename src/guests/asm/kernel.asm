; A small 64-bit kernel.
;
; A boot loader puts it at 1 MiB and enters it in 32-bit protected mode (Multiboot 1). It switches to
; 64-bit mode, sets up descriptor tables, interrupts, a timer and a serial console, and then runs tasks
; in ring 3: each with an address space of its own, entered and left by SYSCALL and SYSRET, preempted by
; the timer, its heap and stack filled in page by page when they are first touched.
;
; On a hypervisor that calls itself "RinglabHV" the same kernel asks by hypercalls (VMCALL) for what it
; otherwise gets from the interrupt controller, the timer chip and the serial port. Type `hv` on its
; console to see which way it took and what that cost.
;
; Linear addresses        what                            who may touch it
;   0        .. 1 GiB     RAM, mapped one to one          ring 0 (shared by all address spaces)
;   1 GiB    .. + 2 MiB   the running task                ring 3
;
; Registers in kernel code: functions take RDI, RSI, RDX, return RAX, and keep RBX, RBP, R12 to R15.
; The kernel runs with interrupts disabled; only the idle task and ring 3 have them enabled.

%include "kernel/constants.inc"

org KERNEL_BASE
default rel

section .text                            ; the order of the sections in memory
section .user vstart=USER_BASE align=PAGE_SIZE
section .rodata align=PAGE_SIZE
section .data align=PAGE_SIZE
section .bss align=PAGE_SIZE

section .text
%include "kernel/boot.inc"              ; from the boot loader to 64-bit mode
%include "kernel/descriptors.inc"       ; GDT, TSS, IDT
%include "kernel/interrupts.inc"        ; every way into the kernel, and out of it
%include "kernel/memory.inc"            ; frames, address spaces, page faults
%include "kernel/tasks.inc"             ; tasks and the scheduler
%include "kernel/syscalls.inc"          ; what ring 3 can ask for
%include "kernel/console.inc"           ; text in and out
%include "kernel/devices.inc"           ; 16550, PIC, PIT
%include "kernel/paravirtual.inc"       ; the hypercalls that replace them
%include "kernel/commands.inc"          ; what the console's commands do

section .user
%include "kernel/user.inc"              ; the programs that run in ring 3

section .bss
alignb PAGE_SIZE
kernel_end:                             ; frames from here to the end of RAM are free
