// SPDX-License-Identifier: GPL-2.0-or-later
// Inter-hart interrupts, and waiting for a time.
#include "layout.inc"
#include "replug.inc"
#include "scheme.inc"

#define MSTATUS_MIE         0x8
#define MIE_TIMER           0x80
#define MACHINE_SOFTWARE    3
#define MACHINE_TIMER       7

    .text
    .balign 4
// interrupt_vector: every trap. An inter-hart interrupt executes the scheme's barrier and acknowledges it; a timer interrupt switches
// itself off (it only ends a wfi).
ENTRY interrupt_vector
    PATH_BEGIN "barrier on another hart"
    csrrw   tp, mscratch, tp
    sd      t0, SCHEME_HART_SAVED(tp)
    sd      t1, SCHEME_HART_SAVED + 8(tp)
    csrr    t0, mcause
    bgez    t0, .Lexception
    andi    t0, t0, 15
    addi    t0, t0, -MACHINE_SOFTWARE
    bnez    t0, .Ltimer
    sd      ra, SCHEME_HART_SAVED + 16(tp)
    ld      t0, SCHEME_HART_ID(tp)
    slli    t0, t0, 2
    li      t1, CLINT_MSIP
    add     t0, t0, t1
    sw      zero, 0(t0)
    la      t0, barrier_number          // the sender's stores are visible with it
    lw      t0, 0(t0)
    fence   r, rw
    sw      t0, SCHEME_HART_SAVED + 24(tp)
    jal     scheme_barrier
    lw      t0, SCHEME_HART_SAVED + 24(tp)
    fence   rw, w
    sw      t0, SCHEME_HART_ACKNOWLEDGED(tp)
    ld      ra, SCHEME_HART_SAVED + 16(tp)
.Lreturn:
    ld      t0, SCHEME_HART_SAVED(tp)
    ld      t1, SCHEME_HART_SAVED + 8(tp)
    csrrw   tp, mscratch, tp
    PATH_END "barrier on another hart"
    mret
.Ltimer:
    PATH_IS "barrier on another hart", "end of a wait"
    li      t0, MIE_TIMER
    csrc    mie, t0
    j       .Lreturn
.Lexception:
    mv      a0, t0
    j       unexpected_trap
END interrupt_vector

// barrier_on_all(): every other hart has executed scheme_barrier, after what the caller stored before; what they stored before it is
// visible to the caller. One caller at a time. Changes t0-t5.
ENTRY barrier_on_all
    la      t0, barrier_number
    lw      t1, 0(t0)
    addi    t1, t1, 1
    sw      t1, 0(t0)
    la      t0, hart_count
    lw      t2, 0(t0)
    ld      t3, SCHEME_HART_ID(tp)
    li      t4, CLINT_MSIP
    li      t5, 1
    li      t0, 0
    fence   rw, rw                      // the number, and all before it, before the interrupts
1:  beq     t0, t3, 2f
    sw      t5, 0(t4)
2:  addi    t4, t4, 4
    addi    t0, t0, 1
    bltu    t0, t2, 1b
    la      t0, barriers_sent
    lw      t4, 0(t0)
    add     t4, t4, t2
    addi    t4, t4, -1
    sw      t4, 0(t0)
    la      t4, scheme_harts
    li      t0, 0
3:  beq     t0, t3, 5f
4:  lw      t5, SCHEME_HART_ACKNOWLEDGED(t4)
    bne     t5, t1, 4b
5:  addi    t4, t4, 1 << SCHEME_HART_SHIFT
    addi    t0, t0, 1
    bltu    t0, t2, 3b
    fence   r, rw
    ret
END barrier_on_all

// harness_wait: until the time a1 (mtime), asleep; called through t5. Changes t2, t6, a5.
ENTRY harness_wait
    li      t2, CLINT_MTIMECMP
    ld      t6, SCHEME_HART_ID(tp)
    slli    t6, t6, 3
    add     t2, t2, t6
    sd      a1, 0(t2)
    lw      t6, waiting_round
    la      t2, waiting
    sw      t6, 0(t2)                   // whoever is to find us here may look now
    li      t6, MIE_TIMER
    csrs    mie, t6
1:  csrci   mstatus, MSTATUS_MIE        // no interrupt between the look at the time and the wfi, which a pending one ends
    li      t2, CLINT_MTIME
    ld      t2, 0(t2)
    bgeu    t2, a1, 2f
    wfi
    csrsi   mstatus, MSTATUS_MIE        // here it is taken
    j       1b
2:  csrc    mie, t6
    csrsi   mstatus, MSTATUS_MIE
    jr      t5
END harness_wait

    .data
    .balign 64
DATA barrier_number                     // u32
    .word   0
END barrier_number
DATA barriers_sent                      // u32, inter-hart interrupts so far
    .word   0
END barriers_sent
DATA waiting                            // u32, the round in which a hart waits, or has waited, inside a body
    .word   0
END waiting
