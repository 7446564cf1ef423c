// SPDX-License-Identifier: GPL-2.0-or-later
// /contend PATH: reads the file 1 byte a call, from many short openings, while two children (/contend +PATH and ++PATH) open and close
// the same file over and over. So the descriptor is replugged at every point of a read, now and then by both at once. Each byte must
// be the right one: those of a first, quiet reading, once each and in order. The parent tells the children to stop by writing a byte
// to the file /contend_stop.

#include "assembly.inc"
#include "syscall.inc"

#define ROUNDS              200
#define CALLS               300             /* reads in a round */
#define STRIDE              331             /* how much further into the file the next round begins */
#define REFERENCE_BYTES     65536           /* the part of the file that is read */
#define CHILDREN            2
#define CHILD_ROUNDS        50000           /* if the parent does not end before */
#define CHILD_BYTES         64
#define DELAY_MASK          0x7fff          /* turns of a child's delay loop, at most */
#define PATH_BYTES          256
#define CHILD_MARK          '+'

    .text
ENTRY main
    addi    sp, sp, -16
    sd      ra, 8(sp)
    li      a1, 0                       // which child: so many marks
    li      t1, CHILD_MARK
1:  lbu     t0, 0(a0)
    bne     t0, t1, 2f
    addi    a0, a0, 1
    addi    a1, a1, 1
    j       1b
2:  beqz    a1, 3f
    jal     disturb
    j       4f
3:  jal     contend
4:  li      a0, 0
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END main

// contend: a0 = path.
ENTRY contend
    addi    sp, sp, -80
    sd      ra, 72(sp)
    sd      s0, 64(sp)
    sd      s1, 56(sp)
    sd      s2, 48(sp)
    sd      s3, 40(sp)
    sd      s4, 32(sp)
    sd      s5, 24(sp)
    sd      s6, 16(sp)
    mv      s0, a0                      // path
    jal     read_reference
    mv      s1, a0                      // bytes of the reference
    li      s2, 0                       // rounds done
    li      s3, 0                       // bytes checked
    li      s4, 0                       // where the round begins

    la      a0, .Lstop_path
    jal     creat
    bltz    a0, .Lcreat_failed
    sd      a0, 0(sp)

    la      t0, child_path              // "++PATH": the second child's argument; the first one's begins at its second byte
    li      t1, CHILD_MARK
    sb      t1, 0(t0)
    sb      t1, 1(t0)
    addi    t0, t0, 1
    mv      t2, s0
    la      t4, child_path_end
1:  addi    t0, t0, 1
    bgeu    t0, t4, .Lpath_failed
    lbu     t1, 0(t2)
    sb      t1, 0(t0)
    addi    t2, t2, 1
    bnez    t1, 1b
    la      a0, .Lcontend
    la      a1, child_path + 1
    jal     spawn
    bltz    a0, .Lspawn_failed
    la      a0, .Lcontend
    la      a1, child_path
    jal     spawn
    bltz    a0, .Lspawn_failed

.Lround:
    mv      a0, s0
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s5, a0
    mv      a1, s4
    li      a2, SEEK_SET
    jal     lseek
    bne     a0, s4, .Lseek_failed
    addi    s6, s4, CALLS               // where it ends
    bgeu    s1, s6, 2f
    mv      s6, s1
2:  sub     t0, s6, s4
    add     s3, s3, t0
.Lcall:
    bgeu    s4, s6, 3f
    mv      a0, s5
    la      a1, buffer
    li      a2, 1
    jal     read
    li      t0, 1
    bne     a0, t0, .Lread_failed
    la      t0, buffer
    lbu     t0, 0(t0)
    la      t1, reference
    add     t1, t1, s4
    lbu     t1, 0(t1)
    bne     t0, t1, .Lwrong_byte
    addi    s4, s4, 1
    j       .Lcall
3:  mv      a0, s5
    jal     close
    bnez    a0, .Lclose_failed
    addi    s4, s4, STRIDE - CALLS
    bltu    s4, s1, 4f
    li      s4, 0
4:  addi    s2, s2, 1
    li      t0, ROUNDS
    bltu    s2, t0, .Lround

    ld      a0, 0(sp)
    la      a1, .Lstop_path
    li      a2, 1
    jal     write
    li      t0, 1
    bne     a0, t0, .Lwrite_failed
    ld      a0, 0(sp)
    jal     close
    bnez    a0, .Lclose_failed
    li      s5, CHILDREN
