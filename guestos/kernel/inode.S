// SPDX-License-Identifier: GPL-2.0-or-later
// Inodes in memory. An inode with references keeps its place in the table, and its contents stay there until the place is
// needed for another one.
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "inode.inc"

    .text

// inode_get(a0 mount, a1 number) -> a0 = inode, referenced, its contents perhaps not read yet (inode_lock does); or -errno.
ENTRY inode_get
    lwu     t0, MOUNT_INODE_COUNT(a0)
    beqz    a1, 5f
    bgeu    a1, t0, 5f
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a2, a0
    la      a0, inode_table_lock
    jal     spin_acquire
    la      t2, inodes
    la      t3, inodes_end
    li      t4, 0                       // the first one without references
1:  ld      t0, INODE_MOUNT(t2)
    lwu     t1, INODE_NUMBER(t2)
    bne     t0, a2, 2f
    beq     t1, a1, 3f
2:  bnez    t4, 4f
    lw      t0, INODE_REFERENCES(t2)
    bnez    t0, 4f
    mv      t4, t2
4:  addi    t2, t2, INODE_BYTES
    bltu    t2, t3, 1b

    // Not there: take the place of one that nobody uses.
    li      a3, -ENFILE
    beqz    t4, 6f
    mv      t2, t4
    sd      a2, INODE_MOUNT(t2)
    sw      a1, INODE_NUMBER(t2)
    sw      zero, INODE_VALID(t2)
3:  lw      t0, INODE_REFERENCES(t2)
    addi    t0, t0, 1
    sw      t0, INODE_REFERENCES(t2)
    mv      a3, t2
6:  jal     spin_release
    mv      a0, a3
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
5:  li      a0, -EIO                    // no such inode can be: a damaged file system
    ret
END inode_get

// inode_hold(a0 inode, referenced): one reference more. Preserves a0; changes t0, t1, a1.
ENTRY inode_hold
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    la      a0, inode_table_lock
    jal     spin_acquire
    lw      t0, INODE_REFERENCES(a1)
    addi    t0, t0, 1
    sw      t0, INODE_REFERENCES(a1)
    jal     spin_release
    mv      a0, a1
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END inode_hold

// inode_release(a0 inode): one reference less. The last one of a file that has no name any more frees the file. May sleep then:
// the caller holds no lock but perhaps those of other inodes.
ENTRY inode_release
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    la      a0, inode_table_lock
    jal     spin_acquire
    lw      t0, INODE_REFERENCES(a1)
    addi    t0, t0, -1
    bnez    t0, 1f
    lw      t1, INODE_VALID(a1)
    beqz    t1, 1f
    lhu     t1, INODE_LINKS(a1)
    beqz    t1, .Lnameless
1:  sw      t0, INODE_REFERENCES(a1)
    jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
.Lnameless:                             // our reference keeps its place in the table while it goes
    jal     spin_release
    sd      s0, 0(sp)
    mv      s0, a1
    mv      a0, s0
    jal     sleep_lock_acquire          // INODE_LOCK is at 0
    sd      zero, INODE_SIZE(s0)
    mv      a0, s0
    jal     block_map_clear             // after an error its remaining blocks are lost: a damaged file system
    sh      zero, INODE_TYPE(s0)
    mv      a0, s0
    jal     inode_write
    sw      zero, INODE_VALID(s0)
    mv      a0, s0
    jal     sleep_lock_release
    mv      a0, s0
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    j       inode_release
END inode_release

// inode_lock(a0 inode, referenced) -> a0 = 0 with the inode lock held and its contents read, or -errno without the lock.
ENTRY inode_lock
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    jal     sleep_lock_acquire          // INODE_LOCK is at 0
    lw      t0, INODE_VALID(s0)
    beqz    t0, 1f
    li      a0, 0
    j       3f

1:  mv      a0, s0
    jal     inode_on_disk
    bltz    a0, 2f
    addi    t0, s0, INODE_DISK
    addi    t1, t0, DISK_INODE_BYTES
