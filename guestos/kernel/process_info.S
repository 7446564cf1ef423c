// SPDX-License-Identifier: GPL-2.0-or-later
// Telling which processes there are.

#include "assembly.inc"
#include "replug.inc"
#include "hart.inc"
#include "process.inc"
#include "syscall.inc"
#include "errno.inc"

    .text
// sys_process: a0 = place in the process table, a1 = user address for PROCESS_INFO_BYTES. Result 0, -EFAULT, or -ESRCH behind the table's end.
ENTRY sys_process
    PATH_IS "trap", "process"
    li      t0, MAX_PROCESSES
    bgeu    a0, t0, 4f
    addi    sp, sp, -16 - PROCESS_INFO_BYTES
    sd      ra, PROCESS_INFO_BYTES + 8(sp)
    mv      a3, a1
    slli    a0, a0, PROCESS_SHIFT
    la      a2, processes
    add     a2, a2, a0
    la      a0, scheduler_lock
    jal     spin_acquire
    lw      t0, PROCESS_STATE(a2)
    sw      t0, PROCESS_INFO_STATE(sp)
    lw      t1, PROCESS_ID(a2)
    bnez    t0, 1f
    li      t1, 0                       // STATE_FREE
1:  sw      t1, PROCESS_INFO_ID(sp)
    ld      t0, PROCESS_PARENT(a2)
    li      t1, 0
    beqz    t0, 2f
    lw      t1, PROCESS_ID(t0)
2:  sw      t1, PROCESS_INFO_PARENT(sp)
    sw      zero, PROCESS_INFO_UNUSED(sp)
    addi    t0, a2, PROCESS_NAME
    addi    t1, sp, PROCESS_INFO_NAME
    addi    t2, t0, PROCESS_NAME_SIZE
3:  ld      t3, 0(t0)
    sd      t3, 0(t1)
    addi    t0, t0, 8
    addi    t1, t1, 8
    bltu    t0, t2, 3b
    jal     spin_release
    mv      a0, a3
    mv      a1, sp
    li      a2, PROCESS_INFO_BYTES
    jal     copy_to_user
    ld      ra, PROCESS_INFO_BYTES + 8(sp)
    addi    sp, sp, 16 + PROCESS_INFO_BYTES
    ret
4:  li      a0, -ESRCH
    ret
END sys_process
