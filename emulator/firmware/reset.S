// SPDX-License-Identifier: GPL-2.0-or-later
// The end of the run (SBI 2.0, chapter 10).
#include "firmware.inc"

    .text
// sbi_reset: function 0: a0 = 0 power off, 1 or 2 reboot; a1 = 0 no reason, 1 the system has failed.
ENTRY sbi_reset
    bnez    a6, sbi_not_supported
    li      t0, 2
    bgtu    a0, t0, sbi_invalid_param
    li      t0, 1
    bgtu    a1, t0, sbi_invalid_param
    bnez    a0, 1f
    bnez    a1, 2f
    li      a0, FINISHER_PASS
    j       finish
1:  li      a0, FINISHER_RESET
    j       finish
2:  li      a0, FINISHER_FAIL + (1 << 16)

// finish: tell the finisher a0; there is nothing behind it.
ENTRY finish
    li      t0, FINISHER
    sw      a0, (t0)
1:  wfi
    j       1b
END finish
END sbi_reset
