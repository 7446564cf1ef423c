// SPDX-License-Identifier: GPL-2.0-or-later
// The buffer cache: moving blocks between buffers and their device while somebody waits for it. (Which buffer holds what is
// buffer_cache.S; blocks that nobody waits for yet are buffer_prefetch.S.)
#include "assembly.inc"
#include "buffer.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "file_system.inc"
#include "replug.inc"

    .text

// The buffer is the block's, but its data are not there yet. t3 buffer (referenced), a2 descriptor; the frame of buffer_get;
// the cache lock is held, a0 is its address. Reads it, or waits for whoever is reading it.
ENTRY buffer_fill
    lw      t0, BUFFER_STATE(t3)
    andi    t1, t0, BUFFER_AHEAD
    bnez    t1, .Lfetched_ahead
    andi    t1, t0, BUFFER_BUSY
    bnez    t1, .Lwait                  // even if what comes is of no interest: it would come over what is written there
    li      t0, BUFFER_FRESH
    beq     a2, t0, .Lvalid
.Lwait:
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s0, t3
    mv      s1, a2
    jal     spin_release
    mv      a0, s1
    jal     blocked_begin
.Llook:
    la      a0, buffer_cache_lock
    jal     spin_acquire
    lw      t0, BUFFER_STATE(s0)
    andi    t1, t0, BUFFER_VALID
    bnez    t1, .Lfilled
    andi    t1, t0, BUFFER_BUSY
    beqz    t1, 1f
    mv      a1, a0
    mv      a0, s0
    PATH_IS "trap", "+disk"
    jal     sleep_on
    la      a0, buffer_cache_lock
    jal     spin_release
    j       .Llook
1:  li      t0, BUFFER_FRESH
    beq     s1, t0, 2f
    li      a1, 0
    jal     buffer_transfer             // with the cache lock, which it gives up meanwhile
    mv      s2, a0
    bnez    a0, .Lread_error
2:  li      t0, BUFFER_VALID
    sw      t0, BUFFER_STATE(s0)
.Lfilled:
    mv      s2, s0
.Lunlock:
    la      a0, buffer_cache_lock
    jal     spin_release
    mv      a0, s1
    jal     blocked_end
    mv      a0, s2
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
.Lread_error:
    mv      a0, s0
    jal     buffer_unreference
    j       .Lunlock

    // It was asked for before anybody needed it; now somebody does, for the first time: is it there?
.Lfetched_ahead:
    la      t4, prefetch_counts
    xori    t0, t0, BUFFER_AHEAD
    sw      t0, BUFFER_STATE(t3)
    bnez    t0, 3f                      // BUFFER_BUSY
    ld      t1, PREFETCH_IN_TIME(t4)
    addi    t1, t1, 1
    sd      t1, PREFETCH_IN_TIME(t4)
.Lvalid:
    li      t0, BUFFER_VALID
    sw      t0, BUFFER_STATE(t3)
    jal     spin_release
    mv      a0, t3
    ld      ra, 24(sp)
    addi    sp, sp, 32
    ret
3:  ld      t1, PREFETCH_LATE(t4)
    addi    t1, t1, 1
    sd      t1, PREFETCH_LATE(t4)
    j       .Lwait
END buffer_fill

// buffer_transfer(s0 buffer, a1 = 0 read or 1 write) -> a0 = 0 or -EIO. The cache lock is held on entry and on return, but
// not during the transfer; the buffer is busy meanwhile, and is not busy on return.
buffer_transfer:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s1, 16(sp)
    mv      s1, a1
    lw      t0, BUFFER_STATE(s0)
    ori     t0, t0, BUFFER_BUSY
    sw      t0, BUFFER_STATE(s0)
    la      a0, buffer_cache_lock
    jal     spin_release
    ld      t0, BUFFER_MOUNT(s0)
    lwu     a1, BUFFER_BLOCK(s0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    ld      a0, BUFFER_DATA(s0)         // the kernel is mapped where it is: virtual is physical
    addi    t1, t1, -9
    sll     a1, a1, t1                  // in sectors of 512 bytes
    mv      a2, s1
    lwu     a3, MOUNT_BLOCK_SIZE(t0)
    lw      t1, MOUNT_DEVICE(t0)        // which device holds it?
    bnez    t1, 1f
    jal     disk_transfer
    j       2f
1:  jal     memory_transfer
2:  mv      s1, a0
    la      a0, buffer_cache_lock
    jal     spin_acquire
    lw      t0, BUFFER_STATE(s0)
    andi    t0, t0, ~BUFFER_BUSY
    sw      t0, BUFFER_STATE(s0)
    mv      a0, s0
    jal     wake_all
    mv      a0, s1
    ld      ra, 24(sp)
    ld      s1, 16(sp)
    addi    sp, sp, 32
    ret
    .size buffer_transfer, . - buffer_transfer

// buffer_get_new(a0 mount, a1 block) -> a0 = buffer, referenced, all zeros, whatever the disk has there; or -errno. For a block
// just taken from the bitmap; the caller writes it to the disk before it releases it. May sleep.
ENTRY buffer_get_new
    lwu     t0, MOUNT_TOTAL_BLOCKS(a0)
    bgeu    a1, t0, 3f
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    li      a2, BUFFER_FRESH
    jal     buffer_get
    bltz    a0, 2f
    mv      s0, a0
    ld      t0, BUFFER_DATA(a0)
    li      t1, BUFFER_DATA_BYTES
    add     t1, t1, t0
1:  sd      zero, 0(t0)
    sd      zero, 8(t0)
    sd      zero, 16(t0)
    sd      zero, 24(t0)
    addi    t0, t0, 32
    bltu    t0, t1, 1b
    mv      a0, s0
2:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
3:  li      a0, -EIO                    // a damaged file system
    ret
END buffer_get_new

// buffer_write(a0 buffer, referenced by the caller) -> a0 = 0 or -EIO: its block is on the disk. May sleep.
ENTRY buffer_write
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
1:  la      a0, buffer_cache_lock
    jal     spin_acquire
    lw      t0, BUFFER_STATE(s0)
    andi    t0, t0, BUFFER_BUSY
    beqz    t0, 2f
    mv      a1, a0
    mv      a0, s0
    jal     sleep_on
    la      a0, buffer_cache_lock
    jal     spin_release
    j       1b
2:  li      a1, 1
    jal     buffer_transfer
    mv      s1, a0
    la      a0, buffer_cache_lock
    jal     spin_release
    mv      a0, s1
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END buffer_write

// buffer_put(a0 buffer) -> a0 = 0 or -EIO: buffer_write, then buffer_release. May sleep.
ENTRY buffer_put
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    jal     buffer_write
    mv      s1, a0
    mv      a0, s0
    jal     buffer_release
    mv      a0, s1
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END buffer_put

// blocked_begin(a0 as a2 of buffer_get), blocked_end(the same): around a wait inside a specialised path.
ENTRY blocked_begin
    li      t0, BUFFER_FRESH
    bgeu    t0, a0, 1f                  // 0 or BUFFER_FRESH
    addi    a0, a0, DESCRIPTOR_BLOCKED
    j       sleep_lock_acquire
1:  ret
END blocked_begin
ENTRY blocked_end
    li      t0, BUFFER_FRESH
    bgeu    t0, a0, 1b
    addi    a0, a0, DESCRIPTOR_BLOCKED
    j       sleep_lock_release
END blocked_end
