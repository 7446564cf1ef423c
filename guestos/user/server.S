// SPDX-License-Identifier: GPL-2.0-or-later
// /server: files as a micro-kernel serves them (the paper's section 1): a process that has /data open, and a client that asks it for a byte by a
// message and gets it by another. REQUESTS of them, or none if there is a file /none: so what one costs is told apart from the rest.
// Can be run as the first program of the machine.

#include "assembly.inc"
#include "syscall.inc"

#define REQUESTS            1000

    .text
ENTRY main
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    li      a0, SOCK_DGRAM
    addi    a1, sp, 8                       // u32[2]
    jal     socketpair
    bltz    a0, .Lfailed
    jal     fork
    bltz    a0, .Lfailed
    beqz    a0, .Lserve
    lw      a0, 12(sp)
    jal     close
    lw      s0, 8(sp)
    li      s1, REQUESTS
    la      a0, .Lnone
    li      a1, O_RDONLY
    jal     open
    bltz    a0, 1f
    li      s1, 0
1:  li      s2, 0                           // sum of the bytes
2:  beqz    s1, 3f
    mv      a0, s0
    la      a1, message
    li      a2, 1                           // "one byte, please"
    jal     write
    addi    a0, a0, -1
    bnez    a0, .Lfailed
    mv      a0, s0
    la      a1, message
    li      a2, 1
    jal     read
    addi    a0, a0, -1
    bnez    a0, .Lfailed
    la      t0, message
    lbu     t0, 0(t0)
    add     s2, s2, t0
    addi    s1, s1, -1
    j       2b
3:  mv      a0, s0
    jal     close
    li      a0, 0
    jal     wait
    la      a0, .Lname
    jal     print_string
    mv      a0, s2
    jal     print_decimal
    jal     print_newline
    li      a0, 0
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 48
    ret

.Lserve:
    lw      a0, 8(sp)
    jal     close
    lw      s0, 12(sp)
    la      a0, .Lpath
    li      a1, O_RDONLY
    jal     open
    bltz    a0, .Lfailed
    mv      s1, a0
4:  mv      a0, s0
    la      a1, message
    li      a2, 1
    jal     read
    blez    a0, 5f                          // the client is gone
    mv      a0, s1
    la      a1, message
    li      a2, 1
    jal     read
    bltz    a0, .Lfailed
    mv      a2, a0
    mv      a0, s0
    la      a1, message
    jal     write
    bgez    a0, 4b
5:  li      a0, 0
    jal     exit
.Lfailed:
    mv      a1, a0
    la      a0, .Lfailure
    j       fail
END main

    .section .rodata
.Lpath:     .asciz "/data"
.Lnone:     .asciz "/none"
.Lname:     .asciz "server: sum of the bytes "
.Lfailure:  .asciz "server: a call went wrong: it says"

    .bss
    .balign 8
message:
    .skip   8
