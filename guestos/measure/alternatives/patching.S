// SPDX-License-Identifier: GPL-2.0-or-later
// The call itself is rewritten: a direct jump, for which no pointer is loaded. A replacement stores the new jump, has every hart execute
// fence.i, and waits for those inside, whom a plain flag tells of (as in membarrier.S).
#include "scheme.inc"
#include "asymmetric.inc"

.macro SCHEME_ENTER
    ASYMMETRIC_ENTER a2
    .balign 4                           // so that it is stored, and fetched, in one piece
    .option push
    .option norvc
site:
    j       empty_0
    .option pop
.endm
.macro SCHEME_LEAVE
    ASYMMETRIC_LEAVE
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED
    NO_IDLE

ENTRY scheme_barrier
    fence   rw, rw
    fence.i
    ret
END scheme_barrier

ENTRY scheme_replace
    mv      a7, ra
    la      a6, descriptors + OWNER_LOCK
    SPIN_ACQUIRE a6
    // jal x0 with the distance d: d[20] d[10:1] d[11] d[19:12] in bits 31 to 12
    la      t3, site
    sub     t0, a0, t3
    srli    t1, t0, 20
    andi    t1, t1, 1
    slli    t2, t1, 31
    srli    t1, t0, 1
    andi    t1, t1, 0x3ff
    slli    t1, t1, 21
    or      t2, t2, t1
    srli    t1, t0, 11
    andi    t1, t1, 1
    slli    t1, t1, 20
    or      t2, t2, t1
    li      t1, 0xff000
    and     t1, t1, t0
    or      t2, t2, t1
    ori     t2, t2, 0x6f
    sw      t2, 0(t3)
    jal     barrier_on_all
    fence.i
    addi    a3, a6, -OWNER_LOCK
    ASYMMETRIC_DRAIN a3
    jal     barrier_on_all
    SPIN_RELEASE a6
    jr      a7
END scheme_replace
