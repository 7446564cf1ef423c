// SPDX-License-Identifier: GPL-2.0-or-later
// First steps in S-mode.

#include "assembly.inc"
#include "layout.inc"
#include "hart.inc"

    .text
// boot_primary: hart 0. a0 = device tree, tp and sp set, paging off. Initialises the kernel and becomes hart 0's scheduler.
ENTRY boot_primary
    la      t0, trap_vector
    csrw    stvec, t0
    csrw    sscratch, zero              // zero: a trap from here on comes from the kernel
    mv      s0, a0
    jal     device_tree_boot_arguments
    jal     replug_options
    mv      a0, s0
    jal     device_tree_memory_size
    jal     pages_initialise
    jal     kernel_page_table_build
    jal     hart_start
    jal     plic_initialise
    jal     disk_initialise
    jal     console_input_initialise
    jal     process_create_first

    // Let the other harts in. The fence orders all the initialisation before the flag, and the flag before the look at who is
    // present (see _start). A hart that arrives later finds the flag set and needs no interrupt.
    fence   rw, rw
    la      t0, boot_released
    li      t1, 1
    sw      t1, 0(t0)
    fence   rw, rw
    la      t0, harts_present
    lw      t0, 0(t0)
    li      t2, CLINT_MSIP
.Lnext_hart:
    andi    t3, t0, 1
    beqz    t3, 1f
    sw      t1, 0(t2)
1:  addi    t2, t2, 4
    srli    t0, t0, 1
    bnez    t0, .Lnext_hart
    j       scheduler
END boot_primary

// boot_secondary: any other hart, once the kernel is initialised. tp and sp set, paging off.
ENTRY boot_secondary
    la      t0, trap_vector
    csrw    stvec, t0
    csrw    sscratch, zero
    fence.i                             // hart 0 may have chosen other code (inside_counter.S)
    jal     hart_start
    j       scheduler
END boot_secondary

// hart_start: this hart's paging, and the interrupts it listens to. Clobbers t0, t1.
// Interrupts are never taken in S-mode (sstatus.SIE stays 0): they are taken from U-mode, and the idle loop polls sip after wfi.
ENTRY hart_start
    csrci   sstatus, SSTATUS_SIE
    la      t0, kernel_satp
    ld      t0, 0(t0)
    sfence.vma
    csrw    satp, t0
    sfence.vma
    li      t0, INTERRUPT_SOFTWARE | INTERRUPT_EXTERNAL
    csrw    sie, t0
    j       plic_start_hart
END hart_start
