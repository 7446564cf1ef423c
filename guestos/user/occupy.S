// SPDX-License-Identifier: GPL-2.0-or-later
// /occupy: reads /data, which is not in memory yet, a block a call, while a child (/occupy +) opens and closes the same file over and
// over: so repluggers find the reader inside, most often waiting for the disk. Can be run as the first program of the machine.

#include "assembly.inc"

#define ROUNDS              300             /* of the child */
#define DELAY_MASK          0xffff          /* turns of its delay loop, at most: about as long as a disk access */
#define BLOCK               4096

    .text
ENTRY main
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    lbu     t0, 0(a0)
    bnez    t0, .Ldisturb
    la      a0, .Loccupy
    la      a1, .Lchild
    jal     spawn
    bltz    a0, .Lfailed
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
    addi    a0, sp, 8
    jal     wait
    bltz    a0, .Lfailed
    lw      a0, 8(sp)
    bnez    a0, .Lfailed
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
.Lreturn:
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 48
    ret

.Ldisturb:
    li      s0, ROUNDS
    li      s1, 1                           // pseudo-random number
3:  la      a0, .Lpath
    li      a1, 0
    jal     open
    bltz    a0, .Lfailed
    jal     close
    bnez    a0, .Lfailed
    li      t0, 1103515245                  // a linear congruential generator; the upper bits are the good ones
    mul     s1, s1, t0
    addi    s1, s1, 1234
    srli    t0, s1, 20
    li      t1, DELAY_MASK
    and     t0, t0, t1
4:  addi    t0, t0, -1
    bgez    t0, 4b
    addi    s0, s0, -1
    bnez    s0, 3b
    li      a0, 0
    j       .Lreturn
.Lfailed:
    mv      a1, a0
    la      a0, .Lfailure
    j       fail
END main

    .section .rodata
.Loccupy:   .asciz "/occupy"
.Lchild:    .asciz "+"
.Lpath:     .asciz "/data"
.Lname:     .asciz "occupy: "
.Lbytes:    .asciz " bytes, crc32 "
.Lfailure:  .asciz "occupy: a call went wrong: it says"

    .bss
    .balign 64
buffer:
    .skip   BLOCK
