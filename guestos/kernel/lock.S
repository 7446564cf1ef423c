// SPDX-License-Identifier: GPL-2.0-or-later
// Spinlocks and sleeping locks.

#include "assembly.inc"
#include "hart.inc"
#include "lock.inc"

    .text
// spin_acquire: a0 = lock (u32). Preserves a0; clobbers t0, t1.
// .aq: what the previous holder wrote is visible to every access after the swap.
ENTRY spin_acquire
    li      t1, 1
1:  amoswap.w.aq t0, t1, (a0)
    bnez    t0, 2f
    ret
2:  lw      t0, 0(a0)                   // wait by reading, so that the line is not fought for
    bnez    t0, 2b
    j       1b
END spin_acquire

// spin_release: a0 = lock (u32). Preserves a0 and all other registers.
// .rl: the holder's accesses are visible before the lock is seen free.
ENTRY spin_release
    amoswap.w.rl zero, zero, (a0)
    ret
END spin_release

// sleep_lock_acquire: a0 = sleeping lock. Result a0 = 1 if it had to wait, else 0. Clobbers t0-t2, and if it had to wait every
// caller-saved register. May sleep: the caller holds no spinlock.
ENTRY sleep_lock_acquire
    li      t1, 1
1:  amoswap.w.aq t0, t1, (a0)
    bnez    t0, .Lspin
    lw      t0, SLEEP_LOCK_HELD(a0)
    ld      t2, HART_PROCESS(tp)
    bnez    t0, .Lwait
    sw      t1, SLEEP_LOCK_HELD(a0)
    sd      t2, SLEEP_LOCK_OWNER(a0)
    amoswap.w.rl zero, zero, (a0)
    li      a0, 0
    ret
.Lspin:
    lw      t0, 0(a0)
    bnez    t0, .Lspin
    j       1b

.Lwait:
    addi    sp, sp, -16
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    mv      s0, a0
.Lsleep:
    li      t0, 2                       // under the spinlock: the holder will see that someone waits
    sw      t0, SLEEP_LOCK_HELD(s0)
    mv      a0, s0
    mv      a1, s0
    jal     sleep_on
    lw      t0, SLEEP_LOCK_HELD(s0)
    bnez    t0, .Lsleep
    li      t0, 2                       // others may have been woken with us and lost: assume that they wait
    sw      t0, SLEEP_LOCK_HELD(s0)
    ld      t2, HART_PROCESS(tp)
    sd      t2, SLEEP_LOCK_OWNER(s0)
    amoswap.w.rl zero, zero, (s0)
    li      a0, 1
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    addi    sp, sp, 16
    ret
END sleep_lock_acquire

// sleep_lock_release: a0 = sleeping lock that the current process holds. Clobbers t0, t1, and if somebody waits every caller-saved
// register. Does not sleep.
ENTRY sleep_lock_release
    li      t1, 1
1:  amoswap.w.aq t0, t1, (a0)
    bnez    t0, .Lrelease_spin
    lw      t0, SLEEP_LOCK_HELD(a0)
    sd      zero, SLEEP_LOCK_OWNER(a0)
    sw      zero, SLEEP_LOCK_HELD(a0)
    amoswap.w.rl zero, zero, (a0)
    beq     t0, t1, 2f
    j       wake_all                    // 2: wake every sleeper on the lock's address; they try again
2:  ret
.Lrelease_spin:
    lw      t0, 0(a0)
    bnez    t0, .Lrelease_spin
    j       1b
END sleep_lock_release
