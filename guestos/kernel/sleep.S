// SPDX-License-Identifier: GPL-2.0-or-later
// Sleeping until something happens, or until a time, and being woken. All under the scheduler lock (sched.S).

#include "assembly.inc"
#include "replug.inc"
#include "hart.inc"
#include "process.inc"
#include "errno.inc"

#define MILLISECOND         10000                   /* mtime ticks */

    .text
// sleep_on: a0 = channel (any address), a1 = spinlock held. Releases the lock, sleeps until wake_all(channel), takes the lock again.
// Returns after any wake-up: the caller looks again whether what it waits for has come. Preserves s0-s11 only.
ENTRY sleep_on
    addi    sp, sp, -32
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    mv      s0, a0
    mv      s1, a1
    // The scheduler lock first: a wake-up between the release and the sleep would find nobody to wake, for ever.
    la      a0, scheduler_lock
    jal     spin_acquire
    mv      a0, s1
    jal     spin_release
    mv      a0, s0
    jal     sleep_locked
    la      a0, scheduler_lock
    jal     spin_release
    mv      a0, s1
    jal     spin_acquire
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    addi    sp, sp, 32
    ret
END sleep_on

// sleep_locked: a0 = channel. As sleep_on for a caller that holds the scheduler lock and no other spinlock.
ENTRY sleep_locked
    ld      t0, HART_PROCESS(tp)
    sd      a0, PROCESS_CHANNEL(t0)
    li      t1, STATE_SLEEPING
    sw      t1, PROCESS_STATE(t0)
    j       schedule_away
END sleep_locked

// sleep_interruptible: as sleep_on, but a signal ends it too. Result a0 = 0, or -EINTR if one has come: the caller gives up then, and
// the process takes the signal on its way back to user mode. Preserves s0-s11 only.
ENTRY sleep_interruptible
    addi    sp, sp, -32
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    mv      s0, a0
    mv      s1, a1
    la      a0, scheduler_lock
    jal     spin_acquire
    mv      a0, s1
    jal     spin_release
    mv      a0, s0
    jal     sleep_locked_interruptible
    mv      s0, a0
    la      a0, scheduler_lock
    jal     spin_release
    mv      a0, s1
    jal     spin_acquire
    mv      a0, s0
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    addi    sp, sp, 32
    ret
END sleep_interruptible

// sleep_locked_interruptible: a0 = channel. As sleep_interruptible for a caller that holds the scheduler lock and no other spinlock.
ENTRY sleep_locked_interruptible
    addi    sp, sp, -16
    sd      ra, 8(sp)
    ld      t0, HART_PROCESS(tp)
    lw      t1, PROCESS_PENDING(t0)
    bnez    t1, 1f
    li      t1, 1
    sw      t1, PROCESS_INTERRUPTIBLE(t0)
    jal     sleep_locked
    ld      t0, HART_PROCESS(tp)
    sw      zero, PROCESS_INTERRUPTIBLE(t0)
    lw      t1, PROCESS_PENDING(t0)
    li      a0, 0
    beqz    t1, 2f
1:  csrsi   sip, INTERRUPT_SOFTWARE     // taken as soon as the process is in user mode
    li      a0, -EINTR
2:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END sleep_locked_interruptible

// wake_due(): makes those runnable whose time has come. Scheduler lock held. Clobbers t0-t6, a0-a2.
ENTRY wake_due
    la      t6, next_wake
    ld      t0, 0(t6)
    rdtime  a1
    bltu    a1, t0, 4f
    mv      t5, ra
    li      t4, -1                      // the first of those that are left
    la      a0, processes
    li      a2, MAX_PROCESSES
1:  ld      t0, PROCESS_WAKE_TIME(a0)
    beqz    t0, 3f
    bltu    a1, t0, 2f
    sd      zero, PROCESS_WAKE_TIME(a0)
    lw      t0, PROCESS_STATE(a0)
    addi    t0, t0, -STATE_SLEEPING
    bnez    t0, 3f
    jal     make_runnable
    j       3f
2:  bgeu    t0, t4, 3f
    mv      t4, t0
3:  addi    a0, a0, PROCESS_SIZE
    addi    a2, a2, -1
    bnez    a2, 1b
    sd      t4, 0(t6)
    jr      t5
4:  ret
END wake_due

// timer_tick(): from the timer interrupt in user mode. No lock held. Clobbers every caller-saved register.
ENTRY timer_tick
    la      t0, next_wake
    ld      t0, 0(t0)
    rdtime  t1
    bgeu    t1, t0, 1f
    ret
1:  addi    sp, sp, -16
    sd      ra, 8(sp)
    la      a0, scheduler_lock
    jal     spin_acquire
    jal     wake_due
    la      a0, scheduler_lock
    jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END timer_tick

// sys_sleep: a0 = milliseconds. Result 0, or -EINTR.
ENTRY sys_sleep
    PATH_IS "trap", "sleep"
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    li      t0, MILLISECOND
    mul     s0, a0, t0
    li      t0, 1 << 40                 // two days and a bit are for ever
    bltu    s0, t0, 1f
    mv      s0, t0
1:  rdtime  t0
    add     s0, s0, t0
    la      a0, scheduler_lock
    jal     spin_acquire
    ld      s1, HART_PROCESS(tp)
.Lsleep_on:
    rdtime  t0
    li      a0, 0
    bgeu    t0, s0, 3f
    sd      s0, PROCESS_WAKE_TIME(s1)
    la      t0, next_wake
    ld      t1, 0(t0)
    bgeu    s0, t1, 2f
    sd      s0, 0(t0)
2:  addi    a0, s1, PROCESS_WAKE_TIME
    jal     sleep_locked_interruptible
    sd      zero, PROCESS_WAKE_TIME(s1)
    beqz    a0, .Lsleep_on
3:  mv      s0, a0
    la      a0, scheduler_lock
    jal     spin_release
    mv      a0, s0
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END sys_sleep

// wake_all: a0 = channel. Makes every process that sleeps on it runnable. Takes the scheduler lock; the caller may hold others.
// Clobbers t0-t6, a0-a2.
ENTRY wake_all
    mv      t6, ra
    mv      a2, a0
    la      a0, scheduler_lock
    jal     spin_acquire
    mv      a0, a2
    jal     wake_locked
    la      a0, scheduler_lock
    jal     spin_release
    jr      t6
END wake_all

// wake_locked: as wake_all for a caller that holds the scheduler lock. Clobbers t0-t5, a0-a2.
ENTRY wake_locked
    mv      t5, ra
    mv      a1, a0
    la      a0, processes
    li      a2, MAX_PROCESSES
    li      t4, STATE_SLEEPING
1:  lw      t0, PROCESS_STATE(a0)
    bne     t0, t4, 2f
    ld      t0, PROCESS_CHANNEL(a0)
    bne     t0, a1, 2f
    jal     make_runnable
2:  addi    a0, a0, PROCESS_SIZE
    addi    a2, a2, -1
    bnez    a2, 1b
    jr      t5
END wake_locked

    .data
    .balign 8
DATA next_wake                          // u64, mtime at which the next process that sleeps for a time is due, -1 = none; scheduler lock
    .8byte  -1
END next_wake
