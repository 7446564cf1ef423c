// SPDX-License-Identifier: GPL-2.0-or-later
// Starting, stopping and suspending harts (SBI 2.0, chapter 9).
#include "firmware.inc"

#define SUSPEND_RETENTIVE       0
#define SUSPEND_NON_RETENTIVE   0x80000000

    .text
// sbi_hsm: functions 0 hart_start, 1 hart_stop, 2 hart_get_status, 3 hart_suspend.
ENTRY sbi_hsm
    beqz    a6, hart_start
    li      t0, 2
    bltu    a6, t0, hart_stop
    beq     a6, t0, hart_status
    li      t0, 3
    beq     a6, t0, hart_suspend
    j       sbi_not_supported
END sbi_hsm

// area_of: t4 = area of hart a0, 0 when there is no such hart. Clobbers: t0.
area_of:
    li      t4, 0
    lw      t0, harts
    bgeu    a0, t0, 1f
    la      t4, hart_areas
    slli    t0, a0, HART_SHIFT
    add     t4, t4, t0
1:  ret

// hart_start: a stopped hart begins in S-mode.
// In: a0 = hart, a1 = physical address, a2 = its a1. Out: a0, a1. Clobbers: t0-t4.
hart_start:
    mv      t3, ra
    jal     area_of
    mv      ra, t3
    beqz    t4, sbi_invalid_param
    andi    t0, a1, 1
    bnez    t0, 3f
    la      t0, firmware_start      // not into our own memory, where it could not fetch
    sub     t0, a1, t0
    li      t1, 0x20000
    bltu    t0, t1, 3f
    addi    t0, t4, HART_STATE
    li      t2, HSM_STOPPED
1:  lr.w.aq t1, (t0)                // one starter only
    bne     t1, t2, 2f
    li      t1, -1                  // not yet pending: the address comes first
    sc.w.rl t1, t1, (t0)
    bnez    t1, 1b
    STORE   a1, HART_START_ADDRESS(t4)
    STORE   a2, HART_START_ARGUMENT(t4)
    fence   rw, w
    li      t1, HSM_START_PENDING
    sw      t1, HART_STATE(t4)
    fence   w, o
    li      t0, CLINT_MSIP
    slli    t1, a0, 2
    add     t0, t0, t1
    li      t1, 1
    sw      t1, (t0)
    j       sbi_success
2:  li      a0, SBI_ERR_ALREADY_AVAILABLE
    li      a1, 0
    ret
3:  li      a0, SBI_ERR_INVALID_ADDRESS
    li      a1, 0
    ret

// hart_stop: this hart leaves the supervisor. Does not return.
hart_stop:
    fence   rw, rw
    li      t0, HSM_STOPPED
    sw      t0, HART_STATE(s0)

// hart_wait: a stopped hart, until hart_start says otherwise.
// In: s0. Does not return.
ENTRY hart_wait
    li      t0, HART_BYTES
    add     sp, s0, t0
    li      t0, INTERRUPT_MSI
    csrw    mie, t0
1:  jal     serve_requests          // none counts for a hart that will fence as it starts, but somebody may wait
    lw      t0, HART_STATE(s0)
    li      t1, HSM_START_PENDING
    beq     t0, t1, 2f
    wfi
    j       1b
2:  fence   r, rw
    j       hart_begin
END hart_wait

// hart_status: In: a0 = hart. Out: a0 = error, a1 = HSM_.... Clobbers: t0, t3, t4.
hart_status:
    mv      t3, ra
    jal     area_of
    mv      ra, t3
    beqz    t4, sbi_invalid_param
    lw      a1, HART_STATE(t4)
    bgez    a1, 1f
    li      a1, HSM_START_PENDING   // somebody is about to write its address
1:  li      a0, SBI_SUCCESS
    ret

// hart_suspend: wait for an interrupt that the supervisor has enabled; then go on behind the call, or, if registers
// need not be kept, at a1 with a2 in a1.
// In: s0, a0 = type, a1 = physical address, a2 = argument. Out: a0, a1. Clobbers: all.
hart_suspend:
    beqz    a0, 1f                  // SUSPEND_RETENTIVE
    li      t0, SUSPEND_NON_RETENTIVE
#if __riscv_xlen == 64
    slli    t1, a0, 32
    srli    a0, t1, 32              // 32 bits wide, however it was extended
#endif
    bne     a0, t0, sbi_invalid_param
    andi    t0, a1, 1
    bnez    t0, 3b
    STORE   a1, HART_START_ADDRESS(s0)
    STORE   a2, HART_START_ARGUMENT(s0)
1:  mv      s1, a0
    mv      s2, ra
    li      t0, HSM_SUSPENDED
    sw      t0, HART_STATE(s0)
    wfi
    jal     serve_requests
    sw      zero, HART_STATE(s0)    // HSM_STARTED
    mv      ra, s2
    beqz    s1, sbi_success
    j       hart_enter
