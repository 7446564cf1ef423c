// SPDX-License-Identifier: GPL-2.0-or-later
// The buffer cache: blocks of the disk in memory, found by mount and block number.
//
// A buffer with references keeps its block; one without stays findable, in a list with the least recently used first, until
// its memory is needed for another block. Writes go through to the disk before buffer_write returns, so a buffer without
// references holds nothing that the disk does not have.
#include "assembly.inc"
#include "buffer.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "file_system.inc"

    .text

// buffer_cache_initialise(): all buffers empty and unreferenced.
ENTRY buffer_cache_initialise
    la      t0, buffers
    la      t1, buffer_data
    la      t2, buffer_list
    li      t3, BUFFERS
    li      t4, BUFFER_DATA_BYTES
    mv      t5, t2                      // the previous one in the list
1:  sd      t1, BUFFER_DATA(t0)
    sd      t0, BUFFER_NEWER(t5)
    sd      t5, BUFFER_OLDER(t0)
    mv      t5, t0
    addi    t0, t0, BUFFER_BYTES
    add     t1, t1, t4
    addi    t3, t3, -1
    bnez    t3, 1b
    sd      t2, BUFFER_NEWER(t5)
    sd      t5, BUFFER_OLDER(t2)
    ret
END buffer_cache_initialise

// buffer_get(a0 mount, a1 block, a2 descriptor or 0) -> a0 = buffer, referenced, holding the block; or -errno.
// a2: the descriptor inside whose specialised path the caller is, 0 if none: its `blocked` semaphore is held around every
// wait here, so that a replugger sleeps and does not spin. BUFFER_FRESH: nobody wants what the disk has there. May sleep.
ENTRY buffer_get
    lwu     t0, MOUNT_TOTAL_BLOCKS(a0)
    bgeu    a1, t0, buffer_bad_block    // a damaged file system
    addi    sp, sp, -32
    sd      ra, 24(sp)
    mv      a3, a0
    la      a0, buffer_cache_lock
    jal     spin_acquire
    // Along the chain.
    lw      t0, MOUNT_DEVICE(a3)
    la      t2, buffer_chains
    add     t0, t0, a1
    andi    t0, t0, BUFFER_CHAINS - 1
    slli    t0, t0, 3
    add     t2, t2, t0
    ld      t3, 0(t2)
1:  beqz    t3, buffer_miss
    lwu     t0, BUFFER_BLOCK(t3)
    ld      t1, BUFFER_MOUNT(t3)
    bne     t0, a1, 2f
    beq     t1, a3, 3f
2:  ld      t3, BUFFER_CHAIN(t3)
    j       1b
    // Found. With its first reference it leaves the list of those that may be reused.
3:  lw      t0, BUFFER_REFERENCES(t3)
    addi    t1, t0, 1
    sw      t1, BUFFER_REFERENCES(t3)
    bnez    t0, 4f
    ld      t0, BUFFER_NEWER(t3)
    ld      t1, BUFFER_OLDER(t3)
    sd      t1, BUFFER_OLDER(t0)
    sd      t0, BUFFER_NEWER(t1)
4:  lw      t1, BUFFER_STATE(t3)
    andi    t1, t1, BUFFER_VALID
    beqz    t1, buffer_fill
    jal     spin_release
    mv      a0, t3
    ld      ra, 24(sp)
    addi    sp, sp, 32
    ret
END buffer_get

buffer_bad_block:
    li      a0, -EIO
    ret

// The block is in no buffer: give it the least recently used one. a1 block, a2 descriptor, a3 mount, t2 its chain's head;
// the frame of buffer_get; the cache lock is held.
buffer_miss:
    la      t4, buffer_list
    ld      t3, BUFFER_NEWER(t4)        // the list's head comes before its first
    beq     t3, t4, .Lall_in_use
    ld      t0, BUFFER_NEWER(t3)
    sd      t4, BUFFER_OLDER(t0)
    sd      t0, BUFFER_NEWER(t4)
    ld      t4, BUFFER_MOUNT(t3)        // off its old chain, if it held a block
    beqz    t4, 3f
    lw      t0, MOUNT_DEVICE(t4)
    lwu     t1, BUFFER_BLOCK(t3)
    add     t0, t0, t1
    andi    t0, t0, BUFFER_CHAINS - 1
    slli    t0, t0, 3
    la      t1, buffer_chains - BUFFER_CHAIN
    add     t1, t1, t0
1:  ld      t0, BUFFER_CHAIN(t1)
    beq     t0, t3, 2f
    mv      t1, t0
    j       1b
2:  ld      t0, BUFFER_CHAIN(t3)
    sd      t0, BUFFER_CHAIN(t1)
3:  ld      t0, 0(t2)                   // on to the new one
    sd      t0, BUFFER_CHAIN(t3)
    sd      t3, 0(t2)
    sw      a1, BUFFER_BLOCK(t3)
    sd      a3, BUFFER_MOUNT(t3)
    sw      zero, BUFFER_STATE(t3)
    li      t0, 1
    sw      t0, BUFFER_REFERENCES(t3)
    j       buffer_fill

    // Every buffer is in use: wait for one, and search again, for the block may be there by then.
