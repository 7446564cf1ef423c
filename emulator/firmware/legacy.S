// SPDX-License-Identifier: GPL-2.0-or-later
// The calls of SBI 0.1, which earlier kernels and early consoles use (SBI 2.0, chapter 5): one extension each, the
// answer in a0 alone.
#include "firmware.inc"

    .text
// sbi_legacy: a7 = 0 set_timer, 1 putchar, 2 getchar, 3 clear_ipi, 4 send_ipi, 5 remote_fence_i, 6 and 7
// remote_sfence_vma (of an address space), 8 shutdown.
// In: s0, a0-a7. Out: a0. Clobbers: all but sp, s0.
ENTRY sbi_legacy
    la      t0, table
    slli    t1, a7, 2
    add     t1, t1, t0
    lw      t1, (t1)
    add     t0, t0, t1
    li      a6, 0
    jr      t0

legacy_clear:
    csrr    t0, mip
    csrc    mip, INTERRUPT_SSI
    srli    a0, t0, 1
    andi    a0, a0, 1
    ret

legacy_fence:
    li      a6, 1
legacy_fence_i:
    li      t6, 1
    j       1f
legacy_interrupt:
    li      t6, 0
    // a0 is a virtual address of a mask of harts from 0 on, or 0 for all harts. Read with the supervisor's rights and
    // eyes (MPRV); a trap goes to the label.
1:  li      a1, -1
    beqz    a0, 3f
    la      t0, 2f
    csrrw   t2, mtvec, t0
    li      t3, 1
    li      t4, MSTATUS_MPRV
    csrs    mstatus, t4
    LOAD    a0, (a0)
    li      t3, 0
    li      a1, 0
    .balign 4
2:  csrc    mstatus, t4
    csrw    mtvec, t2
    bnez    t3, sbi_invalid_param
3:  bnez    t6, fence_others
    li      a6, 0
    j       sbi_ipi

legacy_shutdown:
    li      a0, 0
    li      a1, 0
    j       sbi_reset

legacy_put:
    addi    sp, sp, -16
    STORE   ra, (sp)
    jal     console_put
    LOAD    ra, (sp)
    addi    sp, sp, 16
    li      a0, 0
    ret
END sbi_legacy

    .section .rodata
    .balign 4
table:
    .word   sbi_time - table, legacy_put - table, console_get - table, legacy_clear - table
    .word   legacy_interrupt - table, legacy_fence_i - table, legacy_fence - table, legacy_fence - table
    .word   legacy_shutdown - table
