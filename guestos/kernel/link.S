// SPDX-License-Identifier: GPL-2.0-or-later
// Giving a file another name.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"

#define PATHS               (2 * PATH_MAX)

    .text

// sys_link(a0 user path of a file, no directory, a1 user path of the new name, on the same file system) -> 0 or -errno.
ENTRY sys_link
    PATH_IS "trap", "link"
    addi    sp, sp, -PATHS - 48
    sd      ra, PATHS + 40(sp)
    sd      s0, PATHS + 32(sp)
    sd      s1, PATHS + 24(sp)
    sd      s2, PATHS + 16(sp)
    sd      s3, PATHS + 8(sp)
    sd      s4, PATHS + 0(sp)
    mv      a2, a1
    mv      a1, a0
    mv      a0, sp
    jal     paths_from_user
    bltz    a0, .Llink_return
    la      a0, namespace_lock
    jal     sleep_lock_acquire
    mv      a0, sp
    jal     inode_lookup
    mv      s2, a0                      // result
    bltz    a0, .Llink_unlock
    mv      s1, a0                      // the file, referenced
    lw      t0, INODE_VNODE + VNODE_TYPE(s1)
    li      t1, VNODE_DIRECTORY
    li      s2, -EPERM                  // or directories might be in a circle
    beq     t0, t1, .Llink_release
    addi    a0, sp, PATH_MAX
    jal     path_walk
    mv      s2, a0
    bltz    a0, .Llink_release
    mv      s0, a0                      // the directory of the new name, locked
    li      s2, -EEXIST
    bnez    a1, .Llink_unlock_directory
    mv      s3, a2                      // the name
    ld      t0, INODE_MOUNT(s0)
    ld      t1, INODE_MOUNT(s1)
    li      s2, -EXDEV
    bne     t0, t1, .Llink_unlock_directory
    mv      a1, a2
    jal     directory_lookup
    li      s2, -EEXIST
    bgez    a0, .Llink_unlock_directory
    mv      s2, a0
    li      t0, -ENOENT
    bne     a0, t0, .Llink_unlock_directory
    lhu     t0, INODE_LINKS(s0)         // a directory that has been removed under somebody's feet
    beqz    t0, .Llink_unlock_directory
    mv      s4, a1                      // where its entry goes

    // The namespace lock keeps the directory, so one inode at a time can be locked.
    mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
    li      a1, 1
    jal     inode_count_link
    mv      s2, a0
    mv      a0, s0
    jal     sleep_lock_acquire          // it has been read
    bltz    s2, .Llink_unlock_directory
    mv      a0, s0
    mv      a1, s3
    lwu     a2, INODE_NUMBER(s1)
    mv      a3, s4
    jal     directory_add
    mv      s2, a0
    bgez    a0, .Llink_unlock_directory
    mv      a0, s0                      // it could not be
    jal     inode_unlock
    mv      a0, s1
    li      a1, -1
    jal     inode_count_link
    j       1f
.Llink_unlock_directory:
    mv      a0, s0
    jal     inode_unlock
1:  mv      a0, s0
    jal     inode_release
.Llink_release:
    la      a0, namespace_lock
    jal     sleep_lock_release
    mv      a0, s1
    jal     inode_release
    j       2f
.Llink_unlock:
    la      a0, namespace_lock
    jal     sleep_lock_release
2:  mv      a0, s2
.Llink_return:
    ld      ra, PATHS + 40(sp)
    ld      s0, PATHS + 32(sp)
    ld      s1, PATHS + 24(sp)
    ld      s2, PATHS + 16(sp)
    ld      s3, PATHS + 8(sp)
    ld      s4, PATHS + 0(sp)
    addi    sp, sp, PATHS + 48
    ret
END sys_link

// paths_from_user(a0 room for two paths of PATH_MAX, a1, a2 user paths) -> 0 or more, or -errno.
ENTRY paths_from_user
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a2
    jal     path_from_user
    bltz    a0, 1f
    addi    a0, s0, PATH_MAX
    mv      a1, s1
    jal     path_from_user
1:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END paths_from_user

// inode_count_link(a0 inode, referenced, its contents read, a1 how many links more) -> 0, or -EMLINK, or -EIO: on the disk when it returns.
// Takes and releases the inode lock; the caller holds the namespace lock and no inode's. Fewer than none are none: a damaged file
// system. May sleep.
ENTRY inode_count_link
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a1
    jal     sleep_lock_acquire          // INODE_LOCK is at 0
    lhu     t0, INODE_LINKS(s0)
    add     t0, t0, s1
    bgez    t0, 1f
    li      t0, 0
1:  srli    t1, t0, 16
    li      s1, -EMLINK
    bnez    t1, 2f
    sh      t0, INODE_LINKS(s0)
    mv      a0, s0
    jal     inode_write
    mv      s1, a0
2:  mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END inode_count_link
