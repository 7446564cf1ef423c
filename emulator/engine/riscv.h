/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The architecture by numbers, from the privileged manual. */
#ifndef REPLUG_RISCV_H
#define REPLUG_RISCV_H

#include <stdint.h>

#define BIT(n) (1ull << (n))

enum { MODE_U = 0, MODE_S = 1, MODE_M = 3 };

/* Exception codes (privileged manual, table "Supervisor/Machine cause register values"). */
enum cause {
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
    CAUSE_NONE = 64,
    CAUSE_DEVICE = 65, /* not a cause: the access goes to a device and the engine performs it */
    CAUSE_WATCHPOINT = 66, /* not a cause: the page has a watchpoint, and the access is made carefully */
    CAUSE_AHEAD = 67 /* not a cause: the page is no code yet, and will be when the hart has come to it */
};

enum { IRQ_SSIP = 1, IRQ_MSIP = 3, IRQ_STIP = 5, IRQ_MTIP = 7, IRQ_SEIP = 9, IRQ_MEIP = 11 };

#define MENVCFG_STCE BIT(63)
#define MENVCFG_ADUE BIT(61)
#define MSTATUS_SIE BIT(1)
#define MSTATUS_MIE BIT(3)
#define MSTATUS_SPIE BIT(5)
#define MSTATUS_MPIE BIT(7)
#define MSTATUS_SPP BIT(8)
#define MSTATUS_MPP (3ull << 11)
#define MSTATUS_FS (3ull << 13)
#define MSTATUS_MPRV BIT(17)
#define MSTATUS_SUM BIT(18)
#define MSTATUS_MXR BIT(19)
#define MSTATUS_TVM BIT(20)
#define MSTATUS_TW BIT(21)
#define MSTATUS_TSR BIT(22)
#define MSTATUS_UXL (3ull << 32)
#define MSTATUS_SXL (3ull << 34)

#endif
