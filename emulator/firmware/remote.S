// SPDX-License-Identifier: GPL-2.0-or-later
// From hart to hart: interrupts (SBI 2.0, chapter 7) and fences (chapter 8).
//
// Whoever asks adds bits to HART_REQUESTS of the other and rings its bell, the machine software interrupt. For fences
// it then waits until the other has taken the bits (they are 0) and done what they say (HART_BUSY is 0); HART_BUSY is
// set before the bits are taken, so there is no moment at which both are 0 too early. Two harts that wait for each
// other serve each other while they wait.
#include "firmware.inc"

    .text
// serve_requests: do what others have asked of this hart.
// In: s0. Clobbers: t0, t1.
ENTRY serve_requests
    li      t0, CLINT_MSIP
    lw      t1, HART_ID(s0)
    slli    t1, t1, 2
    add     t0, t0, t1
    sw      zero, (t0)              // the bell first: who rings from here on is heard again
    li      t0, 1
    sw      t0, HART_BUSY(s0)
    fence   iorw, iorw
    addi    t0, s0, HART_REQUESTS
    amoswap.w.aqrl t0, zero, (t0)
    andi    t1, t0, REQUEST_INTERRUPT
    beqz    t1, 1f
    csrs    mip, INTERRUPT_SSI
1:  andi    t1, t0, REQUEST_FENCE_I
    beqz    t1, 2f
    fence.i
2:  andi    t1, t0, REQUEST_SFENCE
    beqz    t1, 3f
    sfence.vma
3:  fence   rw, rw
    sw      zero, HART_BUSY(s0)
    ret
END serve_requests

// sbi_ipi: function 0: a software interrupt for the supervisors of a mask of harts.
// In: s0, a0 = mask, a1 = hart of its bit 0 (-1: all harts). Clobbers: t0-t6, a0-a2.
ENTRY sbi_ipi
    bnez    a6, sbi_not_supported
    li      a2, REQUEST_INTERRUPT
    j       request
END sbi_ipi

// sbi_rfence: functions 0 (fence.i), 1 and 2 (sfence.vma, of an address space) of a mask of harts. What to fence is
// not looked at: all of it is. Those of guests (3 to 6) are not there, as there is no H extension.
// In: s0, a0 = mask, a1 = hart of its bit 0 (-1: all harts). Clobbers: t0-t6, a0-a2, s1-s3.
ENTRY sbi_rfence
    li      t0, 2
    bgtu    a6, t0, sbi_not_supported
ENTRY fence_others
    addi    sp, sp, -16
    STORE   ra, (sp)
    li      a2, REQUEST_FENCE_I
    beqz    a6, 1f
    li      a2, REQUEST_SFENCE
1:  mv      s1, a0
    mv      s2, a1
    mv      s3, a2
    jal     request
    bnez    a0, 2f
    mv      a0, s1
    mv      a1, s2
    mv      a2, s3
    jal     await
2:  LOAD    ra, (sp)
    addi    sp, sp, 16
    ret
END fence_others
END sbi_rfence

// request: ask a2 of a mask of harts; those that do not run are passed by, as they fence when they start.
// In: s0, a0 = mask, a1 = base, a2 = bits. Out: a0 = error, a1 = 0. Clobbers: t0-t6.
request:
    mv      t6, ra
    jal     check_mask
    beqz    t0, 3f
    li      t3, 0
1:  jal     next_target
    beqz    t4, 2f
    lw      t0, HART_STATE(t4)
    andi    t0, t0, ~HSM_SUSPENDED
    bnez    t0, 1b
    addi    t0, t4, HART_REQUESTS
    amoor.w.aqrl zero, a2, (t0)
    fence   rw, o
    li      t0, CLINT_MSIP
    lw      t1, HART_ID(t4)
    slli    t1, t1, 2
    add     t0, t0, t1
    li      t1, 1
    sw      t1, (t0)
    j       1b
2:  mv      ra, t6
    j       sbi_success
3:  mv      ra, t6
    j       sbi_invalid_param

// await: until a mask of harts has done what was asked of it, doing meanwhile what others ask of us.
// In: s0, a0 = mask, a1 = base, a2 = bits. Out: a0 = SBI_SUCCESS, a1 = 0. Clobbers: t0-t6.
await:
    mv      t6, ra
    li      t3, 0
1:  jal     next_target
    beqz    t4, 3f
2:  jal     serve_requests
    lw      t0, HART_REQUESTS(t4)
    and     t0, t0, a2
    bnez    t0, 2b
    fence   r, r
    lw      t0, HART_BUSY(t4)
    bnez    t0, 2b
    fence   r, rw
    j       1b
3:  mv      ra, t6
    j       sbi_success

// check_mask: t0 = whether a mask names only harts that there are.
// In: a0 = mask, a1 = base. Clobbers: t1.
check_mask:
    li      t0, -1
    beq     a1, t0, 1f
    beqz    a0, 1f
    lw      t0, harts
    bgeu    a1, t0, 2f
    sub     t0, t0, a1              // bits of the mask from here on must be 0
    li      t1, __riscv_xlen
    bgeu    t0, t1, 1f
    srl     t0, a0, t0
    seqz    t0, t0
    ret
1:  li      t0, 1
    ret
2:  li      t0, 0
    ret

// next_target: t4 = area of the first hart of a mask from t3 on, 0 when there is none; t3 = the one behind it.
// In: a0 = mask, a1 = base, t3. Clobbers: t0, t5.
next_target:
    lw      t0, harts
    bgeu    t3, t0, 3f
    li      t0, -1
    beq     a1, t0, 2f
    sub     t5, t3, a1
    li      t0, __riscv_xlen
    bgeu    t5, t0, 1f
    srl     t5, a0, t5
    andi    t5, t5, 1
    bnez    t5, 2f
1:  addi    t3, t3, 1
    j       next_target
2:  la      t4, hart_areas
    slli    t0, t3, HART_SHIFT
    add     t4, t4, t0
    addi    t3, t3, 1
    ret
3:  li      t4, 0
    ret
