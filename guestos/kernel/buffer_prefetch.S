// SPDX-License-Identifier: GPL-2.0-or-later
// The buffer cache: blocks that are asked for before anybody needs them. The request is handed to the disk and nobody waits for it; the
// interrupt that ends it marks the data as there, and wakes whoever has come to need them meanwhile.
//
// Which blocks that should be is somebody else's policy: read_ahead.S decides at every call, is_read_ahead.S once, when it is installed.
#include "assembly.inc"
#include "buffer.inc"
#include "file_system.inc"
#include "replug.inc"

    .text

// buffer_prefetch(a0 mount, a1 block): asks for the block, if no buffer has it and it lies on the disk. A hint: where no buffer or no
// request slot is free, or there is no such block, nothing happens. Does not sleep. Changes t0-t6, a0-a5.
ENTRY buffer_prefetch
    PATH_BEGIN "prefetch"
    PATH_IS "prefetch", "prefetch, nothing to do"
    lwu     t0, MOUNT_TOTAL_BLOCKS(a0)
    bgeu    a1, t0, 4f
    lw      t0, MOUNT_DEVICE(a0)
    bnez    t0, 4f                      // DEVICE_MEMORY
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      a3, a0
    la      a0, buffer_cache_lock
    jal     spin_acquire
    la      t2, buffer_chains
    andi    t0, a1, BUFFER_CHAINS - 1   // (the number of the device is 0)
    slli    t0, t0, 3
    add     t2, t2, t0
    ld      t3, 0(t2)
1:  beqz    t3, 2f
    lwu     t0, BUFFER_BLOCK(t3)
    ld      t1, BUFFER_MOUNT(t3)
    xor     t0, t0, a1
    xor     t1, t1, a3
    or      t0, t0, t1
    beqz    t0, 3f                      // it is there, or on its way
    ld      t3, BUFFER_CHAIN(t3)
    j       1b
2:  jal     buffer_take
    beqz    t3, 3f
    PATH_IS "prefetch", "prefetch"
    mv      s0, t3
    li      t0, BUFFER_BUSY | BUFFER_AHEAD      // its one reference is the request's
    sw      t0, BUFFER_STATE(s0)
    lw      t1, MOUNT_BLOCK_SHIFT(a3)
    addi    t1, t1, -9
    sll     a1, a1, t1                  // in sectors of 512 bytes
    ld      a0, BUFFER_DATA(s0)
    mv      a2, s0
    jal     disk_read_later
    bnez    a0, .Lnot_asked
    la      t0, prefetch_counts
    ld      t1, PREFETCH_ASKED(t0)
    addi    t1, t1, 1
    sd      t1, PREFETCH_ASKED(t0)
3:  la      a0, buffer_cache_lock
    jal     spin_release
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
4:  PATH_END "prefetch"
    ret
.Lnot_asked:                            // whoever needs it reads it
    PATH_IS "prefetch", "prefetch, too many"
    sw      zero, BUFFER_STATE(s0)
    mv      a0, s0
    jal     buffer_unreference
    j       3b
END buffer_prefetch

// buffer_arrived(a0 buffer, a1 = 0 if its data are there, else they cannot be read): the end of the request. From the disk's
// interrupt; takes the buffer cache lock. Clobbers every caller-saved register.
ENTRY buffer_arrived
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      s0, a0
    la      a0, buffer_cache_lock
    jal     spin_acquire
    lw      t0, BUFFER_STATE(s0)
    andi    t0, t0, BUFFER_AHEAD        // nobody has needed it so far
    bnez    t0, 1f
    li      t0, BUFFER_VALID
1:  beqz    a1, 2f
    li      t0, 0                       // whoever needs it tries again, and finds the error
2:  sw      t0, BUFFER_STATE(s0)
    mv      a0, s0
    jal     wake_all
    mv      a0, s0
    jal     buffer_unreference
    la      a0, buffer_cache_lock
    jal     spin_release
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END buffer_arrived

    .bss
    .balign 8
DATA prefetch_counts                    // u64 each, PREFETCH_*; buffer cache lock
    .space  PREFETCH_COUNTS_BYTES
END prefetch_counts
