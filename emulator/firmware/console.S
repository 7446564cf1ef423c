// SPDX-License-Identifier: GPL-2.0-or-later
// The debug console (SBI 2.0, chapter 12) on the UART.
#include "firmware.inc"

#define UART_DATA           UART
#define UART_LINE_STATUS    5
#define LINE_DATA_READY     1
#define LINE_CAN_SEND       0x20

    .text
// sbi_console: functions 0 write, 1 read (a0 bytes at the physical address a2:a1), 2 write the byte a0.
ENTRY sbi_console
    li      t0, 2
    bgtu    a6, t0, sbi_not_supported
    bne     a6, t0, 1f
    mv      t2, ra
    jal     console_put
    mv      ra, t2
    j       sbi_success

    // The buffer: all of it within the address space, and none of it ours.
1:  bnez    a2, sbi_invalid_param
    add     t0, a1, a0
    bltu    t0, a1, sbi_invalid_param
    la      t1, firmware_end
    bgeu    a1, t1, 2f
    la      t1, firmware_start
    bgtu    t0, t1, sbi_invalid_param

    // Guarded: an access that traps goes to the label, with s4 still 1. What the trap changes in mepc and mstatus
    // comes back from the hart's area at the end of the call.
2:  mv      s1, ra
    mv      s2, a1
    mv      s3, a0
    la      t0, 5f
    csrrw   s5, mtvec, t0
    li      s4, 1
    bnez    a6, 4f
3:  beqz    s3, 6f
    lbu     a0, (s2)
    jal     console_put
    addi    s2, s2, 1
    addi    s3, s3, -1
    j       3b
4:  beqz    s3, 6f
    jal     console_get
    bltz    a0, 6f
    sb      a0, (s2)
    addi    s2, s2, 1
    addi    s3, s3, -1
    j       4b
6:  li      s4, 0
    .balign 4
5:  csrw    mtvec, s5
    mv      ra, s1
    bnez    s4, sbi_invalid_param
    LOAD    t0, HART_X(10)(s0)      // how many it was to be, less those that are left
    sub     a1, t0, s3
    li      a0, SBI_SUCCESS
    ret
END sbi_console

// console_put: send the byte a0. Clobbers: t0, t1.
ENTRY console_put
    li      t0, UART
1:  lbu     t1, UART_LINE_STATUS(t0)
    andi    t1, t1, LINE_CAN_SEND
    beqz    t1, 1b
    sb      a0, (t0)
    ret
END console_put

// console_get: a0 = a byte that has come, -1 when none has. Clobbers: t0, t1.
ENTRY console_get
    li      t0, UART
    lbu     t1, UART_LINE_STATUS(t0)
    andi    t1, t1, LINE_DATA_READY
    li      a0, -1
    beqz    t1, 1f
    lbu     a0, (t0)
1:  ret
END console_get
