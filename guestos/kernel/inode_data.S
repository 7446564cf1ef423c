// SPDX-License-Identifier: GPL-2.0-or-later
// The bytes of a file: reading and writing them block by block through the block map and the buffer cache. Where they go to or
// come from (user or kernel memory) is the copy routine's business.
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "inode.inc"
#include "replug.inc"

    .text

// inode_read(a0 inode, a1 destination, a2 bytes, a3 offset, a4 copy) -> bytes, fewer at the end of the file, or -errno if there
// were none before the error. copy(a0 destination, a1 source in the kernel, a2 bytes) -> 0 or -errno. The caller holds the inode
// lock. May sleep.
ENTRY inode_read
    ld      t0, INODE_SIZE(a0)
    bgeu    a3, t0, 1f                  // at the end, or beyond it
    sub     t0, t0, a3
    bgeu    t0, a2, 2f
    mv      a2, t0
2:  beqz    a2, 1f
    addi    sp, sp, -80
    sd      ra, 72(sp)
    sd      s0, 64(sp)
    sd      s1, 56(sp)
    sd      s2, 48(sp)
    sd      s3, 40(sp)
    sd      s4, 32(sp)
    sd      s5, 24(sp)
    sd      s6, 16(sp)
    sd      s7, 8(sp)
    mv      s0, a0                      // inode
    mv      s1, a1                      // destination
    mv      s2, a2                      // bytes still to copy
    mv      s3, a3                      // offset
    mv      s4, a4                      // copy
    mv      s5, a1                      // where it began

