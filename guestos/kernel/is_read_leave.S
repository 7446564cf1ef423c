// SPDX-License-Identifier: GPL-2.0-or-later
// is_read that does not wait for the disk inside: the solution that the paper's section 4.3 announces. A call that meets a block which is
// not in memory leaves the specialised path, fetches the block outside, and rejoins whatever path there is by then. So a replugger never
// waits for a disk: its latency does not depend on input and output. (A call that has delivered bytes already waits inside.)
#define IS_READ_LEAVES      1
#define IS_READ             is_read_leave
#define IS_READ_BLOCKS      is_read_leave_blocks
#include "is_read.S"

    .text

// map_is_cached(a0 inode, a1 block of the file, not a direct one) -> a2 = 1 if what block_map_piece needs to read is in memory now; else
// 0, a0 = mount and a1 = the first block that is not. Changes t0-t6, a0, a1, a3.
map_is_cached:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    lwu     t1, INODE_INDIRECT(a0)
    lwu     t2, INODE_DOUBLE(a0)
    ld      a0, INODE_MOUNT(a0)
    addi    s0, a1, -DIRECT_BLOCKS
    srli    s0, s0, IS_READ_BLOCK_SHIFT - 2     // which of the pieces behind the direct blocks
    mv      a1, t1
    beqz    s0, 1f
    mv      a1, t2
    beqz    a1, 2f                      // a hole needs nothing
    jal     buffer_is_cached
    beqz    a2, 3f
    sd      a0, 8(sp)
    li      a2, 0
    jal     buffer_get                  // there: it does not wait
    li      a2, 1
    bltz    a0, 3f
    ld      t0, BUFFER_DATA(a0)
    slli    t1, s0, 2
    add     t0, t0, t1
    lwu     s0, -4(t0)
    jal     buffer_release
    mv      a1, s0
    ld      a0, 8(sp)
1:  beqz    a1, 2f
    jal     buffer_is_cached
    j       3f
2:  li      a2, 1
3:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    addi    sp, sp, 32
    ret
    .size map_is_cached, . - map_is_cached

// read_rejoin(a0 descriptor, a1 user address, a2 bytes, a3 mount, a4 block) -> as read. Outside; the block is held in the cache until the
// call that rejoins has come to its end: it finds that block, so nobody leaves for the same block twice.
ENTRY read_rejoin
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      a0, 24(sp)
    sd      a1, 16(sp)
    sd      a2, 8(sp)
    mv      a0, a3
    mv      a1, a4
    li      a2, 0
    jal     buffer_get
    mv      s0, a0                      // or -errno: the call will find that error itself
    ld      a0, 24(sp)
    ld      a1, 16(sp)
    ld      a2, 8(sp)
    jal     2f
    bltz    s0, 1f
    sd      a0, 24(sp)
    mv      a0, s0
    jal     buffer_release
    ld      a0, 24(sp)
1:  ld      ra, 40(sp)
    ld      s0, 32(sp)
    addi    sp, sp, 48
    ret
2:  PATH_END "away for the disk"
    PATH_BEGIN "invocation"
    REPLUG_INVOKE a0, read
END read_rejoin