4:  ld      t2, 0(a1)
    sd      t2, 0(t0)
    addi    a1, a1, 8
    addi    t0, t0, 8
    bltu    t0, t1, 4b
    jal     buffer_release
    mv      a0, s0
    jal     inode_set_vnode
    bltz    a0, 2f
    sd      zero, INODE_LAST_READ(s0)   // and INODE_AHEAD
    li      t0, 1
    sw      t0, INODE_VALID(s0)
    li      a0, 0
    j       3f
2:  mv      s1, a0
    mv      a0, s0
    jal     sleep_lock_release
    mv      a0, s1
3:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END inode_lock

// inode_unlock(a0 inode)
ENTRY inode_unlock
    j       sleep_lock_release
END inode_unlock

// inode_write(a0 inode, locked) -> a0 = 0 or -EIO: its contents to the disk. May sleep.
ENTRY inode_write
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      s0, a0
    jal     inode_on_disk
    bltz    a0, 2f
    addi    t0, s0, INODE_DISK
    addi    t1, t0, DISK_INODE_BYTES
1:  ld      t2, 0(t0)
    sd      t2, 0(a1)
    addi    a1, a1, 8
    addi    t0, t0, 8
    bltu    t0, t1, 1b
    jal     buffer_put
2:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END inode_write

// inode_allocate(a0 mount, a1 type) -> a0 = number of an inode that was free and now is an empty one of that type with one
// link, or -errno. May sleep.
ENTRY inode_allocate
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a0
    mv      s1, a1
    li      s2, 1
    addi    a0, a0, MOUNT_LOCK
    jal     sleep_lock_acquire
1:  li      s3, -ENOSPC
    lwu     t0, MOUNT_INODE_COUNT(s0)
    bgeu    s2, t0, 4f
    mv      a0, s0
    mv      a1, s2
    jal     inode_block
    mv      s3, a0
    bltz    a0, 4f
    lhu     t0, DISK_INODE_TYPE(a1)
    beqz    t0, 2f
    jal     buffer_release
    addi    s2, s2, 1
    j       1b
2:  addi    t0, a1, DISK_INODE_BYTES
    mv      t1, a1
3:  sd      zero, 0(t1)
    addi    t1, t1, 8
    bltu    t1, t0, 3b
    sh      s1, DISK_INODE_TYPE(a1)
    li      t0, 1
    sh      t0, DISK_INODE_LINKS(a1)
    jal     buffer_put
    mv      s3, a0
    bnez    a0, 4f
    mv      s3, s2
4:  addi    a0, s0, MOUNT_LOCK
    jal     sleep_lock_release
    mv      a0, s3
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
END inode_allocate

// inode_free(a0 mount, a1 number): the inode of a file that could not be made after all. May sleep.
ENTRY inode_free
    addi    sp, sp, -16
    sd      ra, 8(sp)
    jal     inode_block
    bltz    a0, 1f
    sh      zero, DISK_INODE_TYPE(a1)
    jal     buffer_put
1:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END inode_free

