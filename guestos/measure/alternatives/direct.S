// SPDX-License-Identifier: GPL-2.0-or-later
// A direct call: the floor. Nothing can be replaced.
#include "scheme.inc"

.macro SCHEME_ENTER
.endm
.macro SCHEME_LEAVE
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED | TRAIT_FIXED
    NO_IDLE
    NO_BARRIER

ENTRY scheme_replace
    ret
END scheme_replace
