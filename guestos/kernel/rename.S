// SPDX-License-Identifier: GPL-2.0-or-later
// Giving a file or directory another name in the place of the one it has.
//
// There is no moment at which neither name leads to it, but one at which both do. The namespace lock (namespace.S) keeps all
// directories as they are, so one inode at a time is locked.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"

#define PATHS               (2 * PATH_MAX)
#define OLD_OFFSET          (PATHS + 0)
#define NEW_OFFSET          (PATHS + 8)
#define NAME                (PATHS + 16)

    .text

// sys_rename(a0 user path, a1 user path of the new name, on the same file system) -> 0 or -errno. A file that has the new name loses it; so
// does a directory, if it is empty, to a directory.
ENTRY sys_rename
    PATH_IS "trap", "rename"
    addi    sp, sp, -PATHS - 80
    sd      ra, PATHS + 72(sp)
    sd      s0, PATHS + 64(sp)
    sd      s1, PATHS + 56(sp)
    sd      s2, PATHS + 48(sp)
    sd      s3, PATHS + 40(sp)
    sd      s4, PATHS + 32(sp)
    sd      s5, PATHS + 24(sp)
    mv      a2, a1
    mv      a1, a0
    mv      a0, sp
    jal     paths_from_user
    mv      s2, a0                      // result
    bltz    a0, .Lreturn
    la      a0, namespace_lock
    jal     sleep_lock_acquire

    // What moves.
    mv      a0, sp
    jal     path_walk
    mv      s2, a0
    bltz    a0, .Lunlock_namespace
    mv      s0, a0                      // s0: the directory that it is in, locked
    li      s2, -EBUSY
    bnez    a1, .Lunlock_old            // the root
    sd      a2, NAME(sp)
    mv      a0, a2
    jal     name_is_dots
    li      s2, -EINVAL
    bnez    a0, .Lunlock_old
    mv      a0, s0
    ld      a1, NAME(sp)
    jal     directory_lookup
    mv      s2, a0
    bltz    a0, .Lunlock_old
    sd      a1, OLD_OFFSET(sp)
    ld      t0, INODE_MOUNT(s0)
    li      s2, -EBUSY
    bne     t0, a2, .Lunlock_old        // a file system is mounted there
    mv      a1, a0
    mv      a0, a2
    jal     inode_get
    mv      s2, a0
    bltz    a0, .Lunlock_old
    mv      s1, a0                      // s1: what it is, referenced
    mv      a0, s0
    jal     inode_unlock
    li      s2, -EIO
    beq     s1, s0, .Lrelease           // a directory that is its own child: a damaged file system
    mv      a0, s1
    jal     inode_lock
    mv      s2, a0
    bltz    a0, .Lrelease
    lhu     s5, INODE_TYPE(s1)          // s5: its type
    mv      a0, s1
    jal     inode_unlock

    // Where it goes, and what is there.
    addi    a0, sp, PATH_MAX
    jal     path_walk
    mv      s2, a0
    bltz    a0, .Lrelease
    mv      s3, a0                      // s3: the directory that it comes to, locked
    li      s4, 0                       // s4: what has the name now, referenced, or 0
    li      s2, -EBUSY
    bnez    a1, .Lunlock_new
    sd      a2, NAME(sp)
    mv      a0, a2
    jal     name_is_dots
    li      s2, -EINVAL
    bnez    a0, .Lunlock_new
    ld      t0, INODE_MOUNT(s0)
    ld      t1, INODE_MOUNT(s3)
    li      s2, -EXDEV
    bne     t0, t1, .Lunlock_new
    mv      a0, s3
    ld      a1, NAME(sp)
    jal     directory_lookup
    sd      a1, NEW_OFFSET(sp)
    bltz    a0, 1f
    ld      t0, INODE_MOUNT(s3)
    li      s2, -EBUSY
    bne     t0, a2, .Lunlock_new
    mv      a1, a0
    mv      a0, a2
    jal     inode_get
    mv      s2, a0
    bltz    a0, .Lunlock_new
    mv      s4, a0
    li      s2, 0
    beq     s4, s1, .Lunlock_new        // they are names of the same file: nothing to do
    li      s2, -EIO
    beq     s4, s3, .Lunlock_new
    j       2f
1:  mv      s2, a0
    li      t0, -ENOENT
    bne     a0, t0, .Lunlock_new
    lhu     t0, INODE_LINKS(s3)         // a directory that has been removed under somebody's feet
    beqz    t0, .Lunlock_new
2:  mv      a0, s3
    jal     inode_unlock
    beqz    s4, 3f
    mv      a0, s4
    mv      a1, s5
    jal     may_be_replaced
    mv      s2, a0
    bltz    a0, .Lrelease_new
3:  li      t0, INODE_TYPE_DIRECTORY
    bne     s5, t0, 4f
    mv      a0, s3
    mv      a1, s1
    jal     is_not_below
    mv      s2, a0
    bltz    a0, .Lrelease_new

    // The new name, then the old one.
