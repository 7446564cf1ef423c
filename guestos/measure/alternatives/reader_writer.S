// SPDX-License-Identifier: GPL-2.0-or-later
// A reader-writer lock around the body: callers are readers, a replacement is the writer. The word counts readers in twos; bit 0 is
// the writer, whom readers let pass.
#include "scheme.inc"

#define READER                2
#define WRITER                1

.macro SCHEME_ENTER
    addi    t1, a2, LOCK
1:  li      t0, READER
    amoadd.w.aq t2, t0, (t1)
    andi    t2, t2, WRITER
    bnez    t2, wait_for_writer
    ld      t0, POINTER(a2)
    jr      t0
.endm
.macro SCHEME_LEAVE
    addi    t1, a2, LOCK
    li      t0, -READER
    amoadd.w.rl zero, t0, (t1)
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED
    NO_IDLE
    NO_BARRIER

// Not in: out again, and wait until there is no writer.
wait_for_writer:
    li      t0, -READER
    amoadd.w zero, t0, (t1)
1:  lw      t0, 0(t1)
    andi    t0, t0, WRITER
    bnez    t0, 1b
    j       scheme_call

ENTRY scheme_replace
    la      a3, descriptors
    addi    t1, a3, LOCK
1:  li      t0, WRITER
    amoor.w.aq t0, t0, (t1)
    andi    t0, t0, WRITER
    bnez    t0, 1b
2:  lw      t0, 0(t1)                   // until no reader is left (those that come now go away again)
    srli    t0, t0, 1
    bnez    t0, 2b
    fence   r, rw
    sd      a0, POINTER(a3)
    li      t0, ~WRITER
    amoand.w.rl zero, t0, (t1)
    ret
END scheme_replace
