// SPDX-License-Identifier: GPL-2.0-or-later
// What it costs to call replaceable code: an empty body called through the descriptor (check, inside-flag, fence, pointer, indirect
// branch; at the body's end fence and flag), and an empty body called directly. The difference for one call is the overhead A1.
// Prints the instructions retired in each of the two loops, as the machine's own counter gives them.
#include "assembly.inc"
#include "descriptor.inc"
#include "replug.inc"
#include "replug_invoke.inc"

#define CALLS               1000

    .text
// main: result 0; 1 if the flag is not clear at the end or the descriptor was not taken for specialised.
ENTRY main
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    la      a0, descriptor
    li      s2, CALLS
    csrr    s0, minstret
1:  PATH_BEGIN "invocation, through the flag"
    jal     invoke
    PATH_END "invocation, through the flag"
    addi    s2, s2, -1
    bnez    s2, 1b
    csrr    s1, minstret
    lw      t0, DESCRIPTOR_INSIDE(a0)
    bnez    t0, .Lfailed
    sub     s1, s1, s0
    la      a0, .Lthrough_flag
    jal     print_string
    mv      a0, s1
    jal     print_decimal
    li      a0, '\n'
    jal     print_character

    li      s2, CALLS
    csrr    s0, minstret
2:  PATH_BEGIN "invocation, direct"
    jal     empty
    PATH_END "invocation, direct"
    addi    s2, s2, -1
    bnez    s2, 2b
    csrr    s1, minstret
    sub     s1, s1, s0
    la      a0, .Ldirect
    jal     print_string
    mv      a0, s1
    jal     print_decimal
    li      a0, '\n'
    jal     print_character
    la      a0, descriptor
    li      s2, CALLS
4:  PATH_BEGIN "invocation, with a frame"
    jal     invoke_with_frame
    PATH_END "invocation, with a frame"
    addi    s2, s2, -1
    bnez    s2, 4b
    li      a0, 0
3:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
.Lfailed:
    li      a0, 1
    j       3b
END main

// invoke: a0 = descriptor. The reader's steps, as the kernel takes them.
invoke:
    REPLUG_INVOKE a0, .Lfailed

// invoke_with_frame: the same as a call from a routine with a frame of its own: what the paper's footnote would be without.
invoke_with_frame:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    jal     invoke
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret

// empty_inside: t2 = record. An empty body that is entered through the flag.
empty_inside:
    REPLUG_LEAVE RECORD_TO_INSIDE, t2
    ret

// empty: an empty body.
empty:
    ret

    .section .rodata
.Lthrough_flag: .asciz "through flag: "
.Ldirect:       .asciz "direct: "

    .data
    .balign 64
descriptor:
    .word   1, 0                        // specialised, nobody inside
    .dword  descriptor + DESCRIPTOR_RECORD
    .skip   DESCRIPTOR_RECORD - 16
    .dword  empty_inside
    .skip   RECORD_BYTES - 8
