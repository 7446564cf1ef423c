// SPDX-License-Identifier: GPL-2.0-or-later
// Removing names. The namespace lock (namespace.S) keeps a directory as it is while other inodes are locked: one at a time.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"

    .text

// sys_unlink(a0 user path) -> 0 or -errno: removes a name, also that of an empty directory. The file goes with the last name once
// nobody has it open any more.
ENTRY sys_unlink
    PATH_IS "trap", "unlink"
    addi    sp, sp, -PATH_MAX - 64
    sd      ra, PATH_MAX + 56(sp)
    sd      s0, PATH_MAX + 48(sp)
    sd      s1, PATH_MAX + 40(sp)
    sd      s2, PATH_MAX + 32(sp)
    sd      s3, PATH_MAX + 24(sp)
    sd      s4, PATH_MAX + 16(sp)
    mv      a1, a0
    mv      a0, sp
    jal     path_from_user
    bltz    a0, .Lunlink_return
    la      a0, namespace_lock
    jal     sleep_lock_acquire
    mv      a0, sp
    jal     path_walk
    mv      s2, a0                      // result
    bltz    a0, .Lunlink_unlock
    mv      s0, a0                      // the directory, locked
    li      s2, -EBUSY
    bnez    a1, .Lunlink_unlock_directory   // the root
    mv      s3, a2                      // the name
    mv      a0, a2
    jal     name_is_dots
    li      s2, -EINVAL
    bnez    a0, .Lunlink_unlock_directory
    mv      a0, s0
    mv      a1, s3
    jal     directory_lookup
    mv      s2, a0
    bltz    a0, .Lunlink_unlock_directory
    mv      s4, a1                      // offset of the entry
    li      s2, -EBUSY
    ld      t0, INODE_MOUNT(s0)
    bne     t0, a2, .Lunlink_unlock_directory   // a file system is mounted there
    mv      a1, a0
    mv      a0, a2
    jal     inode_get
    mv      s2, a0
    bltz    a0, .Lunlink_unlock_directory
    mv      s1, a0                      // what it names, referenced
    li      s2, -EIO
    beq     s1, s0, .Lunlink_release    // a directory that is its own child: a damaged file system

    // The namespace lock keeps the entry, so one inode at a time can be locked.
    mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
    jal     inode_lock
    mv      s2, a0
    bltz    a0, .Lunlink_relock
    lhu     s3, INODE_TYPE(s1)
    li      t0, INODE_TYPE_DIRECTORY
    bne     s3, t0, 1f
    mv      a0, s1
    jal     directory_is_empty
    mv      s2, a0
1:  mv      a0, s1
    jal     inode_unlock
.Lunlink_relock:
    mv      a0, s0
    jal     sleep_lock_acquire          // it has been read
    bltz    s2, .Lunlink_release
    mv      a0, s0
    la      a1, no_name
    li      a2, 0
    mv      a3, s4
    jal     directory_add
    mv      s2, a0
    bltz    a0, .Lunlink_release
    li      t0, INODE_TYPE_DIRECTORY
    bne     s3, t0, 2f
    lhu     t0, INODE_LINKS(s0)         // its ".." goes
    addi    t0, t0, -1
    sh      t0, INODE_LINKS(s0)
    mv      a0, s0
    jal     inode_write
2:  mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
    jal     sleep_lock_acquire
    lhu     t0, INODE_LINKS(s1)
    addi    t0, t0, -1
    li      t1, INODE_TYPE_DIRECTORY
    bne     s3, t1, 3f
    li      t0, 0                       // and its "."
3:  bgez    t0, 4f
    li      t0, 0                       // a damaged file system: more names than links
4:  sh      t0, INODE_LINKS(s1)
    mv      a0, s1
    jal     inode_write
    mv      a0, s1
    jal     inode_unlock
    mv      a0, s0
    jal     sleep_lock_acquire          // as the end of this routine expects it
.Lunlink_release:
    mv      a0, s0
    jal     inode_unlock
    la      a0, namespace_lock          // freeing a file takes its time
    jal     sleep_lock_release
    mv      a0, s1
    jal     inode_release
    j       5f
.Lunlink_unlock_directory:
    mv      a0, s0
    jal     inode_unlock
    la      a0, namespace_lock
    jal     sleep_lock_release
5:  mv      a0, s0
    jal     inode_release
    j       6f
.Lunlink_unlock:
    la      a0, namespace_lock
    jal     sleep_lock_release
6:  mv      a0, s2
.Lunlink_return:
    ld      ra, PATH_MAX + 56(sp)
    ld      s0, PATH_MAX + 48(sp)
    ld      s1, PATH_MAX + 40(sp)
    ld      s2, PATH_MAX + 32(sp)
    ld      s3, PATH_MAX + 24(sp)
    ld      s4, PATH_MAX + 16(sp)
    addi    sp, sp, PATH_MAX + 64
    ret
END sys_unlink

    .section .rodata
DATA no_name                            // for directory_add: the entry is free
    .asciz  ""
END no_name
