// SPDX-License-Identifier: GPL-2.0-or-later
// Directories: finding, adding and removing entries. (Paths are in path.S.)
#include "assembly.inc"
#include "buffer.inc"
#include "errno.inc"
#include "inode.inc"

    .text

// directory_find(a0 directory inode, locked, a1 name, ended by a slash or NUL) -> a0 = inode number, -ENOENT, or another -errno.
// a1 = offset of the entry; with -ENOENT, of the first free one, or the directory's size. May sleep.
ENTRY directory_find
    addi    sp, sp, -80
    sd      ra, 72(sp)
    sd      s0, 64(sp)
    sd      s1, 56(sp)
    sd      s2, 48(sp)
    sd      s3, 40(sp)
    sd      s4, 32(sp)
    sd      s5, 24(sp)
    sd      s6, 16(sp)
    mv      s0, a0
    mv      s1, a1
    li      s2, 0                       // offset of the present entry
    ld      s3, INODE_SIZE(s0)
    mv      s4, s3                      // offset of the first free one
    li      s5, 0                       // buffer of the present block
    lhu     t0, INODE_TYPE(s0)
    li      t1, INODE_TYPE_DIRECTORY
    li      s6, -ENOTDIR
    bne     t0, t1, .Lfind_done
    ld      t0, INODE_MOUNT(s0)         // no directory is larger than the disk: a damaged file system, and a long search
    lwu     t1, MOUNT_TOTAL_BLOCKS(t0)
    lw      t2, MOUNT_BLOCK_SHIFT(t0)
    sll     t1, t1, t2
    li      s6, -EIO
    bltu    t1, s3, .Lfind_done
    mv      a0, a1
    jal     path_skip_name
    sub     t0, a0, s1
    li      t1, NAME_BYTES              // a name fills its field or is ended by NUL
    li      s6, -ENAMETOOLONG
    bgtu    t0, t1, .Lfind_done

.Lfind_entry:
    li      s6, -ENOENT
    bgeu    s2, s3, .Lfind_done
    ld      t0, INODE_MOUNT(s0)
    lwu     t1, MOUNT_BLOCK_SIZE(t0)
    addi    t1, t1, -1
    and     t1, t1, s2
    bnez    t1, 2f
    mv      a0, s5                      // the next block
    li      s5, 0
    beqz    a0, 1f
    jal     buffer_release
1:  ld      t0, INODE_MOUNT(s0)
    lw      t1, MOUNT_BLOCK_SHIFT(t0)
    mv      a0, s0
    srl     a1, s2, t1
    jal     block_map
    mv      s6, a0
    bltz    a0, .Lfind_done
    mv      a1, a0
    li      s6, -EIO                    // a directory has no holes
    beqz    a1, .Lfind_done
    ld      a0, INODE_MOUNT(s0)
    li      a2, 0
    jal     buffer_get
    mv      s6, a0
    bltz    a0, .Lfind_done
    mv      s5, a0
    li      t1, 0
2:  ld      t0, BUFFER_DATA(s5)
    add     t0, t0, t1                  // the entry
    lwu     s6, ENTRY_INODE(t0)
    bnez    s6, 3f
    bne     s4, s3, .Lfind_next
    mv      s4, s2
    j       .Lfind_next
3:  addi    t0, t0, ENTRY_NAME
    addi    t1, t0, NAME_BYTES
    mv      t2, s1
    li      t5, '/'
4:  lbu     t3, 0(t0)
    lbu     t4, 0(t2)
    beqz    t3, 5f
    bne     t3, t4, .Lfind_next
    addi    t0, t0, 1
    addi    t2, t2, 1
    bltu    t0, t1, 4b
    lbu     t4, 0(t2)
5:  beqz    t4, .Lfind_found
    beq     t4, t5, .Lfind_found
.Lfind_next:
    addi    s2, s2, ENTRY_BYTES
    j       .Lfind_entry

.Lfind_found:
    mv      s4, s2
.Lfind_done:
    mv      a0, s5
    beqz    a0, 6f
    jal     buffer_release
6:  mv      a0, s6
    mv      a1, s4
    ld      ra, 72(sp)
    ld      s0, 64(sp)
    ld      s1, 56(sp)
    ld      s2, 48(sp)
    ld      s3, 40(sp)
    ld      s4, 32(sp)
    ld      s5, 24(sp)
    ld      s6, 16(sp)
    addi    sp, sp, 80
    ret
END directory_find

// directory_add(a0 directory inode, locked, a1 name, ended by a slash or NUL, a2 inode number, a3 offset that directory_find gave
// for this name) -> a0 = 0 or -errno. On the disk when it returns. With the number 0 and no name the entry is free. May sleep.
ENTRY directory_add
    addi    sp, sp, -16 - ENTRY_BYTES
    sd      ra, ENTRY_BYTES + 8(sp)
    sw      a2, ENTRY_INODE(sp)
    addi    t0, sp, ENTRY_NAME
    addi    t1, sp, ENTRY_BYTES
    li      t2, '/'
1:  lbu     t3, 0(a1)
    bne     t3, t2, 2f
    li      t3, 0
2:  sb      t3, 0(t0)
    addi    t0, t0, 1
    beqz    t3, 3f
    addi    a1, a1, 1
    bltu    t0, t1, 1b
3:  bgeu    t0, t1, 4f
    sb      zero, 0(t0)
    addi    t0, t0, 1
    j       3b
4:  mv      a1, sp
    li      a2, ENTRY_BYTES
    la      a4, copy_in_kernel
    jal     inode_write_data
    bltz    a0, 6f
    addi    t0, a0, -ENTRY_BYTES
    li      a0, 0
    beqz    t0, 6f
    li      a0, -EIO
6:  ld      ra, ENTRY_BYTES + 8(sp)
    addi    sp, sp, 16 + ENTRY_BYTES
    ret
END directory_add

// directory_is_empty(a0 directory inode, locked) -> a0 = 0 if it holds nothing but "." and "..", -ENOTEMPTY or another -errno.
// May sleep.
ENTRY directory_is_empty
    addi    sp, sp, -32 - ENTRY_BYTES
    sd      ra, ENTRY_BYTES + 24(sp)
    sd      s0, ENTRY_BYTES + 16(sp)
    sd      s1, ENTRY_BYTES + 8(sp)
    mv      s0, a0
    li      s1, 0
1:  mv      a0, s0
    mv      a1, sp
    li      a2, ENTRY_BYTES
    mv      a3, s1
    la      a4, copy_in_kernel
    jal     inode_read
    blez    a0, 3f                      // the end, or an error
    addi    s1, s1, ENTRY_BYTES
    lwu     t0, ENTRY_INODE(sp)
    beqz    t0, 1b
    addi    a0, sp, ENTRY_NAME
    jal     name_is_dots
    bnez    a0, 1b
    li      a0, -ENOTEMPTY
3:  ld      ra, ENTRY_BYTES + 24(sp)
    ld      s0, ENTRY_BYTES + 16(sp)
    ld      s1, ENTRY_BYTES + 8(sp)
    addi    sp, sp, 32 + ENTRY_BYTES
    ret
END directory_is_empty
