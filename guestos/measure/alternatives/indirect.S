// SPDX-License-Identifier: GPL-2.0-or-later
// A bare indirect call: the floor of what can be replaced, and unsafe. The replacement does not wait for those who are inside, or
// have loaded the old pointer.
#include "scheme.inc"

.macro SCHEME_ENTER
    ld      t0, POINTER(a2)
    jr      t0
.endm
.macro SCHEME_LEAVE
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED | TRAIT_UNSAFE
    NO_IDLE
    NO_BARRIER

ENTRY scheme_replace
    la      t0, descriptors
    fence   rw, w
    sd      a0, POINTER(t0)
    ret
END scheme_replace
