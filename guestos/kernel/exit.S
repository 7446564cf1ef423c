// SPDX-License-Identifier: GPL-2.0-or-later
// The end of processes, and waiting for it.

#include "assembly.inc"
#include "replug.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "syscall.inc"

#define CAUSES              16                      /* entries of cause_names */

    .text
// sys_exit: a0 = status. Does not return.
ENTRY sys_exit
    PATH_IS "trap", "exit"
    j       process_exit
END sys_exit

// process_exit: ends the current process. a0 = status. When init ends, the machine does. Does not return.
ENTRY process_exit
    mv      s1, a0
    ld      s0, HART_PROCESS(tp)
    lw      t0, PROCESS_ID(s0)
    li      t1, 1
    bne     t0, t1, 1f
    jal     replug_report
    mv      a0, s1
    j       power_off
1:  mv      a0, s0
    jal     descriptors_close_all
    ld      a0, PROCESS_DIRECTORY(s0)
    sd      zero, PROCESS_DIRECTORY(s0)
    beqz    a0, 4f
    jal     inode_release
4:
    // Off its page table before that is freed.
    la      t0, kernel_satp
    ld      t0, 0(t0)
    sd      t0, PROCESS_SATP(s0)
    csrw    satp, t0
    sfence.vma
    ld      a0, PROCESS_ROOT(s0)
    sd      zero, PROCESS_ROOT(s0)
    jal     page_table_destroy

    la      a0, scheduler_lock
    jal     spin_acquire
    la      s2, processes               // init takes the children over
    mv      t0, s2
    li      t1, MAX_PROCESSES
    li      s3, 0
1:  lw      t2, PROCESS_STATE(t0)
    beqz    t2, 2f
    ld      t2, PROCESS_PARENT(t0)
    bne     t2, s0, 2f
    sd      s2, PROCESS_PARENT(t0)
    li      s3, 1
2:  addi    t0, t0, PROCESS_SIZE
    addi    t1, t1, -1
    bnez    t1, 1b
    beqz    s3, 3f
    mv      a0, s2
    jal     wake_locked
3:  sw      s1, PROCESS_STATUS(s0)
    li      t0, STATE_ZOMBIE
    sw      t0, PROCESS_STATE(s0)
    ld      a0, PROCESS_PARENT(s0)
    jal     wake_locked
    // wait() may free this process only under the scheduler lock, so after the scheduler has left its stack.
    PATH_END "trap"
    jal     schedule_away
    la      a0, .Ltext_undead
    j       panic
END process_exit

// sys_wait: a0 = user address for the status (u32) or 0: as waitpid for any child.
ENTRY sys_wait
    mv      a1, a0
    li      a0, -1
    li      a2, 0
    j       sys_waitpid
END sys_wait

// sys_waitpid: a0 = identifier of a child, -1 for any; a1 = user address for the status (u32) or 0; a2 = 0, or WNOHANG. Waits for the child to
// end. Result: its identifier, 0 if it has not ended and a2 says not to wait, -ECHILD, -EFAULT, -EINVAL or -EINTR.
ENTRY sys_waitpid
    PATH_IS "trap", "wait"
    addi    sp, sp, -64
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 40(sp)
    sd      s4, 48(sp)
    mv      s1, a1
    mv      s3, a0
    mv      s4, a2
    andi    t0, a2, ~WNOHANG
    li      a0, -EINVAL
    bnez    t0, .Lwaited
    ld      s0, HART_PROCESS(tp)
    la      a0, scheduler_lock
    jal     spin_acquire
.Llook:
    la      t0, processes
    li      t1, MAX_PROCESSES
    li      t2, 0                       // has it children?
    li      t4, STATE_ZOMBIE
1:  lw      t3, PROCESS_STATE(t0)
    beqz    t3, 2f
    ld      t5, PROCESS_PARENT(t0)
    bne     t5, s0, 2f
    bltz    s3, 3f
    lwu     t5, PROCESS_ID(t0)
    bne     t5, s3, 2f
3:  li      t2, 1
    beq     t3, t4, .Lzombie
