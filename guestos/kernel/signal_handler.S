// SPDX-License-Identifier: GPL-2.0-or-later
// Signal handlers: a process goes on in a routine of its own, and later where it was.
//
// A handler begins where signals are taken anyway: on the way back to user mode from an interrupt, when the frame holds every register of
// the user. They go to the user's stack, and come back from there by sigreturn. A system call that slept has given up with -EINTR
// before that: its result is among them.

#include "assembly.inc"
#include "replug.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"
#include "syscall.inc"

    .text
// signal_handle: the end of signal_deliver, whose frame it takes off the stack: the lowest of the pending signals, which all have the
// handler, calls it. t0 = the current process, a0 = scheduler lock, held.
ENTRY signal_handle
    sd      s0, 0(sp)
    lw      t1, PROCESS_PENDING(t0)
    neg     t2, t1
    and     t2, t2, t1
    xor     t1, t1, t2
    sw      t1, PROCESS_PENDING(t0)
    li      t1, 1
    sw      t1, PROCESS_HANDLING(t0)
    jal     spin_release
    li      s0, -1                      // the signal
1:  addi    s0, s0, 1
    srli    t2, t2, 1
    bnez    t2, 1b
    ld      t0, HART_PROCESS(tp)
    ld      a1, PROCESS_FRAME(t0)
    ld      a0, FRAME_SP(a1)
    addi    a0, a0, -SIGNAL_SAVED
    andi    a0, a0, -16
    sd      a0, -8(sp)
    addi    sp, sp, -16
    li      a2, SIGNAL_SAVED
    jal     copy_to_user
    bnez    a0, signal_no_stack
    ld      t0, HART_PROCESS(tp)
    ld      t1, PROCESS_FRAME(t0)
    ld      t2, 8(sp)
    sd      t2, FRAME_SP(t1)
    sd      s0, FRAME_A0(t1)
    ld      t2, PROCESS_HANDLER(t0)
    sd      t2, FRAME_PC(t1)
    addi    sp, sp, 16
    ld      s0, 0(sp)
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END signal_handle

// Neither can be: the stack is not there, or not the user's.
signal_no_stack:
    li      a0, STATUS_KILLED + SIGSEGV
    j       process_exit

// sys_sigreturn: the end of a handler, with sp as it was at its beginning: all registers are again what they were. Does not return.
ENTRY sys_sigreturn
    PATH_IS "trap", "sigreturn"
    ld      a1, FRAME_SP(sp)
    mv      a0, sp
    li      a2, SIGNAL_SAVED
    jal     copy_from_user
    bnez    a0, signal_no_stack
    la      a0, scheduler_lock
    jal     spin_acquire
    ld      t0, HART_PROCESS(tp)
    sw      zero, PROCESS_HANDLING(t0)
    lw      t1, PROCESS_PENDING(t0)
    jal     spin_release
    beqz    t1, 1f
    csrsi   sip, INTERRUPT_SOFTWARE     // those that have come meanwhile
1:  PATH_END "trap"
    j       user_start
END sys_sigreturn
