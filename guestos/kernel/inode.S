// SPDX-License-Identifier: GPL-2.0-or-later
// Inodes in memory. An inode with references keeps its place in the table, and its contents stay there until the place is
// needed for another one. (What is on the disk: inode_disk.S.)
#include "assembly.inc"
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
