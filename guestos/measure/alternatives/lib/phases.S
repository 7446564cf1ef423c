// SPDX-License-Identifier: GPL-2.0-or-later
// What is measured of a scheme, the same for each. Hart 0 leads, the others follow from phase to phase:
//
//   1  every hart calls the empty body                                      path "call"
//   2  hart 0 replaces it while nobody calls                                "replace, idle"
//   3  hart 0 replaces it while the others call bodies that work            "replace, occupied"
//   4  hart 0 replaces it while hart 1 waits inside, as for a disk          "replace, in I/O"
//   5  all harts call, hart 0 replaces in between, at odd moments; each body looks whether it has been replaced for good
//
// 3 and 4 need a second hart. The last line printed tells what was done and how often old code ran after its replacement.
#include "layout.inc"
#include "replug.inc"
#include "scheme.inc"

#define CALLS               256         /* of each hart in phase 1 */
#define IDLE_REPLACEMENTS   32
#define OCCUPIED_REPLACEMENTS 32
#define WAITING_REPLACEMENTS 4
#define STRESS_REPLACEMENTS 200
#define WAIT_TICKS          200         /* 20 microseconds of virtual time */
#define OCCUPIED_TURNS      40          /* of a body in phase 3 */
#define PHASE_END           6

    .text
// main: hart 0 -> a0 = 0, or 1 if old code ran in a scheme that says it is safe.
ENTRY main
    addi    sp, sp, -16
    sd      ra, 8(sp)
    la      t0, scheme_bodies
    ld      a0, 0(t0)
    jal     replace
    li      a0, 1
    jal     begin_phase
    jal     call_empty
    jal     end_phase
    la      t0, scheme_traits
    lw      t0, 0(t0)
    andi    t0, t0, TRAIT_FIXED
    bnez    t0, 1f

    li      a0, 2
    jal     begin_phase
    jal     replace_idle
    jal     end_phase

    la      t0, scheme_bodies           // from here on the bodies work and look
    ld      a0, 16(t0)
    jal     replace
    la      t0, dead
    li      t1, 1
    sw      t1, 4(t0)
    la      t0, current
    sw      zero, 0(t0)

    la      t0, hart_count
    lw      t0, 0(t0)
    li      t1, 2
    bltu    t0, t1, 2f
    li      a0, 3
    jal     begin_phase
    jal     replace_occupied
    jal     end_phase
    li      a0, 4
    jal     begin_phase
    jal     replace_waiting
    jal     end_phase
2:  li      a0, 5
    jal     begin_phase
    jal     replace_under_stress
    jal     end_phase

1:  li      a0, PHASE_END
    jal     begin_phase
    jal     report
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END main

// follow: every other hart: the part of each phase that is not hart 0's, until the last phase.
ENTRY follow
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    li      s0, 0                       // the last phase we were in
1:  jal     scheme_idle_here
    la      t0, phase
    lw      t1, 0(t0)
    beq     t1, s0, 1b
    mv      s0, t1
    fence   r, rw
    li      t0, 1
    beq     s0, t0, 2f
    li      t0, 3
    beq     s0, t0, 3f
    li      t0, 4
    beq     s0, t0, 4f
    li      t0, 5
    beq     s0, t0, 5f
    li      t0, PHASE_END
    beq     s0, t0, 7f
    j       6f
2:  jal     call_empty
    j       6f
3:  li      a0, OCCUPIED_TURNS
    jal     call_until_stopped
    j       6f
4:  ld      t0, SCHEME_HART_ID(tp)
    addi    t0, t0, -1
    bnez    t0, 6f
    jal     wait_inside
    j       6f
5:  li      a0, -1
    jal     call_until_stopped
6:  la      t0, arrived
    li      t1, 1
    amoadd.w.aqrl zero, t1, (t0)
    j       1b
7:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END follow

// scheme_idle_here: the scheme's word of an idle hart.
scheme_idle_here:
    ld      a2, SCHEME_HART_DESCRIPTOR(tp)
    j       scheme_idle

// begin_phase: a0 = phase. The other harts start.
begin_phase:
    la      t0, arrived
    sw      zero, 0(t0)
    la      t0, stop
    sw      zero, 0(t0)
    la      t0, waiting
    sw      zero, 0(t0)
    fence   rw, w
    la      t0, phase
    sw      a0, 0(t0)
    ret

