// SPDX-License-Identifier: GPL-2.0-or-later
// The paper's inside-flag, set by an AMO whose .aq keeps the load of the pointer behind it: no fence on the way in.
#include "scheme.inc"
#include "flag.inc"

.macro SCHEME_ENTER
    lw      t0, SPECIALISED(a2)
    beqz    t0, tank                    // not here: these descriptors stay specialised
    addi    t1, a2, INSIDE
    amoswap.w.aq zero, t0, (t1)
    ld      t0, POINTER(a2)
    jr      t0
.endm
.macro SCHEME_LEAVE
    FLAG_LEAVE
.endm

    SCHEME_CODE
    SCHEME_TRAITS 0
    NO_IDLE
    NO_BARRIER
    FLAG_REPLACER
