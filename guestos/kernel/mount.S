// SPDX-License-Identifier: GPL-2.0-or-later
// Mounting the disk's file system.
#include "assembly.inc"
#include "buffer.inc"
#include "file_system.inc"

    .text

// file_system_mount(): makes the disk's file system the root, or panics. Called once, by the first process; sleeps.
ENTRY file_system_mount
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    jal     buffer_cache_initialise
    jal     file_table_initialise
    jal     descriptors_initialise

    // To read the superblock, a mount that knows only the smallest file system there can be.
    la      s0, root_mount
    li      t0, 1
    sw      t0, MOUNT_TOTAL_BLOCKS(s0)
    li      t0, BUFFER_DATA_SHIFT
    sw      t0, MOUNT_BLOCK_SHIFT(s0)
    mv      a0, s0
    li      a1, RPFS_SUPERBLOCK
    li      a2, 0
    jal     buffer_get
    la      t0, .Ltext_unreadable
    bltz    a0, .Lrefuse

    ld      a1, BUFFER_DATA(a0)
    la      t0, .Ltext_not_rpfs
    lwu     t1, SUPER_MAGIC(a1)
    li      t2, RPFS_MAGIC
    bne     t1, t2, .Lrefuse
    lwu     t1, SUPER_VERSION(a1)
    li      t2, RPFS_VERSION
    bne     t1, t2, .Lrefuse
    la      t0, .Ltext_block_size
    lwu     t1, SUPER_BLOCK_SIZE(a1)
    li      t2, BUFFER_DATA_BYTES       // the disk driver moves this much at a time
    bne     t1, t2, .Lrefuse
    la      t0, .Ltext_layout
    lwu     t1, SUPER_TOTAL_BLOCKS(a1)
    lwu     t2, SUPER_DATA_START(a1)
    lwu     t3, SUPER_BITMAP_START(a1)
    lwu     t4, SUPER_INODE_START(a1)
    lwu     t5, SUPER_INODE_COUNT(a1)
    lwu     t6, SUPER_ROOT_INODE(a1)
    bgtu    t2, t1, .Lrefuse
    beqz    t3, .Lrefuse
    beqz    t4, .Lrefuse
    beqz    t6, .Lrefuse
    bgeu    t6, t5, .Lrefuse
    li      a2, 8 * BUFFER_DATA_BYTES - 1   // bitmap and inode table lie before the data
    add     a3, a2, t1
    srli    a3, a3, 3 + BUFFER_DATA_SHIFT
    add     a3, a3, t3
    bgtu    a3, t2, .Lrefuse
    li      a2, BUFFER_DATA_BYTES - 1
    slli    a3, t5, DISK_INODE_SHIFT
    add     a3, a3, a2
    srli    a3, a3, BUFFER_DATA_SHIFT
    add     a3, a3, t4
    bgtu    a3, t2, .Lrefuse

    sw      t1, MOUNT_TOTAL_BLOCKS(s0)
    sw      t2, MOUNT_DATA_START(s0)
    sw      t2, MOUNT_NEXT_FREE(s0)
    sw      t3, MOUNT_BITMAP_START(s0)
    sw      t4, MOUNT_INODE_START(s0)
    sw      t5, MOUNT_INODE_COUNT(s0)
    sw      t6, MOUNT_ROOT_INODE(s0)
    li      t0, BUFFER_DATA_BYTES
    sw      t0, MOUNT_BLOCK_SIZE(s0)
    li      t0, MOUNT_TYPE_RPFS
    sw      t0, MOUNT_TYPE(s0)
    jal     buffer_release
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret

.Lrefuse:
    mv      a0, t0
    j       panic
END file_system_mount

    .section .rodata
.Ltext_unreadable:
    .asciz  "cannot read the superblock from the disk"
.Ltext_not_rpfs:
    .asciz  "the disk holds no RPFS file system of version 1"
.Ltext_block_size:
    .asciz  "the disk's file system has blocks of another size than 4096 bytes"
.Ltext_layout:
    .asciz  "the superblock's figures contradict each other"

    .bss
    .balign 8
DATA root_mount
    .space  MOUNT_BYTES
END root_mount
