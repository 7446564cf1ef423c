// SPDX-License-Identifier: GPL-2.0-or-later
// Inodes on the disk: a table of them at the start of a file system, several in a block.
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "inode.inc"

    .text

// inode_on_disk(a0 inode), inode_block(a0 mount, a1 number) -> a0 = buffer (referenced) of the block of the inode table that has
// it, or -errno; a1 = address of the inode's 128 bytes in it. May sleep.
ENTRY inode_on_disk
    lwu     a1, INODE_NUMBER(a0)
    ld      a0, INODE_MOUNT(a0)
inode_block:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s1, 0(sp)
    lw      t0, MOUNT_BLOCK_SHIFT(a0)
    addi    t0, t0, -DISK_INODE_SHIFT   // log2 of the inodes in a block
    srl     t1, a1, t0
    sll     t2, t1, t0
    sub     s1, a1, t2
    slli    s1, s1, DISK_INODE_SHIFT
    lwu     a1, MOUNT_INODE_START(a0)
    add     a1, a1, t1
    li      a2, 0
    jal     buffer_get
    bltz    a0, 1f
    ld      a1, BUFFER_DATA(a0)
    add     a1, a1, s1
1:  ld      ra, 8(sp)
    ld      s1, 0(sp)
    addi    sp, sp, 16
    ret
END inode_on_disk

// inode_write(a0 inode, locked) -> a0 = 0 or -EIO: its contents to the disk. May sleep.
ENTRY inode_write
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      s0, a0
    jal     inode_on_disk
    bltz    a0, 2f
    addi    t0, s0, INODE_DISK
    addi    t1, t0, DISK_INODE_BYTES
1:  ld      t2, 0(t0)
    sd      t2, 0(a1)
    addi    a1, a1, 8
    addi    t0, t0, 8
    bltu    t0, t1, 1b
    jal     buffer_put
2:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END inode_write

// inode_allocate(a0 mount, a1 type) -> a0 = number of an inode that was free and now is an empty one of that type with one
// link, or -errno. May sleep.
ENTRY inode_allocate
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a0
    mv      s1, a1
    li      s2, 1
    addi    a0, a0, MOUNT_LOCK
    jal     sleep_lock_acquire
1:  li      s3, -ENOSPC
    lwu     t0, MOUNT_INODE_COUNT(s0)
    bgeu    s2, t0, 4f
    mv      a0, s0
    mv      a1, s2
    jal     inode_block
    mv      s3, a0
    bltz    a0, 4f
    lhu     t0, DISK_INODE_TYPE(a1)
    beqz    t0, 2f
    jal     buffer_release
    addi    s2, s2, 1
    j       1b
2:  addi    t0, a1, DISK_INODE_BYTES
    mv      t1, a1
3:  sd      zero, 0(t1)
    addi    t1, t1, 8
    bltu    t1, t0, 3b
    sh      s1, DISK_INODE_TYPE(a1)
    li      t0, 1
    sh      t0, DISK_INODE_LINKS(a1)
    jal     buffer_put
    mv      s3, a0
    bnez    a0, 4f
    mv      s3, s2
4:  addi    a0, s0, MOUNT_LOCK
    jal     sleep_lock_release
    mv      a0, s3
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
END inode_allocate

// inode_free(a0 mount, a1 number): the inode of a file that could not be made after all. May sleep.
ENTRY inode_free
    addi    sp, sp, -16
    sd      ra, 8(sp)
    jal     inode_block
    bltz    a0, 1f
    sh      zero, DISK_INODE_TYPE(a1)
    jal     buffer_put
1:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END inode_free
