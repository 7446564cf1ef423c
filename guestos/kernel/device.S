// SPDX-License-Identifier: GPL-2.0-or-later
// Character devices: the console, /dev/null and /dev/zero. The console's input is in console_input.S.
#include "assembly.inc"
#include "errno.inc"
#include "inode.inc"

#define CONSOLE_CHUNK       128             // bytes copied from the user at a time
#define ZERO_CHUNK          4096            // and to the user from zero_block

    .text
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
    .size console_device_write, . - console_device_write

// zero_read(a0 vnode, a1 user address, a2 bytes) -> bytes or -EFAULT: as many zeros as are wanted.
zero_read:
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a1
    mv      s1, a2                      // bytes left
    li      s2, 0                       // bytes delivered
1:  li      a0, 0
    beqz    s1, 3f
    li      s3, ZERO_CHUNK
    bgeu    s1, s3, 2f
    mv      s3, s1
2:  mv      a0, s0
    la      a1, zero_block
    mv      a2, s3
    jal     copy_to_user
    bnez    a0, 3f
    add     s0, s0, s3
    sub     s1, s1, s3
    add     s2, s2, s3
    j       1b
3:  beqz    s2, 4f
    mv      a0, s2
4:  ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
    .size zero_read, . - zero_read

null_read:
    li      a0, 0                       // always at its end
    ret
null_write:
    mv      a0, a2                      // whatever it is
    ret
no_position:
    li      a0, -ESPIPE
    ret
kernel_vnode_release:
    ret
device_release:
    ld      a0, VNODE_DATA(a0)
    j       inode_release

    .section .rodata
    .balign 8
// Of device inodes, by the number in them.
DATA console_operations
    .dword  console_device_read, console_device_write, no_position, device_release
END console_operations
DATA null_operations
    .dword  null_read, null_write, no_position, device_release
END null_operations
DATA zero_operations
    .dword  zero_read, null_write, no_position, device_release
END zero_operations
console_vnode_operations:
    .dword  console_device_read, console_device_write, no_position, kernel_vnode_release

    .data
    .balign 8
// The console without an inode: what the first process has as its standard input and output.
DATA console_vnode
    .word   VNODE_CHARACTER, 0
    .dword  console_vnode_operations, 0, 0
END console_vnode
