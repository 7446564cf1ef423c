// SPDX-License-Identifier: GPL-2.0-or-later
// The memory file system: RPFS with smaller blocks, on a device that is memory. It is made anew at boot and mounted on /tmp, where the
// disk has such a directory. The same code reads and writes it as the disk's, and must ask at every call which of the two it has.
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "file_system.inc"
#include "inode.inc"
#include "layout.inc"

#define MEMORY_BLOCK_SHIFT    10
#define MEMORY_BLOCK_BYTES    (1 << MEMORY_BLOCK_SHIFT)
#define MEMORY_BLOCKS         4096            // 4 MiB
#define MEMORY_PAGES          ((MEMORY_BLOCKS << MEMORY_BLOCK_SHIFT) >> PAGE_SHIFT)
#define MEMORY_BITMAP         1               // one block
#define MEMORY_INODES         128
#define MEMORY_INODE_START    2
#define MEMORY_INODE_BLOCKS   ((MEMORY_INODES << DISK_INODE_SHIFT) >> MEMORY_BLOCK_SHIFT)
#define MEMORY_ROOT_BLOCK     (MEMORY_INODE_START + MEMORY_INODE_BLOCKS)
#define MEMORY_USED           (MEMORY_ROOT_BLOCK + 1)
#define MEMORY_ROOT           1               // inode

    .text

// memory_transfer(a0 buffer's data, a1 first sector of 512 bytes, a2 = 0 read or 1 write, a3 bytes) -> a0 = 0 or -EIO: what disk_transfer
// is for the disk. A page that was never written has no memory and reads as zeros.
ENTRY memory_transfer
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    sd      s4, 0(sp)
    mv      s0, a0
    mv      s1, a2
    mv      s2, a3
    slli    t0, a1, 9                   // byte of the device
    srli    t1, t0, PAGE_SHIFT
    li      t2, MEMORY_PAGES
    bgeu    t1, t2, .Lmemory_failed
    li      s3, PAGE_SIZE - 1
    and     s3, s3, t0
    slli    t1, t1, 3
    la      s4, memory_pages
    add     s4, s4, t1
    ld      a0, 0(s4)
    bnez    a0, 3f
    la      a0, zero_block
    beqz    s1, 3f
    jal     page_allocate
    beqz    a0, .Lmemory_failed
1:  lr.d.aqrl t0, (s4)                  // blocks of one page may be written at once: who is first gives it its memory
    bnez    t0, 2f
    sc.d.aqrl t1, a0, (s4)
    bnez    t1, 1b
    j       3f
2:  jal     page_free
    ld      a0, 0(s4)
3:  add     a1, a0, s3
    mv      a0, s0
    beqz    s1, 4f
    mv      a0, a1
    mv      a1, s0
4:  mv      a2, s2
    jal     copy_in_kernel
.Lmemory_return:
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    ld      s4, 0(sp)
    addi    sp, sp, 48
    ret
.Lmemory_failed:
    li      a0, -EIO
    j       .Lmemory_return
END memory_transfer

// memory_file_system_mount(): makes the file system and mounts it, if the root has a directory /tmp. Once, by the first process.
ENTRY memory_file_system_mount
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    la      s0, memory_mount
    li      t0, MOUNT_TYPE_MEMORY
    sw      t0, MOUNT_TYPE(s0)
    li      t0, DEVICE_MEMORY
    sw      t0, MOUNT_DEVICE(s0)
    li      t0, MEMORY_BLOCK_BYTES
    sw      t0, MOUNT_BLOCK_SIZE(s0)
    li      t0, MEMORY_BLOCK_SHIFT
    sw      t0, MOUNT_BLOCK_SHIFT(s0)
    li      t0, MEMORY_BLOCKS
    sw      t0, MOUNT_TOTAL_BLOCKS(s0)
    li      t0, MEMORY_INODES
    sw      t0, MOUNT_INODE_COUNT(s0)
    li      t0, MEMORY_INODE_START
    sw      t0, MOUNT_INODE_START(s0)
    li      t0, MEMORY_BITMAP
    sw      t0, MOUNT_BITMAP_START(s0)
    li      t0, MEMORY_ROOT_BLOCK
    sw      t0, MOUNT_DATA_START(s0)
    li      t0, MEMORY_USED
    sw      t0, MOUNT_NEXT_FREE(s0)
    li      t0, MEMORY_ROOT
    sw      t0, MOUNT_ROOT_INODE(s0)

    mv      a0, s0
    li      a1, MEMORY_BITMAP
    jal     buffer_get_new
    bltz    a0, 1f
    ld      t0, BUFFER_DATA(a0)
    li      t1, (1 << MEMORY_USED) - 1
    sd      t1, 0(t0)
    jal     buffer_put
    bltz    a0, 1f
    mv      a0, s0
    li      a1, MEMORY_INODE_START
    jal     buffer_get_new
    bltz    a0, 1f
    ld      t0, BUFFER_DATA(a0)
    addi    t0, t0, MEMORY_ROOT * DISK_INODE_BYTES
    li      t1, INODE_TYPE_DIRECTORY
    sh      t1, DISK_INODE_TYPE(t0)
    li      t1, 2
    sh      t1, DISK_INODE_LINKS(t0)
    li      t1, 2 * ENTRY_BYTES
    sd      t1, DISK_INODE_SIZE(t0)
    li      t1, MEMORY_ROOT_BLOCK
    sw      t1, DISK_INODE_DIRECT(t0)
    jal     buffer_put
    bltz    a0, 1f
    mv      a0, s0
    li      a1, MEMORY_ROOT_BLOCK
    jal     buffer_get_new
    bltz    a0, 1f
    ld      t0, BUFFER_DATA(a0)
    li      t1, MEMORY_ROOT
    li      t2, '.'
    sw      t1, ENTRY_INODE(t0)
    sb      t2, ENTRY_NAME(t0)
    sw      t1, ENTRY_BYTES + ENTRY_INODE(t0)
    sb      t2, ENTRY_BYTES + ENTRY_NAME(t0)
    sb      t2, ENTRY_BYTES + ENTRY_NAME + 1(t0)
    jal     buffer_put
    bltz    a0, 1f

    la      a0, .Ltext_tmp
    jal     inode_lookup
    bltz    a0, 1f                      // without such a directory it stays unused
    lw      t0, INODE_VNODE + VNODE_TYPE(a0)
    addi    t0, t0, -VNODE_DIRECTORY
    bnez    t0, 2f
    la      t0, root_mount
    lw      t0, MOUNT_ROOT_INODE(t0)
    sw      t0, MOUNT_PARENT(s0)
    lw      t0, INODE_NUMBER(a0)
    sw      t0, MOUNT_COVERS(s0)
2:  jal     inode_release
1:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END memory_file_system_mount

    .section .rodata
.Ltext_tmp: .asciz  "/tmp"

    .bss
    .balign 8
DATA memory_mount
    .space  MOUNT_BYTES
END memory_mount
memory_pages:                           // u64 each, 0: never written
    .space  8 * MEMORY_PAGES