4:  mv      a0, s3
    jal     sleep_lock_acquire          // it has been read
    mv      a0, s3
    ld      a1, NAME(sp)
    lwu     a2, INODE_NUMBER(s1)
    ld      a3, NEW_OFFSET(sp)
    jal     directory_add
    mv      s2, a0
    mv      a0, s3
    jal     inode_unlock
    bltz    s2, .Lrelease_new
    mv      a0, s0
    jal     sleep_lock_acquire
    mv      a0, s0
    la      a1, no_name
    li      a2, 0
    ld      a3, OLD_OFFSET(sp)
    jal     directory_add
    mv      s2, a0
    mv      a0, s0
    jal     inode_unlock
    bltz    s2, .Lrelease_new           // the disk: it has two names now

    // How often each is named.
    beqz    s4, 5f
    mv      a0, s4
    li      a1, -1
    li      t0, INODE_TYPE_DIRECTORY
    bne     s5, t0, 6f
    mv      a0, s3                      // its ".." goes
    jal     inode_count_link
    mv      a0, s4
    li      a1, -2                      // and its "."
6:  jal     inode_count_link
5:  li      t0, INODE_TYPE_DIRECTORY
    bne     s5, t0, .Lrelease_new
    beq     s0, s3, .Lrelease_new
    mv      a0, s1                      // its ".." names another directory now
    jal     sleep_lock_acquire
    mv      a0, s1
    la      a1, .Ldot_dot
    jal     directory_find
    mv      s2, a0
    bltz    a0, 7f
    mv      a3, a1
    mv      a0, s1
    la      a1, .Ldot_dot
    lwu     a2, INODE_NUMBER(s3)
    jal     directory_add
    mv      s2, a0
7:  mv      a0, s1
    jal     inode_unlock
    bltz    s2, .Lrelease_new
    mv      a0, s0
    li      a1, -1
    jal     inode_count_link
    mv      a0, s3
    li      a1, 1
    jal     inode_count_link
    j       .Lrelease_new

.Lunlock_new:
    mv      a0, s3
    jal     inode_unlock
.Lrelease_new:
    mv      a0, s3
    jal     inode_release
    la      a0, namespace_lock          // freeing a file takes its time
    jal     sleep_lock_release
    beqz    s4, 8f
    mv      a0, s4
    jal     inode_release
    j       8f
.Lrelease:
    la      a0, namespace_lock
    jal     sleep_lock_release
8:  mv      a0, s1
    jal     inode_release
    j       9f
.Lunlock_old:
    mv      a0, s0
    jal     inode_unlock
    la      a0, namespace_lock
    jal     sleep_lock_release
9:  mv      a0, s0
    jal     inode_release
    j       .Lreturn
.Lunlock_namespace:
    la      a0, namespace_lock
    jal     sleep_lock_release
.Lreturn:
    mv      a0, s2
    ld      ra, PATHS + 72(sp)
    ld      s0, PATHS + 64(sp)
    ld      s1, PATHS + 56(sp)
    ld      s2, PATHS + 48(sp)
    ld      s3, PATHS + 40(sp)
    ld      s4, PATHS + 32(sp)
    ld      s5, PATHS + 24(sp)
    addi    sp, sp, PATHS + 80
    ret
END sys_rename

// may_be_replaced(a0 inode, referenced, a1 type of what takes its name) -> 0, -EISDIR, -ENOTDIR, -ENOTEMPTY or -EIO. The caller holds the
// namespace lock and no inode's. May sleep.
may_be_replaced:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a1
    jal     inode_lock
    bltz    a0, 3f
    li      t0, INODE_TYPE_DIRECTORY
    lhu     t1, INODE_TYPE(s0)
    bne     t1, t0, 1f
    li      a0, -EISDIR
    bne     s1, t0, 2f
    mv      a0, s0
    jal     directory_is_empty
    j       2f
1:  li      a0, -ENOTDIR
    beq     s1, t0, 2f
    li      a0, 0
2:  mv      s1, a0
    mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
3:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
    .size may_be_replaced, . - may_be_replaced

// is_not_below(a0 directory, referenced, a1 directory of the same file system, referenced) -> 0, -EINVAL if the first is the second or below
// it, or -EIO where the way up does not end. The caller holds the namespace lock and no inode's. May sleep.
is_not_below:
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a0
    mv      s1, a1
    ld      t0, INODE_MOUNT(a0)
    lwu     s2, MOUNT_INODE_COUNT(t0)   // no directory is deeper than there are inodes
    jal     inode_hold
1:  li      s3, -EINVAL
    beq     s0, s1, 3f
    ld      t0, INODE_MOUNT(s0)
    lwu     t0, MOUNT_ROOT_INODE(t0)
    lwu     t1, INODE_NUMBER(s0)
    li      s3, 0
    beq     t0, t1, 3f
    li      s3, -EIO
    beqz    s2, 3f
    addi    s2, s2, -1
    mv      a0, s0
    jal     inode_lock
    mv      s3, a0
    bltz    a0, 3f
    mv      a0, s0
    la      a1, .Ldot_dot
    jal     directory_find
    mv      s3, a0
    mv      a0, s0
    jal     inode_unlock
    bltz    s3, 3f
    ld      a0, INODE_MOUNT(s0)
    mv      a1, s3
    jal     inode_get
    mv      s3, a0
    bltz    a0, 3f
    mv      a0, s0
    mv      s0, s3
    jal     inode_release
    j       1b
3:  mv      a0, s0
    jal     inode_release
    mv      a0, s3
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
    .size is_not_below, . - is_not_below

    .section .rodata
.Ldot_dot:  .asciz ".."
