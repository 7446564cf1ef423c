// SPDX-License-Identifier: GPL-2.0-or-later
// Quiescent states (RCU): a caller says nothing when it enters. Each hart says now and then that it holds no pointer; a replacement is
// over once every hart has said so since the pointer changed. Here the end of a call is the quiescent state, as the return to user mode
// is in a kernel; a hart that calls nothing says it while it is idle.
#include "scheme.inc"

// All that the body did, and the load of the epoch, come before the store; the next load of the pointer comes after the load of the
// epoch: whoever has seen an epoch sees the pointer that was stored before it.
.macro QUIESCENT
    ld      t0, EPOCH(a2)
    fence   rw, rw
    sd      t0, SCHEME_HART_EPOCH(tp)
.endm

.macro SCHEME_ENTER
    ld      t0, POINTER(a2)
    jr      t0
.endm
.macro SCHEME_LEAVE
    QUIESCENT
.endm

    SCHEME_CODE
    SCHEME_TRAITS TRAIT_SHARED
    NO_BARRIER

ENTRY scheme_idle
    QUIESCENT
    ret
END scheme_idle

// The caller is not inside itself: it need not wait for its own hart.
ENTRY scheme_replace
    la      a3, descriptors
    addi    t2, a3, OWNER_LOCK
    SPIN_ACQUIRE t2
    sd      a0, POINTER(a3)
    ld      t3, EPOCH(a3)
    addi    t3, t3, 1
    fence   w, w
    sd      t3, EPOCH(a3)
    sd      t3, SCHEME_HART_EPOCH(tp)
    la      a4, scheme_harts
    la      a5, hart_count
    lw      a5, 0(a5)
1:  ld      t0, SCHEME_HART_EPOCH(a4)
    bne     t0, t3, 1b
    addi    a4, a4, 1 << SCHEME_HART_SHIFT
    addi    a5, a5, -1
    bnez    a5, 1b
    fence   r, rw
    SPIN_RELEASE t2
    ret
END scheme_replace
