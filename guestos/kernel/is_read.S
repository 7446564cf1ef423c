// SPDX-License-Identifier: GPL-2.0-or-later
// The specialised read. `open` chose it because of what is constant while the descriptor lives (a regular file of this file
// system, its block size, the address of its inode) and because, for now, nobody else has the file open: so the offset is
// private, and the block of the last call is still where it was. Nothing of this is asked again here.
//
// It runs with the inside-flag set: every exit clears it, the failing ones too (mutant M8).
//
// The variants are this source with something defined (is_read_whole.S, is_read_leave.S):
//   IS_READ_WHOLE   the file has no holes
//   IS_READ_LEAVES  a call that has to wait for the disk before it has delivered anything leaves, and rejoins whatever path there is then
//   IS_READ_AHEAD   the file is read from one end to the other: the blocks that come next are asked for before this one is read
//   IS_READ_CLIMBS  it is the level that one of IS_READ_AHEAD goes down to after a seek: it notices when the file is read so again
#ifndef IS_READ
#define IS_READ             is_read
#define IS_READ_BLOCKS      is_read_blocks
#endif
#include "assembly.inc"
#include "descriptor.inc"
#include "buffer.inc"
#include "inode.inc"
#include "replug.inc"
#include "replug_invoke.inc"
#include "specialise.inc"

    .text

// is_read(a0 descriptor, t2 record, a1 user address, a2 bytes) -> bytes, 0 at the end of the file, or -errno. The record is reached only
// through t2, the pointer of the reader's step 3.
ENTRY IS_READ
    PATH_END "invocation"
    PATH_IS "trap", "specialised read"
#ifdef IS_READ_AHEAD
    PATH_IS "trap", "+prefetch"
#endif
    ld      t0, RECORD_OFFSET(t2)
    ld      t1, RECORD_START(t2)
    ld      t3, RECORD_LENGTH(t2)
    sub     t1, t0, t1
    bgeu    t1, t3, IS_READ_BLOCKS      // not the block of the last call
    sub     t3, t3, t1
    bltu    t3, a2, IS_READ_BLOCKS      // more than is left of it

    // The same block as last time: the bytes are in the buffer that the record holds on to.
    ld      t3, RECORD_BASE(t2)
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, t2
    mv      s1, a2
    mv      a0, a1
    add     a1, t3, t1
    jal     copy_to_user
    bnez    a0, 1f
    ld      t0, RECORD_OFFSET(s0)
    mv      a0, s1
    add     t0, t0, s1
    sd      t0, RECORD_OFFSET(s0)
1:  PATH_BEGIN "flag clear"
    REPLUG_LEAVE RECORD_TO_INSIDE, s0
    PATH_END "flag clear"
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    PATH_VALUE "trap", "bytes", 10
    ret
END IS_READ

// The same for a read that begins in another block, reaches into the next one, or meets the end of the file.
    .globl  IS_READ_BLOCKS
IS_READ_BLOCKS:
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    mv      s0, t2                      // record
    mv      s1, a1                      // user address
    mv      s2, a2                      // bytes still to copy
    mv      s3, t0                      // offset
    mv      s5, t0                      // where it began

    ld      t0, RECORD_INODE(s0)
    ld      t0, INODE_SIZE(t0)
    bgeu    s3, t0, .Ldone              // at the end, or beyond it
    sub     t0, t0, s3
    bgeu    t0, s2, 1f
    mv      s2, t0
1:  beqz    s2, .Ldone

.Lnext:
    ld      t1, RECORD_START(s0)
    ld      t3, RECORD_LENGTH(s0)
    sub     t1, s3, t1
    bgeu    t1, t3, .Lmove_window
.Lcopy:                                 // t1: place in the window, t3: its length
    sub     s4, t3, t1
    bgeu    s2, s4, 2f
    mv      s4, s2
2:  ld      a1, RECORD_BASE(s0)
    add     a1, a1, t1
    mv      a0, s1
    mv      a2, s4
    jal     copy_to_user
    bnez    a0, .Lfailed
    add     s3, s3, s4
    add     s1, s1, s4
    sub     s2, s2, s4
    bnez    s2, .Lnext
.Ldone:
    sub     a0, s3, s5
.Lleave:
    sd      s3, RECORD_OFFSET(s0)
    PATH_BEGIN "flag clear"
    REPLUG_LEAVE RECORD_TO_INSIDE, s0
    PATH_END "flag clear"
#ifdef IS_READ_CLIMBS
    ld      t0, RECORD_INODE(s0)
    lw      t0, INODE_CHANCE(t0)
    bnez    t0, .Lclimb
.Lreturn:
#endif
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    PATH_VALUE "trap", "bytes", 10
    ret
#ifdef IS_READ_CLIMBS
.Lclimb:                                // outside, and so without waiting for itself (mutant M21)
    mv      s1, a0
    addi    a0, s0, RECORD_TO_DESCRIPTOR
    jal     specialise_again
    mv      a0, s1
    j       .Lreturn
#endif
.Lfailed:                               // what was delivered before counts; an error only if there was nothing
    bne     s3, s5, .Ldone
    j       .Lleave

    // Bring the window to the block at the offset, which is within the file. The inode needs no lock: nobody else has the file
    // open, and its one owner is here.
