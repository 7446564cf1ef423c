// SPDX-License-Identifier: GPL-2.0-or-later
// The block device: several requests in flight. Whoever needs a block sleeps until the interrupt (disk_transfer); a block that nobody
// needs yet is only asked for, and the interrupt hands it to the buffer cache (disk_read_later).

#include "assembly.inc"
#include "replug.inc"
#include "disk.inc"
#include "errno.inc"

    .text
// disk_transfer: a0 = physical address of a 4096-byte buffer, a1 = first 512-byte sector, a2 = 0 read, 1 write.
// Result 0 or -EIO. Sleeps until the device has finished; the caller holds no spinlock. Takes the disk lock.
ENTRY disk_transfer
    addi    sp, sp, -48
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    mv      s1, a0
    mv      s2, a1
    mv      s3, a2
    la      t0, disk_registers
    ld      t0, 0(t0)
    li      a0, -EIO
    beqz    t0, .Lreturn
    la      a0, disk_lock
    jal     spin_acquire

.Lfind_slot:
    li      a0, SLOTS
    jal     slot_find
    bnez    a0, .Lgot_slot
    la      t0, slots_awaited
    li      t1, 1
    sw      t1, 0(t0)
    la      a0, slots
    la      a1, disk_lock
    PATH_IS "trap", "+disk"
    jal     sleep_on
    j       .Lfind_slot

.Lgot_slot:
    mv      s0, a0
    sd      zero, SLOT_BUFFER(a0)
    mv      a2, s1
    mv      a3, s2
    mv      a4, s3
    jal     slot_submit

    // The interrupt handler takes the disk lock to set DONE, so it cannot do so between the look and the sleep.
.Lwait:
    lw      t0, SLOT_DONE(s0)
    bnez    t0, .Ldone
    addi    a0, s0, SLOT_DONE           // (the channel "slots" is for those who wait for a slot)
    la      a1, disk_lock
    PATH_IS "trap", "+disk"
    jal     sleep_on
    j       .Lwait
.Ldone:
    lbu     s1, SLOT_STATUS(s0)
    mv      a0, s0
    jal     slot_free
    la      a0, disk_lock
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
    addi    sp, sp, 48
    ret
END disk_transfer

// disk_read_later: a0 = physical address of a 4096-byte buffer, a1 = first 512-byte sector, a2 = struct buffer. Result 0: buffer_arrived will
// be called with it; or -EAGAIN: too much is asked for already, nothing has been done. Does not sleep; takes the disk lock, and the
// caller may hold the buffer cache's. Clobbers t0-t4, a0-a5.
ENTRY disk_read_later
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a3, a1
    mv      a5, a2
    mv      a2, a0
    la      t0, disk_registers
    ld      t0, 0(t0)
    beqz    t0, 2f
    la      a0, disk_lock
    jal     spin_acquire
    li      a0, SLOTS_LATER
    jal     slot_find
    beqz    a0, 1f
    sd      a5, SLOT_BUFFER(a0)
    li      a4, 0
    jal     slot_submit
    la      a0, disk_lock
    jal     spin_release
    li      a0, 0
    j       3f
1:  la      a0, disk_lock
    jal     spin_release
2:  li      a0, -EAGAIN
3:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END disk_read_later

// slot_find: a0 = how many of the slots to look at. Result a0 = a free one, a1 = its first descriptor; or a0 = 0. Disk lock held.
// Changes t0, t1.
slot_find:
    mv      t0, a0
    la      a0, slots
    li      a1, 0
1:  lw      t1, SLOT_BUSY(a0)
    beqz    t1, 2f
    addi    a0, a0, 1 << SLOT_SHIFT
    addi    a1, a1, 3
    addi    t0, t0, -1
    bnez    t0, 1b
    li      a0, 0
2:  ret

// slot_submit: a0 = free slot, a1 = its first descriptor, a2 = address, a3 = sector, a4 = 0 read, 1 write: the device has the request
// from here on. Disk lock held. Changes t0-t2.
slot_submit:
    li      t0, 1
    sw      t0, SLOT_BUSY(a0)
    sw      zero, SLOT_DONE(a0)
    sw      a4, SLOT_TYPE(a0)
    sd      a3, SLOT_SECTOR(a0)
    sb      t0, SLOT_STATUS(a0)         // not good until the device says so
    la      t1, queue_descriptors
    slli    t2, a1, 4
    add     t1, t1, t2
    sd      a2, 16 + DESCRIPTOR_ADDRESS(t1)
    li      t2, FLAG_NEXT
    bnez    a4, 1f
    li      t2, FLAG_NEXT | FLAG_DEVICE_WRITES
1:  sh      t2, 16 + DESCRIPTOR_FLAGS(t1)
    la      t1, queue_available
    lhu     t2, 2(t1)                   // index: how many were ever made available
    andi    t0, t2, QUEUE_SIZE - 1
    slli    t0, t0, 1
    add     t0, t0, t1
    sh      a1, 4(t0)
    fence   rw, w                       // the request is complete before the device sees the index
    addi    t2, t2, 1
    sh      t2, 2(t1)
    fence   rw, o                       // and the index before the notification
    la      t0, disk_registers
    ld      t0, 0(t0)
    sw      zero, MMIO_QUEUE_NOTIFY(t0)
    ret

// slot_free: a0 = slot. Disk lock held. Clobbers t0-t6, a0-a2.
slot_free:
    sw      zero, SLOT_BUSY(a0)
    la      t0, slots_awaited
    lw      t1, 0(t0)
    beqz    t1, 1f
    sw      zero, 0(t0)
    la      a0, slots
    j       wake_all
1:  ret

// disk_interrupt: the device has finished requests. From plic_handle; takes the disk lock and, without it, the buffer cache's. Clobbers every
// caller-saved register.
ENTRY disk_interrupt
    addi    sp, sp, -48
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
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
    ld      s2, SLOT_BUFFER(a0)
    bnez    s2, .Larrived
    li      t0, 1
    sw      t0, SLOT_DONE(a0)
    addi    a0, a0, SLOT_DONE
    jal     wake_all
    j       .Lused
.Larrived:                              // nobody sleeps for it here; perhaps somebody does in the buffer cache, whose lock comes before this one
    lbu     s3, SLOT_STATUS(a0)
    jal     slot_free
    la      a0, disk_lock
    jal     spin_release
    mv      a0, s2
    mv      a1, s3
    jal     buffer_arrived
    la      a0, disk_lock
    jal     spin_acquire
    j       .Lused
.Lserved:
    la      a0, disk_lock
    jal     spin_release
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    addi    sp, sp, 48
    ret
END disk_interrupt

    .bss
    .balign 4
disk_lock:
    .skip   4
slots_awaited:                          // u32, somebody sleeps for a free slot; disk lock
    .skip   4
used_seen:                              // u16, entries of the used ring served; disk lock
    .skip   2
