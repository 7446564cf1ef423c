// SPDX-License-Identifier: GPL-2.0-or-later
// is_read that does not wait for the disk inside: the solution that the paper's section 4.3 announces. A call that meets a block which is
// not in memory leaves the specialised path, fetches the block outside, and rejoins whatever path there is by then. So a replugger never
// waits for a disk: its latency does not depend on input and output. (A call that has delivered bytes already waits inside.)
#define IS_READ_LEAVES      1
#define IS_READ             is_read_leave
#define IS_READ_BLOCKS      is_read_leave_blocks
#include "is_read.S"

    .text

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
2:  PATH_BEGIN "invocation"
    REPLUG_INVOKE a0, read
END read_rejoin
