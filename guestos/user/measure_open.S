// SPDX-License-Identifier: GPL-2.0-or-later
// /measure_open PATH: opens and closes the file many times, unshared and shared; then makes a scratch file, writes to it in several
// ways and checks what it reads back.

#include "assembly.inc"
#include "syscall.inc"
#include "errno.inc"

#define TIMES               64
#define CHUNK               5000            /* bytes a write: blocks are crossed at ever other places */
#define CHUNKS              14              /* in all more than the 12 direct blocks hold */
#define FAR_AWAY            300000          /* offset of a byte behind a hole */

    .text
ENTRY main
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    jal     open_often                  // unshared
    mv      a0, s0
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s1, a0
    mv      a0, s0
    jal     open_often                  // shared with ourselves
    mv      a0, s1
    jal     close
    bnez    a0, .Lclose_failed
    li      a0, 0
    jal     write_scratch
    jal     read_scratch
    jal     write_while_unshared
    jal     write_far_away
    jal     empty_scratch
    la      a0, .Ldone
    jal     print_string
    jal     print_newline
    li      a0, 0
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END main

// open_often: a0 = path.
ENTRY open_often
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    li      s1, TIMES
1:  mv      a0, s0
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    jal     close
    bnez    a0, .Lclose_failed
    addi    s1, s1, -1
    bnez    s1, 1b
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END open_often

// fill: a0 = number. Puts the bytes that begin at this offset of the scratch file into the buffer: byte i is i + (i >> 8), so each
// block differs from its neighbours.
ENTRY fill
    la      t0, buffer
    li      t1, CHUNK
    add     t1, t1, t0
1:  srli    t2, a0, 8
    add     t2, t2, a0
    sb      t2, 0(t0)
    addi    a0, a0, 1
    addi    t0, t0, 1
    bltu    t0, t1, 1b
    ret
END fill

ENTRY write_scratch
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    la      a0, .Lscratch
    jal     creat
    bltz    a0, .Lcreat_failed
    mv      s0, a0
    li      s1, 0
    li      s2, CHUNK * CHUNKS
1:  mv      a0, s1
    jal     fill
    mv      a0, s0
    la      a1, buffer
    li      a2, CHUNK
    jal     write
    li      t0, CHUNK
    bne     a0, t0, .Lwrite_failed
    add     s1, s1, a0
    bltu    s1, s2, 1b
    mv      a0, s0                      // from where nothing is: EFAULT, and the offset stays
    li      a1, 0
    li      a2, 16
    jal     write
    li      t0, -EFAULT
    bne     a0, t0, .Lwrite_failed
    mv      a0, s0
    li      a1, 0
    li      a2, SEEK_CURRENT
    jal     lseek
    bne     a0, s2, .Lseek_failed
    mv      a0, s0
    jal     close
    bnez    a0, .Lclose_failed
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
END write_scratch

// read_scratch: compares the whole scratch file with what was written, through a descriptor of its own.
ENTRY read_scratch
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    la      a0, .Lscratch
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s0, a0
    li      s1, 0
    li      s2, CHUNK * CHUNKS
1:  mv      a0, s0
    la      a1, read_buffer
    li      a2, CHUNK
    jal     read
    li      t0, CHUNK
    bne     a0, t0, .Lread_failed
    mv      a0, s1
    jal     fill
    jal     compare
    li      t0, CHUNK
    add     s1, s1, t0
    bltu    s1, s2, 1b
    mv      a0, s0
    la      a1, read_buffer
    li      a2, CHUNK
    jal     read
    bnez    a0, .Lread_failed
    mv      a0, s0
    jal     close
    bnez    a0, .Lclose_failed
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
END read_scratch

// compare: the two buffers must be equal.
ENTRY compare
    la      t0, buffer
    la      t1, read_buffer
    li      t2, CHUNK
    add     t2, t2, t0
1:  lbu     t3, 0(t0)
    lbu     t4, 0(t1)
    bne     t3, t4, .Ldiffers
    addi    t0, t0, 1
    addi    t1, t1, 1
    bltu    t0, t2, 1b
    ret
END compare

