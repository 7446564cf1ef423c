/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watched areas of RAM: replug_run comes back right behind the load, store or atomic that touches one.
 *
 * A page with a watched area never gets into Unicorn's TLB for that kind of access, so that each such access to the page
 * takes the way of an access to a device, and is made here.  All other pages run as fast as ever.  Watched are the
 * accesses that the instructions of harts make: neither instruction fetch, nor page-table walks, nor what devices and the
 * host write.  The run itself is the same with and without: a slice ends at the border where it would have ended.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

static uint8_t flags_of(uint32_t kinds)
{
    return (uint8_t)((kinds & REPLUG_WATCH_LOADS ? PAGE_WATCH_LOADS : 0) | (kinds & REPLUG_WATCH_STORES ? PAGE_WATCH_STORES : 0));
}

static void flag_pages(struct replug_machine *machine)
{
    for (uint64_t page = 0; page < machine->config.ram_size >> PAGE_SHIFT; page++)
        machine->page_flags[page] &= (uint8_t)~(PAGE_WATCH_LOADS | PAGE_WATCH_STORES);
    for (uint32_t i = 0; i < machine->watch_count; i++) {
        const struct watch *watch = &machine->watches[i];
        const uint64_t first = watch->physical - machine->config.ram_base, last = first + watch->length - 1;
        for (uint64_t page = first >> PAGE_SHIFT; page <= last >> PAGE_SHIFT && watch->kinds != 0; page++)
            machine->page_flags[page] |= flags_of(watch->kinds);
    }
    for (uint32_t i = 0; i < machine->config.harts; i++)
        hart_flush_tlb(&machine->harts[i]);
}

/* Between runs.  The number of the watch; -1: not all of it is RAM, or of no kind. */
int replug_watch(replug_machine *machine, uint64_t physical, uint64_t length, uint32_t kinds)
{
    uint32_t number = 0;

    if (length == 0 || !translate_is_ram(machine, physical, length) || kinds == 0 ||
        kinds > (REPLUG_WATCH_LOADS | REPLUG_WATCH_STORES))
        return -1;
    while (number < machine->watch_count && machine->watches[number].kinds != 0)
        number++;
    if (number == machine->watch_count) {
        struct watch *grown = realloc(machine->watches, (number + 1) * sizeof *grown);
        if (grown == NULL)
            return -1;
        machine->watches = grown;
        machine->watch_count++;
    }
    machine->watches[number] = (struct watch){.physical = physical, .length = length, .kinds = kinds};
    flag_pages(machine);
    return (int)number;
}

/* Between runs.  -1: there is no such watch. */
int replug_unwatch(replug_machine *machine, int number)
{
    if (number < 0 || (uint32_t)number >= machine->watch_count || machine->watches[number].kinds == 0)
        return -1;
    machine->watches[number].kinds = 0;
    flag_pages(machine);
    return 0;
}

void replug_get_watch_hit(replug_machine *machine, replug_watch_hit *hit) { *hit = machine->watch_hit; }

/* A hart has loaded or stored there: is anybody waiting for it? */
void watch_note(hart *h, uint64_t pc, uint64_t physical, uint32_t width, uint32_t kind, uint64_t before, uint64_t value)
{
    struct replug_machine *machine = h->machine;

    if (machine->cached)
        caches_access(h, physical, width, (kind & REPLUG_WATCH_STORES) != 0);
    for (uint32_t i = 0; i < machine->watch_count && machine->stop != REPLUG_STOP_WATCH; i++) {
        const struct watch *watch = &machine->watches[i];
        if (!(watch->kinds & kind) || physical >= watch->physical + watch->length || watch->physical >= physical + width)
            continue;
        const uint64_t mask = width == 8 ? ~0ull : BIT(8 * width) - 1;
        machine->watch_hit = (replug_watch_hit){
            .physical = physical, .pc = pc, .before = before & mask, .value = value & mask, .hart = h->id, .width = width, .kind = kind};
        if (machine->stop == 0)
            machine->stop = REPLUG_STOP_WATCH;
        h->ended = true;
        hart_attend(h);
        return;
    }
}

static uint64_t load_bytes(const struct replug_machine *machine, uint64_t physical, uint32_t width)
{
    uint64_t value = 0;
    memcpy(&value, machine->ram + (physical - machine->config.ram_base), width);
    return value;
}

/*
 * Load or store `width` bytes, in one page or across two, as Unicorn would have done it.  CAUSE_NONE, or the exception
 * with its address.  A device behind the page border is an access fault, as for any access that straddles one.
 */
uint32_t watch_access(hart *h, uint64_t pc, uint64_t address, uint32_t width, bool is_store, uint64_t *value, uint64_t *fault)
{
    struct replug_machine *machine = h->machine;
    const uint32_t room = PAGE_SIZE - (uint32_t)(address & (PAGE_SIZE - 1)), first = width < room ? width : room;
    const uint64_t mask = machine->config.xlen == 64 ? ~0ull : 0xffffffff;
    const uint32_t lengths[2] = {first, width - first};
    const uint64_t starts[2] = {address, (address + first) & mask};
    uint64_t physical[2] = {0, 0}, before = 0;
    uint32_t allowed;

    for (int i = 0; i < 2 && lengths[i] != 0; i++) {
        const uint32_t cause = translate(h, starts[i], is_store ? ACCESS_WRITE : ACCESS_READ, translate_data_privilege(h),
                                         false, &physical[i], &allowed);
        *fault = starts[i];
        if (cause == CAUSE_DEVICE)
            return is_store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
        if (cause != CAUSE_NONE)
            return cause;
    }
    for (int i = 0; i < 2 && lengths[i] != 0; i++)
        before |= load_bytes(machine, physical[i], lengths[i]) << (i * 8 * (first & 7));
    if (is_store) {
        for (int i = 0; i < 2 && lengths[i] != 0; i++)
            translate_store(machine, physical[i], *value >> (i * 8 * (first & 7)), lengths[i]);
    } else {
        *value = before;
    }
    for (int i = 0; i < 2 && lengths[i] != 0; i++)
        watch_note(h, pc, physical[i], lengths[i], is_store ? REPLUG_WATCH_STORES : REPLUG_WATCH_LOADS,
                   before >> (i * 8 * (first & 7)), *value >> (i * 8 * (first & 7)));
    return CAUSE_NONE;
}
