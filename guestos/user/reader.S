// SPDX-License-Identifier: GPL-2.0-or-later
// /reader PATH: reads the file 1, 8192 and 65536 bytes a call and prints its checksum each time. When half of it is read it starts
// /opener on the same file and reads on without waiting.

#include "assembly.inc"
#include "syscall.inc"
#include "errno.inc"
#include "layout.inc"

#define BUFFER_BYTES        65536
#define FIRST_BYTES         1048576         /* so much of a longer file is read 1 byte a call */

    .text
ENTRY main
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    mv      s0, a0
    li      a1, 1
    jal     read_file
    mv      a0, s0
    li      a1, 8192
    jal     read_file
    mv      a0, s0
    li      a1, 65536
    jal     read_file
    mv      a0, s0
    jal     bad_pointers
    li      a0, 0
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    addi    sp, sp, 32
    ret
END main

// read_file: a0 = path, a1 = bytes a call.
ENTRY read_file
    addi    sp, sp, -96
    sd      ra, 88(sp)
    sd      s0, 80(sp)
    sd      s1, 72(sp)
    sd      s2, 64(sp)
    sd      s3, 56(sp)
    sd      s4, 48(sp)
    sd      s5, 40(sp)
    sd      s6, 32(sp)
    sd      s7, 24(sp)
    mv      s0, a0                      // path
    mv      s1, a1                      // bytes a call
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s2, a0                      // descriptor
    li      a1, 0
    li      a2, SEEK_END
    jal     lseek
    bltz    a0, .Lseek_failed
    mv      s3, a0                      // bytes to read
    mv      s4, a0                      // bytes in the file
    li      t0, 1
    bne     s1, t0, 1f
    li      t0, FIRST_BYTES
    bgeu    t0, s3, 1f
    mv      s3, t0
1:  mv      a0, s2
    li      a1, 0
    li      a2, SEEK_SET
    jal     lseek
    bnez    a0, .Lseek_failed
    li      s5, 0                       // bytes read
    li      s6, 0                       // checksum
    srli    s7, s3, 1                   // when so many are read, start the opener; then -1

.Lnext:
    bgtu    s7, s5, 2f
    la      a0, .Lopener
    mv      a1, s0
    jal     spawn
    bltz    a0, .Lspawn_failed
    li      s7, -1
2:  sub     a2, s3, s5
    beqz    a2, .Lat_end
    bgeu    s1, a2, 3f
    mv      a2, s1
3:  mv      a0, s2
    la      a1, buffer
    jal     read
    blez    a0, .Lread_failed           // 0, too: the file is longer than that
    add     s5, s5, a0
    mv      a2, a0
    la      a1, buffer
    mv      a0, s6
    jal     crc32
    mv      s6, a0
    j       .Lnext

.Lat_end:
    bne     s3, s4, 4f
    mv      a0, s2                      // behind the last byte there is nothing
    la      a1, buffer
    mv      a2, s1
    jal     read
    bnez    a0, .Lend_failed
4:  la      a0, .Lname
    jal     print_string
    mv      a0, s1
    jal     print_decimal
    la      a0, .La_call
    jal     print_string
    mv      a0, s5
    jal     print_decimal
    la      a0, .Lbytes
    jal     print_string
    mv      a0, s6
    li      a1, 8
    jal     print_hexadecimal
    beq     s3, s4, 5f
    la      a0, .Lfirst
    jal     print_string
    mv      a0, s3
    jal     print_decimal
    li      a0, ')'
    jal     print_character
5:  jal     print_newline
    mv      a0, s2
    jal     close
    bnez    a0, .Lclose_failed
    addi    a0, sp, 16
    jal     wait
    bltz    a0, .Lwait_failed
    lw      a0, 16(sp)
    bnez    a0, .Lopener_failed
    ld      ra, 88(sp)
    ld      s0, 80(sp)
    ld      s1, 72(sp)
    ld      s2, 64(sp)
    ld      s3, 56(sp)
    ld      s4, 48(sp)
    ld      s5, 40(sp)
    ld      s6, 32(sp)
    ld      s7, 24(sp)
    addi    sp, sp, 96
    ret
END read_file

