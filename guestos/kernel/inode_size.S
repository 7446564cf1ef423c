// SPDX-License-Identifier: GPL-2.0-or-later
// Changing the size of a file: what is cut off is freed, what is added reads as zeros.
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "inode.inc"

    .text

// inode_set_size(a0 inode of a regular file, a1 bytes) -> a0 = 0 or -errno: what lies behind is gone, its blocks are free, and what
// is new reads as zeros. Takes and releases the inode lock. May sleep.
ENTRY inode_set_size
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a0
    mv      s1, a1
    jal     inode_lock
    mv      s2, a0
    bltz    a0, .Lsize_return
    mv      a0, s0
    jal     block_map_limit
    li      s2, -EFBIG
    bgtu    s1, a0, .Lsize_unlock
    ld      t0, INODE_SIZE(s0)
    beq     t0, s1, .Lsize_same
    sd      s1, INODE_SIZE(s0)
    bgtu    s1, t0, .Lsize_write        // longer: a hole
    // Shorter. The rest of the block that the end is in becomes zero, for the file may grow over it again.
    ld      t0, INODE_MOUNT(s0)
    lwu     s3, MOUNT_BLOCK_SIZE(t0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    addi    t2, s3, -1
    and     t2, t2, s1
    beqz    t2, 2f
    sub     s3, s3, t2                  // bytes to clear, at
    sd      t2, 0(sp)
    mv      a0, s0
    srl     a1, s1, t1
    jal     block_map
    mv      s2, a0
    bltz    a0, .Lsize_unlock
    beqz    a0, 2f
    mv      a1, a0
    ld      a0, INODE_MOUNT(s0)
    li      a2, 0
    jal     buffer_get
    mv      s2, a0
    bltz    a0, .Lsize_unlock
    ld      t0, BUFFER_DATA(a0)
    ld      t1, 0(sp)
    add     t0, t0, t1
1:  sb      zero, 0(t0)
    addi    t0, t0, 1
    addi    s3, s3, -1
    bnez    s3, 1b
    jal     buffer_put
    mv      s2, a0
    bltz    a0, .Lsize_unlock
2:  ld      t0, INODE_MOUNT(s0)
    lwu     t2, MOUNT_BLOCK_SIZE(t0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    add     a1, s1, t2
    addi    a1, a1, -1
    srl     a1, a1, t1
    mv      a0, s0
    jal     block_map_trim
    mv      s2, a0
    mv      a0, s0
    jal     inode_write                 // after an error, too: what has gone has gone
    bltz    s2, .Lsize_unlock
    mv      s2, a0
    j       .Lsize_unlock
.Lsize_write:
    mv      a0, s0
    jal     inode_write
    mv      s2, a0
    j       .Lsize_unlock
.Lsize_same:
    li      s2, 0
.Lsize_unlock:
    mv      a0, s0
    jal     inode_unlock
.Lsize_return:
    mv      a0, s2
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
END inode_set_size
