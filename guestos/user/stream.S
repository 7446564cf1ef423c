// SPDX-License-Identifier: GPL-2.0-or-later
// /stream: reads /data, which is not in memory yet, from its beginning to its end, a block a call, and says what it found. Can be run as
// the first program of the machine.

#include "assembly.inc"

#define BLOCK               4096

    .text
ENTRY main
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    la      a0, .Lpath
    li      a1, 0
    jal     open
    bltz    a0, .Lfailed
    mv      s0, a0
    li      s1, 0                           // checksum
    li      s2, 0                           // bytes
1:  mv      a0, s0
    la      a1, buffer
    li      a2, BLOCK
    jal     read
    bltz    a0, .Lfailed
    beqz    a0, 2f
    add     s2, s2, a0
    mv      a2, a0
    mv      a0, s1
    la      a1, buffer
    jal     crc32
    mv      s1, a0
    j       1b
2:  mv      a0, s0
    jal     close
    la      a0, .Lname
    jal     print_string
    mv      a0, s2
    jal     print_decimal
    la      a0, .Lbytes
    jal     print_string
    mv      a0, s1
    li      a1, 8
    jal     print_hexadecimal
    jal     print_newline
    li      a0, 0
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
.Lfailed:
    mv      a1, a0
    la      a0, .Lfailure
    j       fail
END main

    .section .rodata
.Lpath:     .asciz "/data"
.Lname:     .asciz "stream: "
.Lbytes:    .asciz " bytes, crc32 "
.Lfailure:  .asciz "stream: a call went wrong: it says"

    .bss
    .balign 64
buffer:
    .skip   BLOCK
