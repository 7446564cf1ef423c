// SPDX-License-Identifier: GPL-2.0-or-later
// The block map: from a block of a file to a block of the disk, through 12 direct numbers, one indirect block and one double
// indirect block in the inode. The number 0 is a hole.
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "inode.inc"

    .text

// block_map(a0 inode, a1 block of the file) -> a0 = block of the disk, 0 for a hole, or -errno. The caller holds the inode lock.
// May sleep.
ENTRY block_map
    li      t0, DIRECT_BLOCKS
    bgeu    a1, t0, 1f
    slli    a1, a1, 2
    add     a0, a0, a1
    lwu     a0, INODE_DIRECT(a0)
    ret
1:  addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    mv      s0, a1
    li      a2, 0
    jal     block_map_piece
    blez    a0, 3f                      // an error, or no piece: a hole
    sub     t0, s0, a2
    slli    t0, t0, 2
    add     t0, t0, a1
    lwu     s0, 0(t0)
    jal     buffer_release
    mv      a0, s0
3:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    addi    sp, sp, 32
    ret
END block_map

// block_map_piece(a0 inode, a1 block of the file, not a direct one, a2 as for buffer_get) -> the piece of the map that has it:
// a0 = the buffer that holds the block numbers, referenced, 0 if there is none because all of the piece is a hole, or -errno;
// a1 = address of the numbers, or 0; a2 = the block of the file that the first one is for; a3 = how many there are.
// The caller holds the inode lock, or knows that nobody else has the file open. May sleep.
ENTRY block_map_piece
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    ld      s0, INODE_MOUNT(a0)
    lw      s1, MOUNT_BLOCK_SHIFT(s0)
    addi    s1, s1, -2                  // log2 of the block numbers in a block
    li      s2, DIRECT_BLOCKS           // first block of the piece
    addi    t0, a1, -DIRECT_BLOCKS
    srl     t1, t0, s1                  // which of the pieces behind the direct blocks
    lwu     a1, INODE_INDIRECT(a0)
    beqz    t1, .Lpiece
    sll     t0, t1, s1
    add     s2, s2, t0
    addi    t1, t1, -1                  // which of those under the double indirect block
    srl     t0, t1, s1
    lwu     a1, INODE_DOUBLE(a0)
    bnez    t0, .Lpiece_hole            // beyond the map: nothing is there
    beqz    a1, .Lpiece_hole
    slli    t1, t1, 2
    sd      t1, 8(sp)
    sd      a2, 0(sp)
    mv      a0, s0
    jal     buffer_get
    bltz    a0, .Lpiece_return
    ld      t0, BUFFER_DATA(a0)
    ld      t1, 8(sp)
    add     t0, t0, t1
    lwu     t0, 0(t0)
    sd      t0, 8(sp)
    jal     buffer_release
    ld      a1, 8(sp)
    ld      a2, 0(sp)
.Lpiece:
    beqz    a1, .Lpiece_hole
    mv      a0, s0
    jal     buffer_get
    bltz    a0, .Lpiece_return
    ld      a1, BUFFER_DATA(a0)
    j       .Lpiece_found
.Lpiece_hole:
    li      a0, 0
    li      a1, 0
.Lpiece_found:
    mv      a2, s2
    li      a3, 1
    sll     a3, a3, s1
.Lpiece_return:
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 48
    ret
END block_map_piece

// block_map_allocate(a0 inode, a1 block of the file) -> a0 = block of the disk, taken from the bitmap where there was a hole, or
// -errno; a1 = 0, or BUFFER_FRESH if it was a hole: then the disk's contents are not the file's, and the caller writes it.
// The caller holds the inode lock and afterwards writes the inode to the disk. May sleep.
ENTRY block_map_allocate
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    ld      s0, INODE_MOUNT(a0)         // mount
    mv      s1, a1                      // index at and below the present level
    li      s2, 0                       // levels of block numbers between the present entry and the data
    li      s4, 0                       // the buffer that holds the present entry; none: the inode does
    li      t0, DIRECT_BLOCKS
    bgeu    a1, t0, 1f
    slli    t0, a1, 2
    add     s3, a0, t0
    addi    s3, s3, INODE_DIRECT        // address of the present entry
    j       .Lentry
1:  lw      t1, MOUNT_BLOCK_SHIFT(s0)
    addi    t1, t1, -2
    addi    s1, s1, -DIRECT_BLOCKS
    addi    s3, a0, INODE_INDIRECT
    li      s2, 1
    srl     t0, s1, t1
    beqz    t0, .Lentry
    li      t0, 1
    sll     t0, t0, t1
    sub     s1, s1, t0
    addi    s3, a0, INODE_DOUBLE
    li      s2, 2
    srl     t0, s1, t1
    srl     t0, t0, t1
    li      a0, -EFBIG
    bnez    t0, .Lallocate_done

.Lentry:
    li      s5, 0
    lwu     a0, 0(s3)
    bnez    a0, .Lpresent
    mv      a0, s0
    jal     block_allocate
    bltz    a0, .Lallocate_failed
    mv      s5, a0
    beqz    s2, 2f
    mv      a1, a0                      // an indirect block begins empty, on the disk too
    mv      a0, s0
    jal     buffer_get_new
    bltz    a0, .Lallocate_failed
    jal     buffer_put
    bltz    a0, .Lallocate_failed
2:  sw      s5, 0(s3)
    beqz    s4, 3f
    mv      a0, s4
    jal     buffer_write
    bltz    a0, .Lallocate_failed
3:  mv      a0, s5
.Lpresent:                              // a0: the block that the entry names
    mv      s3, a0
    beqz    s4, 4f
    mv      a0, s4
    jal     buffer_release
4:  mv      a0, s3
    beqz    s2, .Lallocate_done         // the data themselves
    mv      a1, s3
    mv      a0, s0
    li      a2, 0
    li      s4, 0
    jal     buffer_get
    bltz    a0, .Lallocate_done
    mv      s4, a0
    addi    s2, s2, -1
    lw      t1, MOUNT_BLOCK_SHIFT(s0)
    addi    t1, t1, -2
    mv      t0, s1
    beqz    s2, 5f
    srl     t0, t0, t1
5:  li      t2, -1
    sll     t2, t2, t1
    not     t2, t2
    and     t0, t0, t2
    slli    t0, t0, 2
    ld      s3, BUFFER_DATA(s4)
    add     s3, s3, t0
    j       .Lentry

.Lallocate_failed:
    mv      s3, a0
    beqz    s4, 6f
    mv      a0, s4
    jal     buffer_release
6:  mv      a0, s3
.Lallocate_done:
    snez    a1, s5                      // BUFFER_FRESH is 1
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    ret
END block_map_allocate
