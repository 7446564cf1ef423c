// SPDX-License-Identifier: GPL-2.0-or-later
// A test-and-set lock around the body: one caller at a time, and a replacement waits like a caller.
#include "scheme.inc"

.macro SCHEME_ENTER
    addi    t2, a2, LOCK
    SPIN_ACQUIRE t2
    ld      t0, POINTER(a2)
    jr      t0
.endm
.macro SCHEME_LEAVE
    addi    t2, a2, LOCK
    SPIN_RELEASE t2
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED
    NO_IDLE
    NO_BARRIER

ENTRY scheme_replace
    la      a3, descriptors
    addi    t2, a3, LOCK
    SPIN_ACQUIRE t2
    sd      a0, POINTER(a3)
    SPIN_RELEASE t2
    ret
END scheme_replace
