// SPDX-License-Identifier: GPL-2.0-or-later
// Record locks: fcntl. A process locks bytes of a file for reading (with others) or for writing (alone). The locks are enforced: a read or
// write that meets another process's lock waits for it. So reading must ask for them at every call, unless it is known that there are
// none (NO_USER_LOCKS).
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"
#include "syscall.inc"
#include "user_lock.inc"

    .text

// sys_fcntl(a0 fd, a1 F_GETLK, F_SETLK or F_SETLKW, a2 user address of a lock) -> 0 or -errno: -EAGAIN if it is locked by others,
// -ENOLCK if there is no room for more locks, -EDEADLK if whoever is in the way waits for the caller.
ENTRY sys_fcntl
    PATH_IS "trap", "fcntl"
    addi    sp, sp, -80
    sd      ra, 72(sp)
    sd      s0, 64(sp)
    sd      s1, 56(sp)
    sd      s2, 48(sp)
    sd      s3, 40(sp)
    sd      s4, 32(sp)
    mv      s1, a1                      // what to do
    mv      s2, a2
    jal     descriptor_of
    bltz    a0, .Lfcntl_return
    ld      t0, DESCRIPTOR_FILE(a0)
    lw      s4, FILE_FLAGS(t0)
    ld      t0, FILE_VNODE(t0)
    ld      s0, VNODE_DATA(t0)          // inode, which the open file keeps
    lw      t0, VNODE_TYPE(t0)
    addi    t0, t0, -VNODE_REGULAR
    bnez    t0, .Lfcntl_invalid
    addi    t0, s1, -F_GETLK
    li      t1, F_SETLKW - F_GETLK
    bgtu    t0, t1, .Lfcntl_invalid
    mv      a0, sp
    mv      a1, s2
    li      a2, FLOCK_BYTES
    jal     copy_from_user
    bltz    a0, .Lfcntl_return
    ld      a1, FLOCK_START(sp)
    ld      a2, FLOCK_LENGTH(sp)
    bltz    a1, .Lfcntl_invalid
    bltz    a2, .Lfcntl_invalid
    add     t0, a1, a2
    bltz    t0, .Lfcntl_invalid
    bnez    a2, 1f
    li      t0, -1
1:  sd      t0, FLOCK_LENGTH(sp)        // its end
    lw      a3, FLOCK_TYPE(sp)
    li      t0, F_UNLCK
    bgtu    a3, t0, .Lfcntl_invalid
    beq     a3, t0, 2f
    andi    t0, s4, O_ACCMODE           // what it is locked for it must be open for
    addi    t1, t0, -O_RDWR
    beqz    t1, 2f
    li      a0, -EBADF
    bne     t0, a3, .Lfcntl_return      // O_RDONLY is F_RDLCK, O_WRONLY is F_WRLCK
2:  la      a0, user_locks_lock
    jal     spin_acquire
    li      t0, F_GETLK
    beq     s1, t0, .Lget
    lw      t0, FLOCK_TYPE(sp)
    addi    t0, t0, -F_UNLCK
    beqz    t0, .Ltry
    // A lock about to be made counts: nobody specialises the file now, and who is specialised is replugged before the lock is there.
    lw      t0, INODE_USER_LOCKS(s0)
    addi    t0, t0, 1
    sw      t0, INODE_USER_LOCKS(s0)
    jal     spin_release
    mv      a0, s0
    jal     guard_user_lock
    la      a0, user_locks_lock
    jal     spin_acquire
.Ltry:
    mv      a0, s0
    ld      a1, FLOCK_START(sp)
    ld      a2, FLOCK_LENGTH(sp)
    lw      a3, FLOCK_TYPE(sp)
    li      t0, F_UNLCK
    beq     a3, t0, .Lset
    jal     user_lock_conflict          // F_SETLKW waits for that one
    beqz    a0, .Lset
    li      s3, -EAGAIN
    li      t0, F_SETLK
    beq     s1, t0, .Lfcntl_unlock
    jal     user_lock_sleep
    mv      s3, a0
    beqz    a0, .Ltry
    j       .Lfcntl_unlock

.Lset:
    jal     user_lock_set
    mv      s3, a0
    bltz    a0, .Lfcntl_unlock
    jal     user_locks_wake             // it may have become less, or shared
    j       .Lfcntl_unlock

