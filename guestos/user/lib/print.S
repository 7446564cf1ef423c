// SPDX-License-Identifier: GPL-2.0-or-later
// Printing. Text collects in a line buffer that goes to the console in one write() at each newline, so that the lines of several
// processes do not mix. A line longer than the buffer is cut where the buffer ends.

#include "assembly.inc"

#define LINE_SIZE           256

    .text
// print_character: a0 = character. Clobbers every caller-saved register.
ENTRY print_character
    la      t0, line
    la      t1, line_length
    ld      t2, 0(t1)
    add     t3, t0, t2
    sb      a0, 0(t3)
    addi    t2, t2, 1
    sd      t2, 0(t1)
    addi    t3, t2, -LINE_SIZE
    beqz    t3, print_flush
    li      t3, '\n'
    beq     a0, t3, print_flush
    ret
END print_character

// print_flush: shows what is in the line buffer. Clobbers every caller-saved register.
ENTRY print_flush
    la      t1, line_length
    ld      a2, 0(t1)
    sd      zero, 0(t1)
    la      a1, line
    li      a0, 1
    j       write
END print_flush

// print_string: a0 = string. Clobbers every caller-saved register.
ENTRY print_string
    addi    sp, sp, -16
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    mv      s0, a0
1:  lbu     a0, 0(s0)
    beqz    a0, 2f
    addi    s0, s0, 1
    jal     print_character
    j       1b
2:  ld      ra, 0(sp)
    ld      s0, 8(sp)
    addi    sp, sp, 16
    ret
END print_string

// print_decimal: a0 = signed number. Clobbers every caller-saved register.
ENTRY print_decimal
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    bgez    s0, 1f
    neg     s0, s0
    li      a0, '-'
    jal     print_character
1:  li      s1, 1                       // the highest power of ten that is not above the number
    li      t1, 10
2:  divu    t2, s0, s1
    bltu    t2, t1, 3f
    mul     s1, s1, t1
    j       2b
3:  divu    a0, s0, s1
    remu    s0, s0, s1
    addi    a0, a0, '0'
    jal     print_character
    li      t1, 10
    divu    s1, s1, t1
    bnez    s1, 3b
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END print_decimal

// print_hexadecimal: a0 = number, a1 = how many digits (1 to 16). Clobbers every caller-saved register.
ENTRY print_hexadecimal
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    slli    s1, a1, 2
1:  addi    s1, s1, -4
    srl     a0, s0, s1
    andi    a0, a0, 15
    sltiu   t0, a0, 10
    bnez    t0, 2f
    addi    a0, a0, 'a' - '0' - 10
2:  addi    a0, a0, '0'
    jal     print_character
    bnez    s1, 1b
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END print_hexadecimal

// print_newline: ends the line and shows it. Clobbers every caller-saved register.
ENTRY print_newline
    li      a0, '\n'
    j       print_character
END print_newline

    .bss
    .balign 8
line_length:
    .skip   8
line:
    .skip   LINE_SIZE
