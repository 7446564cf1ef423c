// SPDX-License-Identifier: GPL-2.0-or-later
// The system calls open and creat.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"
#include "syscall.inc"

#define OPEN_FRAME          (PATH_MAX + 48)

    .text

// sys_creat(a0 user path) -> fd of that file for writing, made if it was not there, emptied if it was; or -errno.
ENTRY sys_creat
    PATH_IS "trap", "creat"
    li      a1, O_WRONLY | O_CREAT | O_TRUNC
    j       .Lopen
END sys_creat

// sys_open(a0 user path, a1 flags) -> fd at offset 0, or -errno.
ENTRY sys_open
    PATH_IS "trap", "open, not specialised"
.Lopen:
    addi    sp, sp, -OPEN_FRAME
    sd      ra, PATH_MAX + 40(sp)
    sd      s0, PATH_MAX + 32(sp)
    sd      s1, PATH_MAX + 24(sp)
    sd      s2, PATH_MAX + 16(sp)
    mv      s2, a1                      // flags
    andi    t0, a1, O_ACCMODE
    li      t1, O_ACCMODE
    beq     t0, t1, .Lbad_flags
    mv      a1, a0
    mv      a0, sp
    jal     path_from_user
    bltz    a0, .Lopen_return
    mv      a0, sp
    andi    t0, s2, O_CREAT
    bnez    t0, .Lcreate
    jal     inode_lookup
    bltz    a0, .Lopen_return
    mv      s0, a0                      // inode, referenced
.Lfound:
    lw      t0, INODE_VNODE + VNODE_TYPE(s0)
    li      t1, VNODE_DIRECTORY
    bne     t0, t1, 1f
    andi    t0, s2, O_ACCMODE | O_TRUNC
    li      s1, -EISDIR
    bnez    t0, .Lopen_release
1:  mv      a0, s0
    mv      a1, s2
    jal     open_inode
    mv      s1, a0
    bltz    a0, .Lopen_release
    bnez    a1, .Lspecialised
    andi    t0, s2, O_TRUNC
    bnez    t0, .Ltruncate
.Lopened:
    mv      a0, s1
.Lopen_return:
    ld      ra, PATH_MAX + 40(sp)
    ld      s0, PATH_MAX + 32(sp)
    ld      s1, PATH_MAX + 24(sp)
    ld      s2, PATH_MAX + 16(sp)
    addi    sp, sp, OPEN_FRAME
    ret
.Lspecialised:
    PATH_IS "trap", "open, specialised"
    j       .Lopened

.Lcreate:
    li      a1, INODE_TYPE_REGULAR
    jal     inode_create                // a1: it was made just now
    bltz    a0, .Lopen_return
    mv      s0, a0
    bnez    a1, .Lfound
    andi    t0, s2, O_EXCL
    beqz    t0, .Lfound
    li      s1, -EEXIST
    j       .Lopen_release

    // The guard came before the file is emptied: nobody reads it through is_read any more, and whoever reads it otherwise takes
    // the inode lock.
.Ltruncate:
    lw      t0, INODE_VNODE + VNODE_TYPE(s0)
    li      t1, VNODE_REGULAR
    bne     t0, t1, .Lopened            // devices have nothing to empty
    mv      a0, s0
    li      a1, 0
    jal     inode_set_size
    bgez    a0, .Lopened
    mv      s2, a0
    mv      a0, s1                      // the descriptor releases the inode
    jal     sys_close
    mv      a0, s2
    j       .Lopen_return

.Lopen_release:
    mv      a0, s0
    jal     inode_release
    mv      a0, s1
    j       .Lopen_return
.Lbad_flags:
    li      a0, -EINVAL
    j       .Lopen_return
END sys_open

// open_inode(a0 inode, referenced, a1 flags) -> a0 = fd in the current process, to which the reference passes, or -errno; a1 = 1 if
// its read was specialised: what is opened to be read, and not to be emptied first. The caller holds no lock. May sleep.
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
    mv      a2, s1
    jal     descriptor_create
    bltz    a0, 1f
    mv      s3, a0
    li      a1, 0
    andi    t0, s1, O_ACCMODE
    addi    t0, t0, -O_WRONLY
    beqz    t0, 2f
    andi    t0, s1, O_TRUNC
    bnez    t0, 2f
    mv      a1, s3
2:  mv      a0, s0
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

// path_from_user(a0 kernel address of PATH_MAX bytes, a1 user path) -> a0 = its length, or -errno. Clobbers t0-t4, a1, a2.
ENTRY path_from_user
    addi    sp, sp, -16
    sd      ra, 8(sp)
    li      a2, PATH_MAX
    jal     copy_string_from_user
    bnez    a0, 1f
    li      a0, -ENOENT                 // the empty path names nothing
1:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END path_from_user