.Lget:
    mv      a0, s0
    ld      a1, FLOCK_START(sp)
    ld      a2, FLOCK_LENGTH(sp)
    lw      a3, FLOCK_TYPE(sp)
    jal     user_lock_conflict
    li      t0, F_UNLCK
    sw      t0, FLOCK_TYPE(sp)
    sw      zero, FLOCK_PROCESS(sp)
    ld      t1, FLOCK_LENGTH(sp)
    ld      t0, FLOCK_START(sp)
    beqz    a0, 3f
    lw      t0, LOCK_TYPE(a0)
    sw      t0, FLOCK_TYPE(sp)
    ld      t0, LOCK_PROCESS(a0)
    lw      t0, PROCESS_ID(t0)
    sw      t0, FLOCK_PROCESS(sp)
    ld      t0, LOCK_START(a0)
    sd      t0, FLOCK_START(sp)
    ld      t1, LOCK_END(a0)
3:  sub     t0, t1, t0                  // from its end back to its length
    bgez    t1, 4f
    li      t0, 0
4:  sd      t0, FLOCK_LENGTH(sp)
    la      a0, user_locks_lock
    jal     spin_release
    mv      a0, s2
    mv      a1, sp
    li      a2, FLOCK_BYTES
    jal     copy_to_user
    j       .Lfcntl_return

.Lfcntl_unlock:
    lw      t0, FLOCK_TYPE(sp)
    addi    t0, t0, -F_UNLCK
    beqz    t0, 5f
    lw      t0, INODE_USER_LOCKS(s0)    // made, and counted as such; or not
    addi    t0, t0, -1
    sw      t0, INODE_USER_LOCKS(s0)
5:  lw      t1, specialise_chances
    lw      t0, INODE_USER_LOCKS(s0)
    bnez    t0, 6f
    sw      t1, INODE_CHANCE(s0)        // "no locks" is true again
6:  la      a0, user_locks_lock
    jal     spin_release
    mv      a0, s3
.Lfcntl_return:
    ld      ra, 72(sp)
    ld      s0, 64(sp)
    ld      s1, 56(sp)
    ld      s2, 48(sp)
    ld      s3, 40(sp)
    ld      s4, 32(sp)
    addi    sp, sp, 80
    ret
.Lfcntl_invalid:
    li      a0, -EINVAL
    j       .Lfcntl_return
END sys_fcntl

// user_lock_conflict(a0 inode, a1 start, a2 end, a3 type) -> a0 = another process's lock that stands in the way of such a lock, or of
// such an access, for the current process; or 0. user_locks_lock held. Changes t0-t3.
user_lock_conflict:
    ld      t3, HART_PROCESS(tp)
    la      t0, user_locks
    la      t1, user_locks_end
1:  ld      t2, LOCK_INODE(t0)
    bne     t2, a0, 2f
    ld      t2, LOCK_PROCESS(t0)
    beq     t2, t3, 2f
    ld      t2, LOCK_START(t0)
    bgeu    t2, a2, 2f
    ld      t2, LOCK_END(t0)
    bgeu    a1, t2, 2f
    lw      t2, LOCK_TYPE(t0)
    or      t2, t2, a3                  // F_RDLCK is 0: two readers are no conflict
    bnez    t2, 3f
2:  addi    t0, t0, LOCK_BYTES
    bltu    t0, t1, 1b
    li      t0, 0
3:  mv      a0, t0
    ret

// user_lock_set: s0 = inode, and on the caller's stack the lock (LENGTH is its end) -> a0 = 0 or -ENOLCK. What the current process had
// locked there before gives way. user_locks_lock held. Changes t0-t6, a1-a7.
user_lock_set:
    ld      a1, FLOCK_START(sp)
    ld      a2, FLOCK_LENGTH(sp)
    lw      a3, FLOCK_TYPE(sp)
    ld      a4, HART_PROCESS(tp)
    la      t1, user_locks_end
    // One old lock may fall into two parts, and the new one needs a place.
    la      t0, user_locks
    li      a5, 0
    li      a6, 0                       // the last two free places
1:  ld      t2, LOCK_INODE(t0)
    bnez    t2, 2f
    mv      a6, a5
    mv      a5, t0
2:  addi    t0, t0, LOCK_BYTES
    bltu    t0, t1, 1b
    li      a0, -ENOLCK
    beqz    a6, 9f
    lw      a7, INODE_USER_LOCKS(s0)
    la      t0, user_locks
3:  ld      t2, LOCK_INODE(t0)
    bne     t2, s0, 7f
    ld      t2, LOCK_PROCESS(t0)
    bne     t2, a4, 7f
    ld      t2, LOCK_START(t0)
    ld      t3, LOCK_END(t0)
    bgeu    t2, a2, 7f
    bgeu    a1, t3, 7f
    bltu    t2, a1, 4f
    bltu    a2, t3, 6f
    sd      zero, LOCK_INODE(t0)        // all of it
    addi    a7, a7, -1
    j       7f