// end_phase: all harts stop calling, and have stopped on return.
end_phase:
    mv      t6, ra
    fence   rw, w
    la      t0, stop
    li      t1, 1
    sw      t1, 0(t0)
1:  jal     scheme_idle_here
    la      t0, hart_count
    lw      t0, 0(t0)
    addi    t0, t0, -1
    la      t1, arrived
    lw      t1, 0(t1)
    bne     t0, t1, 1b
    fence   r, rw
    jr      t6

// call_empty: CALLS calls of the empty body.
call_empty:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    li      s0, CALLS
    ld      a2, SCHEME_HART_DESCRIPTOR(tp)
    li      a1, 0
1:  li      a0, 0
    PATH_BEGIN "call"
    jal     scheme_call
    PATH_END "call"
    addi    s0, s0, -1
    bnez    s0, 1b
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret

// call_until_stopped: a0 = turns of a body, -1 for another number each time. Between two calls it does something else for a while.
call_until_stopped:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    li      s1, 0
1:  ld      a2, SCHEME_HART_DESCRIPTOR(tp)
    li      a1, 0
    mv      a0, s0
    bgez    s0, 2f
    jal     random
    andi    a0, a0, 63
2:  jal     scheme_call_work
    addi    s1, s1, 1
    jal     random
    andi    a0, a0, 127
3:  addi    a0, a0, -1
    bgez    a0, 3b
    la      t0, stop
    lw      t0, 0(t0)
    beqz    t0, 1b
    la      t0, calls
    amoadd.w zero, s1, (t0)
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret

// wait_inside: hart 1 in phase 4: calls a body that waits, as often as hart 0 replaces it.
wait_inside:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    li      s0, WAITING_REPLACEMENTS
1:  la      t0, waiting_round
    sw      s0, 0(t0)
    ld      a2, SCHEME_HART_DESCRIPTOR(tp)
    li      a0, 0
    li      a1, CLINT_MTIME
    ld      a1, 0(a1)
    addi    a1, a1, WAIT_TICKS
    jal     scheme_call_work
    la      t0, calls
    li      t1, 1
    amoadd.w zero, t1, (t0)
2:  jal     scheme_idle_here            // until hart 0 has done its part of this round
    lw      t0, replaced_round
    bne     t0, s0, 2b
    addi    s0, s0, -1
    bnez    s0, 1b
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret

// random -> a0 = pseudo-random number of 32 bits (a linear congruential generator; the upper bits are the good ones). Changes t0, t1.
random:
    ld      a0, SCHEME_HART_RANDOM(tp)
    li      t0, 6364136223846793005
    mul     a0, a0, t0
    li      t1, 1442695040888963407
    add     a0, a0, t1
    sd      a0, SCHEME_HART_RANDOM(tp)
    srli    a0, a0, 32
    ret

// Measured: one replacement. a0 = body, a1 = version.
.macro MEASURED variant
    lw      s3, barriers_sent
    PATH_BEGIN "replace"
    PATH_IS "replace", "\variant"
    jal     scheme_replace
    lw      t0, barriers_sent           // the path ends before this load; the interrupts are counted here
    sub     t0, t0, s3
    PATH_VALUE "replace", "interrupts", 5
    PATH_END "replace"
    nop
.endm

// replace: a0 = body; not measured. Changes t0-t6, a0-a7.
replace:
    la      t0, version
    ld      a1, 0(t0)
    addi    a1, a1, 1
    sd      a1, 0(t0)
    j       scheme_replace

// replace_idle: phase 2, between the two empty bodies.
replace_idle:
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    li      s0, IDLE_REPLACEMENTS
1:  andi    t0, s0, 1
    slli    t0, t0, 3
    la      t1, scheme_bodies
    add     t0, t0, t1
    ld      a0, 0(t0)
    la      t0, version
    ld      a1, 0(t0)
    addi    a1, a1, 1
    sd      a1, 0(t0)
    MEASURED "replace, idle"
    addi    s0, s0, -1
    bnez    s0, 1b
.Lreturn:
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret

