// SPDX-License-Identifier: GPL-2.0-or-later
// The paper's inside-flag, one descriptor a reader: check, store the flag, fence, load the pointer, branch; fence and store at the end.
#include "scheme.inc"
#include "flag.inc"

.macro SCHEME_ENTER
    lw      t0, SPECIALISED(a2)
    beqz    t0, tank                    // not here: these descriptors stay specialised
    sw      t0, INSIDE(a2)
    fence   w, r
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
