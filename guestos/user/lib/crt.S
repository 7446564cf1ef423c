// SPDX-License-Identifier: GPL-2.0-or-later
// Where a user program starts: main(a0 = argument string) returns the exit status in a0.

#include "assembly.inc"

    .section .text.entry, "ax", @progbits
ENTRY _start
    jal     main
    j       exit
END _start