// Before a replacement among the bodies that look: a0 = the next one, a1 = version; it is not dead any more.
.macro NEXT_BODY
    lw      s1, current
    xori    s1, s1, 1                   // its index
    la      t0, dead
    slli    t1, s1, 2
    add     t0, t0, t1
    sw      zero, 0(t0)
    la      t0, version
    ld      a1, 0(t0)
    addi    a1, a1, 1
    sd      a1, 0(t0)
    la      t0, scheme_bodies
    slli    t1, s1, 3
    add     t0, t0, t1
    ld      a0, 16(t0)
    fence   rw, rw
.endm

// After it: the one before is dead.
.macro BODY_REPLACED
    fence   rw, rw
    la      t0, dead
    xori    t1, s1, 1
    slli    t1, t1, 2
    add     t0, t0, t1
    li      t1, 1
    sw      t1, 0(t0)
    la      t0, current
    sw      s1, 0(t0)
    la      t0, version
    ld      t0, 0(t0)
    la      t1, versions_returned
    sd      t0, 0(t1)
.endm

// replace_occupied: phase 3.
replace_occupied:
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    li      s0, OCCUPIED_REPLACEMENTS
1:  jal     random
    andi    a0, a0, 0x1ff
2:  addi    a0, a0, -1
    bgez    a0, 2b
    NEXT_BODY
    MEASURED "replace, occupied"
    BODY_REPLACED
    addi    s0, s0, -1
    bnez    s0, 1b
    j       .Lreturn

// replace_waiting: phase 4.
replace_waiting:
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    li      s0, WAITING_REPLACEMENTS
1:  lw      t0, waiting
    bne     t0, s0, 1b
    fence   r, rw
    NEXT_BODY
    MEASURED "replace, in I/O"
    BODY_REPLACED
    la      t0, replaced_round
    sw      s0, 0(t0)
    addi    s0, s0, -1
    bnez    s0, 1b
    j       .Lreturn

// replace_under_stress: phase 5.
replace_under_stress:
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    li      s0, STRESS_REPLACEMENTS
1:  jal     random
    andi    a0, a0, 0xff
2:  addi    a0, a0, -1
    bgez    a0, 2b
    jal     random
    andi    a0, a0, 15
    li      a1, 0
    ld      a2, SCHEME_HART_DESCRIPTOR(tp)
    jal     scheme_call_work
    NEXT_BODY
    jal     scheme_replace
    BODY_REPLACED
    la      t0, calls
    li      t1, 1
    amoadd.w zero, t1, (t0)
    addi    s0, s0, -1
    bnez    s0, 1b
    j       .Lreturn

// report -> a0 = main's result.
report:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    lw      a0, hart_count
    jal     print_decimal
    la      a0, .Lharts
    jal     print_string
    lw      a0, calls
    jal     print_decimal
    la      a0, .Lcalls
    jal     print_string
    ld      a0, version
    jal     print_decimal
    la      a0, .Lreplacements
    jal     print_string
    lw      a0, violations
    jal     print_decimal
    la      a0, .Lviolations
    jal     print_string
    lw      a0, violations
    snez    a0, a0
    lw      t0, scheme_traits
    andi    t0, t0, TRAIT_UNSAFE
    beqz    t0, 1f
    li      a0, 0
1:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret

    .section .rodata
.Lharts:        .asciz " harts, "
.Lcalls:        .asciz " working calls, "
.Lreplacements: .asciz " replacements, "
.Lviolations:   .asciz " violations\n"

    .data
    .balign 64
phase:          .word 0
stop:           .word 0
arrived:        .word 0
current:        .word 0                 // which of the two bodies is the present one
calls:          .word 0
replaced_round: .word 0                 // phase 4: the last round in which hart 0 has replaced
DATA waiting_round                      // u32, phase 4: the round that hart 1 is in
    .word   0
END waiting_round
DATA violations                         // u32, how often old code ran after its replacement had returned
    .word   0
END violations
DATA dead                               // u32[2], by body: 1 once its replacement has returned
    .word   0, 0
END dead
    .balign 8
version:        .dword 0
DATA versions_returned                  // u64, the newest version that a finished replacement brought
    .dword  0
END versions_returned
