// SPDX-License-Identifier: GPL-2.0-or-later
// Sv39 page tables. The kernel is identity-mapped, code R-X, constants R, everything else RW; no page is both writable and
// executable. A process's table has the kernel's root entries and its own entry for gigapage 1.
// A and D are set from the start, so hardware that would fault to have them set never does.

#include "assembly.inc"
#include "layout.inc"
#include "process.inc"
#include "vm.inc"
#include "errno.inc"

    .text
// page_table_walk: a0 = root, a1 = virtual address. Result a0 = address of the leaf PTE for its 4 KiB page, making tables on the
// way, or 0 if memory ran out. The address must not lie in a megapage. Clobbers t0-t6, a2.
ENTRY page_table_walk
    addi    sp, sp, -16
    sd      ra, 0(sp)
    li      t3, 30                      // shift of the level
.Llevel:
    srl     t4, a1, t3
    andi    t4, t4, 511
    slli    t4, t4, 3
    add     t4, t4, a0
    ld      t5, 0(t4)
    andi    t6, t5, PTE_V
    bnez    t6, .Ldown
    jal     page_allocate               // keeps t3, t4
    beqz    a0, .Lout
    srli    t5, a0, PAGE_SHIFT
    slli    t5, t5, PTE_PPN_SHIFT
    ori     t5, t5, PTE_V
    sd      t5, 0(t4)
.Ldown:
    srli    a0, t5, PTE_PPN_SHIFT
    slli    a0, a0, PAGE_SHIFT
    addi    t3, t3, -9
    li      t6, 12
    bne     t3, t6, .Llevel
    srl     t4, a1, t3
    andi    t4, t4, 511
    slli    t4, t4, 3
    add     a0, a0, t4
.Lout:
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
END page_table_walk

// page_map: a0 = root, a1 = virtual address, a2 = physical page, a3 = PTE flags. Result 0, -ENOMEM, or -EEXIST if a page is there.
// Nobody else uses this table yet, so no TLB holds anything of it. Clobbers t0-t6, a0.
ENTRY page_map
    addi    sp, sp, -16
    sd      ra, 0(sp)
    jal     page_table_walk
    beqz    a0, .Lno_memory
    ld      t0, 0(a0)
    bnez    t0, .Lexists
    srli    t0, a2, PAGE_SHIFT
    slli    t0, t0, PTE_PPN_SHIFT
    or      t0, t0, a3
    sd      t0, 0(a0)
    li      a0, 0
    j       .Lmapped
.Lno_memory:
    li      a0, -ENOMEM
    j       .Lmapped
.Lexists:
    li      a0, -EEXIST
.Lmapped:
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
END page_map

// page_table_create: result a0 = root of a new address space with the kernel in it and nothing else, or 0. Clobbers t0-t2.
ENTRY page_table_create
    addi    sp, sp, -16
    sd      ra, 0(sp)
    jal     page_allocate
    beqz    a0, 1f
    la      t0, kernel_root
    ld      t0, 0(t0)
    ld      t1, 0(t0)                   // gigapage 0: devices
    sd      t1, 0(a0)
    ld      t1, 16(t0)                  // gigapage 2: RAM
    sd      t1, 16(a0)
1:  ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
END page_table_create

// page_table_destroy: a0 = root from page_table_create that no hart's satp holds. Frees the user's pages and all its tables.
ENTRY page_table_destroy
    addi    sp, sp, -64
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    mv      s0, a0
    ld      s1, 8*USER_GIGAPAGE(s0)
    beqz    s1, .Lroot
    srli    s1, s1, PTE_PPN_SHIFT
    slli    s1, s1, PAGE_SHIFT          // table of megapages
    li      s2, 0
.Lmegapage:
    slli    t0, s2, 3
    add     t0, t0, s1
    ld      s3, 0(t0)
    beqz    s3, .Lnext_megapage
    srli    s3, s3, PTE_PPN_SHIFT
    slli    s3, s3, PAGE_SHIFT          // table of pages
    li      s4, 0
