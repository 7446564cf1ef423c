// SPDX-License-Identifier: GPL-2.0-or-later
// A specialised policy, where is_read is a specialised mechanism (the paper's section 2: "a specialized file pre-fetching policy"): the
// same interface, but the blocks that come next are asked for before this one is read. Whether that is wise is not asked at any call:
// it is the quasi-invariant SEQUENTIAL_ACCESS, which lseek's guard falsifies. (The generic policy, which asks at every call, is read_ahead.S.)
#define IS_READ_AHEAD       1
#define IS_READ             is_read_ahead
#define IS_READ_BLOCKS      is_read_ahead_blocks
#include "is_read.S"

    .text

// read_ahead(s0 record, s3 offset, in the piece of the block map that the record has): asks for the blocks behind it, up to
// AHEAD_BLOCKS of them: as a rule for one, the others have been asked for before. They end with the piece of the map, and with the
// file. Does not sleep. Changes t0-t6, a0-a5.
read_ahead:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s1, 16(sp)
    sd      s2, 8(sp)
    srli    t0, s3, IS_READ_BLOCK_SHIFT
    addi    s1, t0, 1                   // the next block of the file to ask for
    addi    s2, t0, 1 + AHEAD_BLOCKS    // the first one not to ask for
    lwu     t1, RECORD_TO_AHEAD(s0)
    bgeu    s1, t1, 1f
    mv      s1, t1
1:  ld      t0, RECORD_MAP_START(s0)
    ld      t1, RECORD_MAP_COUNT(s0)
    add     t0, t0, t1
    bgeu    t0, s2, 2f
    mv      s2, t0
2:  ld      t0, RECORD_INODE(s0)
    ld      t0, INODE_SIZE(t0)
    addi    t0, t0, -1                  // the offset is within the file: it is not empty
    srli    t0, t0, IS_READ_BLOCK_SHIFT
    addi    t0, t0, 1
    bgeu    t0, s2, 3f
    mv      s2, t0
3:  bgeu    s1, s2, 4f
    ld      t0, RECORD_MAP_START(s0)
    sub     t0, s1, t0
    slli    t0, t0, 2
    ld      t1, RECORD_MAP_BASE(s0)
    add     t1, t1, t0
    lwu     a1, 0(t1)
    addi    s1, s1, 1
    beqz    a1, 3b                      // a hole
    ld      a0, RECORD_INODE(s0)
    ld      a0, INODE_MOUNT(a0)
    jal     buffer_prefetch
    j       3b
4:  sw      s1, RECORD_TO_AHEAD(s0)
    ld      ra, 24(sp)
    ld      s1, 16(sp)
    ld      s2, 8(sp)
    addi    sp, sp, 32
    ret
    .size read_ahead, . - read_ahead
