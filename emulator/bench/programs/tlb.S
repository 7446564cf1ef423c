// SPDX-License-Identifier: GPL-2.0-or-later
// Address translation: S-mode under Sv39 loads one word from each of 256 pages, then forgets all translations with sfence.vma, so
// that each load walks the page table again.

    .equ PAGES, 256
    .equ WINDOW, 0x40000000             // gigapage 1; the code is in gigapage 2, mapped as it is
    .equ TABLE, 1                       // V: a pointer to the next level
    .equ LEAF, 0xcf                     // D A X W R V
    .equ DATA, 0xc7                     // D A W R V

    .text
    .globl benchmark
benchmark:
    mv      a6, ra
    li      t0, -1                      // S-mode may use all of memory
    csrw    pmpaddr0, t0
    li      t0, 0x1f                    // NAPOT, X W R
    csrw    pmpcfg0, t0
    la      a2, root
    la      a3, middle
    la      a4, leaves
    la      a5, data
    srli    t0, a3, 2
    ori     t0, t0, TABLE
    sd      t0, 8(a2)
    li      t0, 0x80000000 >> 2
    ori     t0, t0, LEAF
    sd      t0, 16(a2)
    srli    t0, a4, 2
    ori     t0, t0, TABLE
    sd      t0, 0(a3)
    srli    t0, a5, 2
    ori     t0, t0, DATA
    li      t1, PAGES
    li      t2, 1 << 10                 // the next frame
1:  sd      t0, 0(a4)
    add     t0, t0, t2
    addi    a4, a4, 8
    addi    t1, t1, -1
    bnez    t1, 1b
    srli    t0, a2, 12
    li      t1, 8
    slli    t1, t1, 60
    or      t0, t0, t1
    csrw    satp, t0
    la      t0, supervisor
    csrw    mepc, t0
    li      t0, 3 << 11
    csrc    mstatus, t0
    li      t0, 1 << 11
    csrs    mstatus, t0
    mret
supervisor:
    li      a2, WINDOW
    li      a3, WINDOW + (PAGES << 12)
    li      a4, 4096
.Lloop:
    sfence.vma
    mv      t0, a2
.Lpage:
    lw      t1, 0(t0)
    add     t0, t0, a4
    bltu    t0, a3, .Lpage
    addi    a0, a0, -1
    bnez    a0, .Lloop
    csrw    satp, zero
    sfence.vma
    jr      a6                          // in S-mode, which is as good as M-mode for the rest

    .bss
    .balign 4096
root:   .skip 4096
middle: .skip 4096
leaves: .skip 4096
data:   .skip PAGES << 12
