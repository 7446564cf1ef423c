// SPDX-License-Identifier: GPL-2.0-or-later
// Physical pages: a list of freed pages, and behind it the RAM that was never used yet (so that unused RAM stays untouched).

#include "assembly.inc"
#include "layout.inc"

    .text
// pages_initialise: a0 = bytes of RAM, 0 = unknown. Result: none. Clobbers t0-t2.
ENTRY pages_initialise
    li      t0, RAM_SIZE_DEFAULT
    beqz    a0, 1f
    mv      t0, a0
1:  li      t1, RAM_SIZE_MAX
    bgeu    t1, t0, 2f
    mv      t0, t1
2:  srli    t0, t0, PAGE_SHIFT
    slli    t0, t0, PAGE_SHIFT
    li      t1, RAM_BASE
    add     t0, t0, t1
    la      t2, ram_end
    sd      t0, 0(t2)
    la      t1, kernel_end
    la      t2, pages_untouched
    sd      t1, 0(t2)
    ret
END pages_initialise

// page_allocate: result a0 = address of a page filled with zeros, or 0 if there is none left. Clobbers t0-t2.
ENTRY page_allocate
    la      t2, pages_lock
    li      t1, 1
1:  amoswap.w.aq t0, t1, (t2)
    bnez    t0, 1b
    la      t0, pages_free
    ld      a0, 0(t0)
    beqz    a0, .Luntouched
    ld      t1, 0(a0)                   // a free page's first word is the next free page
    sd      t1, 0(t0)
    amoswap.w.rl zero, zero, (t2)
    j       .Lzero
.Luntouched:
    la      t0, pages_untouched
    ld      a0, 0(t0)
    la      t1, ram_end
    ld      t1, 0(t1)
    bgeu    a0, t1, .Lnone
    li      t1, PAGE_SIZE
    add     t1, t1, a0
    sd      t1, 0(t0)
    amoswap.w.rl zero, zero, (t2)
.Lzero:
    li      t0, PAGE_SIZE
    add     t0, t0, a0
    mv      t1, a0
2:  sd      zero, 0(t1)
    sd      zero, 8(t1)
    sd      zero, 16(t1)
    sd      zero, 24(t1)
    sd      zero, 32(t1)
    sd      zero, 40(t1)
    sd      zero, 48(t1)
    sd      zero, 56(t1)
    addi    t1, t1, 64
    bltu    t1, t0, 2b
    ret
.Lnone:
    amoswap.w.rl zero, zero, (t2)
    li      a0, 0
    ret
END page_allocate

// page_free: a0 = a page from page_allocate that nobody uses any more. Clobbers t0-t2.
ENTRY page_free
    la      t2, pages_lock
    li      t1, 1
1:  amoswap.w.aq t0, t1, (t2)
    bnez    t0, 1b
    la      t0, pages_free
    ld      t1, 0(t0)
    sd      t1, 0(a0)
    sd      a0, 0(t0)
    amoswap.w.rl zero, zero, (t2)
    ret
END page_free

    .bss
    .balign 8
DATA ram_end                            // first address after RAM
    .skip   8
END ram_end
pages_free:                             // first page of the list, 0 = empty
    .skip   8
pages_untouched:                        // first page never handed out
    .skip   8
pages_lock:
    .skip   4
