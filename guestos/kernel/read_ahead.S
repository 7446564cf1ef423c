// SPDX-License-Identifier: GPL-2.0-or-later
// The generic policy of reading ahead (boot argument ahead=yes; otherwise the generic read asks for nothing ahead of time): at every call it
// is decided anew whether the file seems to be read from one end to the other, by where the last call ended. Whoever read the file last
// is not told apart: as in 4.3BSD, that is a word of the inode.
#include "assembly.inc"
#include "buffer.inc"
#include "inode.inc"
#include "replug.inc"

    .text

// inode_read_ahead: as inode_read (a0 inode, a1 destination, a2 bytes, a3 offset, a4 copy), which it goes on to.
ENTRY inode_read_ahead
    addi    sp, sp, -80
    sd      ra, 72(sp)
    sd      s0, 64(sp)
    sd      s1, 56(sp)
    sd      s2, 48(sp)
    sd      a1, 40(sp)
    sd      a2, 32(sp)
    sd      a3, 24(sp)
    sd      a4, 16(sp)
    mv      s0, a0
    ld      t0, INODE_SIZE(s0)
    bgeu    a3, t0, .Lread              // at the end, or beyond it
    beqz    a2, .Lread
    addi    t1, t0, -1                  // the last byte: of the call, or of the file
    add     t2, a3, a2
    addi    t2, t2, -1
    bgeu    t1, t2, 1f
    mv      t2, t1
1:  ld      t3, INODE_MOUNT(s0)
    lw      t3, MOUNT_BLOCK_SHIFT(t3)
    srl     t0, a3, t3                  // the first block of this call
    srl     t2, t2, t3                  // its last block
    srl     t1, t1, t3                  // the file's last block
    lwu     t4, INODE_LAST_READ(s0)     // the last block of the call before
    sw      t2, INODE_LAST_READ(s0)
    sub     t0, t0, t4
    li      t4, 1
    bgtu    t0, t4, .Lelsewhere         // neither the same nor the next
    addi    s1, t2, 1                   // the next block to ask for
    addi    s2, t2, 1 + AHEAD_BLOCKS    // the first one not to ask for
    lwu     t4, INODE_AHEAD(s0)
    bgeu    s1, t4, 2f
    mv      s1, t4
2:  addi    t1, t1, 1
    bgeu    t1, s2, 3f
    mv      s2, t1
3:  bgeu    s1, s2, .Lread
    mv      a0, s0
    mv      a1, s1
    jal     block_map
    addi    s1, s1, 1
    sw      s1, INODE_AHEAD(s0)
    blez    a0, 3b                      // a hole; an error is found by whoever needs the block
    mv      a1, a0
    ld      a0, INODE_MOUNT(s0)
    jal     buffer_prefetch
    j       3b
.Lelsewhere:
    sw      zero, INODE_AHEAD(s0)
.Lread:
    mv      a0, s0
    ld      ra, 72(sp)
    ld      s0, 64(sp)
    ld      s1, 56(sp)
    ld      s2, 48(sp)
    ld      a1, 40(sp)
    ld      a2, 32(sp)
    ld      a3, 24(sp)
    ld      a4, 16(sp)
    addi    sp, sp, 80
    j       inode_read
END inode_read_ahead
