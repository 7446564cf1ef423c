// SPDX-License-Identifier: GPL-2.0-or-later
// The holding tank: where the reader's step 3 leads while the descriptor is being replugged.
#include "assembly.inc"
#include "descriptor.inc"
#include "replug.inc"
#include "replug_invoke.inc"

    .text

// holding_tank(a0 descriptor, a1 user address, a2 bytes): a path's read, like is_read; the arguments go on to where it leads.
ENTRY holding_tank
    PATH_END "invocation"
    PATH_IS "trap", "read through the holding tank"
    mv      t2, ra
    jal     t0, wait_in_tank
    // Tank step 3: back to the reader's step 1. The path behind the pointer may be a specialised one again, and that is entered
    // with the flag set, and through a pointer loaded after it was set, or not at all (mutant M19).
    PATH_BEGIN "invocation"
    REPLUG_INVOKE a0, 1f
1:  j       read_from_tank
END holding_tank

// holding_tank_write: the same as a path's write.
ENTRY holding_tank_write
    PATH_IS "trap", "write through the holding tank"
    mv      t2, ra
    jal     t0, wait_in_tank
    REPLUG_INVOKE a0, write, PATH_WRITE
END holding_tank_write

// wait_in_tank: tank steps 1 and 2, called through t0 with ra in t2: restores ra, a0-a2.
wait_in_tank:
    PATH_BEGIN "holding tank"
    addi    sp, sp, -48
    sd      t0, 32(sp)
    sd      t2, 24(sp)
    sd      a0, 16(sp)
    sd      a1, 8(sp)
    sd      a2, 0(sp)
    // Tank step 1: not inside any more; the replugger may be spinning on it (mutant M6).
    PATH_BEGIN "flag clear"
    REPLUG_LEAVE DESCRIPTOR_INSIDE, a0
    PATH_END "flag clear"
    la      t0, replug_counts + REPLUG_TANK
    li      t1, 1
    amoadd.d zero, t1, (t0)
    // Tank step 2: wait for the per-file lock, which the replugger holds from its step 2 to its step 7. The lock's own spinlock
    // makes "held, so sleep" one step: no wake-up is lost (mutant M18), and every sleeper is woken (I7, mutant M17).
    addi    a0, a0, DESCRIPTOR_LOCK
    jal     sleep_lock_acquire
    ld      a0, 16(sp)
    addi    a0, a0, DESCRIPTOR_LOCK
    jal     sleep_lock_release
    ld      t0, 32(sp)
    ld      ra, 24(sp)
    ld      a0, 16(sp)
    ld      a1, 8(sp)
    ld      a2, 0(sp)
    addi    sp, sp, 48
    PATH_END "holding tank"
    jr      t0
    .size wait_in_tank, . - wait_in_tank

    .section .rodata
    .balign 8
DATA holding_tank_path
    .dword  holding_tank, holding_tank_write
END holding_tank_path
