// SPDX-License-Identifier: GPL-2.0-or-later
// Traps into the firmware: calls from the supervisor, and the machine's timer and software interrupts.
#include "firmware.inc"

// All registers but sp, from or to the area that sp points at.
.macro REGISTERS operation
    .irp    number, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    \operation x\number, HART_X(\number)(sp)
    .endr
.endm

    .text
    .balign 4
ENTRY trap_entry
    csrrw   sp, mscratch, sp
    REGISTERS STORE
    mv      s0, sp
    csrrw   t0, mscratch, s0
    STORE   t0, HART_X(2)(s0)
    li      t0, HART_BYTES
    add     sp, s0, t0
    // The two CSRs that a guarded access of ours (guard in console.S) may change.
    csrr    s1, mepc
    csrr    t1, mstatus
    STORE   s1, HART_MEPC(s0)
    STORE   t1, HART_MSTATUS(s0)
    li      t0, MSTATUS_MPP
    and     t1, t1, t0
    beq     t1, t0, firmware_fault  // from M-mode: nothing of ours traps
    csrr    t1, mcause
    bltz    t1, interrupt
    li      t0, 9                   // environment call from S-mode
    bne     t1, t0, firmware_fault
    addi    s1, s1, 4
    STORE   s1, HART_MEPC(s0)
    jal     sbi_call

// trap_return: back to where the supervisor was, with the registers of its area.
// In: s0. Does not return.
trap_return:
    LOAD    t0, HART_MEPC(s0)
    csrw    mepc, t0
    LOAD    t0, HART_MSTATUS(s0)
    csrw    mstatus, t0
    mv      sp, s0
    REGISTERS LOAD
    LOAD    sp, HART_X(2)(sp)
    mret

interrupt:
    slli    t1, t1, 1               // without the bit that says interrupt
    li      t0, 2 * 7
    beq     t1, t0, 1f
    li      t0, 2 * 3
    bne     t1, t0, firmware_fault
    jal     serve_requests
    j       trap_return
1:  jal     timer_interrupt
    j       trap_return
END trap_entry

// firmware_fault: something that cannot be has been; the machine ends, with the cause as its status.
// Does not return.
ENTRY firmware_fault
    la      s1, fault_text
1:  lbu     a0, (s1)
    beqz    a0, 2f
    jal     console_put
    addi    s1, s1, 1
    j       1b
2:  csrr    a0, mcause
    slli    a0, a0, 16
    li      t0, FINISHER_FAIL + (1 << 16)
    add     a0, a0, t0
    j       finish
END firmware_fault

    .section .rodata
fault_text:
    .asciz  "\nfirmware: unexpected trap\n"
