// SPDX-License-Identifier: GPL-2.0-or-later
// Boot arguments that choose how this kernel specialises and replugs:
//
//   levels=LETTERS   which levels there are, by the first letters of their names (levels.S): e is the default, - is none
//   again=no         what was replugged stays generic until it is closed
//   blocked=no       the replugger spins while a reader inside waits for the disk
//   leave=yes        a reader leaves the specialised path while it waits for the disk (is_read_leave.S)
//   inside=counter   an inside-counter in the place of the inside-flag (inside_counter.S); no generated code then
//   ahead=yes        the generic read decides at each call whether to read ahead (read_ahead.S)
//   code=generated   the read of each opening is code of its own, made when it is opened (generate.S)
#include "assembly.inc"
#include "inode.inc"
#include "predicate.inc"

#define VALUE_BYTES         16

    .text

// replug_options(): hart 0, before any other runs. The boot arguments are known.
ENTRY replug_options
    addi    sp, sp, -16 - VALUE_BYTES
    sd      ra, VALUE_BYTES + 8(sp)
    la      a0, .Llevels
    jal     option
    beqz    a0, 4f
    la      t0, levels
1:  lw      t1, LEVEL_NEEDS(t0)
    beqz    t1, 4f
    ld      t1, LEVEL_NAME(t0)
    lbu     t1, 0(t1)
    sw      zero, LEVEL_ENABLED(t0)
    mv      t2, sp
2:  lbu     t3, 0(t2)
    addi    t2, t2, 1
    beqz    t3, 3f
    bne     t3, t1, 2b
    li      t3, 1
    sw      t3, LEVEL_ENABLED(t0)
3:  addi    t0, t0, LEVEL_BYTES
    j       1b

4:  la      t0, level_prefetching       // after a seek a descriptor goes down to one that finds out when it may go up again
    lw      t0, LEVEL_ENABLED(t0)
    beqz    t0, 9f
    la      t0, level_exclusive
    la      t1, is_read_climb
    sd      t1, LEVEL_READ(t0)
9:  la      a0, .Lagain
    li      a1, 'n'
    jal     option_is
    bnez    a0, 5f
    la      t0, specialise_chances
    sw      zero, 0(t0)
5:  la      a0, .Lblocked
    li      a1, 'n'
    jal     option_is
    bnez    a0, 6f
    la      t0, replug_waits_blocked
    sw      zero, 0(t0)
6:  la      a0, .Lleave
    li      a1, 'y'
    jal     option_is
    bnez    a0, 7f
    la      t0, level_exclusive
    la      t1, is_read_leave
    sd      t1, LEVEL_READ(t0)
7:  la      a0, .Lcode
    li      a1, 'g'
    jal     option_is
    bnez    a0, 8f
    la      t0, code_generated
    li      t1, 1
    sw      t1, 0(t0)
8:  la      a0, .Lahead
    li      a1, 'y'
    jal     option_is
    bnez    a0, 10f
    la      t0, rpfs_file_operations
    la      t1, rpfs_read_ahead
    sd      t1, VNODE_OP_READ(t0)
10: la      a0, .Linside
    li      a1, 'c'
    jal     option_is
    bnez    a0, 11f
    la      t0, code_generated
    sw      zero, 0(t0)
    jal     inside_counter_install
11: ld      ra, VALUE_BYTES + 8(sp)
    addi    sp, sp, 16 + VALUE_BYTES
    ret
END replug_options

// option(a0 name) -> a0 = 1 with its value at the caller's sp, else 0.
option:
    mv      a1, sp
    li      a2, VALUE_BYTES
    j       boot_option

// option_is(a0 name, a1 letter) -> a0 = 0 if the option's value begins with it. Uses the caller's room for the value.
option_is:
    mv      t4, ra
    mv      t5, a1
    jal     option
    beqz    a0, 1f
    lbu     t0, 0(sp)
    sub     a0, t0, t5
    jr      t4
1:  li      a0, 1
    jr      t4

    .section .rodata
.Llevels:       .asciz "levels"
.Lagain:        .asciz "again"
.Lblocked:      .asciz "blocked"
.Lleave:        .asciz "leave"
.Linside:       .asciz "inside"
.Lahead:        .asciz "ahead"
.Lcode:         .asciz "code"

    .data
    .balign 4
DATA replug_waits_blocked               // u32, 1: the replugger waits for `blocked`
    .word   1
END replug_waits_blocked
