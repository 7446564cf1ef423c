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
    beqz    t1, .Lfill
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
    jal     buffer_take
    beqz    t3, .Lall_in_use
.Lfill:
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

// buffer_take(a1 block, a3 mount, t2 head of its chain) -> t3 = the least recently used buffer, now this block's, with one reference and
// without data; 0 if all are in use. The cache lock is held. Changes t0, t1, t4.
ENTRY buffer_take
    la      t4, buffer_list
    ld      t3, BUFFER_NEWER(t4)        // the list's head comes before its first
    beq     t3, t4, 4f
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
    ret
4:  li      t3, 0
    ret
END buffer_take

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
ENTRY buffer_unreference
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
END buffer_unreference

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
    lw      t1, BUFFER_STATE(t3)        // its data, or data that were fetched ahead and have come
    andi    t2, t1, BUFFER_BUSY | BUFFER_AHEAD
    addi    t2, t2, -BUFFER_AHEAD
    seqz    t2, t2
    andi    t1, t1, BUFFER_VALID
    or      t2, t2, t1
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
DATA buffer_chains
    .space  8 * BUFFER_CHAINS
END buffer_chains
buffers:
    .space  BUFFER_BYTES * BUFFERS
    .balign BUFFER_DATA_BYTES
buffer_data:
    .space  BUFFER_DATA_BYTES * BUFFERS
    .balign BUFFER_DATA_BYTES
DATA zero_block
    .space  BUFFER_DATA_BYTES
END zero_block