.Lmove_window:
    ld      a0, RECORD_BUFFER(s0)
    sd      zero, RECORD_LENGTH(s0)
    sd      zero, RECORD_BUFFER(s0)
    beqz    a0, 3f
    jal     buffer_release
3:
#ifdef IS_READ_CLIMBS
    lwu     t0, RECORD_TO_SEEKS(s0)     // another block without a seek
    beqz    t0, 9f
    addi    t0, t0, -1
    sw      t0, RECORD_TO_SEEKS(s0)
    bnez    t0, 9f
    ld      t0, RECORD_INODE(s0)        // so many that the predicate is true again
    li      t1, 1
    sw      t1, INODE_CHANCE(t0)
9:
#endif
    srli    a1, s3, IS_READ_BLOCK_SHIFT
    ld      t0, RECORD_MAP_START(s0)
    ld      t1, RECORD_MAP_COUNT(s0)
    sub     t0, a1, t0
    bgeu    t0, t1, .Lmove_map
.Lmapped:                               // t0: entry of the map
    ld      t1, RECORD_MAP_BASE(s0)
#ifndef IS_READ_WHOLE
    beqz    t1, .Lhole
#endif
    slli    t0, t0, 2
    add     t0, t0, t1
    lwu     a1, 0(t0)
#ifndef IS_READ_WHOLE
    beqz    a1, .Lhole
#endif
#ifdef IS_READ_AHEAD
    sd      a1, 0(sp)
    jal     read_ahead
    ld      a1, 0(sp)
#endif
    ld      a0, RECORD_INODE(s0)
    ld      a0, INODE_MOUNT(a0)
#ifdef IS_READ_LEAVES
    bne     s3, s5, 9f                  // what has been delivered cannot be taken back: wait inside
    jal     buffer_is_cached
    beqz    a2, .Lleave_for_disk
9:
#endif
    addi    a2, s0, RECORD_TO_DESCRIPTOR
    jal     buffer_get
    bltz    a0, .Lfailed
    sd      a0, RECORD_BUFFER(s0)
    ld      t2, BUFFER_DATA(a0)
4:  sd      t2, RECORD_BASE(s0)
    srli    t1, s3, IS_READ_BLOCK_SHIFT
    slli    t1, t1, IS_READ_BLOCK_SHIFT
    sd      t1, RECORD_START(s0)
    ld      t3, RECORD_INODE(s0)        // the window ends with the block or with the file
    ld      t3, INODE_SIZE(t3)
    sub     t3, t3, t1
    sub     t1, s3, t1
    li      t0, 1 << IS_READ_BLOCK_SHIFT
    bgeu    t0, t3, 5f
    mv      t3, t0
5:  sd      t3, RECORD_LENGTH(s0)
    j       .Lcopy
#ifndef IS_READ_WHOLE
.Lhole:
    la      t2, zero_block              // a hole reads as zeros
    j       4b
#endif

#ifdef IS_READ_LEAVES
    // a0 mount, a1 block: leave the path as it was found, and fetch the block from outside.
.Lleave_for_disk:
    mv      a3, a0
    mv      a4, a1
    addi    a0, s0, RECORD_TO_DESCRIPTOR
    mv      a1, s1
    mv      a2, s2
    PATH_BEGIN "flag clear"
    REPLUG_LEAVE RECORD_TO_INSIDE, s0
    PATH_END "flag clear"
    PATH_BEGIN "away for the disk"
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    j       read_rejoin
#endif

    // Bring the map to the block a1 of the file.
.Lmove_map:
    ld      a0, RECORD_MAP_BUFFER(s0)
    sd      zero, RECORD_MAP_COUNT(s0)
    sd      zero, RECORD_MAP_BUFFER(s0)
    beqz    a0, 6f
    jal     buffer_release
6:  srli    a1, s3, IS_READ_BLOCK_SHIFT
    ld      a0, RECORD_INODE(s0)
    li      t0, DIRECT_BLOCKS
    bltu    a1, t0, 7f
#ifdef IS_READ_LEAVES
    bne     s3, s5, 9f
    jal     map_is_cached
    beqz    a2, .Lleave_for_disk
    ld      a0, RECORD_INODE(s0)
    srli    a1, s3, IS_READ_BLOCK_SHIFT
9:
#endif
    addi    a2, s0, RECORD_TO_DESCRIPTOR
    jal     block_map_piece
    bltz    a0, .Lfailed
    j       8f
7:  addi    a1, a0, INODE_DIRECT
    li      a0, 0
    li      a2, 0
    li      a3, DIRECT_BLOCKS
8:  sd      a0, RECORD_MAP_BUFFER(s0)
    sd      a1, RECORD_MAP_BASE(s0)
    sd      a2, RECORD_MAP_START(s0)
    sd      a3, RECORD_MAP_COUNT(s0)
    srli    t0, s3, IS_READ_BLOCK_SHIFT
    sub     t0, t0, a2
    j       .Lmapped
    .size IS_READ_BLOCKS, . - IS_READ_BLOCKS