.Lpage:
    slli    t0, s4, 3
    add     t0, t0, s3
    ld      a0, 0(t0)
    beqz    a0, .Lnext_page
    slli    a0, a0, 10                  // drop the bits above the page number
    srli    a0, a0, 10 + PTE_PPN_SHIFT
    slli    a0, a0, PAGE_SHIFT
    jal     page_free
.Lnext_page:
    addi    s4, s4, 1
    li      t0, 512
    bltu    s4, t0, .Lpage
    mv      a0, s3
    jal     page_free
.Lnext_megapage:
    addi    s2, s2, 1
    li      t0, 512
    bltu    s2, t0, .Lmegapage
    mv      a0, s1
    jal     page_free
.Lroot:
    mv      a0, s0
    jal     page_free
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    addi    sp, sp, 64
    ret
END page_table_destroy

// address_space_copy: a0 = root. Result a0 = root of another address space with copies of all its user pages, or 0 if memory ran
// out.
ENTRY address_space_copy
    addi    sp, sp, -64
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    sd      s6, 56(sp)
    ld      s1, 8*USER_GIGAPAGE(a0)
    jal     page_table_create
    mv      s0, a0
    beqz    a0, .Lcopied
    beqz    s1, .Lcopied
    srli    s1, s1, PTE_PPN_SHIFT
    slli    s1, s1, PAGE_SHIFT          // table of megapages
    li      s2, USER_BASE               // address at hand
    li      s6, USER_END
.Lcopy_megapage:
    srli    t0, s2, 21
    andi    t0, t0, 511
    slli    t0, t0, 3
    add     t0, t0, s1
    ld      s3, 0(t0)
    bnez    s3, 1f
    li      t0, MEGAPAGE_SIZE
    add     s2, s2, t0
    j       .Lcopy_next
1:  srli    s3, s3, PTE_PPN_SHIFT
    slli    s3, s3, PAGE_SHIFT          // table of pages
.Lcopy_page:
    srli    t0, s2, PAGE_SHIFT
    andi    t0, t0, 511
    slli    t0, t0, 3
    add     t0, t0, s3
    ld      s4, 0(t0)
    beqz    s4, 3f
    jal     page_allocate
    beqz    a0, .Lcopy_failed
    mv      s5, a0
    slli    a1, s4, 10
    srli    a1, a1, 10 + PTE_PPN_SHIFT
    slli    a1, a1, PAGE_SHIFT
    li      t6, PAGE_SIZE
    add     t6, t6, a0
2:  ld      t0, 0(a1)
    ld      t1, 8(a1)
    ld      t2, 16(a1)
    ld      t3, 24(a1)
    sd      t0, 0(a0)
    sd      t1, 8(a0)
    sd      t2, 16(a0)
    sd      t3, 24(a0)
    addi    a1, a1, 32
    addi    a0, a0, 32
    bltu    a0, t6, 2b
    mv      a0, s0
    mv      a1, s2
    mv      a2, s5
    andi    a3, s4, 0xff                // the flags
    jal     page_map
    bnez    a0, .Lcopy_unmapped
3:  li      t0, PAGE_SIZE
    add     s2, s2, t0
    srli    t0, s2, PAGE_SHIFT
    andi    t0, t0, 511
    bnez    t0, .Lcopy_page
.Lcopy_next:
    bltu    s2, s6, .Lcopy_megapage
    mv      a0, s0
.Lcopied:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    ld      s6, 56(sp)
    addi    sp, sp, 64
    ret
.Lcopy_unmapped:
    mv      a0, s5
    jal     page_free
.Lcopy_failed:
    mv      a0, s0
    jal     page_table_destroy
    li      a0, 0
    j       .Lcopied
END address_space_copy

    .bss
    .balign 8
DATA kernel_root                        // the kernel's own root table
    .skip   8
END kernel_root
DATA kernel_satp                        // and the satp value for it
    .skip   8
END kernel_satp
