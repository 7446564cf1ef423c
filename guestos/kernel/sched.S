// SPDX-License-Identifier: GPL-2.0-or-later
// Which process runs on which hart. One lock guards the run queue, all process states and the set of idle harts.
//
// The lock is held across every context switch: the process that leaves holds it, the scheduler releases it or hands it to the
// process that comes. So nobody sees a process as runnable, sleeping or dead while a hart is still on its kernel stack or its page
// table. (Waiting for something, and for a time, is sleep.S.)

#include "assembly.inc"
#include "replug.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"
#include "errno.inc"

#define SWITCH_SIZE         112                     /* ra, s0-s11, gp: see process.S for a new process */

    .text
// scheduler: runs processes on this hart for ever. On the hart's own stack, no lock held.
ENTRY scheduler
    PATH_THREAD 4
    la      s0, scheduler_lock
    la      s1, run_queue
    mv      a0, s0
    jal     spin_acquire
.Lnext:
    ld      s2, 0(s1)
    beqz    s2, .Lidle
    ld      t0, PROCESS_NEXT(s2)
    sd      t0, 0(s1)
    bnez    t0, 1f
    sd      zero, 8(s1)
1:  li      t0, STATE_RUNNING
    sw      t0, PROCESS_STATE(s2)
    sd      s2, HART_PROCESS(tp)
    ld      t0, PROCESS_FRAME(s2)
    sd      tp, FRAME_HART(t0)

    csrr    t0, satp
    ld      t1, PROCESS_SATP(s2)
    beq     t0, t1, 2f
    csrw    satp, t1
    sfence.vma                          // no ASIDs: everything of the previous address space goes
2:  // The first time here: this hart may still fetch what its pages held before its program was stored in them.
    lw      t0, PROCESS_HARTS(s2)
    ld      t1, HART_ID(tp)
    li      t2, 1
    sll     t2, t2, t1
    and     t1, t0, t2
    bnez    t1, 3f
    or      t0, t0, t2
    sw      t0, PROCESS_HARTS(s2)
    fence.i
3:  rdtime  t0                          // a whole interval of its own
    addi    t0, t0, TIMER_INTERVAL
    ld      t1, HART_TIMECMP(tp)
    sd      t0, 0(t1)

    addi    a0, tp, HART_SCHEDULER_SP
    ld      a1, PROCESS_SP(s2)
    mv      a2, s2
    jal     context_switch
    sd      zero, HART_PROCESS(tp)
    j       .Lnext

    // Nothing to run. Leave the last process's page table before the lock: another hart may run that process and free it.
    // Whoever makes a process runnable sees this hart's idle bit and raises its software interrupt, which stays pending if it comes
    // before the wfi. Idle harts do not tick: the timer comes for the first process that sleeps for a time, if there is one.
.Lidle:
    la      t0, kernel_satp
    ld      t0, 0(t0)
    csrr    t1, satp
    beq     t0, t1, 4f
    csrw    satp, t0
    sfence.vma
4:  la      t0, next_wake
    ld      t0, 0(t0)
    ld      t1, HART_TIMECMP(tp)
    sd      t0, 0(t1)
    ld      t1, HART_ID(tp)
    li      t0, 1
    sll     s3, t0, t1
    la      s4, idle_harts
    lw      t0, 0(s4)
    or      t0, t0, s3
    sw      t0, 0(s4)
    mv      a0, s0
    jal     spin_release
    wfi                                 // interrupts are off: a pending one ends the wfi and is served here
    csrci   sip, INTERRUPT_SOFTWARE
    csrr    t0, sip
    andi    t0, t0, INTERRUPT_EXTERNAL
    beqz    t0, 5f
    jal     plic_handle
5:  mv      a0, s0
    jal     spin_acquire
    lw      t0, 0(s4)
    not     t1, s3
    and     t0, t0, t1
    sw      t0, 0(s4)
    jal     wake_due
    j       .Lnext
END scheduler

// context_switch: a0 = where to keep this stack's sp, a1 = sp to go on with, a2 = the thread that goes on there (struct process,
// or struct hart for the scheduler). Returns on the other stack, where that thread once called. Scheduler lock held.
// Saves ra, s0-s11 and gp; the user's gp is among the registers that the kernel leaves alone.
ENTRY context_switch
    addi    sp, sp, -SWITCH_SIZE
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    sd      s6, 56(sp)
    sd      s7, 64(sp)
    sd      s8, 72(sp)
    sd      s9, 80(sp)
    sd      s10, 88(sp)
    sd      s11, 96(sp)
    sd      gp, 104(sp)
    sd      sp, 0(a0)
    PATH_THREAD 12
    mv      sp, a1
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    ld      s6, 56(sp)
    ld      s7, 64(sp)
    ld      s8, 72(sp)
    ld      s9, 80(sp)
    ld      s10, 88(sp)
    ld      s11, 96(sp)
    ld      gp, 104(sp)
    addi    sp, sp, SWITCH_SIZE
    ret
END context_switch

// schedule_away: gives the hart to the scheduler. The current process has another state than running by now and the scheduler lock
// is held; it is held again on return, perhaps on another hart. Preserves s0-s11 only.
ENTRY schedule_away
    ld      a0, HART_PROCESS(tp)
    addi    a0, a0, PROCESS_SP
    ld      a1, HART_SCHEDULER_SP(tp)
    mv      a2, tp
    j       context_switch
END schedule_away

// make_runnable: a0 = process that is not in the run queue. Scheduler lock held. Appends it, and wakes an idle hart if there is one.
// Clobbers t0-t3.
ENTRY make_runnable
    li      t0, STATE_RUNNABLE
    sw      t0, PROCESS_STATE(a0)
    sd      zero, PROCESS_NEXT(a0)
    la      t0, run_queue
    ld      t1, 8(t0)
    sd      a0, 8(t0)
    beqz    t1, 1f
    sd      a0, PROCESS_NEXT(t1)
    j       2f
1:  sd      a0, 0(t0)
2:  la      t0, idle_harts
    lw      t1, 0(t0)
    beqz    t1, 4f
    neg     t2, t1
    and     t2, t2, t1                  // the lowest idle hart; it is spoken for from now on
    xor     t1, t1, t2
    sw      t1, 0(t0)
    li      t0, CLINT_MSIP
    li      t3, 1
3:  beq     t2, t3, 5f
    srli    t2, t2, 1
    addi    t0, t0, 4
    j       3b
5:  sw      t3, 0(t0)                   // it finds the process under the lock, so no fence is needed for the data
4:  ret
END make_runnable

// preempt: the current process goes to the end of the run queue, if anybody waits there. Preserves s0-s11 only.
ENTRY preempt
    addi    sp, sp, -16
    sd      ra, 0(sp)
    la      a0, scheduler_lock
    jal     spin_acquire
    la      t0, run_queue
    ld      t0, 0(t0)
    beqz    t0, 1f
    ld      a0, HART_PROCESS(tp)
    jal     make_runnable
    jal     schedule_away
1:  la      a0, scheduler_lock
    jal     spin_release
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
END preempt

    .bss
    .balign 8
run_queue:                              // first and last process; scheduler lock
    .skip   16
DATA scheduler_lock
    .skip   4
END scheduler_lock
idle_harts:                             // u32, bit h: hart h found nothing to run; scheduler lock
    .skip   4
