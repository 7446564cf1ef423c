// SPDX-License-Identifier: GPL-2.0-or-later
// The inside-counter, chosen at boot: wherever a thread sets or clears the inside-flag, it counts instead.
#include "assembly.inc"

    .text

// inside_counter_install(): stores the jumps. Hart 0 at boot, paging off, before any other hart runs. Changes t0-t6.
ENTRY inside_counter_install
    la      t0, counted_start
    la      t1, counted_end
1:  bgeu    t0, t1, 2f
    ld      t2, 0(t0)                   // the first instruction of the inline code: a fence or a store, 4 bytes
    ld      t3, 8(t0)                   // the code that counts
    sub     t3, t3, t2                  // distance d, below 1 MiB
    // jal x0: d[20] d[10:1] d[11] d[19:12] in bits 31 to 12
    li      t4, 0xff000
    and     t4, t4, t3
    ori     t4, t4, 0x6f
    srli    t5, t3, 20
    slli    t5, t5, 31
    or      t4, t4, t5
    srli    t5, t3, 1
    andi    t5, t5, 0x3ff
    slli    t5, t5, 21
    or      t4, t4, t5
    srli    t5, t3, 11
    andi    t5, t5, 1
    slli    t5, t5, 20
    or      t4, t4, t5
    sh      t4, 0(t2)                   // in halves: it may lie at any even address
    srli    t4, t4, 16
    sh      t4, 2(t2)
    addi    t0, t0, 16
    j       1b
2:  fence.i                             // (every other hart executes one when it comes: boot.S)
    ret
END inside_counter_install
