/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core-local interruptor of the `virt` machine: software interrupts, timer compare, and mtime, which is virtual
 * time and so a function of the instructions retired, never of the host's clock.
 */
#include "machine.h"

enum {
    CLINT_BASE = 0x02000000,
    CLINT_SIZE = 0x10000,
    MSIP = 0x0,
    MTIMECMP = 0x4000,
    MTIME = 0xbff8
};

bool clint_contains(uint64_t address) { return address - CLINT_BASE < CLINT_SIZE; }

void clint_set_timer(hart *h, uint64_t mtimecmp)
{
    h->mtimecmp = mtimecmp;
    if (__builtin_mul_overflow(mtimecmp, (uint64_t)h->machine->config.instructions_per_tick, &h->timer_due))
        h->timer_due = ~0ull; /* never */
}

/* After stimecmp or menvcfg has changed (Sstc): the supervisor's timer, which needs no device. */
void clint_update_supervisor_timer(hart *h)
{
    if (!(h->csr.menvcfg & MENVCFG_STCE) ||
        __builtin_mul_overflow(h->csr.stimecmp, (uint64_t)h->machine->config.instructions_per_tick, &h->supervisor_timer_due))
        h->supervisor_timer_due = ~0ull; /* never */
}

bool clint_timer_pending(const hart *h, uint64_t now)
{
    return now >= h->timer_due;
}

/* Part of a 64-bit register: the bytes that an access of this width sees. */
static uint64_t part(uint64_t whole, uint64_t offset, uint32_t width)
{
    const uint64_t shifted = whole >> (8 * (offset & 7));
    return width == 8 ? shifted : shifted & (BIT(8 * width) - 1);
}

static uint64_t merge(uint64_t whole, uint64_t offset, uint32_t width, uint64_t value)
{
    const uint64_t mask = (width == 8 ? ~0ull : BIT(8 * width) - 1) << (8 * (offset & 7));
    return (whole & ~mask) | ((value << (8 * (offset & 7))) & mask);
}

uint64_t clint_read(hart *h, uint64_t address, uint32_t width, int *fault)
{
    struct replug_machine *machine = h->machine;
    const uint64_t offset = address - CLINT_BASE;

    if ((width != 4 && width != 8) || offset % width != 0) {
        *fault = 1;
        return 0;
    }
    if (offset < MSIP + 4ull * machine->config.harts && width == 4)
        return (machine->harts[offset / 4].lines >> IRQ_MSIP) & 1;
    if (offset >= MTIMECMP && offset < MTIMECMP + 8ull * machine->config.harts)
        return part(machine->harts[(offset - MTIMECMP) / 8].mtimecmp, offset, width);
    if (offset >= MTIME && offset < MTIME + 8)
        return part(machine_read_time(h) / machine->config.instructions_per_tick, offset, width);
    return 0; /* as QEMU: the rest of the window reads as zero */
}

void clint_write(hart *h, uint64_t address, uint32_t width, uint64_t value, int *fault)
{
    struct replug_machine *machine = h->machine;
    const uint64_t offset = address - CLINT_BASE;

    if ((width != 4 && width != 8) || offset % width != 0) {
        *fault = 1;
    } else if (offset < MSIP + 4ull * machine->config.harts && width == 4) {
        hart *target = &machine->harts[offset / 4];
        target->lines = (target->lines & ~BIT(IRQ_MSIP)) | (value & 1) << IRQ_MSIP;
    } else if (offset >= MTIMECMP && offset < MTIMECMP + 8ull * machine->config.harts) {
        hart *target = &machine->harts[(offset - MTIMECMP) / 8];
        clint_set_timer(target, merge(target->mtimecmp, offset, width, value));
    }
    /* mtime is read-only here: virtual time belongs to the machine.  A write is ignored. */
}
