// SPDX-License-Identifier: GPL-2.0-or-later
// A ticket lock around the body: first come, first served, the replacement too.
#include "scheme.inc"

// base: register with the descriptor. Changes t0-t2.
.macro TICKET_ACQUIRE base
    li      t0, 1
    addi    t1, \base, TICKET
    amoadd.w t0, t0, (t1)
.Lturn_\@:
    lw      t1, SERVING(\base)
    bne     t0, t1, .Lturn_\@
    fence   r, rw
.endm
.macro TICKET_RELEASE base
    lw      t0, SERVING(\base)          // only the holder changes it
    addi    t0, t0, 1
    fence   rw, w
    sw      t0, SERVING(\base)
.endm

.macro SCHEME_ENTER
    TICKET_ACQUIRE a2
    ld      t0, POINTER(a2)
    jr      t0
.endm
.macro SCHEME_LEAVE
    TICKET_RELEASE a2
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED
    NO_IDLE
    NO_BARRIER

ENTRY scheme_replace
    la      a3, descriptors
    TICKET_ACQUIRE a3
    sd      a0, POINTER(a3)
    TICKET_RELEASE a3
    ret
END scheme_replace
