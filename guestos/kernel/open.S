// SPDX-License-Identifier: GPL-2.0-or-later
// The system calls open and creat.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"

#define OPEN_FRAME          (PATH_MAX + 48)

    .text

// sys_open(a0 user path) -> fd, for reading and writing at offset 0, or -errno.
ENTRY sys_open
    PATH_IS "trap", "open, not specialised"
    addi    sp, sp, -OPEN_FRAME
    sd      ra, PATH_MAX + 40(sp)
    sd      s0, PATH_MAX + 32(sp)
    sd      s1, PATH_MAX + 24(sp)
    mv      a1, a0
    mv      a0, sp
    jal     path_from_user
    bltz    a0, 1f
    mv      a0, sp
    jal     inode_lookup
    bltz    a0, 1f
    mv      s0, a0
    li      a1, 1
    jal     open_inode
    bltz    a0, 2f
    bnez    a1, 3f
1:  ld      ra, PATH_MAX + 40(sp)
    ld      s0, PATH_MAX + 32(sp)
    ld      s1, PATH_MAX + 24(sp)
    addi    sp, sp, OPEN_FRAME
    ret
2:  mv      s1, a0
    mv      a0, s0
    jal     inode_release
    mv      a0, s1
    j       1b
3:  PATH_IS "trap", "open, specialised"
    j       1b
END sys_open

// sys_creat(a0 user path) -> fd of that file, made if it was not there, emptied if it was; or -errno. It is there to be written,
// so it is never specialised.
ENTRY sys_creat
    PATH_IS "trap", "creat"
    addi    sp, sp, -OPEN_FRAME
    sd      ra, PATH_MAX + 40(sp)
    sd      s0, PATH_MAX + 32(sp)
    sd      s1, PATH_MAX + 24(sp)
    sd      s2, PATH_MAX + 16(sp)
    mv      a1, a0
    mv      a0, sp
    jal     path_from_user
    bltz    a0, .Lcreat_return
    mv      a0, sp
    jal     path_walk
    bltz    a0, .Lcreat_return
    mv      s0, a0                      // the directory, locked
    li      s1, -EISDIR
    bnez    a1, 1f
    mv      s2, a2
    mv      a1, a2
    jal     directory_find
    mv      s1, a0
    bgez    a0, 2f
    li      t0, -ENOENT
    bne     a0, t0, 1f
    sd      a1, PATH_MAX + 8(sp)        // where its entry goes
    ld      a0, INODE_MOUNT(s0)
    li      a1, INODE_TYPE_REGULAR
    jal     inode_allocate
    mv      s1, a0
    bltz    a0, 1f
    mv      a2, a0
    mv      a0, s0
    mv      a1, s2
    ld      a3, PATH_MAX + 8(sp)
    jal     directory_add
    beqz    a0, 2f
    mv      a2, a0
    ld      a0, INODE_MOUNT(s0)
    mv      a1, s1
    mv      s1, a2
    jal     inode_free
    j       1f
2:  ld      a0, INODE_MOUNT(s0)
    mv      a1, s1
    jal     inode_get
    mv      s1, a0
1:  mv      a0, s0                      // s1: inode, referenced, or -errno
    jal     inode_unlock
    mv      a0, s0
    jal     inode_release
    mv      a0, s1
    bltz    a0, .Lcreat_return

    mv      s0, s1
    jal     inode_lock                  // to read it
    mv      s1, a0
    bltz    a0, .Lcreat_release
    lw      s1, INODE_VNODE + VNODE_TYPE(s0)
    mv      a0, s0
    jal     inode_unlock
    li      t0, VNODE_DIRECTORY
    beq     s1, t0, .Lcreat_directory

    // The guard comes before the file is emptied: nobody reads it through is_read any more, and whoever reads it otherwise
    // takes the inode lock.
    mv      a0, s0
    li      a1, 0
    jal     open_inode
    mv      s1, a0
    bltz    a0, .Lcreat_release
    mv      a0, s0
    jal     inode_lock
    mv      s2, a0
    bltz    a0, 4f
    mv      a0, s0
    jal     inode_truncate
    mv      s2, a0
    mv      a0, s0
    jal     inode_unlock
    bltz    s2, 4f
    mv      a0, s1
.Lcreat_return:
    ld      ra, PATH_MAX + 40(sp)
    ld      s0, PATH_MAX + 32(sp)
    ld      s1, PATH_MAX + 24(sp)
    ld      s2, PATH_MAX + 16(sp)
    addi    sp, sp, OPEN_FRAME
    ret
4:  mv      a0, s1                      // the descriptor releases the inode
    jal     sys_close
    mv      a0, s2
    j       .Lcreat_return
.Lcreat_directory:
    li      s1, -EISDIR
.Lcreat_release:
    mv      a0, s0
    jal     inode_release
    mv      a0, s1
    j       .Lcreat_return
END sys_creat

// open_inode(a0 inode, referenced, a1 = 1 if reading may be specialised) -> a0 = fd in the current process, to which the reference
// passes, or -errno; a1 = 1 if it was specialised. The caller holds no lock. May sleep.
open_inode:
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a0
    mv      s1, a1
    jal     descriptor_slot
    bltz    a0, 1f
    mv      s2, a0
    addi    a0, s0, INODE_VNODE
    mv      a1, s0
    jal     descriptor_create
    bltz    a0, 1f
    mv      s3, a0
    neg     a1, s1
    and     a1, a1, a0                  // the descriptor, or 0
    mv      a0, s0
    jal     guard_open
    ld      t0, HART_PROCESS(tp)
    slli    t1, s2, 3
    add     t0, t0, t1
    sd      s3, PROCESS_DESCRIPTORS(t0)
    mv      a1, a0
    mv      a0, s2
1:  ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
    .size open_inode, . - open_inode

// path_from_user(a0 kernel address of PATH_MAX bytes, a1 user path) -> a0 = 0 or -errno.
path_from_user:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    li      a2, PATH_MAX
    jal     copy_string_from_user
    bnez    a0, 1f
    li      a0, -ENOENT                 // the empty path names nothing
1:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
    .size path_from_user, . - path_from_user
