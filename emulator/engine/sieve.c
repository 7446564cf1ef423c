/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking for what meets breakpoints and watchpoints at nearly full speed: a first pass over the past, which says in which
 * runs something may have been met, so that only those are run again with every access looked at.
 *
 * A page with watched bytes leads Unicorn to a window instead of to RAM, and each access to the window comes to one of the
 * callbacks here, which makes it and compares its place: the block goes on.  A block with a breakpoint runs on as well.  The
 * hits that are counted have no exact place, and some may be none; but no hit is missed.
 */
#include <string.h>

#include "machine.h"

/* Beyond RAM and shadow, within the bits of a physical address. */
#define WINDOW BIT(53)

static uint64_t sieve_read(uc_engine *uc, uint64_t offset, unsigned width, void *user)
{
    struct replug_machine *machine = user;
    uint64_t value = 0;

    (void)uc;
    memcpy(&value, machine->ram + offset, width);
    if (watchpoint_touches(machine, machine->config.ram_base + offset, width, REPLUG_ACCESS_READ))
        machine->hit_count++;
    return value;
}

/* The page is kept and marked as stored to: translate_fill did so when it led here. */
static void sieve_write(uc_engine *uc, uint64_t offset, unsigned width, uint64_t value, void *user)
{
    struct replug_machine *machine = user;

    (void)uc;
    memcpy(machine->ram + offset, &value, width);
    if (watchpoint_touches(machine, machine->config.ram_base + offset, width, REPLUG_ACCESS_WRITE))
        machine->hit_count++;
}

/* Between runs, while hits are noted (replug_scan).  -1: the harts' Unicorns have no room for the window, as on RV32. */
int replug_sieve(replug_machine *machine, int on)
{
    if (machine->config.xlen == 32)
        return -1; /* above 4 GiB, nothing that harts do would come to the callbacks */
    for (uint32_t i = 0; i < machine->config.harts && !machine->windows; i++) {
        if (uc_mmio_map(machine->harts[i].uc, WINDOW, machine->config.ram_size, sieve_read, machine, sieve_write,
                        machine) != UC_ERR_OK)
            return -1;
    }
    machine->windows = true;
    if (machine->sieving != (on != 0)) {
        machine->sieving = on != 0;
        for (uint32_t i = 0; i < machine->config.harts; i++)
            hart_flush_tlb(&machine->harts[i]);
    }
    return 0;
}

/* May the page be reached through the window, which is no place for the areas of watch.c? */
bool sieve_takes(const struct replug_machine *machine, uint8_t page_flags)
{
    return machine->sieving && !(page_flags & (PAGE_WATCH_LOADS | PAGE_WATCH_STORES));
}

uint64_t sieve_address(uint64_t page) { return WINDOW + (page << PAGE_SHIFT); }

/* A block that holds a breakpoint is about to run.  True: it needs no care. */
bool sieve_block(const hart *h, uint64_t pc, uint32_t size)
{
    struct replug_machine *machine = h->machine;

    if (!machine->sieving)
        return false;
    if (breakpoint_met(h, pc, size))
        machine->hit_count++;
    return true;
}
