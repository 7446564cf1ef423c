// SPDX-License-Identifier: GPL-2.0-or-later
// A sequence lock: code that stays, parameters that change (a policy). The caller writes nothing; the body may run with a mixture of old
// and new parameters, and is then run again, so it must be restartable: it may have no effect before it has been found valid.
#include "scheme.inc"

// The descriptor's parameters are the version, twice. Valid: both are equal, and not older than the version that the last replacement
// finished before this call began had brought.
.macro SEQUENCE_BEGIN restart
\restart:
    lw      t0, SEQUENCE(a2)
    andi    t1, t0, 1
    bnez    t1, \restart                // a replacement is under way
    fence   r, r
    ld      t1, PARAMETER_FIRST(a2)
.endm
.macro SEQUENCE_END restart
    fence   r, r
    lw      t2, SEQUENCE(a2)
    bne     t0, t2, \restart
.endm

    .text
    .balign 4
// The empty body.
ENTRY scheme_call
    SEQUENCE_BEGIN .Lempty
    SEQUENCE_END .Lempty
    ret
END scheme_call

// The working body.
ENTRY scheme_call_work
    mv      a3, a0
    la      t3, versions_returned
    ld      a4, 0(t3)
    fence   r, rw
    SEQUENCE_BEGIN .Lwork
    mv      a0, a3
1:  addi    a0, a0, -1
    bgez    a0, 1b
    beqz    a1, 2f
    jal     t5, harness_wait
2:  ld      t3, PARAMETER_LAST(a2)
    SEQUENCE_END .Lwork
    bne     t1, t3, 3f
    bgeu    t1, a4, 4f
3:  la      t3, violations
    li      t4, 1
    amoadd.w zero, t4, (t3)
4:  ret
END scheme_call_work

    SCHEME_TRAITS TRAIT_SHARED
    NO_IDLE
    NO_BARRIER

ENTRY scheme_replace
    la      a3, descriptors
    addi    t2, a3, OWNER_LOCK
    SPIN_ACQUIRE t2
    lw      t3, SEQUENCE(a3)
    addi    t3, t3, 1
    sw      t3, SEQUENCE(a3)
    fence   w, w
    sd      a1, PARAMETER_FIRST(a3)
    sd      a1, PARAMETER_LAST(a3)
    fence   w, w
    addi    t3, t3, 1
    sw      t3, SEQUENCE(a3)
    SPIN_RELEASE t2
    ret
END scheme_replace

    .section .rodata
    .balign 8
DATA scheme_bodies                      // nothing to choose from
    .dword  0, 0, 0, 0
END scheme_bodies
