// SPDX-License-Identifier: GPL-2.0-or-later
// Runs as /init: errors of system calls, the end of children, more children than harts, the process table full again and again.
// test_kernel_base.py knows every line.

#include "assembly.inc"

.macro SAY text
    la      a0, 99f
    jal     print_string
    .pushsection .rodata
99: .asciz  "\text"
    .popsection
.endm

// The result of a call that is to fail.
.macro TRY text, routine, first, second, third
    li      a0, \first
    li      a1, \second
    li      a2, \third
    jal     \routine
    mv      s0, a0
    SAY     "\text: "
    mv      a0, s0
    jal     print_decimal
    jal     print_newline
.endm

    .text
ENTRY main
    addi    sp, sp, -64
    sd      ra, 0(sp)

    TRY     "spawn, kernel pointer", spawn, 0x80000000, 0, 0
    TRY     "spawn, pointer to nothing", spawn, 0x60000000, 0, 0
    TRY     "spawn, null", spawn, 0, 0, 0
    TRY     "write, kernel pointer", write, 1, 0x80000000, 1
    TRY     "write, device", write, 1, 0x10000000, 1
    TRY     "write, nothing at null", write, 1, 0, 0
    TRY     "wait, no child", wait, 0, 0, 0
    TRY     "call 0", call_0, 0, 0, 0
    TRY     "call 100", call_100, 0, 0, 0
    TRY     "call -1", call_minus_1, 0, 0, 0
    la      a0, path_missing
    li      a1, 0
    jal     spawn
    jal     show
    la      a0, path_garbage
    li      a1, 0
    jal     spawn
    jal     show
    la      a0, path_data               // a text is no program
    li      a1, 0
    jal     spawn
    jal     show
    la      a0, path_child
    li      a1, 0x7fffffff              // the argument would run out of user space
    jal     spawn
    jal     show

    // A system call gives back the caller's registers and nothing of the kernel's.
    mv      s0, sp
    mv      s1, ra
    li      s11, 1111
    li      gp, 2222
    li      tp, 3333
    li      t3, 4444
    li      a5, 5555
    li      a7, 4                       // yield
    ecall
    xor     s0, s0, sp
    xor     s1, s1, ra
    or      s0, s0, s1
    addi    s11, s11, -1111
    or      s0, s0, s11
    addi    t0, gp, -2048
    addi    t0, t0, -174
    or      s0, s0, t0
    li      t0, 3333
    xor     t0, t0, tp
    or      s0, s0, t0
    or      s0, s0, t3
    or      s0, s0, a5
    or      s0, s0, a0
    SAY     "registers: "
    mv      a0, s0
    jal     print_decimal
    jal     print_newline

    // One child after the other.
    la      s2, arguments
1:  ld      a1, 0(s2)
    beqz    a1, 2f
    la      a0, path_child
    jal     spawn
    bltz    a0, fail
    addi    a0, sp, 16
    jal     wait
    bltz    a0, fail
    ld      s3, 0(s2)
    SAY     "child "
    mv      a0, s3
    jal     print_string
    SAY     ": "
    lw      a0, 16(sp)
    jal     print_decimal
    jal     print_newline
    addi    s2, s2, 8
    j       1b

    // A wrong pointer for the status.
2:  la      a0, path_child
    la      a1, argument_quit
    jal     spawn
    bltz    a0, fail
    li      a0, 0x80000000
    jal     wait
    jal     show

    // All at once.
    la      s2, together
3:  ld      a1, 0(s2)
    beqz    a1, 4f
    la      a0, path_child
    jal     spawn
    bltz    a0, fail
    addi    s2, s2, 8
    j       3b
4:  li      s3, 0
5:  addi    a0, sp, 16
    jal     wait
    bltz    a0, 6f
    lw      t0, 16(sp)
    add     s3, s3, t0
    j       5b
6:  SAY     "together: "
    mv      a0, s3
    jal     print_decimal
    jal     print_newline

    // Until the table is full, 20 times: nothing may get lost.
    li      s2, 20
7:  li      s3, 0
8:  la      a0, path_child
    la      a1, argument_quit
    jal     spawn
    bltz    a0, 9f
    addi    s3, s3, 1
    j       8b
9:  mv      s4, a0
10: li      a0, 0
    jal     wait
    bgez    a0, 10b
    addi    s2, s2, -1
    bnez    s2, 7b
    SAY     "children until full: "
    mv      a0, s3
    jal     print_decimal
    SAY     ", then "
    mv      a0, s4
    jal     print_decimal
    jal     print_newline

    // An orphan of a child becomes init's child.
    la      a0, path_child
    la      a1, argument_orphan
    jal     spawn
    bltz    a0, fail
    li      s2, 0
11: li      a0, 0
    jal     wait
    bltz    a0, 12f
    addi    s2, s2, 1
    j       11b
12: SAY     "with orphan: "
    mv      a0, s2
    jal     print_decimal
    jal     print_newline
    li      a0, 7
    j       exit
fail:
    SAY     "spawn or wait failed"
    jal     print_newline
    li      a0, 1
    j       exit
END main

show:
    addi    sp, sp, -16
    sd      ra, 0(sp)
    mv      s0, a0
    SAY     "result: "
    mv      a0, s0
    jal     print_decimal
    jal     print_newline
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret

call_0:
    li      a7, 0
    ecall
    ret
call_100:
    li      a7, 100
    ecall
    ret
call_minus_1:
    li      a7, -1
    ecall
    ret

    .section .rodata
path_child:     .asciz "/child"
path_missing:   .asciz "/missing"
path_garbage:   .asciz "/garbage"
path_data:      .asciz "/data"
argument_quit:  .asciz "quit"
argument_orphan: .asciz "orphan"
argument_long:  .asciz "long"
argument_short: .asciz "short"
argument_file:  .asciz "file"
argument_copies: .asciz "copies"
argument_null:  .asciz "1"
argument_text:  .asciz "2"
argument_stack: .asciz "3"
argument_csr:   .asciz "4"
argument_guard: .asciz "5"
argument_kernel: .asciz "6"
argument_break: .asciz "7"
    .balign 8
arguments:
    .8byte  argument_quit, argument_null, argument_text, argument_stack, argument_csr, argument_guard, argument_kernel
    .8byte  argument_break, argument_copies, 0
together:
    .8byte  argument_long, argument_short, argument_file, argument_file, argument_file, argument_file, argument_short
    .8byte  argument_short, argument_file, argument_null, 0
