// SPDX-License-Identifier: GPL-2.0-or-later
// An inside-counter that is changed by LR/SC. On the way in the SC needs .aq: the load of the pointer may pass an SC that has only .rl.
#include "scheme.inc"
#include "counter.inc"

.macro SCHEME_ENTER
    addi    t1, a2, INSIDE
1:  lr.w.aq t0, (t1)
    addi    t0, t0, 1
    sc.w.aqrl t2, t0, (t1)
    bnez    t2, 1b
    ld      t0, POINTER(a2)
    jr      t0
.endm
.macro SCHEME_LEAVE
    addi    t1, a2, INSIDE
1:  lr.w    t0, (t1)
    addi    t0, t0, -1
    sc.w.rl t2, t0, (t1)
    bnez    t2, 1b
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED
    NO_IDLE
    NO_BARRIER
    COUNTER_REPLACER
