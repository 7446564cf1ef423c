// SPDX-License-Identifier: GPL-2.0-or-later
// An inside-counter that is changed by AMOs.
#include "scheme.inc"
#include "counter.inc"

.macro SCHEME_ENTER
    li      t0, 1
    addi    t1, a2, INSIDE
    amoadd.w.aq zero, t0, (t1)          // before the pointer is loaded
    ld      t0, POINTER(a2)
    jr      t0
.endm
.macro SCHEME_LEAVE
    li      t0, -1
    addi    t1, a2, INSIDE
    amoadd.w.rl zero, t0, (t1)          // after everything that was done inside
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED
    NO_IDLE
    NO_BARRIER
    COUNTER_REPLACER
