// SPDX-License-Identifier: GPL-2.0-or-later
// /opener PATH: opens the file, reads all of it 4096 bytes a call, and prints its checksum. /reader starts it to share the file.

#include "assembly.inc"
#include "syscall.inc"

#define CALL_BYTES          4096

    .text
ENTRY main
    addi    sp, sp, -32
    sd      ra, 24(sp)
    li      a1, O_RDWR
    jal     open
    mv      s0, a0                      // descriptor
    li      s1, 0                       // bytes
    li      s2, 0                       // checksum
    bltz    a0, .Lopen_failed
1:  mv      a0, s0
    la      a1, buffer
    li      a2, CALL_BYTES
    jal     read
    bltz    a0, .Lread_failed
    beqz    a0, 2f
    add     s1, s1, a0
    mv      a2, a0
    la      a1, buffer
    mv      a0, s2
    jal     crc32
    mv      s2, a0
    j       1b
2:  la      a0, .Lname
    jal     print_string
    mv      a0, s1
    jal     print_decimal
    la      a0, .Lbytes
    jal     print_string
    mv      a0, s2
    li      a1, 8
    jal     print_hexadecimal
    jal     print_newline
    mv      a0, s0
    jal     close
    bnez    a0, .Lclose_failed
    li      a0, 0
    ld      ra, 24(sp)
    addi    sp, sp, 32
    ret

.Lopen_failed:
    mv      a1, a0
    la      a0, .Lopen
    j       fail
.Lread_failed:
    mv      a1, a0
    la      a0, .Lread
    j       fail
.Lclose_failed:
    mv      a1, a0
    la      a0, .Lclose
    j       fail
END main

    .section .rodata
.Lname:     .asciz "opener: "
.Lbytes:    .asciz " bytes, crc32 "
.Lopen:     .asciz "opener: cannot open the file: error"
.Lread:     .asciz "opener: cannot read the file: error"
.Lclose:    .asciz "opener: cannot close the file: error"

    .bss
    .balign 64
buffer:
    .skip   CALL_BYTES
