// SPDX-License-Identifier: GPL-2.0-or-later
// Signals: ending a process, or its sleep, from outside. (Handlers are in signal_handler.S.)
//
// A process takes a signal in one place: on its way back to user mode from an interrupt (signal_deliver). Whoever posts one sees to
// it that this comes soon: a process that runs gets a software interrupt, one that sleeps interruptibly is woken and gets -EINTR.
// So a system call is never cut off in the middle, and the specialised paths need to know nothing of signals (the paper's first
// assumption, section 4.1); and the way back from a system call asks for none, and costs nothing.

#include "assembly.inc"
#include "replug.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"
#include "syscall.inc"
#include "errno.inc"

    .text
// signal_post: a0 = process, a1 = signal. Scheduler lock held. Clobbers t0-t3.
ENTRY signal_post
    li      t1, 1
    sllw    t1, t1, a1
    lw      t0, PROCESS_IGNORED(a0)
    and     t0, t0, t1
    bnez    t0, 2f
    lw      t0, PROCESS_PENDING(a0)
    or      t0, t0, t1
    sw      t0, PROCESS_PENDING(a0)
    lw      t0, PROCESS_STATE(a0)
    li      t1, STATE_RUNNING
    beq     t0, t1, 1f
    li      t1, STATE_SLEEPING
    bne     t0, t1, 2f                  // one that only waits for a hart takes it at its next timer tick
    lw      t0, PROCESS_INTERRUPTIBLE(a0)
    beqz    t0, 2f
    j       make_runnable
1:  ld      t0, PROCESS_FRAME(a0)
    ld      t0, FRAME_HART(t0)
    beq     t0, tp, 3f
    ld      t0, HART_MSIP(t0)
    li      t1, 1
    sw      t1, 0(t0)
2:  ret
3:  csrsi   sip, INTERRUPT_SOFTWARE     // the current process itself
    ret
END signal_post

// signal_current: a0 = signal. To the current process. Takes the scheduler lock. Clobbers t0-t3, a0, a1.
ENTRY signal_current
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    la      a0, scheduler_lock
    jal     spin_acquire
    ld      a0, HART_PROCESS(tp)
    jal     signal_post
    la      a0, scheduler_lock
    jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END signal_current

// signal_everybody: a0 = signal. To every process but the first: what Ctrl-C does. Takes the scheduler lock. Clobbers every
// caller-saved register.
ENTRY signal_everybody
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    la      a0, scheduler_lock
    jal     spin_acquire
    la      a0, processes + PROCESS_SIZE
    li      a2, MAX_PROCESSES - 1
1:  lw      t0, PROCESS_STATE(a0)
    addi    t0, t0, -STATE_RUNNABLE
    li      t1, STATE_SLEEPING - STATE_RUNNABLE
    bgtu    t0, t1, 2f
    jal     signal_post
2:  addi    a0, a0, PROCESS_SIZE
    addi    a2, a2, -1
    bnez    a2, 1b
    la      a0, scheduler_lock
    jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END signal_everybody

// signal_deliver(): from an interrupt in user mode: the current process takes its signals. Does not return if one of them ends it.
// No lock held. Clobbers every caller-saved register.
ENTRY signal_deliver
    ld      t0, HART_PROCESS(tp)
    lw      t0, PROCESS_PENDING(t0)
    bnez    t0, 1f
    ret
1:  addi    sp, sp, -16
    sd      ra, 8(sp)
    la      a0, scheduler_lock
    jal     spin_acquire
    ld      t0, HART_PROCESS(tp)
    lw      t2, PROCESS_PENDING(t0)
    lw      t1, PROCESS_CAUGHT(t0)      // those have done what they do
    not     t1, t1
    and     t2, t2, t1
    lw      t1, PROCESS_HANDLED(t0)
    and     t3, t2, t1                  // t3: for the handler
    xor     t1, t2, t3                  // t1: they end it
    sw      t3, PROCESS_PENDING(t0)
    bnez    t1, 2f
    lw      t1, PROCESS_HANDLING(t0)
    beqz    t3, 4f
    bnez    t1, 4f                      // not before the one that runs is over
    j       signal_handle
