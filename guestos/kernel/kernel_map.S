// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's own page table: what of the machine S-mode can reach, and how.

#include "assembly.inc"
#include "generate.inc"
#include "layout.inc"
#include "process.inc"
#include "vm.inc"

    .text
// kernel_page_table_build: makes kernel_root and kernel_satp. Hart 0, paging still off. Clobbers every caller-saved register.
ENTRY kernel_page_table_build
    addi    sp, sp, -16
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    jal     page_allocate
    mv      s0, a0                      // never 0 here: RAM holds more than the kernel
    la      t0, kernel_root
    sd      s0, 0(t0)
    srli    t1, s0, PAGE_SHIFT
    li      t2, 1
    slli    t2, t2, SATP_SV39_SHIFT
    or      t1, t1, t2
    la      t0, kernel_satp
    sd      t1, 0(t0)

    // The devices that S-mode drives, page by page; the PLIC is larger.
    li      a0, FINISHER
    li      a1, FINISHER + PAGE_SIZE
    li      a2, PTE_KERNEL_DATA
    jal     .Lmap_range
    li      a0, CLINT
    li      a1, CLINT + 0xc000
    li      a2, PTE_KERNEL_DATA
    jal     .Lmap_range
    li      a0, UART
    li      a1, VIRTIO + VIRTIO_SLOTS * VIRTIO_STRIDE
    li      a2, PTE_KERNEL_DATA
    jal     .Lmap_range
    li      a0, PLIC
    li      a1, PLIC + 2 * MEGAPAGE_SIZE
    li      a2, PTE_KERNEL_DATA
    jal     .Lmap_megapages

    // Code made at run time, where it is executed; where it is written it is data of the kernel's.
    li      s1, 0
1:  mv      a0, s0
    li      a1, CODE_POOL
    add     a1, a1, s1
    la      a2, code_pool
    add     a2, a2, s1
    li      a3, PTE_KERNEL_CODE
    jal     page_map
    li      t0, PAGE_SIZE
    add     s1, s1, t0
    li      t0, CODE_POOL_BYTES
    bltu    s1, t0, 1b

    // The kernel, up to the end of the megapage it ends in; then the rest of RAM.
    la      a0, text_start
    la      a1, text_end
    li      a2, PTE_KERNEL_CODE
    jal     .Lmap_range
    la      a0, text_end
    la      a1, rodata_end
    li      a2, PTE_KERNEL_CONSTANT
    jal     .Lmap_range
    la      a0, rodata_end
    jal     .Lkernel_megapages_end
    li      a2, PTE_KERNEL_DATA
    jal     .Lmap_range
    jal     .Lkernel_megapages_end
    mv      a0, a1
    la      a1, ram_end
    ld      a1, 0(a1)
    li      a2, PTE_KERNEL_DATA
    jal     .Lmap_megapages

    // The guard pages below the stacks: an overflow must trap, not write into its neighbour.
    la      a0, hart_stacks
    li      a1, HART_STACK_STRIDE
    li      a2, MAX_HARTS
    jal     .Lunmap_guards
    la      a0, process_stacks
    li      a1, PROCESS_STACK_STRIDE
    li      a2, MAX_PROCESSES
    jal     .Lunmap_guards
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    addi    sp, sp, 16
    ret
END kernel_page_table_build

// .Lkernel_megapages_end: result a1 = end of the kernel's image rounded up to a megapage. Clobbers t0.
.Lkernel_megapages_end:
    la      a1, kernel_end
    li      t0, MEGAPAGE_SIZE - 1
    add     a1, a1, t0
    srli    a1, a1, 21
    slli    a1, a1, 21
    ret

// .Lmap_range: identity-maps the pages of a0 (inclusive) .. a1 (exclusive), flags a2.
.Lmap_range:
    addi    sp, sp, -32
    sd      ra, 0(sp)
    sd      s1, 8(sp)
    sd      s2, 16(sp)
    sd      s3, 24(sp)
    mv      s1, a0
    mv      s2, a1
    mv      s3, a2
1:  bgeu    s1, s2, 2f
    mv      a0, s0
    mv      a1, s1
    mv      a2, s1
    mv      a3, s3
    jal     page_map
    li      t0, PAGE_SIZE
    add     s1, s1, t0
    j       1b
2:  ld      ra, 0(sp)
    ld      s1, 8(sp)
    ld      s2, 16(sp)
    ld      s3, 24(sp)
    addi    sp, sp, 32
    ret

// .Lmap_megapages: as .Lmap_range with 2 MiB pages; the last may reach past a1. The table of the gigapage exists already.
.Lmap_megapages:
    srli    t0, a0, 30
    slli    t0, t0, 3
    add     t0, t0, s0
    ld      t0, 0(t0)
    srli    t0, t0, PTE_PPN_SHIFT
    slli    t0, t0, PAGE_SHIFT          // table of the gigapage
    li      t3, MEGAPAGE_SIZE
1:  bgeu    a0, a1, 2f
    srli    t1, a0, 21
    andi    t1, t1, 511
    slli    t1, t1, 3
    add     t1, t1, t0
    srli    t2, a0, PAGE_SHIFT
    slli    t2, t2, PTE_PPN_SHIFT
    or      t2, t2, a2
    sd      t2, 0(t1)
    add     a0, a0, t3
    j       1b
2:  ret

// .Lunmap_guards: a0 = first stack's guard page, a1 = stride, a2 = number of stacks.
.Lunmap_guards:
    addi    sp, sp, -32
    sd      ra, 0(sp)
    sd      s1, 8(sp)
    sd      s2, 16(sp)
    sd      s3, 24(sp)
    mv      s1, a0
    mv      s2, a1
    mv      s3, a2
1:  mv      a0, s0
    mv      a1, s1
    jal     page_table_walk
    sd      zero, 0(a0)
    add     s1, s1, s2
    addi    s3, s3, -1
    bnez    s3, 1b
    ld      ra, 0(sp)
    ld      s1, 8(sp)
    ld      s2, 16(sp)
    ld      s3, 24(sp)
    addi    sp, sp, 32
    ret