2:  addi    t0, t0, PROCESS_SIZE
    addi    t1, t1, -1
    bnez    t1, 1b
    beqz    t2, .Lno_child
    bnez    s4, .Lnot_yet
    mv      a0, s0
    jal     sleep_locked_interruptible  // a child's process_exit wakes its parent's address
    beqz    a0, .Llook
    mv      s0, a0
    la      a0, scheduler_lock
    jal     spin_release
    mv      a0, s0
    j       .Lwaited
.Lzombie:
    lw      t1, PROCESS_STATUS(t0)
    sw      t1, 32(sp)
    lw      s2, PROCESS_ID(t0)
    sw      zero, PROCESS_STATE(t0)
    la      a0, scheduler_lock
    jal     spin_release
    beqz    s1, 3f
    mv      a0, s1
    addi    a1, sp, 32
    li      a2, 4
    jal     copy_to_user
    bltz    a0, .Lwaited
3:  mv      a0, s2
.Lwaited:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 40(sp)
    ld      s4, 48(sp)
    addi    sp, sp, 64
    ret
.Lno_child:
    li      s0, -ECHILD
1:  la      a0, scheduler_lock
    jal     spin_release
    mv      a0, s0
    j       .Lwaited
.Lnot_yet:
    li      s0, 0
    j       1b
END sys_waitpid

// sys_yield: gives the hart to another process, if one waits for it. Result 0.
ENTRY sys_yield
    PATH_IS "trap", "yield"
    addi    sp, sp, -16
    sd      ra, 0(sp)
    jal     preempt
    li      a0, 0
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
END sys_yield

// user_fault: an exception in user mode ends the process with a line on the console. a0 = cause, a1 = pc, a2 = trap value.
ENTRY user_fault
    addi    sp, sp, -256
    mv      s1, a0
    mv      s2, a1
    mv      s3, a2
    ld      s0, HART_PROCESS(tp)
    mv      a0, sp
    la      a1, .Ltext_process
    jal     format_string
    lwu     a1, PROCESS_ID(s0)
    jal     format_decimal
    la      a1, .Ltext_open
    jal     format_string
    addi    a1, s0, PROCESS_NAME
    jal     format_string
    la      a1, .Ltext_killed
    jal     format_string
    la      t0, cause_names
    mv      t1, s1
    li      t2, CAUSES
    bgeu    t1, t2, 1f
    slli    t1, t1, 3
    add     t0, t0, t1
    ld      a1, 0(t0)
    bnez    a1, 2f
1:  la      a1, .Ltext_exception
2:  jal     format_string
    la      a1, .Ltext_cause
    jal     format_string
    mv      a1, s1
    jal     format_decimal
    la      a1, .Ltext_pc
    jal     format_string
    mv      a1, s2
    jal     format_hexadecimal
    la      a1, .Ltext_address
    jal     format_string
    mv      a1, s3
    jal     format_hexadecimal
    la      a1, .Ltext_newline
    jal     format_string
    sub     a1, a0, sp
    mv      a0, sp
    jal     console_write
    addi    sp, sp, 256
    addi    a0, s1, STATUS_KILLED
    j       process_exit
END user_fault

    .section .rodata
.Ltext_undead:      .asciz "a dead process runs"
.Ltext_process:     .asciz "process "
.Ltext_open:        .asciz " ("
.Ltext_killed:      .asciz ") killed: "
.Ltext_cause:       .asciz " (cause "
.Ltext_pc:          .asciz "), pc "
.Ltext_address:     .asciz ", address "
.Ltext_newline:     .asciz "\n"
.Ltext_exception:   .asciz "exception"
.Lcause0:           .asciz "misaligned fetch"
.Lcause1:           .asciz "fetch access fault"
.Lcause2:           .asciz "illegal instruction"
.Lcause3:           .asciz "breakpoint"
.Lcause4:           .asciz "misaligned load"
.Lcause5:           .asciz "load access fault"
.Lcause6:           .asciz "misaligned store"
.Lcause7:           .asciz "store access fault"
.Lcause12:          .asciz "fetch page fault"
.Lcause13:          .asciz "load page fault"
.Lcause15:          .asciz "store page fault"
    .balign 8
cause_names:
    .8byte  .Lcause0, .Lcause1, .Lcause2, .Lcause3, .Lcause4, .Lcause5, .Lcause6, .Lcause7
    .8byte  0, 0, 0, 0, .Lcause12, .Lcause13, 0, .Lcause15
