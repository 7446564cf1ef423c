// SPDX-License-Identifier: GPL-2.0-or-later
// The block device: virtio-mmio version 2, one queue, several requests in flight. Whoever asks sleeps until the interrupt.
//
// Request slot i owns descriptors 3i (header), 3i+1 (data) and 3i+2 (status byte), chained for ever.

#include "assembly.inc"
#include "replug.inc"
#include "layout.inc"
#include "hart.inc"
#include "errno.inc"

// Registers
#define MMIO_MAGIC          0x000
#define MMIO_VERSION        0x004
#define MMIO_DEVICE_ID      0x008
#define MMIO_DRIVER_FEATURES 0x020
#define MMIO_DRIVER_FEATURES_SELECT 0x024
#define MMIO_QUEUE_SELECT   0x030
#define MMIO_QUEUE_MAX      0x034
#define MMIO_QUEUE_SIZE     0x038
#define MMIO_QUEUE_READY    0x044
#define MMIO_QUEUE_NOTIFY   0x050
#define MMIO_INTERRUPT_STATUS 0x060
#define MMIO_INTERRUPT_ACK  0x064
#define MMIO_STATUS         0x070
#define MMIO_QUEUE_DESCRIPTORS 0x080                /* u64 each, as two words */
#define MMIO_QUEUE_AVAILABLE 0x090
#define MMIO_QUEUE_USED     0x0a0

#define VIRTIO_MAGIC        0x74726976
#define VIRTIO_BLOCK        2
#define STATUS_ACKNOWLEDGE  1
#define STATUS_DRIVER       2
#define STATUS_DRIVER_OK    4
#define STATUS_FEATURES_OK  8
#define FEATURE_VERSION_1   1                       /* bit 32: bit 0 of the second word */

// Descriptors
#define DESCRIPTOR_ADDRESS  0
#define DESCRIPTOR_LENGTH   8
#define DESCRIPTOR_FLAGS    12
#define DESCRIPTOR_NEXT     14
#define FLAG_NEXT           1
#define FLAG_DEVICE_WRITES  2

#define QUEUE_SIZE          32
#define SLOTS               10

// Request slot
#define SLOT_TYPE           0       /* u32, 0 read, 1 write: the header the device reads is the first 16 bytes */
#define SLOT_SECTOR         8       /* u64 */
#define SLOT_STATUS         16      /* u8, written by the device, 0 = good */
#define SLOT_BUSY           20      /* u32, somebody's request */
#define SLOT_DONE           24      /* u32, the device has finished it */
#define SLOT_SHIFT          5
#define SLOT_HEADER_SIZE    16

#define BLOCK_SIZE          4096

    .text
// disk_initialise: finds the first block device and sets it up. Without one disk_transfer answers -EIO.
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

// disk_transfer: a0 = physical address of a 4096-byte buffer, a1 = first 512-byte sector, a2 = 0 read, 1 write.
// Result 0 or -EIO. Sleeps until the device has finished; the caller holds no spinlock. Takes the disk lock.
ENTRY disk_transfer
    addi    sp, sp, -64
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    mv      s1, a0
    mv      s2, a1
    mv      s3, a2
    la      s4, disk_registers
    ld      s4, 0(s4)
    li      a0, -EIO
    beqz    s4, .Lreturn
    la      a0, disk_lock
    jal     spin_acquire

.Lfind_slot:
    la      s0, slots
    li      t0, SLOTS
    li      t2, 0                       // descriptor number
1:  lw      t1, SLOT_BUSY(s0)
    beqz    t1, .Lgot_slot
    addi    s0, s0, 1 << SLOT_SHIFT
    addi    t2, t2, 3
    addi    t0, t0, -1
    bnez    t0, 1b
    la      t0, slots_awaited
    li      t1, 1
    sw      t1, 0(t0)
    la      a0, slots
    la      a1, disk_lock
    PATH_IS "trap", "+disk"
    jal     sleep_on
    j       .Lfind_slot

.Lgot_slot:
    li      t0, 1
    sw      t0, SLOT_BUSY(s0)
    sw      zero, SLOT_DONE(s0)
    sw      s3, SLOT_TYPE(s0)
    sd      s2, SLOT_SECTOR(s0)
    sb      t0, SLOT_STATUS(s0)         // not good until the device says so
    la      t1, queue_descriptors
    slli    t3, t2, 4
    add     t1, t1, t3
    sd      s1, 16 + DESCRIPTOR_ADDRESS(t1)
    li      t3, FLAG_NEXT
    bnez    s3, 2f
    li      t3, FLAG_NEXT | FLAG_DEVICE_WRITES