4:  jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
2:  jal     spin_release
    li      a0, STATUS_KILLED
3:  andi    t0, t1, 1                   // the lowest one
    bnez    t0, process_exit
    srli    t1, t1, 1
    addi    a0, a0, 1
    j       3b
END signal_deliver

// sys_kill: a0 = process identifier, a1 = signal, 0 to see whether there is such a process. Result 0 or -errno.
ENTRY sys_kill
    PATH_IS "trap", "kill"
    li      t0, SIGNALS
    bgeu    a1, t0, .Lbad_signal
    li      t0, 1
    beq     a0, t0, .Lfirst             // the end of the first process is the machine's
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a2, a0
    la      a0, scheduler_lock
    jal     spin_acquire
    la      a0, processes
    li      a3, MAX_PROCESSES
1:  lw      t0, PROCESS_STATE(a0)
    li      t1, STATE_EMBRYO
    bgeu    t1, t0, 2f                  // free, or not there yet
    lw      t0, PROCESS_ID(a0)
    beq     t0, a2, 3f
2:  addi    a0, a0, PROCESS_SIZE
    addi    a3, a3, -1
    bnez    a3, 1b
    li      a2, -ESRCH
    j       4f
3:  li      a2, 0
    beqz    a1, 4f
    jal     signal_post
4:  la      a0, scheduler_lock
    jal     spin_release
    mv      a0, a2
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
.Lbad_signal:
    li      a0, -EINVAL
    ret
.Lfirst:
    li      a0, -EPERM
    ret
END sys_kill

// sys_signal: a0 = signal, a1 = what it does to the current process from now on (SIGNAL_*, or the address of a handler, of which a process
// has one for all signals). Result: what it did before, or -EINVAL. A child of fork inherits it; exec makes the default of SIGNAL_INTERRUPT and
// of handlers.
ENTRY sys_signal
    PATH_IS "trap", "signal"
    addi    t0, a0, -1
    li      t1, SIGNALS - 1
    bgeu    t0, t1, .Lbad_signal
    li      t0, SIGKILL
    beq     a0, t0, .Lbad_signal
    li      t0, SIGNAL_INTERRUPT
    bleu    a1, t0, 1f
    srli    t0, a1, 30
    addi    t0, t0, -USER_GIGAPAGE
    bnez    t0, .Lbad_signal
1:  addi    sp, sp, -16
    sd      ra, 8(sp)
    li      a2, 1
    sllw    a2, a2, a0
    la      a0, scheduler_lock
    jal     spin_acquire
    ld      a3, HART_PROCESS(tp)
    lw      t0, PROCESS_IGNORED(a3)
    lw      t1, PROCESS_CAUGHT(a3)
    lw      a5, PROCESS_HANDLED(a3)
    ld      a4, PROCESS_HANDLER(a3)
    and     t2, a5, a2
    bnez    t2, 1f
    li      a4, SIGNAL_IGNORE
    and     t2, t0, a2
    bnez    t2, 1f
    li      a4, SIGNAL_INTERRUPT
    and     t2, t1, a2
    bnez    t2, 1f
    li      a4, SIGNAL_DEFAULT
1:  not     t2, a2
    and     t0, t0, t2
    and     t1, t1, t2
    and     a5, a5, t2
    li      t2, SIGNAL_INTERRUPT
    bleu    a1, t2, 4f
    or      a5, a5, a2
    sd      a1, PROCESS_HANDLER(a3)
4:  li      t2, SIGNAL_IGNORE
    bne     a1, t2, 2f
    or      t0, t0, a2
2:  li      t2, SIGNAL_INTERRUPT
    bne     a1, t2, 3f
    or      t1, t1, a2
3:  sw      t0, PROCESS_IGNORED(a3)
    sw      t1, PROCESS_CAUGHT(a3)
    sw      a5, PROCESS_HANDLED(a3)
    jal     spin_release
    mv      a0, a4
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END sys_signal