4:  sd      a1, LOCK_END(t0)            // what is before stays
    bgeu    a2, t3, 7f
    sd      s0, LOCK_INODE(a6)          // and what is behind
    sd      a4, LOCK_PROCESS(a6)
    sd      a2, LOCK_START(a6)
    sd      t3, LOCK_END(a6)
    lw      t4, LOCK_TYPE(t0)
    sw      t4, LOCK_TYPE(a6)
    addi    a7, a7, 1
    j       7f
6:  sd      a2, LOCK_START(t0)
7:  addi    t0, t0, LOCK_BYTES
    bltu    t0, t1, 3b
    li      t0, F_UNLCK
    beq     a3, t0, 8f
    sd      s0, LOCK_INODE(a5)
    sd      a4, LOCK_PROCESS(a5)
    sd      a1, LOCK_START(a5)
    sd      a2, LOCK_END(a5)
    sw      a3, LOCK_TYPE(a5)
    addi    a7, a7, 1
8:  sw      a7, INODE_USER_LOCKS(s0)
    li      a0, 0
9:  ret

// user_lock_sleep(a0 lock that is in the way) -> a0 = 0 once something has changed, -EINTR, or -EDEADLK: its process waits, perhaps by way of
// others, for a lock of the current process. user_locks_lock held. Preserves s0-s11 only.
user_lock_sleep:
    ld      t3, HART_PROCESS(tp)
    ld      t2, LOCK_PROCESS(a0)
    mv      t0, t2
    li      a0, -EDEADLK
1:  beq     t0, t3, 2f
    ld      t0, PROCESS_WAITS_FOR(t0)   // ends: nobody began to wait who would have closed a circle
    bnez    t0, 1b
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      t2, PROCESS_WAITS_FOR(t3)
    la      a0, user_locks
    la      a1, user_locks_lock
    jal     sleep_interruptible
    ld      t3, HART_PROCESS(tp)
    sd      zero, PROCESS_WAITS_FOR(t3)
    ld      ra, 8(sp)
    addi    sp, sp, 16
2:  ret

// user_locks_wake(): locks have changed: whoever waits for one looks again, and until then waits for nobody. user_locks_lock held. Clobbers
// t0-t6, a0-a2.
user_locks_wake:
    la      t0, processes
    li      t1, MAX_PROCESSES
1:  sd      zero, PROCESS_WAITS_FOR(t0)
    addi    t0, t0, PROCESS_SIZE
    addi    t1, t1, -1
    bnez    t1, 1b
    la      a0, user_locks
    j       wake_all

// user_locks_wait(a0 inode, a1 offset, a2 bytes, a3 = F_RDLCK for a read, F_WRLCK for a write) -> a0 = 0 once nobody else has locked
// these bytes, or -EINTR, or -EDEADLK. The caller holds no lock. May sleep.
ENTRY user_locks_wait
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a0
    mv      s1, a1
    bgez    a1, 1f
    ld      s1, INODE_SIZE(a0)          // appending: from the end, as it is now
1:  add     s2, s1, a2
    bgeu    s2, s1, 2f
    li      s2, -1
2:  mv      s3, a3
    la      a0, user_locks_lock
    jal     spin_acquire
3:  mv      a0, s0
    mv      a1, s1
    mv      a2, s2
    mv      a3, s3
    jal     user_lock_conflict
    beqz    a0, 4f
    jal     user_lock_sleep
    beqz    a0, 3b
4:  mv      s0, a0
    la      a0, user_locks_lock
    jal     spin_release
    mv      a0, s0
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
END user_locks_wait

// user_locks_drop(a0 inode, referenced): all of the current process's locks on it go, for it has closed a descriptor of it.
ENTRY user_locks_drop
    lw      t0, INODE_USER_LOCKS(a0)
    bnez    t0, 1f
    ret
1:  addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    la      a0, user_locks_lock
    jal     spin_acquire
    ld      a2, HART_PROCESS(tp)
    la      t0, user_locks
    la      t1, user_locks_end
2:  ld      t2, LOCK_INODE(t0)
    bne     t2, a1, 3f
    ld      t2, LOCK_PROCESS(t0)
    bne     t2, a2, 3f
    sd      zero, LOCK_INODE(t0)
    lw      t2, INODE_USER_LOCKS(a1)
    addi    t2, t2, -1
    sw      t2, INODE_USER_LOCKS(a1)
3:  addi    t0, t0, LOCK_BYTES
    bltu    t0, t1, 2b
    jal     user_locks_wake
    la      a0, user_locks_lock
    ld      ra, 8(sp)
    addi    sp, sp, 16
    j       spin_release
END user_locks_drop

    .bss
    .balign 8
DATA user_locks
    .skip   USER_LOCKS * LOCK_BYTES
END user_locks
user_locks_end:
user_locks_lock:
    .skip   4
