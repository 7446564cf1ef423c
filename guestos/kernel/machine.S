// SPDX-License-Identifier: GPL-2.0-or-later
// The M-mode stub: passes the timer and inter-hart interrupts on to S-mode as its software interrupt.

#include "assembly.inc"
#include "layout.inc"
#include "hart.inc"

#define MACHINE_SOFTWARE    3
#define MACHINE_TIMER       7
#define MIP_SSIP            2

    .text
    .balign 4
// machine_trap: M-mode trap vector. Paging is off here. mscratch = struct hart; every register is preserved.
ENTRY machine_trap
    csrrw   t0, mscratch, t0
    sd      t1, HART_MACHINE_T1(t0)
    csrr    t1, mcause
    bgez    t1, machine_unexpected
    andi    t1, t1, 15
    addi    t1, t1, -MACHINE_TIMER
    bnez    t1, .Lsoftware

    // Timer: the next tick one interval from now, so that a hart that lagged behind gets no burst.
    sd      t2, HART_MACHINE_T2(t0)
    li      t1, CLINT_MTIME
    ld      t1, 0(t1)
    addi    t1, t1, TIMER_INTERVAL
    ld      t2, HART_TIMECMP(t0)
    sd      t1, 0(t2)
    ld      t2, HART_MACHINE_T2(t0)
    j       .Lraise

.Lsoftware:
    addi    t1, t1, MACHINE_TIMER - MACHINE_SOFTWARE
    bnez    t1, machine_unexpected
    ld      t1, HART_MSIP(t0)
    sw      zero, 0(t1)
    // New code (generate.S)? The number is read first: what is fetched from here on is what was stored before it.
    sd      t2, HART_MACHINE_T2(t0)
    la      t1, code_generation
    lw      t1, 0(t1)
    lw      t2, HART_CODE_GENERATION(t0)
    beq     t1, t2, 1f
    fence   r, rw
    fence.i
    fence   rw, w
    sw      t1, HART_CODE_GENERATION(t0)
1:  ld      t2, HART_MACHINE_T2(t0)
    la      t1, panicking
    lw      t1, 0(t1)
    beqz    t1, .Lraise
    sd      t2, HART_MACHINE_T2(t0)
    ld      t2, HART_ID(t0)
    addi    t1, t1, -1
    bne     t1, t2, .Lstopped           // (a word to this hart from before its own panic may come late)
    ld      t2, HART_MACHINE_T2(t0)

.Lraise:
    csrsi   mip, MIP_SSIP
    ld      t1, HART_MACHINE_T1(t0)
    csrrw   t0, mscratch, t0
    mret

.Lstopped:                              // another hart has panicked: this one must not run on
    csrw    mie, zero
    la      t1, harts_stopped
    ld      t2, HART_ID(t0)
    li      t0, 1
    sll     t0, t0, t2
    amoor.w.rl zero, t0, (t1)
1:  wfi
    j       1b
END machine_trap

// machine_unexpected: a trap that the kernel never causes on purpose. t0 = struct hart. Does not return.
ENTRY machine_unexpected
    mv      tp, t0
    ld      sp, HART_STACK_TOP(tp)
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    la      a3, machine_message
    j       panic_trap
END machine_unexpected

    .section .rodata
DATA machine_message
    .asciz  "unexpected trap in M-mode"
END machine_message
