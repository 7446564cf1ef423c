// SPDX-License-Identifier: GPL-2.0-or-later
// An asymmetric inside-flag: two plain stores for a caller, inter-hart interrupts for a replacement.
#include "scheme.inc"
#include "asymmetric.inc"

.macro SCHEME_ENTER
    ASYMMETRIC_ENTER a2
    ld      t0, POINTER(a2)             // may be loaded before the store is visible: the interrupt puts that right
    jr      t0
.endm
.macro SCHEME_LEAVE
    ASYMMETRIC_LEAVE
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED
    NO_IDLE

ENTRY scheme_barrier
    fence   rw, rw
    ret
END scheme_barrier

ENTRY scheme_replace
    mv      a7, ra
    la      a3, descriptors
    addi    a6, a3, OWNER_LOCK
    SPIN_ACQUIRE a6
    sd      a0, POINTER(a3)
    jal     barrier_on_all
    ASYMMETRIC_DRAIN a3
    jal     barrier_on_all
    SPIN_RELEASE a6
    jr      a7
END scheme_replace
