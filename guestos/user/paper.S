// SPDX-License-Identifier: GPL-2.0-or-later
// /paper: runs the programs of the report one after the other, each on a file. As the first process (boot argument init=/paper) its exit
// ends the machine: status 0 if all were good.
// /sample is on the disk only when /data is too small for many reads of 64 KB, or too large for the buffer cache.

#include "assembly.inc"
#include "syscall.inc"

    .text
// main: result 0, or 1 as soon as a program cannot be started or fails.
ENTRY main
    addi    sp, sp, -16
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    la      s0, programs
1:  ld      a0, 0(s0)
    beqz    a0, 2f
    ld      t0, 16(s0)
    beqz    t0, 5f
    ld      a0, 8(s0)                   // may be missing: only if it is there
    li      a1, O_RDWR
    jal     open
    bltz    a0, 6f
    jal     close
    ld      a0, 0(s0)
5:  ld      a1, 8(s0)
    jal     run
    bnez    a0, 3f
6:  addi    s0, s0, 24
    j       1b
2:  li      a0, 0
    j       4f
3:  li      a0, 1
4:  ld      ra, 0(sp)
    ld      s0, 8(sp)
    addi    sp, sp, 16
    ret
END main

// run: a0 = path of a program, a1 = its argument. Spawns it, waits for it and says how it ended. Result a0 = its exit status,
// or -errno.
ENTRY run
    addi    sp, sp, -48
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    mv      s0, a0
    jal     spawn
    bltz    a0, .Lno_program
    mv      s1, a0
1:  addi    a0, sp, 24
    jal     wait
    bltz    a0, .Lno_program
    bne     a0, s1, 1b                  // an orphan of a program that has ended: init's child since then
    lw      s1, 24(sp)
    la      a0, .Linit
    jal     print_string
    mv      a0, s0
    jal     print_string
    la      a0, .Lended
    jal     print_string
    mv      a0, s1
    jal     print_decimal
    jal     print_newline
    mv      a0, s1
    j       2f
.Lno_program:
    mv      s1, a0
    la      a0, .Linit
    jal     print_string
    mv      a0, s0
    jal     print_string
    la      a0, .Lnot_run
    jal     print_string
    mv      a0, s1
    jal     print_decimal
    jal     print_newline
    mv      a0, s1
2:  ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    addi    sp, sp, 48
    ret
END run

    .section .rodata
.Linit:         .asciz "init: "
.Lended:        .asciz " ended with status "
.Lnot_run:      .asciz " cannot be run: error "
.Ldata:         .asciz "/data"
.Lsample:       .asciz "/sample"
.Lreader:       .asciz "/reader"
.Lcontend:      .asciz "/contend"
.Lmeasure_open: .asciz "/measure_open"
    .balign 8
programs:                               // program, argument, may the argument be missing?
    .8byte  .Lreader, .Ldata, 0
    .8byte  .Lreader, .Lsample, 1
    .8byte  .Lcontend, .Ldata, 0
    .8byte  .Lcontend, .Lsample, 1
    .8byte  .Lmeasure_open, .Ldata, 0
    .8byte  0
