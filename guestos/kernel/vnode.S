// SPDX-License-Identifier: GPL-2.0-or-later
// What the kinds of vnode do when they are read, written, measured and released: files and directories of RPFS, and the console.
#include "assembly.inc"
#include "errno.inc"
#include "inode.inc"

#define CONSOLE_CHUNK       128             // bytes copied from the user at a time

    .text

// rpfs_read(a0 vnode, a1 user address, a2 bytes, a3 offset) -> bytes or -errno. Is it a regular file, of this file system? The
// inode lock keeps the answer, the size and the blocks as they are until the bytes are copied.
rpfs_read:
    la      a4, copy_to_user
    la      a5, inode_read
    j       .Ltransfer

// rpfs_write: the same for writing.
rpfs_write:
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
    bne     t1, t2, .Lnot_ours
    ld      s0, VNODE_DATA(a0)
    mv      s1, a1
    mv      s2, a2
    mv      s3, a3
    mv      s4, a4
    mv      s5, a5
    mv      a0, s0
    jal     inode_lock
    bltz    a0, 1f
    lhu     t0, INODE_TYPE(s0)
    li      t1, INODE_TYPE_REGULAR
    li      a0, -EINVAL
    bne     t0, t1, 2f
    mv      a0, s0
    mv      a1, s1
    mv      a2, s2
    mv      a3, s3
    mv      a4, s4
    jalr    s5
2:  mv      s1, a0
    mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
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

// Directories are read by name, through open.
directory_transfer:
    li      a0, -EISDIR
    ret

// console_device_write(a0 vnode, a1 user address, a2 bytes) -> bytes or -EFAULT.
console_device_write:
    addi    sp, sp, -48 - CONSOLE_CHUNK
    sd      ra, CONSOLE_CHUNK + 40(sp)
    sd      s0, CONSOLE_CHUNK + 32(sp)
    sd      s1, CONSOLE_CHUNK + 24(sp)
    sd      s2, CONSOLE_CHUNK + 16(sp)
    sd      s3, CONSOLE_CHUNK + 8(sp)
    mv      s0, a1
    mv      s1, a2                      // bytes left
    li      s2, 0                       // bytes written
1:  li      a0, 0
    beqz    s1, 3f
    li      s3, CONSOLE_CHUNK
    bgeu    s1, s3, 2f
    mv      s3, s1
2:  mv      a0, sp
    mv      a1, s0
    mv      a2, s3
    jal     copy_from_user
    bnez    a0, 3f
    mv      a0, sp
    mv      a1, s3
    jal     console_write
    add     s0, s0, s3
    sub     s1, s1, s3
    add     s2, s2, s3
    j       1b
3:  beqz    s2, 4f
    mv      a0, s2
4:  ld      ra, CONSOLE_CHUNK + 40(sp)
    ld      s0, CONSOLE_CHUNK + 32(sp)
    ld      s1, CONSOLE_CHUNK + 24(sp)
    ld      s2, CONSOLE_CHUNK + 16(sp)
    ld      s3, CONSOLE_CHUNK + 8(sp)
    addi    sp, sp, 48 + CONSOLE_CHUNK
    ret

// The console has no input: always at its end.
console_device_read:
    li      a0, 0
    ret

// And no position to seek to.
console_device_size:
    li      a0, -ESPIPE
    ret

console_device_release:
    ret

    .section .rodata
    .balign 8
DATA rpfs_file_operations
    .dword  rpfs_read, rpfs_write, rpfs_size, rpfs_release
END rpfs_file_operations
DATA rpfs_directory_operations
    .dword  directory_transfer, directory_transfer, rpfs_size, rpfs_release
END rpfs_directory_operations
// A device in a file system; whatever its number, it is the console, the only device that programs use.
DATA device_operations
    .dword  console_device_read, console_device_write, console_device_size, rpfs_release
END device_operations
console_operations:
    .dword  console_device_read, console_device_write, console_device_size, console_device_release

    .data
    .balign 8
DATA console_vnode
    .word   VNODE_CHARACTER, 0
    .dword  console_operations, 0, 0
END console_vnode