.Lall_in_use:
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s0, a3
    mv      s1, a1
    mv      s2, a2
    jal     spin_release
    mv      a0, s2
    jal     blocked_begin
    la      a0, buffer_cache_lock
    jal     spin_acquire
    la      a0, buffer_list
    ld      t0, BUFFER_NEWER(a0)
    bne     t0, a0, 4f
    la      a1, buffer_cache_lock
    jal     sleep_on
4:  la      a0, buffer_cache_lock
    jal     spin_release
    mv      a0, s2
    jal     blocked_end
    mv      a0, s0
    mv      a1, s1
    mv      a2, s2
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    j       buffer_get
    .size buffer_miss, . - buffer_miss

// The buffer is the block's, but its data are not there yet. t3 buffer (referenced), a2 descriptor; the frame of buffer_get;
// the cache lock is held. Reads it, or waits for whoever is reading it.
buffer_fill:
    li      t0, BUFFER_FRESH
    beq     a2, t0, .Lfresh
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
    jal     sleep_on
    la      a0, buffer_cache_lock
    jal     spin_release
    j       .Llook
1:  li      a1, 0
    jal     buffer_transfer             // with the cache lock, which it gives up meanwhile
    mv      s2, a0
    bnez    a0, .Lread_error
    li      t0, BUFFER_VALID
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
.Lfresh:
    li      t0, BUFFER_VALID
    sw      t0, BUFFER_STATE(t3)
    jal     spin_release
    mv      a0, t3
    ld      ra, 24(sp)
    addi    sp, sp, 32
    ret
    .size buffer_fill, . - buffer_fill

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
    bgeu    a1, t0, buffer_bad_block
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

// buffer_release(a0 buffer): one reference less; without any it becomes the most recently used of those that may be reused.
ENTRY buffer_release
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    la      a0, buffer_cache_lock
    jal     spin_acquire
    mv      a0, a1
    jal     buffer_unreference
    la      a0, buffer_cache_lock
    jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END buffer_release

// buffer_unreference(a0 buffer): the same, with the cache lock held.
buffer_unreference:
    lw      t0, BUFFER_REFERENCES(a0)
    addi    t0, t0, -1
    sw      t0, BUFFER_REFERENCES(a0)
    bnez    t0, 1f
    la      t0, buffer_list
    ld      t1, BUFFER_OLDER(t0)        // the newest so far
    sd      t0, BUFFER_NEWER(a0)
    sd      t1, BUFFER_OLDER(a0)
    sd      a0, BUFFER_OLDER(t0)
    sd      a0, BUFFER_NEWER(t1)
    mv      a0, t0
    beq     t1, t0, wake_all            // the list was empty: somebody may wait for a buffer
1:  ret
    .size buffer_unreference, . - buffer_unreference

// buffer_is_cached(a0 mount, a1 block) -> a2 = 1 if a buffer holds the block now, else 0. Preserves a0, a1; changes t0-t3.
ENTRY buffer_is_cached
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a2, a0
    la      a0, buffer_cache_lock
    jal     spin_acquire
    lw      t0, MOUNT_DEVICE(a2)
    la      t2, buffer_chains
    add     t0, t0, a1
    andi    t0, t0, BUFFER_CHAINS - 1
    slli    t0, t0, 3
    add     t2, t2, t0
    ld      t3, 0(t2)
1:  li      t2, 0
    beqz    t3, 3f
    lwu     t0, BUFFER_BLOCK(t3)
    ld      t1, BUFFER_MOUNT(t3)
    bne     t0, a1, 2f
    bne     t1, a2, 2f
    lw      t2, BUFFER_STATE(t3)
    andi    t2, t2, BUFFER_VALID
    j       3f
2:  ld      t3, BUFFER_CHAIN(t3)
    j       1b
3:  jal     spin_release
    mv      a0, a2
    mv      a2, t2
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END buffer_is_cached

// blocked_begin(a0 as a2 of buffer_get), blocked_end(the same): around a wait inside a specialised path.
blocked_begin:
    li      t0, BUFFER_FRESH
    bgeu    t0, a0, 1f                  // 0 or BUFFER_FRESH
    addi    a0, a0, DESCRIPTOR_BLOCKED
    j       sleep_lock_acquire
1:  ret
blocked_end:
    li      t0, BUFFER_FRESH
    bgeu    t0, a0, 1b
    addi    a0, a0, DESCRIPTOR_BLOCKED
    j       sleep_lock_release

    .data
    .balign 8
// The head of the list of unreferenced buffers: a struct buffer of which only the links are used.
buffer_list:
    .dword  0, 0, 0, 0, 0, buffer_list, buffer_list, 0

    .bss
    .balign 8
DATA buffer_cache_lock
    .space  8
END buffer_cache_lock
buffer_chains:
    .space  8 * BUFFER_CHAINS
buffers:
    .space  BUFFER_BYTES * BUFFERS
    .balign BUFFER_DATA_BYTES
buffer_data:
    .space  BUFFER_DATA_BYTES * BUFFERS
    .balign BUFFER_DATA_BYTES
DATA zero_block
    .space  BUFFER_DATA_BYTES
END zero_block