2:  sh      t3, 16 + DESCRIPTOR_FLAGS(t1)
    la      t1, queue_available
    lhu     t3, 2(t1)                   // index: how many were ever made available
    andi    t4, t3, QUEUE_SIZE - 1
    slli    t4, t4, 1
    add     t4, t4, t1
    sh      t2, 4(t4)
    fence   rw, w                       // the request is complete before the device sees the index
    addi    t3, t3, 1
    sh      t3, 2(t1)
    fence   rw, o                       // and the index before the notification
    sw      zero, MMIO_QUEUE_NOTIFY(s4)

    // The interrupt handler takes the disk lock to set DONE, so it cannot do so between the look and the sleep.
.Lwait:
    lw      t0, SLOT_DONE(s0)
    bnez    t0, .Ldone
    mv      a0, s0
    addi    a0, a0, SLOT_DONE           // (the channel "slots" is for those who wait for a slot)
    la      a1, disk_lock
    PATH_IS "trap", "+disk"
    jal     sleep_on
    j       .Lwait
.Ldone:
    lbu     s1, SLOT_STATUS(s0)
    sw      zero, SLOT_BUSY(s0)
    la      t0, slots_awaited
    lw      t1, 0(t0)
    beqz    t1, 3f
    sw      zero, 0(t0)
    la      a0, slots
    jal     wake_all
3:  la      a0, disk_lock
    jal     spin_release
    snez    a0, s1
    neg     a0, a0
    andi    a0, a0, -EIO
.Lreturn:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    addi    sp, sp, 64
    ret
END disk_transfer

// disk_interrupt: the device has finished requests. From plic_handle; takes the disk lock. Clobbers every caller-saved register.
ENTRY disk_interrupt
    addi    sp, sp, -32
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    la      a0, disk_lock
    jal     spin_acquire
    // Acknowledge first: what finishes after the look at the used ring raises the interrupt again.
    la      t0, disk_registers
    ld      t0, 0(t0)
    lwu     t1, MMIO_INTERRUPT_STATUS(t0)
    sw      t1, MMIO_INTERRUPT_ACK(t0)
    fence   iorw, iorw
    la      s0, queue_used
    la      s1, used_seen
.Lused:
    lhu     t0, 0(s1)
    lhu     t1, 2(s0)                   // index: how many were ever finished
    beq     t0, t1, .Lserved
    fence   r, rw                       // read the entry, the status and the data after the index
    andi    t1, t0, QUEUE_SIZE - 1
    slli    t1, t1, 3
    add     t1, t1, s0
    lwu     t1, 4(t1)                   // head descriptor
    addi    t0, t0, 1
    sh      t0, 0(s1)
    li      t0, 3
    divu    t1, t1, t0
    slli    t1, t1, SLOT_SHIFT
    la      a0, slots
    add     a0, a0, t1
    li      t0, 1
    sw      t0, SLOT_DONE(a0)
    addi    a0, a0, SLOT_DONE
    jal     wake_all
    j       .Lused
.Lserved:
    la      a0, disk_lock
    jal     spin_release
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    addi    sp, sp, 32
    ret
END disk_interrupt

    .bss
    .balign 64
queue_descriptors:
    .skip   16 * QUEUE_SIZE
queue_available:                        // u16 flags, u16 index, u16 ring[], u16 event
    .skip   6 + 2 * QUEUE_SIZE
    .balign 4
queue_used:                             // u16 flags, u16 index, {u32 head, u32 length} ring[], u16 event
    .skip   6 + 8 * QUEUE_SIZE
    .balign 32
slots:
    .skip   SLOTS << SLOT_SHIFT
disk_registers:                         // 0 = no disk
    .skip   8
DATA disk_irq                           // u32
    .skip   4
END disk_irq
disk_lock:
    .skip   4
slots_awaited:                          // u32, somebody sleeps for a free slot; disk lock
    .skip   4
used_seen:                              // u16, entries of the used ring served; disk lock
    .skip   2
