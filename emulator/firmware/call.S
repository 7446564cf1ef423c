// SPDX-License-Identifier: GPL-2.0-or-later
// Calls of the supervisor, and the extension that tells what there is (SBI 2.0, chapters 3 and 4).
#include "firmware.inc"

#define BASE                0x10
#define LEGACY_LAST         8
#define SPECIFICATION       0x2000000               // 2.0
#define IMPLEMENTATION      0x5245504c              // "REPL": not one of the registered numbers
#define VERSION             1

    .text
// sbi_call: do what a7 (extension) and a6 (function) ask for; the answer goes to a0 (error) and a1 (value) of the
// supervisor. Handlers get the supervisor's a0-a6, and may clobber all but sp and s0.
// In: s0, a0-a7. Clobbers: all but sp, s0.
ENTRY sbi_call
    addi    sp, sp, -16
    STORE   ra, (sp)
    li      t0, LEGACY_LAST
    bleu    a7, t0, 1f
    mv      t0, a7
    jal     find_extension
    beqz    t1, 2f
    jalr    t1
    STORE   a0, HART_X(10)(s0)
    STORE   a1, HART_X(11)(s0)
    j       3f
1:  jal     sbi_legacy              // has no value, and leaves a1 alone
    STORE   a0, HART_X(10)(s0)
    j       3f
2:  li      t0, SBI_ERR_NOT_SUPPORTED
    STORE   t0, HART_X(10)(s0)
    STORE   zero, HART_X(11)(s0)
3:  LOAD    ra, (sp)
    addi    sp, sp, 16
    ret
END sbi_call

// find_extension: t1 = the handler of extension t0, 0 when there is none.
// Clobbers: t1-t3.
find_extension:
    la      t2, extensions
1:  lw      t3, 4(t2)
    beqz    t3, 2f
    lw      t1, (t2)
    addi    t2, t2, 8
    bne     t1, t0, 1b
    la      t1, extensions
    add     t1, t1, t3
    ret
2:  li      t1, 0
    ret

// Handlers end here when there is no such function, or no such thing.
ENTRY sbi_not_supported
    li      a0, SBI_ERR_NOT_SUPPORTED
    li      a1, 0
    ret
END sbi_not_supported

ENTRY sbi_invalid_param
    li      a0, SBI_ERR_INVALID_PARAM
    li      a1, 0
    ret
END sbi_invalid_param

ENTRY sbi_success
    li      a0, SBI_SUCCESS
    li      a1, 0
    ret
END sbi_success

// sbi_base: what this is. Functions 0 to 6.
sbi_base:
    li      t0, 6
    bgtu    a6, t0, sbi_not_supported
    li      t0, 3
    beq     a6, t0, 1f
    la      t0, base_code
    slli    t1, a6, 3
    add     t0, t0, t1
    mv      t3, ra
    jalr    t0
    mv      ra, t3
    li      a0, SBI_SUCCESS
    ret
1:  mv      t0, a0                  // probe_extension
    li      a1, 1
    li      t1, LEGACY_LAST
    bleu    t0, t1, 2f
    mv      t4, ra
    jal     find_extension
    mv      ra, t4
    snez    a1, t1
2:  li      a0, SBI_SUCCESS
    ret

// Eight bytes a function: its value to a1.
    .option push
    .option norvc
    .balign 8
base_code:
    lui     a1, SPECIFICATION >> 12
    ret
    j       base_implementation
    nop
    li      a1, VERSION
    ret
    nop
    nop
    csrr    a1, mvendorid
    ret
    csrr    a1, marchid
    ret
    csrr    a1, mimpid
    ret
    .option pop

base_implementation:
    li      a1, IMPLEMENTATION
    ret

    .section .rodata
    .balign 4
// Extension, handler (from the table's start); ends with a handler of 0.
extensions:
    .word   BASE, sbi_base - extensions
    .word   0x54494d45, sbi_time - extensions       // "TIME"
    .word   0x735049, sbi_ipi - extensions          // "sPI"
    .word   0x52464e43, sbi_rfence - extensions     // "RFNC"
    .word   0x48534d, sbi_hsm - extensions          // "HSM"
    .word   0x53525354, sbi_reset - extensions      // "SRST"
    .word   0x4442434e, sbi_console - extensions    // "DBCN"
    .word   0, 0
