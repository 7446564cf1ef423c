// SPDX-License-Identifier: GPL-2.0-or-later
// The system call write.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "inode.inc"
#include "replug.inc"

    .text

// sys_write(a0 fd, a1 user address, a2 bytes) -> bytes or -errno.
ENTRY sys_write
    PATH_IS "trap", "write"
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    mv      s1, a1
    mv      s2, a2
    jal     descriptor_of
    bltz    a0, 2f
    mv      s0, a0
    jal     guard_write
    ld      s0, DESCRIPTOR_FILE(s0)
    mv      a0, s0
    jal     file_acquire
    mv      a3, a1
    mv      a1, s1
    mv      a2, s2
    ld      t0, VNODE_OPERATIONS(a0)
    ld      t0, VNODE_OP_WRITE(t0)
    jalr    t0
    mv      s1, a0
    mv      a1, a0
    bgez    a1, 1f
    li      a1, 0                       // an error moves nothing
1:  mv      a0, s0
    jal     file_advance
    mv      a0, s1
2:  ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 48
    ret
END sys_write
