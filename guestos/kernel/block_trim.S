// SPDX-License-Identifier: GPL-2.0-or-later
// Giving blocks of a file back: the end of the block map is cut off.
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "inode.inc"

    .text

// block_map_limit(a0 inode) -> a0 = how many bytes the block map can tell the place of. Changes t0-t2.
ENTRY block_map_limit
    ld      t0, INODE_MOUNT(a0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    addi    t0, t1, -2                  // log2 of the block numbers in a block
    li      t2, 1
    sll     t2, t2, t0
    sll     a0, t2, t0
    add     a0, a0, t2
    addi    a0, a0, DIRECT_BLOCKS
    sll     a0, a0, t1
    ret
END block_map_limit

// block_map_clear(a0 inode): all its blocks go back to the bitmap; it is all hole.
// block_map_trim(a0 inode, a1 blocks): all but the first so many of the file's blocks go back to the bitmap; they are holes.
// The caller holds the inode lock and afterwards writes the inode to the disk. -> a0 = 0 or -errno. May sleep.
ENTRY block_map_clear
    li      a1, 0
END block_map_clear
ENTRY block_map_trim
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    mv      s0, a0
    mv      s1, a1                      // blocks still to keep
    addi    s2, a0, INODE_DIRECT        // entry
    addi    s3, a0, INODE_INDIRECT
    li      s4, 0                       // levels of block numbers below it
    li      s5, 1                       // blocks of the file below it
1:  bgeu    s1, s5, 2f
    ld      a0, INODE_MOUNT(s0)
    lwu     a1, 0(s2)
    mv      a2, s4
    mv      a3, s1
    jal     trim_tree
    bltz    a0, 4f
    bnez    s1, 3f
    sw      zero, 0(s2)
3:  li      s1, 0
    j       5f
2:  sub     s1, s1, s5
5:  addi    s2, s2, 4
    bltu    s2, s3, 1b                  // a direct one
    ld      t0, INODE_MOUNT(s0)
    lw      t0, MOUNT_BLOCK_SHIFT(t0)
    addi    t0, t0, -2
    sll     s5, s5, t0
    addi    s4, s4, 1
    li      t0, 2
    bgeu    t0, s4, 1b                  // the indirect one, then the double indirect one
    li      a0, 0
4:  ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    ret
END block_map_trim

// trim_tree(a0 mount, a1 block or 0, a2 levels of block numbers in it, a3 how many of the file's blocks below it to keep: not all)
// -> a0 = 0 or -errno: frees what is behind those, and with none to keep the block itself. May sleep.
trim_tree:
    beqz    a1, .Ltree_none
    bnez    a2, 1f
    j       block_free                  // the data themselves, and none to keep
1:  addi    sp, sp, -80
    sd      ra, 72(sp)
    sd      s0, 64(sp)
    sd      s1, 56(sp)
    sd      s2, 48(sp)
    sd      s3, 40(sp)
    sd      s4, 32(sp)
    sd      s5, 24(sp)
    sd      s6, 16(sp)
    sd      s7, 8(sp)
    sd      s8, 0(sp)
    mv      s0, a0
    mv      s1, a1
    addi    s2, a2, -1                  // levels below an entry
    mv      s3, a3                      // to keep
    mv      s8, a3                      // still to keep
    li      a2, 0
    jal     buffer_get
    bltz    a0, .Ltree_return
    mv      s4, a0
    ld      s5, BUFFER_DATA(a0)         // entry
    lwu     s6, MOUNT_BLOCK_SIZE(s0)
    add     s6, s6, s5
    lw      t0, MOUNT_BLOCK_SHIFT(s0)
    addi    t0, t0, -2
    mul     t0, t0, s2
    li      s7, 1                       // blocks of the file below an entry
    sll     s7, s7, t0
2:  bgeu    s8, s7, 3f
    mv      a0, s0
    lwu     a1, 0(s5)
    mv      a2, s2
    mv      a3, s8
    jal     trim_tree
    bltz    a0, .Ltree_error
    bnez    s8, 4f
    sw      zero, 0(s5)
4:  li      s8, 0
    j       5f
3:  sub     s8, s8, s7
5:  addi    s5, s5, 4
    bltu    s5, s6, 2b
    mv      a0, s4
    beqz    s3, 6f
    jal     buffer_put
    j       .Ltree_return
6:  jal     buffer_release
    mv      a0, s0
    mv      a1, s1
    jal     block_free
.Ltree_return:
    ld      ra, 72(sp)
    ld      s0, 64(sp)
    ld      s1, 56(sp)
    ld      s2, 48(sp)
    ld      s3, 40(sp)
    ld      s4, 32(sp)
    ld      s5, 24(sp)
    ld      s6, 16(sp)
    ld      s7, 8(sp)
    ld      s8, 0(sp)
    addi    sp, sp, 80
    ret
.Ltree_error:
    mv      s5, a0
    mv      a0, s4
    jal     buffer_release
    mv      a0, s5
    j       .Ltree_return
.Ltree_none:
    li      a0, 0
    ret
    .size trim_tree, . - trim_tree
