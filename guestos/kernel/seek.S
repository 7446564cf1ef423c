// SPDX-License-Identifier: GPL-2.0-or-later
// The system call lseek.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"
#include "syscall.inc"

    .text

// sys_lseek(a0 fd, a1 distance, a2 from where) -> the new offset or -errno.
//
// It holds the per-process lock of its own process: so no replugger is between reading the offset here and storing it there,
// and "is it specialised?" says for the whole call which of the two offsets counts (I4).
ENTRY sys_lseek
    PATH_IS "trap", "lseek"
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    mv      s1, a1
    mv      s2, a2
    jal     descriptor_of
    bltz    a0, .Lseek_return
    mv      s0, a0
    addi    t0, s2, -SEEK_CURRENT
    or      t0, t0, s1
    beqz    t0, 1f                      // asking is not seeking
    jal     guard_seek
1:  ld      a0, HART_PROCESS(tp)
    addi    a0, a0, PROCESS_LOCK
    jal     sleep_lock_acquire

    ld      s3, DESCRIPTOR_FILE(s0)
    mv      a0, s3
    jal     file_acquire                // nobody who shares it is in the middle of a read or write
    ld      t0, VNODE_OPERATIONS(a0)
    ld      t0, VNODE_OP_SIZE(t0)
    jalr    t0
    bltz    a0, .Lseek_unlock
    mv      a1, a0                      // for SEEK_END
    la      a0, file_table_lock
    jal     spin_acquire
    lw      t0, DESCRIPTOR_SPECIALISED(s0)
    addi    t2, s3, FILE_OFFSET         // t2: address of the offset that counts
    beqz    t0, 1f
    addi    t2, s0, DESCRIPTOR_RECORD + RECORD_OFFSET
1:  li      t0, SEEK_END
    beq     s2, t0, 2f
    li      a1, 0
    beqz    s2, 2f
    ld      a1, 0(t2)
    li      t0, SEEK_CURRENT
    beq     s2, t0, 2f
    li      t0, -1                      // no such "from where"
    j       3f
2:  add     t0, a1, s1                  // offsets are below 2^63; a sum above wraps to a negative one
    bltz    t0, 3f
    sd      t0, 0(t2)
3:  jal     spin_release
    mv      a0, t0
    bgez    t0, .Lseek_unlock
    li      a0, -EINVAL

.Lseek_unlock:
    mv      s0, a0
    mv      a0, s3
    li      a1, 0
    jal     file_advance
    ld      a0, HART_PROCESS(tp)
    addi    a0, a0, PROCESS_LOCK
    jal     sleep_lock_release
    mv      a0, s0
.Lseek_return:
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
END sys_lseek