.Lread_block:
    PATH_STEP "generic read by step", "06 block map"
    ld      t0, INODE_MOUNT(s0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    mv      a0, s0
    srl     a1, s3, t1
    jal     block_map
    bltz    a0, .Lread_error
    mv      s6, a0                      // 0 for a hole: no buffer
    la      a1, zero_block
    beqz    a0, 3f
    PATH_STEP "generic read by step", "07 buffer cache"
    mv      a1, a0
    ld      a0, INODE_MOUNT(s0)
    li      a2, 0
    jal     buffer_get
    bltz    a0, .Lread_error
    mv      s6, a0
    ld      a1, BUFFER_DATA(a0)
3:
    PATH_STEP "generic read by step", "08 place in the block"
    ld      t0, INODE_MOUNT(s0)
    lwu     t0, MOUNT_BLOCK_SIZE(t0)
    addi    t1, t0, -1
    and     t1, t1, s3
    add     a1, a1, t1
    sub     s7, t0, t1                  // from here to the end of the block
    bgeu    s2, s7, 4f
    mv      s7, s2
4:
    PATH_STEP "generic read by step", "09 copy"
    mv      a0, s1
    mv      a2, s7
    jalr    s4
    PATH_STEP "generic read by step", "10 release the block"
    mv      t2, s6
    mv      s6, a0
    mv      a0, t2
    beqz    a0, 5f
    jal     buffer_release
5:  mv      a0, s6
    bltz    a0, .Lread_error
    add     s1, s1, s7
    add     s3, s3, s7
    sub     s2, s2, s7
    bnez    s2, .Lread_block
    li      a0, 0
.Lread_error:
    sub     t0, s1, s5                  // what came before an error counts
    beqz    t0, 6f
    mv      a0, t0
6:  ld      ra, 72(sp)
    ld      s0, 64(sp)
    ld      s1, 56(sp)
    ld      s2, 48(sp)
    ld      s3, 40(sp)
    ld      s4, 32(sp)
    ld      s5, 24(sp)
    ld      s6, 16(sp)
    ld      s7, 8(sp)
    addi    sp, sp, 80
    ret
1:  li      a0, 0
    ret
END inode_read

// inode_write_data(a0 inode, a1 source, a2 bytes, a3 offset or -1 for the end, a4 copy) -> bytes, or -errno if there were none
// before the error, and a1 = the offset behind them; the blocks, the inode and the bitmap are on the disk then. copy(a0 destination in the kernel, a1 source, a2 bytes) -> 0 or
// -errno. The caller holds the inode lock. May sleep.
ENTRY inode_write_data
    bgez    a3, 1f
    ld      a3, INODE_SIZE(a0)
1:  beqz    a2, 6f
    addi    sp, sp, -80
    sd      ra, 72(sp)
    sd      s0, 64(sp)
    sd      s1, 56(sp)
    sd      s2, 48(sp)
    sd      s3, 40(sp)
    sd      s4, 32(sp)
    sd      s5, 24(sp)
    sd      s6, 16(sp)
    sd      s7, 8(sp)
    mv      s0, a0
    mv      s1, a1
    mv      s2, a2
    mv      s3, a3
    mv      s4, a4
    mv      s5, a1

.Lwrite_block:
    ld      t0, INODE_MOUNT(s0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    mv      a0, s0
    srl     a1, s3, t1
    jal     block_map_allocate
    bltz    a0, .Lwrite_error
    mv      t0, a1
    mv      a1, a0
    ld      a0, INODE_MOUNT(s0)
    bnez    t0, 1f
    li      a2, 0
    jal     buffer_get
    j       2f
1:  jal     buffer_get_new
2:  bltz    a0, .Lwrite_error
    mv      s6, a0
    ld      t0, INODE_MOUNT(s0)
    lwu     t0, MOUNT_BLOCK_SIZE(t0)
    addi    t1, t0, -1
    and     t1, t1, s3
    sub     s7, t0, t1
    bgeu    s2, s7, 3f
    mv      s7, s2
3:  ld      a0, BUFFER_DATA(s6)
    add     a0, a0, t1
    mv      a1, s1
    mv      a2, s7
    jalr    s4
    mv      t2, s6
    mv      s6, a0                      // written even after a failed copy: the block may be a fresh one
    mv      a0, t2
    jal     buffer_put
    bltz    s6, .Lcopy_error
    bltz    a0, .Lwrite_error
    add     s1, s1, s7
    add     s3, s3, s7
    sub     s2, s2, s7
    ld      t0, INODE_SIZE(s0)
    bgeu    t0, s3, 4f
    sd      s3, INODE_SIZE(s0)
4:  bnez    s2, .Lwrite_block
    li      s6, 0
    j       .Lwrite_inode
.Lwrite_error:
    mv      s6, a0
.Lcopy_error:
.Lwrite_inode:
    mv      a0, s0
    jal     inode_write
    bltz    a0, 5f
    mv      a0, s6
    sub     t0, s1, s5
    beqz    t0, 5f
    mv      a0, t0
5:  mv      a1, s3
    ld      ra, 72(sp)
    ld      s0, 64(sp)
    ld      s1, 56(sp)
    ld      s2, 48(sp)
    ld      s3, 40(sp)
    ld      s4, 32(sp)
    ld      s5, 24(sp)
    ld      s6, 16(sp)
    ld      s7, 8(sp)
    addi    sp, sp, 80
    ret
6:  mv      a1, a3
    li      a0, 0
    ret
END inode_write_data

// inode_read_at(a0 inode, a1 kernel address, a2 offset, a3 bytes) -> bytes or -errno: for the kernel itself. Takes and releases
// the inode lock. May sleep.
ENTRY inode_read_at
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a0
    mv      s1, a1
    mv      s2, a2
    mv      s3, a3
    jal     inode_lock
    bltz    a0, 1f
    mv      a0, s0
    mv      a1, s1
    mv      a2, s3
    mv      a3, s2
    la      a4, copy_in_kernel
    jal     inode_read
    mv      s1, a0
    mv      a0, s0
    jal     inode_unlock
    mv      a0, s1
1:  ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
END inode_read_at

// copy_in_kernel(a0 destination, a1 source, a2 bytes) -> a0 = 0: copy_to_user and copy_from_user's counterpart.
ENTRY copy_in_kernel
    add     a2, a2, a0
    or      t0, a0, a1
    or      t0, t0, a2
    andi    t0, t0, 7
    beqz    t0, 2f
1:  bgeu    a0, a2, 3f
    lb      t0, 0(a1)
    sb      t0, 0(a0)
    addi    a0, a0, 1
    addi    a1, a1, 1
    j       1b
2:  bgeu    a0, a2, 3f                  // all aligned
    ld      t0, 0(a1)
    sd      t0, 0(a0)
    addi    a0, a0, 8
    addi    a1, a1, 8
    j       2b
3:  li      a0, 0
    ret
END copy_in_kernel
