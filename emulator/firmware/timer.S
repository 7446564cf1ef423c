// SPDX-License-Identifier: GPL-2.0-or-later
// The supervisor's timer (SBI 2.0, chapter 6): stimecmp where there is Sstc, else the machine's timer, whose interrupt
// is handed on as the supervisor's.
#include "firmware.inc"

    .text
// sbi_time: function 0: an interrupt when `time` reaches a0 (RV32: a1:a0); -1 is never.
// Clobbers: t0-t2, a0, a1.
ENTRY sbi_time
    bnez    a6, sbi_not_supported
ENTRY timer_set
    mv      t2, ra
    lw      t0, has_sstc
    bnez    t0, 1f
    li      t0, INTERRUPT_STI       // what was pending was of the old time
    csrc    mip, t0
    jal     machine_timer
    li      t0, INTERRUPT_MTI
    csrs    mie, t0
    mv      ra, t2
    j       sbi_success
1:
#if __riscv_xlen == 64
    csrw    CSR_STIMECMP, a0
#else
    li      t0, -1                  // never an earlier time than either: high half up, low half, high half
    csrw    CSR_STIMECMPH, t0
    csrw    CSR_STIMECMP, a0
    csrw    CSR_STIMECMPH, a1
#endif
    j       sbi_success
END timer_set
END sbi_time

// machine_timer: mtimecmp of this hart = a0 (RV32: a1:a0).
// In: s0. Clobbers: t0, t1.
machine_timer:
    li      t0, CLINT_MTIMECMP
    lw      t1, HART_ID(s0)
    slli    t1, t1, 3
    add     t0, t0, t1
#if __riscv_xlen == 64
    sd      a0, (t0)
#else
    li      t1, -1
    sw      t1, 4(t0)
    sw      a0, (t0)
    sw      a1, 4(t0)
#endif
    ret

// timer_off: no timer, as a hart begins.
// In: s0. Clobbers: t0-t2, a0, a1.
ENTRY timer_off
    addi    sp, sp, -16
    STORE   ra, (sp)
    li      a0, -1
    li      a1, -1
    jal     timer_set
    li      t0, INTERRUPT_MTI
    csrc    mie, t0
    LOAD    ra, (sp)
    addi    sp, sp, 16
    ret
END timer_off

// timer_interrupt: the machine's timer has fired: it is the supervisor's, and ours is off until the next call.
// Clobbers: t0.
ENTRY timer_interrupt
    li      t0, INTERRUPT_MTI
    csrc    mie, t0
    li      t0, INTERRUPT_STI
    csrs    mip, t0
    ret
END timer_interrupt
