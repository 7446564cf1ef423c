// SPDX-License-Identifier: GPL-2.0-or-later
// What vnodes do when they are read, written, measured and released: files and directories of RPFS. (Devices are in device.S, pipes
// and sockets in channel.S.)
#include "assembly.inc"
#include "errno.inc"
#include "inode.inc"
#include "replug.inc"

    .text

// rpfs_read(a0 vnode, a1 user address, a2 bytes, a3 offset) -> bytes or -errno. Is it a regular file, of this file system? The
// inode lock keeps the answer, the size and the blocks as they are until the bytes are copied.
rpfs_read:
    li      a6, INODE_TYPE_REGULAR
    la      a4, copy_to_user
    la      a5, inode_read
    j       .Ltransfer

// rpfs_read_ahead: the same, with the generic policy of reading ahead.
ENTRY rpfs_read_ahead
    PATH_IS "trap", "+prefetch"
    li      a6, INODE_TYPE_REGULAR
    la      a4, copy_to_user
    la      a5, inode_read_ahead
    j       .Ltransfer
END rpfs_read_ahead

// rpfs_directory_read: the same for a directory: a program sees its entries as they are on the disk.
rpfs_directory_read:
    li      a6, INODE_TYPE_DIRECTORY
    la      a4, copy_to_user
    la      a5, inode_read
    j       .Ltransfer

// Nobody writes to a directory but by way of the names in it.
rpfs_directory_write:
    li      a0, -EISDIR
    ret

// rpfs_write: as rpfs_read, for writing; offset -1 is the end. Also a1 = the offset behind what was written.
rpfs_write:
    li      a6, INODE_TYPE_REGULAR
    la      a4, copy_from_user
    la      a5, inode_write_data
.Ltransfer:
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    ld      t0, VNODE_MOUNT(a0)
    lw      t1, MOUNT_TYPE(t0)
    li      t2, MOUNT_TYPE_RPFS
    beq     t1, t2, 3f
    li      t2, MOUNT_TYPE_MEMORY
    bne     t1, t2, .Lnot_ours
3:  sd      a6, 0(sp)
    ld      s0, VNODE_DATA(a0)
    mv      s1, a1
    mv      s2, a2
    mv      s3, a3
    mv      s4, a4
    mv      s5, a5
    lw      t0, INODE_USER_LOCKS(s0)
    bnez    t0, .Luser_locks
.Lmay_transfer:
    PATH_STEP "generic read by step", "04 inode lock"
    mv      a0, s0
    jal     inode_lock
    bltz    a0, 1f
    PATH_STEP "generic read by step", "05 type and size"
    lhu     t0, INODE_TYPE(s0)
    ld      t1, 0(sp)
    li      a0, -EINVAL
    bne     t0, t1, 2f
    mv      a0, s0
    mv      a1, s1
    mv      a2, s2
    mv      a3, s3
    mv      a4, s4
    jalr    s5
2:
    PATH_STEP "generic read by step", "11 inode unlock"
    mv      s1, a0
    mv      s2, a1
    mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
    mv      a1, s2
1:  ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    ret
.Lnot_ours:
    li      a0, -EINVAL
    j       1b
.Luser_locks:                           // somebody has locked a part of it
    mv      a0, s0
    mv      a1, s3
    la      t0, copy_from_user          // a write?
    xor     t0, t0, s4
    seqz    a3, t0                      // F_RDLCK is 0, F_WRLCK is 1
    jal     user_locks_wait
    bltz    a0, 1b
    j       .Lmay_transfer

// rpfs_size(a0 vnode) -> bytes.
rpfs_size:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    ld      s0, VNODE_DATA(a0)
    mv      a0, s0
    jal     inode_lock
    bltz    a0, 1f
    ld      t0, INODE_SIZE(s0)
    mv      a0, s0
    mv      s0, t0
    jal     inode_unlock
    mv      a0, s0
1:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret

// rpfs_release(a0 vnode)
rpfs_release:
    ld      a0, VNODE_DATA(a0)
    j       inode_release

    .data
    .balign 8
DATA rpfs_file_operations               // (a boot argument chooses another read: replug_options.S)
    .dword  rpfs_read, rpfs_write, rpfs_size, rpfs_release
END rpfs_file_operations
    .section .rodata
    .balign 8
DATA rpfs_directory_operations
    .dword  rpfs_directory_read, rpfs_directory_write, rpfs_size, rpfs_release
END rpfs_directory_operations
