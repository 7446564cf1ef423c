// SPDX-License-Identifier: GPL-2.0-or-later
// The system call write.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "inode.inc"
#include "replug.inc"
#include "replug_invoke.inc"
#include "syscall.inc"

    .text

// sys_write(a0 fd, a1 user address, a2 bytes) -> bytes or -errno.
ENTRY sys_write
    PATH_IS "trap", "write"
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      a1, 16(sp)
    sd      a2, 8(sp)
    jal     descriptor_of
    ld      ra, 24(sp)
    ld      a1, 16(sp)
    ld      a2, 8(sp)
    addi    sp, sp, 32
    bgez    a0, write
    ret
END sys_write

// write(a0 descriptor, a1 user address, a2 bytes) -> bytes or -errno: the generic write.
ENTRY write
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    mv      s0, a0
    mv      s1, a1
    mv      s2, a2
    ld      t0, DESCRIPTOR_FILE(a0)
    lw      t0, FILE_FLAGS(t0)
    andi    t0, t0, O_ACCMODE
    beqz    t0, .Lnot_writable          // opened for reading only
    jal     guard_write
    lw      t0, DESCRIPTOR_SPECIALISED(s0)
    bnez    t0, .Lspecialised           // still: at a level that can write
    ld      s0, DESCRIPTOR_FILE(s0)
    mv      a0, s0
    jal     file_acquire
    mv      a3, a1
    mv      a1, s1
    mv      a2, s2
    lw      s2, FILE_FLAGS(s0)
    andi    s2, s2, O_APPEND
    beqz    s2, 3f
    li      a3, -1                      // at the end, wherever that is once the file is locked
3:  ld      t0, VNODE_OPERATIONS(a0)
    ld      t0, VNODE_OP_WRITE(t0)
    jalr    t0                          // a1: the offset behind what was written
    mv      s1, a0
    li      t0, 0                       // an error moves nothing
    bltz    a0, 1f
    mv      t0, a0
    beqz    s2, 1f
    ld      t0, FILE_OFFSET(s0)         // appending moves to the end; nobody else moves this offset while we are here
    sub     t0, a1, t0
1:  mv      a0, s0
    mv      a1, t0
    jal     file_advance
    mv      a0, s1
.Lwrite_return:
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 48
    ret
.Lnot_writable:
    li      a0, -EBADF
    j       .Lwrite_return
.Lspecialised:
    mv      a0, s0
    mv      a1, s1
    mv      a2, s2
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 48
    REPLUG_INVOKE a0, write, PATH_WRITE
END write

// The generic write as a target of step 3, as read_through_pointer is (read.S).
ENTRY write_through_pointer
    REPLUG_LEAVE DESCRIPTOR_INSIDE, a0
    j       write
END write_through_pointer
