// SPDX-License-Identifier: GPL-2.0-or-later
// The console: polled output on the 16550 UART, and a few ways to make text.

#include "assembly.inc"
#include "layout.inc"

#define UART_THR            0
#define UART_LSR            5
#define UART_LSR_THRE       0x20                    /* room for a byte */

    .text
// console_write: a0 = kernel address, a1 = bytes. All of it appears together: the lock is held throughout. Result: none.
// Clobbers t0-t4, a0, a1.
ENTRY console_write
    la      t4, console_lock
    li      t1, 1
1:  amoswap.w.aq t0, t1, (t4)
    bnez    t0, 1b
    li      t2, UART
    add     a1, a1, a0
2:  bgeu    a0, a1, 4f
    lbu     t0, 0(a0)
    addi    a0, a0, 1
3:  lbu     t1, UART_LSR(t2)
    andi    t1, t1, UART_LSR_THRE
    beqz    t1, 3b
    sb      t0, UART_THR(t2)
    j       2b
4:  amoswap.w.rl zero, zero, (t4)
    ret
END console_write

// console_string: a0 = string. Without the lock: for boot and panic only. Clobbers t0-t2, a0.
ENTRY console_string
    li      t2, UART
1:  lbu     t0, 0(a0)
    beqz    t0, 3f
    addi    a0, a0, 1
2:  lbu     t1, UART_LSR(t2)
    andi    t1, t1, UART_LSR_THRE
    beqz    t1, 2b
    sb      t0, UART_THR(t2)
    j       1b
3:  ret
END console_string

// console_decimal, console_hexadecimal: a0 = number. Without the lock: for boot and panic only. Clobber t0-t4, a0, a1.
ENTRY console_decimal
    addi    sp, sp, -48
    sd      ra, 40(sp)
    mv      a1, a0
    mv      a0, sp
    jal     format_decimal
    j       .Lshow
END console_decimal
ENTRY console_hexadecimal
    addi    sp, sp, -48
    sd      ra, 40(sp)
    mv      a1, a0
    mv      a0, sp
    jal     format_hexadecimal
.Lshow:
    sb      zero, 0(a0)
    mv      a0, sp
    jal     console_string
    ld      ra, 40(sp)
    addi    sp, sp, 48
    ret
END console_hexadecimal

// format_string: a0 = where to write, a1 = string. Result a0 = the byte after it (no NUL is written). Clobbers t0, a1.
ENTRY format_string
1:  lbu     t0, 0(a1)
    beqz    t0, 2f
    sb      t0, 0(a0)
    addi    a0, a0, 1
    addi    a1, a1, 1
    j       1b
2:  ret
END format_string

// format_decimal: a0 = where to write (up to 20 bytes), a1 = unsigned number. Result as format_string. Clobbers t0-t3.
ENTRY format_decimal
    li      t0, 10
    mv      t1, a1
1:  addi    a0, a0, 1                   // count the digits
    divu    t1, t1, t0
    bnez    t1, 1b
    mv      t2, a0
2:  remu    t3, a1, t0                  // write them from the last
    divu    a1, a1, t0
    addi    t3, t3, '0'
    addi    t2, t2, -1
    sb      t3, 0(t2)
    bnez    a1, 2b
    ret
END format_decimal

// format_hexadecimal: a0 = where to write (up to 18 bytes), a1 = number. Result as format_string. Clobbers t0-t3.
ENTRY format_hexadecimal
    li      t0, '0'
    sb      t0, 0(a0)
    li      t0, 'x'
    sb      t0, 1(a0)
    addi    a0, a0, 2
    mv      t1, a1
1:  addi    a0, a0, 1
    srli    t1, t1, 4
    bnez    t1, 1b
    mv      t2, a0
2:  andi    t3, a1, 15
    srli    a1, a1, 4
    sltiu   t0, t3, 10
    bnez    t0, 3f
    addi    t3, t3, 'a' - '0' - 10
3:  addi    t3, t3, '0'
    addi    t2, t2, -1
    sb      t3, 0(t2)
    bnez    a1, 2b
    ret
END format_hexadecimal

    .bss
    .balign 4
console_lock:
    .skip   4
