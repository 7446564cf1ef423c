// SPDX-License-Identifier: GPL-2.0-or-later
// Changing what names there are: making files and directories. (Removing names is unlink.S, giving more and others link.S and rename.S.)
//
// One lock for all of it, taken before any inode's: so a directory does not change between the look at it and the change of it,
// and no two inodes but a directory and a new, unknown one need be locked at once (in a damaged file system a directory may be
// its own child).
#include "assembly.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "descriptor.inc"
#include "replug.inc"

#define NAMESPACE_FRAME     (PATH_MAX + 16)

    .text

// inode_create(a0 path, a kernel string, a1 type) -> a0 = inode, referenced, its contents read, or -errno; a1 = 1 if it was made,
// 0 if there is something of that name. The caller holds no lock. May sleep.
ENTRY inode_create
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    mv      s2, a0                      // path, later the name
    mv      s3, a1                      // type
    li      s4, 0                       // was it made?
    la      a0, namespace_lock
    jal     sleep_lock_acquire
    mv      a0, s2
    jal     path_walk
    mv      s1, a0
    bltz    a0, .Lcreate_unlock
    mv      s0, a0                      // the directory, locked
    beqz    a1, 1f
    jal     inode_hold                  // the root: it is there
    j       .Lcreate_unlock_directory
1:  mv      s2, a2
    mv      a1, a2
    jal     directory_lookup
    mv      s1, a0
    bltz    a0, 2f
    mv      a0, a2
    mv      a1, s1
    jal     inode_get
    mv      s1, a0
    j       .Lcreate_unlock_directory

2:  li      t0, -ENOENT
    bne     a0, t0, .Lcreate_unlock_directory
    lhu     t0, INODE_LINKS(s0)         // a directory that has been removed under somebody's feet
    beqz    t0, .Lcreate_unlock_directory
    sd      a1, 8(sp)                   // where its entry goes
    ld      a0, INODE_MOUNT(s0)
    mv      a1, s3
    jal     inode_allocate
    mv      s1, a0
    bltz    a0, .Lcreate_unlock_directory
    sd      a0, 0(sp)                   // its number
    mv      a1, a0
    ld      a0, INODE_MOUNT(s0)
    jal     inode_get
    mv      s1, a0
    bltz    a0, .Lcreate_undo
    li      t0, INODE_TYPE_DIRECTORY
    bne     s3, t0, 3f
    mv      a0, s1
    mv      a1, s0
    jal     directory_fill
    bltz    a0, .Lcreate_undo_reference
3:  mv      a0, s0
    mv      a1, s2
    ld      a2, 0(sp)
    ld      a3, 8(sp)
    jal     directory_add
    bltz    a0, .Lcreate_undo_reference
    li      s4, 1
    li      t0, INODE_TYPE_DIRECTORY
    bne     s3, t0, .Lcreate_unlock_directory
    lhu     t0, INODE_LINKS(s0)         // its ".." names this directory
    addi    t0, t0, 1
    sh      t0, INODE_LINKS(s0)
    mv      a0, s0
    jal     inode_write

.Lcreate_unlock_directory:              // s1: inode, referenced, or -errno
    mv      a0, s0
    jal     inode_unlock
    mv      a0, s0
    jal     inode_release
.Lcreate_unlock:
    la      a0, namespace_lock
    jal     sleep_lock_release
    bltz    s1, 4f
    mv      a0, s1
    jal     inode_lock                  // to read it
    bltz    a0, 5f
    mv      a0, s1
    jal     inode_unlock
4:  mv      a0, s1
    mv      a1, s4
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    addi    sp, sp, 64
    ret
5:  mv      s0, a0
    mv      a0, s1
    jal     inode_release
    mv      s1, s0
    j       4b

.Lcreate_undo_reference:                // without links its release frees it, with what it holds
    mv      s2, a0
    mv      a0, s1
    mv      s1, s2
    mv      s2, a0
    jal     inode_lock
    bltz    a0, 6f
    sh      zero, INODE_LINKS(s2)
    mv      a0, s2
    jal     inode_unlock
6:  mv      a0, s2
    jal     inode_release
    j       .Lcreate_unlock_directory
.Lcreate_undo:
    ld      a0, INODE_MOUNT(s0)
    ld      a1, 0(sp)
    jal     inode_free
    j       .Lcreate_unlock_directory
END inode_create

// directory_fill(a0 new directory inode, referenced, a1 its parent) -> a0 = 0 or -errno: it gets its "." and "..", and a second
// link, from its ".". May sleep.
directory_fill:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a1
    jal     inode_lock
    bltz    a0, 2f
    mv      a0, s0
    la      a1, .Ldot
    lwu     a2, INODE_NUMBER(s0)
    li      a3, 0
    jal     directory_add
    bltz    a0, 1f
    mv      a0, s0
    la      a1, .Ldot_dot
    lwu     a2, INODE_NUMBER(s1)
    li      a3, ENTRY_BYTES
    jal     directory_add
    bltz    a0, 1f
    li      t0, 2
    sh      t0, INODE_LINKS(s0)
    mv      a0, s0
    jal     inode_write
1:  mv      s1, a0
    mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
2:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
    .size directory_fill, . - directory_fill

// sys_mkdir(a0 user path) -> 0 or -errno.
ENTRY sys_mkdir
    PATH_IS "trap", "mkdir"
    addi    sp, sp, -NAMESPACE_FRAME
    sd      ra, PATH_MAX + 8(sp)
    mv      a1, a0
    mv      a0, sp
    jal     path_from_user
    bltz    a0, 1f
    mv      a0, sp
    li      a1, INODE_TYPE_DIRECTORY
    jal     inode_create
    bltz    a0, 1f
    sd      a1, PATH_MAX(sp)
    jal     inode_release
    ld      t0, PATH_MAX(sp)
    li      a0, -EEXIST
    beqz    t0, 1f
    li      a0, 0
1:  ld      ra, PATH_MAX + 8(sp)
    addi    sp, sp, NAMESPACE_FRAME
    ret
END sys_mkdir

    .section .rodata
.Ldot:      .asciz "."
.Ldot_dot:  .asciz ".."

    .bss
    .balign 8
DATA namespace_lock
    .space  16
END namespace_lock
