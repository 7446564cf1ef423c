// SPDX-License-Identifier: GPL-2.0-or-later
// The ladder: levels of specialisation, each with what it needs to be true, and which of them a descriptor can have.
#include "assembly.inc"
#include "predicate.inc"

    .text

// level_find(a0 descriptor, a1 inode) -> a2 = the most specialised level, of those that are enabled, all of whose predicates are true,
// or 0. The caller holds what the checks of predicates.S ask for. Changes t0-t6, a3-a5.
ENTRY level_find
    la      a2, levels
    li      a3, 0                       // known to be true
    li      a4, 0                       // known to be false
.Llevel:
    lw      t4, LEVEL_NEEDS(a2)
    beqz    t4, .Lnone                  // the end of the table
    lw      t5, LEVEL_ENABLED(a2)
    beqz    t5, .Lnext_level
    and     t5, t4, a4
    bnez    t5, .Lnext_level
    not     t5, a3
    and     t4, t4, t5                  // to be asked
    la      t6, predicates - PREDICATE_BYTES
.Lask:
    beqz    t4, .Lfound
1:  addi    t6, t6, PREDICATE_BYTES
    lw      a5, PREDICATE_BIT(t6)
    and     t5, t4, a5
    beqz    t5, 1b
    xor     t4, t4, a5
    ld      t5, PREDICATE_CHECK(t6)
    jalr    t0, t5
    beqz    t1, .Lfalse
    or      a3, a3, a5
    j       .Lask
.Lfalse:
    or      a4, a4, a5
.Lnext_level:
    addi    a2, a2, LEVEL_BYTES
    j       .Llevel
.Lnone:
    li      a2, 0
.Lfound:
    ret
END level_find

// level_below(a2 set of predicates that are true) -> a2 = the most specialised enabled level that needs no other, or 0. Changes t0-t2.
ENTRY level_below
    la      t0, levels
    not     a2, a2
1:  lw      t1, LEVEL_NEEDS(t0)
    beqz    t1, 3f
    and     t1, t1, a2
    lw      t2, LEVEL_ENABLED(t0)
    bnez    t1, 2f
    bnez    t2, 4f
2:  addi    t0, t0, LEVEL_BYTES
    j       1b
3:  li      t0, 0
4:  mv      a2, t0
    ret
END level_below

    .data
    .balign 8
.macro LEVEL needs, falsifies, enabled, read, write, name
    .word   \needs, \falsifies, \enabled, 0
    .dword  \read, \write, \name
.endm
#define EXCLUSIVE (PREDICATE_FS_CONSTANT | PREDICATE_NO_FP_SHARE | PREDICATE_NO_INODE_SHARE | PREDICATE_READ_ONLY | PREDICATE_NO_USER_LOCKS)
#define SHARED    (PREDICATE_FS_CONSTANT | PREDICATE_NO_FP_SHARE | PREDICATE_NO_USER_LOCKS)
// By default there is one level, as in the paper's measurements; the boot argument levels= enables others by their names' first letter.
DATA levels
DATA level_prefetching
    LEVEL   EXCLUSIVE | PREDICATE_SEQUENTIAL_ACCESS, 0, 0, is_read_ahead, write_through_pointer, .Lprefetching
END level_prefetching
level_whole:
    LEVEL   EXCLUSIVE | PREDICATE_NO_HOLES, 0, 0, is_read_whole, write_through_pointer, .Lwhole
DATA level_exclusive
    LEVEL   EXCLUSIVE, 0, 1, is_read, write_through_pointer, .Lexclusive
END level_exclusive
level_shared:
    LEVEL   SHARED, PREDICATE_READ_ONLY, 0, is_read_shared, is_write, .Lshared
    .dword  0
END levels

    .section .rodata
.Lprefetching:  .asciz "prefetching"
.Lwhole:        .asciz "whole"
.Lexclusive:    .asciz "exclusive"
.Lshared:       .asciz "shared"
