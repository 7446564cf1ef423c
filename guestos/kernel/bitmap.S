// SPDX-License-Identifier: GPL-2.0-or-later
// The bitmap of used blocks. Both routines hold the mount's lock and leave the bitmap on the disk up to date.
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "file_system.inc"

    .text

// block_allocate(a0 mount) -> a0 = a block that was free and is now used, or -errno. May sleep.
// MOUNT_NEXT_FREE is never above the lowest free block, so one pass from there finds it.
ENTRY block_allocate
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s0, a0
    addi    a0, a0, MOUNT_LOCK
    jal     sleep_lock_acquire
    lwu     s1, MOUNT_NEXT_FREE(s0)
.Lblock:
    li      a0, -ENOSPC
    lwu     t0, MOUNT_TOTAL_BLOCKS(s0)
    bgeu    s1, t0, .Ldone
    mv      a0, s0
    mv      a1, s1
    jal     bitmap_get
    bltz    a0, .Ldone
    mv      s2, a0
    mv      a0, s0
    lwu     t6, MOUNT_TOTAL_BLOCKS(s0)
.Lbit:
    mv      a1, s1
    jal     bitmap_bit                  // t3 = address of the byte, t4 = its mask
    lbu     t5, 0(t3)
    and     t0, t5, t4
    beqz    t0, .Lfound
    addi    s1, s1, 1
    bgeu    s1, t6, .Lend
    lw      t0, MOUNT_BLOCK_SHIFT(s0)   // the next bit may be in the next block of the bitmap
    addi    t0, t0, 3
    srl     t1, s1, t0
    sll     t1, t1, t0
    bne     t1, s1, .Lbit
.Lend:
    mv      a0, s2
    jal     buffer_release
    j       .Lblock
.Lfound:
    or      t5, t5, t4
    sb      t5, 0(t3)
    addi    t0, s1, 1
    sw      t0, MOUNT_NEXT_FREE(s0)
    mv      a0, s2
    jal     buffer_put
    bltz    a0, .Ldone
    mv      a0, s1
.Ldone:
    j       .Lunlock
END block_allocate

// block_free(a0 mount, a1 block) -> a0 = 0 or -errno. May sleep.
ENTRY block_free
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s0, a0
    mv      s1, a1
    addi    a0, a0, MOUNT_LOCK
    jal     sleep_lock_acquire
    li      a0, -EIO                    // not a block that a file may have: a damaged file system
    lwu     t0, MOUNT_DATA_START(s0)
    bltu    s1, t0, .Lunlock
    lwu     t0, MOUNT_TOTAL_BLOCKS(s0)
    bgeu    s1, t0, .Lunlock
    mv      a0, s0
    mv      a1, s1
    jal     bitmap_get
    bltz    a0, .Lunlock
    mv      s2, a0
    mv      a0, s0
    mv      a1, s1
    jal     bitmap_bit
    lbu     t5, 0(t3)
    not     t4, t4
    and     t5, t5, t4
    sb      t5, 0(t3)
    lwu     t0, MOUNT_NEXT_FREE(s0)
    bgeu    s1, t0, 1f
    sw      s1, MOUNT_NEXT_FREE(s0)
1:  mv      a0, s2
    jal     buffer_put
.Lunlock:
    mv      s1, a0
    addi    a0, s0, MOUNT_LOCK
    jal     sleep_lock_release
    mv      a0, s1
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
END block_free

// bitmap_get(a0 mount, a1 block) -> a0 = the buffer of the bitmap that has its bit, or -errno.
bitmap_get:
    lw      t0, MOUNT_BLOCK_SHIFT(a0)
    addi    t0, t0, 3
    srl     a1, a1, t0
    lwu     t0, MOUNT_BITMAP_START(a0)
    add     a1, a1, t0
    li      a2, 0
    j       buffer_get

// bitmap_bit(a0 mount, a1 block, s2 buffer) -> t3 = address of the byte, t4 = mask of the bit. Changes t0, t3, t4 only.
bitmap_bit:
    lwu     t0, MOUNT_BLOCK_SIZE(a0)
    addi    t0, t0, -1
    srli    t3, a1, 3
    and     t3, t3, t0
    ld      t0, BUFFER_DATA(s2)
    add     t3, t3, t0
    andi    t0, a1, 7
    li      t4, 1
    sll     t4, t4, t0
    ret