// write_while_unshared: reads the first half of a chunk from a file that nobody else has open, writes the second half through the
// same descriptor, and reads on: the offset is one, whoever keeps it.
ENTRY write_while_unshared
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    la      a0, .Lscratch
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s0, a0
    la      a1, read_buffer
    li      a2, CHUNK / 2
    jal     read
    li      t0, CHUNK / 2
    bne     a0, t0, .Lread_failed
    li      a0, CHUNK * 3               // other bytes than are there
    jal     fill
    mv      a0, s0
    la      a1, buffer
    li      a2, CHUNK / 2
    jal     write
    li      t0, CHUNK / 2
    bne     a0, t0, .Lwrite_failed
    mv      a0, s0
    li      a1, 0
    li      a2, SEEK_CURRENT
    jal     lseek
    li      t0, CHUNK
    bne     a0, t0, .Lseek_failed
    mv      a0, s0
    la      a1, read_buffer             // the second chunk is as it was
    li      a2, CHUNK
    jal     read
    li      t0, CHUNK
    bne     a0, t0, .Lread_failed
    li      a0, CHUNK
    jal     fill
    jal     compare
    mv      a0, s0                      // and the written half is there
    li      a1, CHUNK / 2
    li      a2, SEEK_SET
    jal     lseek
    li      t0, CHUNK / 2
    bne     a0, t0, .Lseek_failed
    mv      a0, s0
    la      a1, read_buffer
    li      a2, CHUNK / 2
    jal     read
    li      t0, CHUNK / 2
    bne     a0, t0, .Lread_failed
    li      a0, CHUNK * 3
    jal     fill
    la      t0, read_buffer             // the rest of the comparison: equal by construction
    li      t1, CHUNK / 2
    la      t2, buffer
    add     t3, t0, t1
    add     t2, t2, t1
    add     t1, t3, t1
1:  lbu     t4, 0(t2)
    sb      t4, 0(t3)
    addi    t2, t2, 1
    addi    t3, t3, 1
    bltu    t3, t1, 1b
    jal     compare
    mv      a0, s0
    jal     close
    bnez    a0, .Lclose_failed
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END write_while_unshared

// write_far_away: one byte far behind the end; what lies between reads as zeros.
ENTRY write_far_away
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    la      a0, .Lscratch
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s0, a0
    li      a1, FAR_AWAY
    li      a2, SEEK_END
    jal     lseek
    li      t0, FAR_AWAY + CHUNK * CHUNKS
    bne     a0, t0, .Lseek_failed
    mv      a0, s0
    la      a1, .Lscratch
    li      a2, 1
    jal     write
    li      t0, 1
    bne     a0, t0, .Lwrite_failed
    mv      a0, s0
    jal     close
    bnez    a0, .Lclose_failed
    la      a0, .Lscratch               // unshared again: through the specialised read, if there is one
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s0, a0
    li      a1, FAR_AWAY + CHUNK * CHUNKS - CHUNK + 1
    li      a2, SEEK_SET
    jal     lseek
    bltz    a0, .Lseek_failed
    mv      a0, s0
    la      a1, read_buffer
    li      a2, CHUNK + 1               // one more than there is
    jal     read
    li      t0, CHUNK
    bne     a0, t0, .Lread_failed
    la      t0, buffer
    li      t1, CHUNK - 1
    add     t1, t1, t0
1:  sb      zero, 0(t0)
    addi    t0, t0, 1
    bltu    t0, t1, 1b
    la      t2, .Lscratch
    lbu     t2, 0(t2)
    sb      t2, 0(t0)
    jal     compare
    mv      a0, s0
    jal     close
    bnez    a0, .Lclose_failed
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END write_far_away

// empty_scratch: creat of a file that is there empties it; also for somebody who has it open.
ENTRY empty_scratch
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    la      a0, .Lscratch
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s0, a0
    la      a1, read_buffer
    li      a2, 1
    jal     read
    li      t0, 1
    bne     a0, t0, .Lread_failed
    la      a0, .Lscratch
    jal     creat
    bltz    a0, .Lcreat_failed
    mv      s1, a0
    mv      a0, s0
    la      a1, read_buffer
    li      a2, 1
    jal     read
    bnez    a0, .Lread_failed
    mv      a0, s0
    li      a1, 0
    li      a2, SEEK_END
    jal     lseek
    bnez    a0, .Lseek_failed
    mv      a0, s0
    jal     close
    bnez    a0, .Lclose_failed
    mv      a0, s1
    jal     close
    bnez    a0, .Lclose_failed
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END empty_scratch

.macro FAILURE label, text
\label:
    mv      a1, a0
    la      a0, \text
    j       fail
.endm
    FAILURE .Lopen_failed, .Lopen
    FAILURE .Lcreat_failed, .Lcreat
    FAILURE .Lseek_failed, .Lseek
    FAILURE .Lread_failed, .Lread
    FAILURE .Lwrite_failed, .Lwrite
    FAILURE .Lclose_failed, .Lclose
.Ldiffers:
    la      t1, buffer
    sub     a1, t0, t1
    la      a0, .Lbyte
    j       fail

    .section .rodata
.Lscratch:      .asciz "/scratch"
.Ldone:         .asciz "measure_open: done"
.Lopen:         .asciz "measure_open: cannot open the file: error"
.Lcreat:        .asciz "measure_open: cannot make the scratch file: error"
.Lseek:         .asciz "measure_open: lseek went wrong: it says"
.Lread:         .asciz "measure_open: read went wrong: it says"
.Lwrite:        .asciz "measure_open: write went wrong: it says"
.Lclose:        .asciz "measure_open: cannot close the file: error"
.Lbyte:         .asciz "measure_open: read back another byte than was written, at place"

    .bss
    .balign 64
buffer:
    .skip   CHUNK + 8
    .balign 64
read_buffer:
    .skip   CHUNK + 8
