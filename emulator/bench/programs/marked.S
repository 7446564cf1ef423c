// SPDX-License-Identifier: GPL-2.0-or-later
// Marks and little else, for ever: what recording them costs at the most.

#include "replug.inc"

    .section .text.start, "ax"
    .globl _start
_start:
    addi    a0, a0, 1
    PATH_BEGIN "path"
    addi    a1, a1, 1
    xor     a2, a1, a0
    add     a3, a2, a1
    PATH_END "path"
    addi    a4, a3, 1
    j       _start