// inode_set_size(a0 inode of a regular file, a1 bytes) -> a0 = 0 or -errno: what lies behind is gone, its blocks are free, and what
// is new reads as zeros. Takes and releases the inode lock. May sleep.
ENTRY inode_set_size
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s0, a0
    mv      s1, a1
    jal     inode_lock
    mv      s2, a0
    bltz    a0, .Lsize_return
    mv      a0, s0
    jal     block_map_limit
    li      s2, -EFBIG
    bgtu    s1, a0, .Lsize_unlock
    ld      t0, INODE_SIZE(s0)
    beq     t0, s1, .Lsize_same
    sd      s1, INODE_SIZE(s0)
    bgtu    s1, t0, .Lsize_write        // longer: a hole
    // Shorter. The rest of the block that the end is in becomes zero, for the file may grow over it again.
    ld      t0, INODE_MOUNT(s0)
    lwu     s3, MOUNT_BLOCK_SIZE(t0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    addi    t2, s3, -1
    and     t2, t2, s1
    beqz    t2, 2f
    sub     s3, s3, t2                  // bytes to clear, at
    sd      t2, 0(sp)
    mv      a0, s0
    srl     a1, s1, t1
    jal     block_map
    mv      s2, a0
    bltz    a0, .Lsize_unlock
    beqz    a0, 2f
    mv      a1, a0
    ld      a0, INODE_MOUNT(s0)
    li      a2, 0
    jal     buffer_get
    mv      s2, a0
    bltz    a0, .Lsize_unlock
    ld      t0, BUFFER_DATA(a0)
    ld      t1, 0(sp)
    add     t0, t0, t1
1:  sb      zero, 0(t0)
    addi    t0, t0, 1
    addi    s3, s3, -1
    bnez    s3, 1b
    jal     buffer_put
    mv      s2, a0
    bltz    a0, .Lsize_unlock
2:  ld      t0, INODE_MOUNT(s0)
    lwu     t2, MOUNT_BLOCK_SIZE(t0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    add     a1, s1, t2
    addi    a1, a1, -1
    srl     a1, a1, t1
    mv      a0, s0
    jal     block_map_trim
    mv      s2, a0
    mv      a0, s0
    jal     inode_write                 // after an error, too: what has gone has gone
    bltz    s2, .Lsize_unlock
    mv      s2, a0
    j       .Lsize_unlock
.Lsize_write:
    mv      a0, s0
    jal     inode_write
    mv      s2, a0
    j       .Lsize_unlock
.Lsize_same:
    li      s2, 0
.Lsize_unlock:
    mv      a0, s0
    jal     inode_unlock
.Lsize_return:
    mv      a0, s2
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
END inode_set_size

// inode_on_disk(a0 inode), inode_block(a0 mount, a1 number) -> a0 = buffer (referenced) of the block of the inode table that has
// it, or -errno; a1 = address of the inode's 128 bytes in it. May sleep.
inode_on_disk:
    lwu     a1, INODE_NUMBER(a0)
    ld      a0, INODE_MOUNT(a0)
inode_block:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s1, 0(sp)
    lw      t0, MOUNT_BLOCK_SHIFT(a0)
    addi    t0, t0, -DISK_INODE_SHIFT   // log2 of the inodes in a block
    srl     t1, a1, t0
    sll     t2, t1, t0
    sub     s1, a1, t2
    slli    s1, s1, DISK_INODE_SHIFT
    lwu     a1, MOUNT_INODE_START(a0)
    add     a1, a1, t1
    li      a2, 0
    jal     buffer_get
    bltz    a0, 1f
    ld      a1, BUFFER_DATA(a0)
    add     a1, a1, s1
1:  ld      ra, 8(sp)
    ld      s1, 0(sp)
    addi    sp, sp, 16
    ret

// inode_set_vnode(a0 inode, contents read) -> a0 = 0, or -EIO if it is of no type that can be opened. A device inode has the number
// of its device where a file has its first block.
inode_set_vnode:
    lhu     t0, INODE_TYPE(a0)
    li      t1, VNODE_REGULAR
    la      t2, rpfs_file_operations
    addi    t3, t0, -INODE_TYPE_REGULAR
    beqz    t3, 1f
    li      t1, VNODE_DIRECTORY
    la      t2, rpfs_directory_operations
    addi    t3, t0, -INODE_TYPE_DIRECTORY
    beqz    t3, 1f
    li      t1, VNODE_CHARACTER
    addi    t3, t0, -INODE_TYPE_DEVICE
    bnez    t3, 2f
    lwu     t0, INODE_DIRECT(a0)
    la      t2, console_operations
    beqz    t0, 1f
    la      t2, null_operations
    addi    t0, t0, -DEVICE_NUMBER_NULL
    beqz    t0, 1f
    la      t2, zero_operations
    addi    t0, t0, DEVICE_NUMBER_NULL - DEVICE_NUMBER_ZERO
    beqz    t0, 1f
2:  li      a0, -EIO
    ret
1:  sw      t1, INODE_VNODE + VNODE_TYPE(a0)
    sd      t2, INODE_VNODE + VNODE_OPERATIONS(a0)
    sd      a0, INODE_VNODE + VNODE_DATA(a0)
    ld      t0, INODE_MOUNT(a0)
    sd      t0, INODE_VNODE + VNODE_MOUNT(a0)
    li      a0, 0
    ret

    .bss
    .balign 8
inode_table_lock:
    .space  8
    .balign 64
inodes:
    .space  INODES * INODE_BYTES
inodes_end:
