// SPDX-License-Identifier: GPL-2.0-or-later
// Finding the block device at boot, and setting up its one queue.
//
// Request slot i owns descriptors 3i (header), 3i+1 (data) and 3i+2 (status byte), chained for ever.

#include "assembly.inc"
#include "layout.inc"
#include "disk.inc"

    .text
// disk_initialise: finds the first block device and sets it up. Without one every request ends with -EIO.
// Hart 0 at boot, alone. Clobbers every caller-saved register.
ENTRY disk_initialise
    li      a0, VIRTIO
    li      a1, VIRTIO_IRQ
    li      t3, VIRTIO_SLOTS
.Lprobe:
    lwu     t0, MMIO_MAGIC(a0)
    li      t1, VIRTIO_MAGIC
    bne     t0, t1, .Lnext
    lwu     t0, MMIO_VERSION(a0)
    li      t1, 2
    bne     t0, t1, .Lnext
    lwu     t0, MMIO_DEVICE_ID(a0)
    li      t1, VIRTIO_BLOCK
    beq     t0, t1, .Lfound
.Lnext:
    li      t0, VIRTIO_STRIDE
    add     a0, a0, t0
    addi    a1, a1, 1
    addi    t3, t3, -1
    bnez    t3, .Lprobe
.Lnone:
    ret

.Lfound:
    sw      zero, MMIO_STATUS(a0)       // reset
    li      t0, STATUS_ACKNOWLEDGE
    sw      t0, MMIO_STATUS(a0)
    li      t0, STATUS_ACKNOWLEDGE | STATUS_DRIVER
    sw      t0, MMIO_STATUS(a0)
    sw      zero, MMIO_DRIVER_FEATURES_SELECT(a0)
    sw      zero, MMIO_DRIVER_FEATURES(a0)
    li      t0, 1
    sw      t0, MMIO_DRIVER_FEATURES_SELECT(a0)
    li      t0, FEATURE_VERSION_1
    sw      t0, MMIO_DRIVER_FEATURES(a0)
    li      t0, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK
    sw      t0, MMIO_STATUS(a0)
    lwu     t0, MMIO_STATUS(a0)
    andi    t0, t0, STATUS_FEATURES_OK
    beqz    t0, .Lnone                  // the device wants something else than virtio 1

    sw      zero, MMIO_QUEUE_SELECT(a0)
    lwu     t0, MMIO_QUEUE_MAX(a0)
    li      t1, QUEUE_SIZE
    bltu    t0, t1, .Lnone
    sw      t1, MMIO_QUEUE_SIZE(a0)
    la      t0, queue_descriptors
    sw      t0, MMIO_QUEUE_DESCRIPTORS(a0)
    srli    t0, t0, 32
    sw      t0, MMIO_QUEUE_DESCRIPTORS + 4(a0)
    la      t0, queue_available
    sw      t0, MMIO_QUEUE_AVAILABLE(a0)
    srli    t0, t0, 32
    sw      t0, MMIO_QUEUE_AVAILABLE + 4(a0)
    la      t0, queue_used
    sw      t0, MMIO_QUEUE_USED(a0)
    srli    t0, t0, 32
    sw      t0, MMIO_QUEUE_USED + 4(a0)

    // The parts of the descriptors that never change.
    la      t0, queue_descriptors
    la      t1, slots
    li      t2, 0                       // descriptor number
.Lslot:
    sd      t1, DESCRIPTOR_ADDRESS(t0)
    li      t4, SLOT_HEADER_SIZE
    sw      t4, DESCRIPTOR_LENGTH(t0)
    li      t4, FLAG_NEXT
    sh      t4, DESCRIPTOR_FLAGS(t0)
    addi    t4, t2, 1
    sh      t4, DESCRIPTOR_NEXT(t0)
    li      t4, BLOCK_SIZE
    sw      t4, 16 + DESCRIPTOR_LENGTH(t0)
    addi    t4, t2, 2
    sh      t4, 16 + DESCRIPTOR_NEXT(t0)
    addi    t4, t1, SLOT_STATUS
    sd      t4, 32 + DESCRIPTOR_ADDRESS(t0)
    li      t4, 1
    sw      t4, 32 + DESCRIPTOR_LENGTH(t0)
    li      t4, FLAG_DEVICE_WRITES
    sh      t4, 32 + DESCRIPTOR_FLAGS(t0)
    addi    t0, t0, 48
    addi    t1, t1, 1 << SLOT_SHIFT
    addi    t2, t2, 3
    li      t4, 3 * SLOTS
    bltu    t2, t4, .Lslot

    fence   rw, rw
    li      t0, 1
    sw      t0, MMIO_QUEUE_READY(a0)
    li      t0, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK
    sw      t0, MMIO_STATUS(a0)
    la      t0, disk_registers
    sd      a0, 0(t0)
    la      t0, disk_irq
    sw      a1, 0(t0)
    ret
END disk_initialise

    .bss
    .balign 64
DATA queue_descriptors
    .skip   16 * QUEUE_SIZE
END queue_descriptors
DATA queue_available                    // u16 flags, u16 index, u16 ring[], u16 event
    .skip   6 + 2 * QUEUE_SIZE
END queue_available
    .balign 4
DATA queue_used                         // u16 flags, u16 index, {u32 head, u32 length} ring[], u16 event
    .skip   6 + 8 * QUEUE_SIZE
END queue_used
    .balign 64
DATA slots
    .skip   SLOTS << SLOT_SHIFT
END slots
DATA disk_registers                     // u64, 0 = no disk
    .skip   8
END disk_registers
DATA disk_irq                           // u32
    .skip   4
END disk_irq
