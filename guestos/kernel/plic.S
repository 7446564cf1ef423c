// SPDX-License-Identifier: GPL-2.0-or-later
// The platform-level interrupt controller. Every hart listens to the disk and the console in its S-mode context; whoever claims first serves it.

#include "assembly.inc"
#include "layout.inc"
#include "hart.inc"

#define PLIC_ENABLE         (PLIC + 0x2000)         /* 0x80 bytes a context */
#define PLIC_ENABLE_SHIFT   7
#define PLIC_CONTEXT        (PLIC + 0x200000)       /* 0x1000 bytes a context: threshold, claim */
#define PLIC_CONTEXT_SHIFT  12
#define PLIC_CLAIM          4

    .text
// plic_initialise: gives the interrupts that the kernel uses a priority above the thresholds. Clobbers t0-t2.
ENTRY plic_initialise
    li      t0, PLIC
    li      t1, VIRTIO_SLOTS
    li      t2, 1
1:  sw      t2, 4 * VIRTIO_IRQ(t0)
    addi    t0, t0, 4
    addi    t1, t1, -1
    bnez    t1, 1b
    li      t0, PLIC
    sw      t2, 4 * UART_IRQ(t0)
    ret
END plic_initialise

// plic_start_hart: lets this hart's S-mode have the virtio and UART interrupts. Clobbers t0-t2.
ENTRY plic_start_hart
    ld      t0, HART_ID(tp)
    slli    t0, t0, 1
    addi    t0, t0, 1                   // S-mode context
    slli    t1, t0, PLIC_ENABLE_SHIFT
    li      t2, PLIC_ENABLE
    add     t1, t1, t2
    li      t2, (((1 << VIRTIO_SLOTS) - 1) << VIRTIO_IRQ) | (1 << UART_IRQ)
    sw      t2, 0(t1)
    slli    t1, t0, PLIC_CONTEXT_SHIFT
    li      t2, PLIC_CONTEXT
    add     t1, t1, t2
    sw      zero, 0(t1)                 // threshold
    ret
END plic_start_hart

// plic_handle: serves every interrupt that this hart can claim. The caller holds no lock. Clobbers every caller-saved register.
ENTRY plic_handle
    addi    sp, sp, -32
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    ld      t0, HART_ID(tp)
    slli    t0, t0, 1
    addi    t0, t0, 1
    slli    t0, t0, PLIC_CONTEXT_SHIFT
    li      s0, PLIC_CONTEXT
    add     s0, s0, t0
.Lclaim:
    lwu     s1, PLIC_CLAIM(s0)
    beqz    s1, .Ldone                  // another hart was faster, or there is no more
    li      t0, UART_IRQ
    beq     s1, t0, .Lconsole
    la      t0, disk_irq
    lwu     t0, 0(t0)
    bne     s1, t0, .Lcomplete
    jal     disk_interrupt
.Lcomplete:
    sw      s1, PLIC_CLAIM(s0)
    j       .Lclaim
.Lconsole:
    jal     console_interrupt
    j       .Lcomplete
.Ldone:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    addi    sp, sp, 32
    ret
END plic_handle
