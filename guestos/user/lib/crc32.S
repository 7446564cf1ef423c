// SPDX-License-Identifier: GPL-2.0-or-later
// CRC-32 as in zip and Ethernet (reflected polynomial 0xedb88320), eight bits a step by table.

#include "assembly.inc"

    .text
// crc32: a0 = checksum so far (0 at the start), a1 = buffer, a2 = bytes. Result a0 = checksum including them.
// Leaf; clobbers t0-t3, a1, a2.
ENTRY crc32
    li      t3, 0xffffffff
    xor     a0, a0, t3
    la      t0, crc32_table
    add     a2, a2, a1
    beq     a1, a2, 2f
1:  lbu     t1, 0(a1)
    addi    a1, a1, 1
    xor     t1, t1, a0
    andi    t1, t1, 255
    slli    t1, t1, 2
    add     t1, t1, t0
    lwu     t1, 0(t1)
    srli    a0, a0, 8
    xor     a0, a0, t1
    bne     a1, a2, 1b
2:  xor     a0, a0, t3
    ret
END crc32

    .section .rodata
    .balign 4
crc32_table:                            // entry i: the checksum register after i has been shifted through an empty one
    .set    crc32_index, 0
    .rept   256
    .set    crc32_entry, crc32_index
    .rept   8
    .set    crc32_entry, (crc32_entry >> 1) ^ (0xedb88320 & -(crc32_entry & 1))
    .endr
    .word   crc32_entry
    .set    crc32_index, crc32_index + 1
    .endr
