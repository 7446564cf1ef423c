// SPDX-License-Identifier: GPL-2.0-or-later
// The system calls that ask for or change a file's size without reading it: stat, fstat, truncate, ftruncate.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"
#include "syscall.inc"

    .text

// sys_fstat(a0 fd, a1 user address of STAT_BYTES) -> 0 or -errno.
ENTRY sys_fstat
    PATH_IS "trap", "stat"
    addi    sp, sp, -16
    sd      ra, 8(sp)
    jal     descriptor_of
    bltz    a0, 1f
    ld      a0, DESCRIPTOR_FILE(a0)     // which stays: nobody else closes our descriptors
    ld      a0, FILE_VNODE(a0)
    jal     vnode_stat
1:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END sys_fstat

// sys_stat(a0 user path, a1 user address of STAT_BYTES) -> 0 or -errno.
ENTRY sys_stat
    PATH_IS "trap", "stat"
    addi    sp, sp, -PATH_MAX - 32
    sd      ra, PATH_MAX + 24(sp)
    sd      s0, PATH_MAX + 16(sp)
    sd      s1, PATH_MAX + 8(sp)
    mv      s1, a1
    mv      a1, a0
    mv      a0, sp
    jal     path_from_user
    bltz    a0, 1f
    mv      a0, sp
    jal     inode_lookup
    bltz    a0, 1f
    mv      s0, a0
    addi    a0, a0, INODE_VNODE
    mv      a1, s1
    jal     vnode_stat
    mv      s1, a0
    mv      a0, s0
    jal     inode_release
    mv      a0, s1
1:  ld      ra, PATH_MAX + 24(sp)
    ld      s0, PATH_MAX + 16(sp)
    ld      s1, PATH_MAX + 8(sp)
    addi    sp, sp, PATH_MAX + 32
    ret
END sys_stat

// vnode_stat(a0 vnode, referenced, a1 user address) -> a0 = 0 or -errno. May sleep.
vnode_stat:
    addi    sp, sp, -32 - STAT_BYTES
    sd      ra, STAT_BYTES + 24(sp)
    sd      s0, STAT_BYTES + 16(sp)
    sd      s1, STAT_BYTES + 8(sp)
    mv      s1, a1
    lwu     t0, VNODE_TYPE(a0)
    sd      t0, STAT_TYPE(sp)           // and no inode
    sd      zero, STAT_SIZE(sp)
    sd      zero, STAT_LINKS(sp)
    sd      zero, STAT_DEVICE(sp)
    ld      t1, VNODE_MOUNT(a0)
    beqz    t1, 1f
    lw      t0, MOUNT_BLOCK_SIZE(t1)
    sw      t0, STAT_BLOCK_SIZE(sp)
    lw      t0, MOUNT_DEVICE(t1)
    sw      t0, STAT_DEVICE(sp)
    ld      s0, VNODE_DATA(a0)
    mv      a0, s0
    jal     inode_lock
    bltz    a0, 2f
    lw      t0, INODE_NUMBER(s0)
    sw      t0, STAT_INODE(sp)
    ld      t0, INODE_SIZE(s0)
    sd      t0, STAT_SIZE(sp)
    lhu     t0, INODE_LINKS(s0)
    sw      t0, STAT_LINKS(sp)
    mv      a0, s0
    jal     inode_unlock
1:  mv      a0, s1
    mv      a1, sp
    li      a2, STAT_BYTES
    jal     copy_to_user
2:  ld      ra, STAT_BYTES + 24(sp)
    ld      s0, STAT_BYTES + 16(sp)
    ld      s1, STAT_BYTES + 8(sp)
    addi    sp, sp, 32 + STAT_BYTES
    ret
    .size vnode_stat, . - vnode_stat

// sys_ftruncate(a0 fd, a1 bytes) -> 0 or -errno.
ENTRY sys_ftruncate
    PATH_IS "trap", "truncate"
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s1, a1
    jal     descriptor_of
    bltz    a0, 1f
    ld      t0, DESCRIPTOR_FILE(a0)
    lw      t1, FILE_FLAGS(t0)
    andi    t1, t1, O_ACCMODE
    beqz    t1, 2f                      // opened for reading only
    ld      t0, FILE_VNODE(t0)
    lw      t0, VNODE_TYPE(t0)
    addi    t0, t0, -VNODE_REGULAR
    bnez    t0, 2f
    mv      s0, a0
    jal     guard_write                 // it may be specialised itself
    ld      a0, DESCRIPTOR_INODE(s0)
    mv      a1, s1
    jal     inode_set_size
1:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
2:  li      a0, -EINVAL
    j       1b
END sys_ftruncate

// sys_truncate(a0 user path, a1 bytes) -> 0 or -errno.
ENTRY sys_truncate
    PATH_IS "trap", "truncate"
    addi    sp, sp, -PATH_MAX - 32
    sd      ra, PATH_MAX + 24(sp)
    sd      s0, PATH_MAX + 16(sp)
    sd      s1, PATH_MAX + 8(sp)
    mv      s1, a1
    mv      a1, a0
    mv      a0, sp
    jal     path_from_user
    bltz    a0, 1f
    mv      a0, sp
    jal     inode_lookup
    bltz    a0, 1f
    mv      s0, a0
    lw      t0, INODE_VNODE + VNODE_TYPE(s0)
    li      a0, -EISDIR
    li      t1, VNODE_DIRECTORY
    beq     t0, t1, 2f
    li      a0, -EINVAL
    li      t1, VNODE_REGULAR
    bne     t0, t1, 2f
    mv      a0, s0
    jal     guard_change_begin
    mv      a0, s0
    mv      a1, s1
    jal     inode_set_size
    mv      s1, a0
    mv      a0, s0
    jal     guard_change_end
    mv      a0, s1
2:  mv      s1, a0
    mv      a0, s0
    jal     inode_release
    mv      a0, s1
1:  ld      ra, PATH_MAX + 24(sp)
    ld      s0, PATH_MAX + 16(sp)
    ld      s1, PATH_MAX + 8(sp)
    addi    sp, sp, PATH_MAX + 32
    ret
END sys_truncate
