// SPDX-License-Identifier: GPL-2.0-or-later
// Paths: from a name to an inode. A path with a leading slash begins at the root, any other at the process's working directory.
#include "assembly.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "descriptor.inc"

    .text

// inode_lookup(a0 path, a kernel string) -> a0 = inode, referenced, its contents read; or -errno. The caller holds no inode
// lock. May sleep.
ENTRY inode_lookup
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    jal     path_walk
    bltz    a0, 2f
    bnez    a1, 1f                      // the root itself
    mv      s0, a0                      // the directory, locked; the last name is at a2
    mv      a1, a2
    jal     directory_lookup
    mv      s1, a0
    bltz    a0, 3f
    mv      a1, a0
    mv      a0, a2
    jal     inode_get
    mv      s1, a0
3:  mv      a0, s0
    jal     inode_unlock
    mv      a0, s0
    jal     inode_release
    mv      a0, s1
    bltz    a0, 2f
    jal     inode_lock                  // to read it
    bltz    a0, 4f
    mv      a0, s1
1:  mv      s0, a0
    jal     inode_unlock
    mv      a0, s0
2:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
4:  mv      s0, a0
    mv      a0, s1
    jal     inode_release
    mv      a0, s0
    j       2b
END inode_lookup

// path_walk(a0 path, a kernel string) -> a0 = inode of the directory that the last name belongs to, referenced and locked, or
// -errno; a1 = 0, a2 = that name; or, if the path has no name in it, a0 = the directory it begins at likewise and a1 = 1. May sleep.
ENTRY path_walk
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s0, a0                      // the rest of the path
    lbu     t0, 0(a0)
    li      t1, '/'
    beq     t0, t1, 1f
    ld      t0, HART_PROCESS(tp)
    ld      a0, PROCESS_DIRECTORY(t0)
    beqz    a0, 1f
    jal     inode_hold
    j       .Lwalk
1:  la      t0, root_mount
    lwu     a1, MOUNT_ROOT_INODE(t0)
    mv      a0, t0
    jal     inode_get
.Lwalk:
    mv      s1, a0                      // inode of the directory so far
    bltz    a0, .Lwalk_return
    jal     inode_lock
    bltz    a0, .Lwalk_release
    mv      a0, s0
    jal     path_skip_slashes
    mv      s0, a0
    lbu     t0, 0(s0)
    li      a1, 1
    beqz    t0, .Lwalk_done             // no name
    jal     path_skip_name
    jal     path_skip_slashes
    mv      s2, a0                      // what comes after the name
    lbu     t0, 0(s2)
    li      a1, 0
    beqz    t0, .Lwalk_done
    mv      a0, s1
    mv      a1, s0
    jal     directory_lookup
    bltz    a0, .Lwalk_unlock
    mv      a1, a0
    mv      a0, a2
    jal     inode_get
    mv      s0, s2
    mv      s2, a0
    mv      a0, s1
    jal     inode_unlock
    mv      a0, s1
    jal     inode_release
    mv      a0, s2
    j       .Lwalk

.Lwalk_done:
    mv      a2, s0
    lhu     t0, INODE_TYPE(s1)
    li      t1, INODE_TYPE_DIRECTORY
    li      a0, -ENOTDIR
    bne     t0, t1, .Lwalk_unlock
    mv      a0, s1
    j       .Lwalk_return
.Lwalk_unlock:
    mv      s0, a0
    mv      a0, s1
    jal     inode_unlock
    mv      a0, s0
.Lwalk_release:
    mv      s0, a0
    mv      a0, s1
    jal     inode_release
    mv      a0, s0
.Lwalk_return:
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
END path_walk

// directory_lookup(a0 directory inode, locked, a1 name, ended by a slash or NUL) -> a0 = inode number, -ENOENT or another -errno;
// a1 = as directory_find's; a2 = the mount that the number belongs to. Here a path goes into and out of the memory file system:
// the directory that it is mounted on gives its root, and ".." of its root the directory that holds that one. May sleep.
ENTRY directory_lookup
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a1
    la      t2, memory_mount
    ld      t0, INODE_MOUNT(a0)
    bne     t0, t2, 1f
    lwu     t0, INODE_NUMBER(a0)
    lwu     t1, MOUNT_ROOT_INODE(t2)
    bne     t0, t1, 1f
    mv      a0, a1
    jal     name_is_dots
    addi    a0, a0, -2
    bnez    a0, 1f
    la      t2, memory_mount
    lwu     a0, MOUNT_PARENT(t2)
    li      a1, 0
    la      a2, root_mount
    j       3f
1:  lhu     t0, INODE_LINKS(s0)
    li      a0, -ENOENT
    beqz    t0, 4f                      // a directory that has been removed: its ".." may be anything by now
    mv      a0, s0
    mv      a1, s1
    jal     directory_find
4:    ld      a2, INODE_MOUNT(s0)
    la      t0, root_mount
    bne     a2, t0, 3f
    la      t0, memory_mount
    lwu     t1, MOUNT_COVERS(t0)
    beqz    t1, 3f                      // not mounted
    bne     a0, t1, 3f
    lwu     a0, MOUNT_ROOT_INODE(t0)
    mv      a2, t0
3:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END directory_lookup

// name_is_dots(a0 name, ended by a slash or NUL) -> a0 = 1 for ".", 2 for "..", else 0. Changes t0-t3.
ENTRY name_is_dots
    li      t1, '.'
    li      t2, '/'
    li      t3, 0
1:  lbu     t0, 0(a0)
    beqz    t0, 2f
    beq     t0, t2, 2f
    addi    a0, a0, 1
    addi    t3, t3, 1
    bne     t0, t1, 3f
    li      t0, 3
    bltu    t3, t0, 1b
3:  li      a0, 0
    ret
2:  mv      a0, t3
    ret
END name_is_dots

// path_skip_slashes(a0), path_skip_name(a0) -> a0 = the first character that is no slash; the first slash or the end.
// Change t0, t1.
ENTRY path_skip_slashes
    li      t1, '/'
1:  lbu     t0, 0(a0)
    bne     t0, t1, 2f
    addi    a0, a0, 1
    j       1b
2:  ret
END path_skip_slashes
ENTRY path_skip_name
    li      t1, '/'
1:  lbu     t0, 0(a0)
    beqz    t0, 2f
    beq     t0, t1, 2f
    addi    a0, a0, 1
    j       1b
2:  ret
END path_skip_name