5:  addi    a0, sp, 8
    jal     wait
    bltz    a0, .Lwait_failed
    lw      a0, 8(sp)
    bnez    a0, .Lchild_failed
    addi    s5, s5, -1
    bnez    s5, 5b
    la      a0, .Lname
    jal     print_string
    mv      a0, s2
    jal     print_decimal
    la      a0, .Lrounds
    jal     print_string
    mv      a0, s3
    jal     print_decimal
    la      a0, .Lchecked
    jal     print_string
    jal     print_newline
    ld      ra, 72(sp)
    ld      s0, 64(sp)
    ld      s1, 56(sp)
    ld      s2, 48(sp)
    ld      s3, 40(sp)
    ld      s4, 32(sp)
    ld      s5, 24(sp)
    ld      s6, 16(sp)
    addi    sp, sp, 80
    ret
END contend

// disturb: a0 = path, a1 = which child. The child's part: each time it opens the file it also reads and checks its first bytes; then it waits for a
// while, another one each time, so that the parent opens the file unshared again and is met at another point of its reading.
ENTRY disturb
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    mv      s0, a0
    mv      s3, a1                      // pseudo-random number
    jal     read_reference
    li      s1, CHILD_BYTES
    bgeu    a0, s1, 1f
    mv      s1, a0
1:  li      s2, CHILD_ROUNDS
    la      a0, .Lstop_path
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s5, a0
.Ldisturb:
    mv      a0, s0
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s4, a0
    la      a1, buffer
    mv      a2, s1
    jal     read
    bne     a0, s1, .Lread_failed
    la      t0, buffer
    la      t1, reference
    add     t2, t0, s1
2:  bgeu    t0, t2, 3f
    lbu     t3, 0(t0)
    lbu     t4, 0(t1)
    bne     t3, t4, .Lwrong_byte
    addi    t0, t0, 1
    addi    t1, t1, 1
    j       2b
3:  mv      a0, s4
    jal     close
    bnez    a0, .Lclose_failed
    li      t0, 1103515245              // a linear congruential generator; the upper bits are the good ones
    mul     s3, s3, t0
    addi    s3, s3, 1234
    srli    t0, s3, 20
    li      t1, DELAY_MASK
    and     t0, t0, t1
4:  addi    t0, t0, -1
    bgez    t0, 4b
    mv      a0, s5                      // still empty?
    la      a1, buffer
    li      a2, 1
    jal     read
    bltz    a0, .Lread_failed
    bnez    a0, 5f
    addi    s2, s2, -1
    bnez    s2, .Ldisturb
5:  mv      a0, s5
    jal     close
    bnez    a0, .Lclose_failed
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    ret
END disturb

// read_reference: a0 = path. Reads the first REFERENCE_BYTES of the file. Result a0 = how many there are.
ENTRY read_reference
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    li      a1, O_RDWR
    jal     open
    bltz    a0, .Lopen_failed
    mv      s0, a0
    la      a1, reference
    li      a2, REFERENCE_BYTES
    jal     read
    bltz    a0, .Lread_failed
    mv      s1, a0
    mv      a0, s0
    jal     close
    bnez    a0, .Lclose_failed
    mv      a0, s1
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END read_reference

.macro FAILURE label, text
\label:
    mv      a1, a0
    la      a0, \text
    j       fail
.endm
    FAILURE .Lopen_failed, .Lopen
    FAILURE .Lseek_failed, .Lseek
    FAILURE .Lread_failed, .Lread
    FAILURE .Lcreat_failed, .Lcreat
    FAILURE .Lwrite_failed, .Lwrite
    FAILURE .Lclose_failed, .Lclose
    FAILURE .Lspawn_failed, .Lspawn
    FAILURE .Lwait_failed, .Lwait
    FAILURE .Lchild_failed, .Lchild
    FAILURE .Lpath_failed, .Lpath
.Lwrong_byte:
    mv      a1, s4
    la      a0, .Lbyte
    j       fail

    .section .rodata
.Lcontend:      .asciz "/contend"
.Lname:         .asciz "contend: "
.Lrounds:       .asciz " rounds, "
.Lchecked:      .asciz " bytes checked"
.Lopen:         .asciz "contend: cannot open the file: error"
.Lseek:         .asciz "contend: lseek went wrong: it says"
.Lread:         .asciz "contend: read went wrong: it says"
.Lcreat:        .asciz "contend: cannot make /contend_stop: error"
.Lwrite:        .asciz "contend: cannot write /contend_stop: error"
.Lstop_path:    .asciz "/contend_stop"
.Lclose:        .asciz "contend: cannot close the file: error"
.Lspawn:        .asciz "contend: cannot start the child: error"
.Lwait:         .asciz "contend: cannot wait for the child: error"
.Lchild:        .asciz "contend: the child ended with status"
.Lpath:         .asciz "contend: the path is too long"
.Lbyte:         .asciz "contend: a wrong byte at offset"

    .bss
    .balign 64
buffer:
    .skip   64
child_path:
    .skip   PATH_BYTES
child_path_end:
    .balign 64
reference:
    .skip   REFERENCE_BYTES
