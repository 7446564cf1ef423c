// SPDX-License-Identifier: GPL-2.0-or-later
// Text on the UART, polled.
#include "assembly.inc"
#include "layout.inc"

#define UART_THR            0
#define UART_LSR            5
#define UART_LSR_THRE       0x20                    /* room for a byte */

    .text
// print_character: a0 = character. Leaf; clobbers t0, t1.
ENTRY print_character
    li      t0, UART
1:  lbu     t1, UART_LSR(t0)
    andi    t1, t1, UART_LSR_THRE
    beqz    t1, 1b
    sb      a0, UART_THR(t0)
    ret
END print_character

// print_string: a0 = string. Clobbers t0-t3, a0.
ENTRY print_string
    mv      t2, ra
    mv      t3, a0
1:  lbu     a0, 0(t3)
    addi    t3, t3, 1
    beqz    a0, 2f
    jal     print_character
    j       1b
2:  jr      t2
END print_string

// print_decimal: a0 = unsigned number. Clobbers t0-t5, a0.
ENTRY print_decimal
    mv      t2, ra
    mv      t3, a0
    li      t4, 1                       // the highest power of ten that is not above the number
    li      t5, 10
1:  divu    t0, t3, t4
    bltu    t0, t5, 2f
    mul     t4, t4, t5
    j       1b
2:  divu    a0, t3, t4
    remu    t3, t3, t4
    addi    a0, a0, '0'
    jal     print_character
    divu    t4, t4, t5
    bnez    t4, 2b
    jr      t2
END print_decimal