// bad_pointers: a0 = path. A read to an address that is not ours is EFAULT and moves nothing: while the file is unshared, and when
// somebody else has opened it right after such a read.
ENTRY bad_pointers
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    mv      s0, a0
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s1, a0                      // read through this one
    li      a1, 0
    li      a2, SEEK_END
    jal     lseek
    li      t0, 16
    bltu    a0, t0, .Lchecked           // too short a file for this: it would end first
    mv      a0, s1
    li      a1, 0
    li      a2, SEEK_SET
    jal     lseek
    bnez    a0, .Lseek_failed
    mv      a0, s1
    jal     read_badly
    mv      a0, s0
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s2, a0
    mv      a0, s1
    jal     read_badly
    mv      a0, s1                      // both are still at the first byte
    la      a1, buffer
    li      a2, 16
    jal     read
    li      t0, 16
    bne     a0, t0, .Lread_failed
    mv      a0, s2
    la      a1, buffer + 16
    li      a2, 16
    jal     read
    li      t0, 16
    bne     a0, t0, .Lread_failed
    la      t0, buffer
    ld      t1, 0(t0)
    ld      t2, 16(t0)
    bne     t1, t2, .Lmoved
    ld      t1, 8(t0)
    ld      t2, 24(t0)
    bne     t1, t2, .Lmoved
    mv      a0, s2
    jal     close
    bnez    a0, .Lclose_failed
.Lchecked:
    mv      a0, s1
    jal     close
    bnez    a0, .Lclose_failed
    la      a0, .Lbad_pointer
    jal     print_string
    jal     print_newline
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 48
    ret
END bad_pointers

// read_badly: a0 = descriptor. Tries each bad address.
ENTRY read_badly
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    la      s1, bad_addresses
1:  ld      a1, 0(s1)
    mv      a0, s0
    li      a2, 16
    jal     read
    li      t0, -EFAULT
    bne     a0, t0, .Lpointer_failed
    addi    s1, s1, 8
    la      t0, bad_addresses_end
    bltu    s1, t0, 1b
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END read_badly

.macro FAILURE label, text
\label:
    mv      a1, a0
    la      a0, \text
    j       fail
.endm
    FAILURE .Lopen_failed, .Lopen
    FAILURE .Lseek_failed, .Lseek
    FAILURE .Lspawn_failed, .Lspawn
    FAILURE .Lread_failed, .Lread
    FAILURE .Lend_failed, .Lend
    FAILURE .Lclose_failed, .Lclose
    FAILURE .Lwait_failed, .Lwait
    FAILURE .Lopener_failed, .Lopener_status
    FAILURE .Lpointer_failed, .Lpointer
    FAILURE .Lmoved, .Lnot_same

    .section .rodata
.Lopener:       .asciz "/opener"
.Lname:         .asciz "reader: "
.La_call:       .asciz " B a call: "
.Lbytes:        .asciz " bytes, crc32 "
.Lfirst:        .asciz " (first "
.Lbad_pointer:  .asciz "reader: bad pointer: EFAULT"
.Lopen:         .asciz "reader: cannot open the file: error"
.Lseek:         .asciz "reader: lseek went wrong: it says"
.Lspawn:        .asciz "reader: cannot start /opener: error"
.Lread:         .asciz "reader: read went wrong: it says"
.Lend:          .asciz "reader: a read at the end of the file is not 0 but"
.Lclose:        .asciz "reader: cannot close the file: error"
.Lwait:         .asciz "reader: cannot wait for /opener: error"
.Lopener_status: .asciz "reader: /opener ended with status"
.Lpointer:      .asciz "reader: a read to a bad address is not EFAULT but"
.Lnot_same:     .asciz "reader: a read that failed has moved the offset"
    .balign 8
bad_addresses:
    .8byte  0, 4096
    .8byte  USER_IMAGE_END              // ours to have, but nothing is there
    .8byte  USER_STACK_TOP - 8          // the page above is not there
    .8byte  USER_END - 8, USER_END      // out of user space half-way, and from the start
    .8byte  RAM_BASE, RAM_BASE + 0x100000, UART
    .8byte  -16, -8, 0x8000000040000000
bad_addresses_end:

    .bss
    .balign 64
buffer:
    .skip   BUFFER_BYTES
