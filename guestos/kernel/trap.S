// SPDX-License-Identifier: GPL-2.0-or-later
// The S-mode trap vector, and the ways back to user mode.
//
// sscratch tells where a trap comes from. In U-mode it holds the address of the process's trap frame (at the top of its kernel
// stack). In S-mode it is zero: the only traps there are faults on user addresses in a user copy, and errors of the kernel.
//
// A system call saves only what the kernel itself would destroy: pc, ra, sp and tp. The kernel follows the calling convention, so
// s0-s11 are still the user's when the handler returns (a context switch saves them on the kernel stack), gp is never used, and
// the rest is cleared on the way out so that no kernel value leaks. Interrupts and exceptions save all registers.

#include "assembly.inc"
#include "replug.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"
#include "syscall.inc"
#include "errno.inc"

    .text
    .balign 4
// trap_vector: stvec of every hart.
ENTRY trap_vector
    PATH_BEGIN "trap"
    csrrw   sp, sscratch, sp
    beqz    sp, trap_from_kernel
    sd      tp, FRAME_TP(sp)
    ld      tp, FRAME_HART(sp)
    sd      ra, FRAME_RA(sp)
    csrr    ra, scause
    addi    ra, ra, -CAUSE_ECALL_USER
    bnez    ra, trap_full
    csrrw   t0, sscratch, zero          // the user's sp; zero: from here on we are in the kernel
    sd      t0, FRAME_SP(sp)
    csrr    t0, sepc
    addi    t0, t0, 4                   // ecall has no compressed form
    sd      t0, FRAME_PC(sp)

    li      t0, SYSCALL_COUNT
    bgeu    a7, t0, .Lno_such_call
    slli    a7, a7, 3
1:  auipc   t0, %pcrel_hi(system_call_table)
    add     t0, t0, a7
    ld      t0, %pcrel_lo(1b)(t0)
    jalr    t0                          // a0-a2 as the user gave them; result in a0

.Lsystem_call_return:
    ld      t0, FRAME_PC(sp)
    csrw    sepc, t0
    csrw    sscratch, sp
    ld      ra, FRAME_RA(sp)
    ld      tp, FRAME_TP(sp)
    li      a1, 0
    li      a2, 0
    li      a3, 0
    li      a4, 0
    li      a5, 0
    li      a6, 0
    li      a7, 0
    li      t0, 0
    li      t1, 0
    li      t2, 0
    li      t3, 0
    li      t4, 0
    li      t5, 0
    li      t6, 0
    ld      sp, FRAME_SP(sp)
    PATH_END "trap"
    sret

.Lno_such_call:
    li      a0, -ENOSYS
    j       .Lsystem_call_return
END trap_vector

// trap_full: interrupts and exceptions from U-mode. sp = frame with tp and ra saved, tp = struct hart, ra = scause - 8.
ENTRY trap_full
    PATH_IS "trap", "interrupt"
    sd      gp, FRAME_GP(sp)
    .irp    i, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd      x\i, 8*\i(sp)
    .endr
    csrrw   t0, sscratch, zero
    sd      t0, FRAME_SP(sp)
    csrr    t0, sepc
    sd      t0, FRAME_PC(sp)
    addi    a0, ra, CAUSE_ECALL_USER    // scause
    bgez    a0, .Lexception
    jal     interrupt
    ld      t0, FRAME_PC(sp)
    csrw    sepc, t0
    csrw    sscratch, sp
    ld      ra, FRAME_RA(sp)
    ld      gp, FRAME_GP(sp)
    ld      tp, FRAME_TP(sp)
    .irp    i, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld      x\i, 8*\i(sp)
    .endr
    ld      sp, FRAME_SP(sp)
    PATH_END "trap"
    sret
.Lexception:
    ld      a1, FRAME_PC(sp)
    csrr    a2, stval
    j       user_fault
END trap_full

// user_start: enters user mode for the first time in a process's life: all registers from the frame at PROCESS_FRAME, no path to end.
// sp anywhere, tp = struct hart. sstatus.SPP may still tell of S-mode (no trap from U-mode came before), so it is cleared here.
ENTRY user_start
    ld      sp, HART_PROCESS(tp)
    ld      sp, PROCESS_FRAME(sp)
    li      t0, SSTATUS_SPP
    csrc    sstatus, t0
    li      t0, SSTATUS_SPIE
    csrs    sstatus, t0
    ld      t0, FRAME_PC(sp)
    csrw    sepc, t0
    csrw    sscratch, sp
    ld      ra, FRAME_RA(sp)
    ld      gp, FRAME_GP(sp)
    ld      tp, FRAME_TP(sp)
    .irp    i, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld      x\i, 8*\i(sp)
    .endr
    ld      sp, FRAME_SP(sp)
    sret
END user_start

// interrupt: a0 = scause of an interrupt taken in U-mode. Serves it and gives the hart to another process if one waits.
ENTRY interrupt
    addi    sp, sp, -16
    sd      ra, 0(sp)
    andi    a0, a0, 0xff
    addi    a0, a0, -9
    beqz    a0, .Lexternal
    // Software interrupt: the M-mode stub's word that the timer ticked, or that there is a signal (or that a hart took us for idle:
    // then there is no harm).
    csrci   sip, INTERRUPT_SOFTWARE
    jal     timer_tick
    jal     preempt
    jal     signal_deliver
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
.Lexternal:
    jal     plic_handle
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
END interrupt

// trap_from_kernel: sp = 0, sscratch = the kernel's sp.
// A fault on a user address between user_copy_start and user_copy_end continues at user_copy_fault; all else is a panic.
// No stack is used: it may be what is broken. t0 and t1 are dead at user_copy_fault.
trap_from_kernel:
    csrrw   sp, sscratch, sp
    sd      t0, HART_TRAP_T0(tp)
    sd      t1, HART_TRAP_T1(tp)
    csrr    t0, sepc
    la      t1, user_copy_start
    bltu    t0, t1, .Lkernel_error
    la      t1, user_copy_end
    bgeu    t0, t1, .Lkernel_error
    csrr    t0, stval
    srli    t0, t0, 30
    addi    t0, t0, -USER_GIGAPAGE
    bnez    t0, .Lkernel_error
    PATH_IS "trap", "fault in a user copy"
    la      t0, user_copy_fault
    csrw    sepc, t0
    PATH_END "trap"
    sret                                // SPP = S
.Lkernel_error:
    sd      sp, HART_TRAP_SP(tp)
    ld      sp, HART_STACK_TOP(tp)
    csrr    a0, scause
    csrr    a1, sepc
    csrr    a2, stval
    la      a3, .Ltext_kernel_error
    j       panic_trap

    .section .rodata
.Ltext_kernel_error:
    .asciz  "unexpected trap in S-mode"
