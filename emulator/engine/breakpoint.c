/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints: a block that holds one is run carefully (careful.c), and the run stops in front of the instruction.
 *
 * Breakpoints are at virtual addresses, and blocks belong to physical pages: all blocks that hold an instruction at the same
 * place of a page leave the fast path, and which address, hart and address space it is gets looked at when one of them runs.
 */
#include <stdlib.h>

#include "machine.h"

struct breakpoint {
    uint64_t address; /* virtual */
    uint64_t harts;   /* a bit a hart */
    uint64_t satp;    /* of the address space, or ~0 for any */
    uint32_t number;
};

static bool holds(uint32_t parcel, uint32_t size, uint64_t address)
{
    const uint32_t at = parcel_of(address);
    return at >= parcel && at < parcel + size / 2;
}

/* Does a block, so many bytes from an address on, hold a place where a breakpoint may be? */
bool breakpoint_in(const struct replug_machine *machine, uint64_t start, uint32_t size)
{
    for (uint32_t i = 0; i < machine->breakpoint_count; i++) {
        if (holds(parcel_of(start), size, machine->breakpoints[i].address))
            return true;
    }
    return false;
}

/* Look again at the blocks that hold this place of a page. */
static void flag_blocks(struct replug_machine *machine, uint64_t address)
{
    const uint32_t at = parcel_of(address);

    for (uint32_t i = 0; i < machine->code_count; i++) {
        struct code_page *code = machine->code_pages[machine->code_list[i]];
        for (uint32_t parcel = at >= LONGEST_BLOCK ? at - LONGEST_BLOCK + 1 : 0; parcel <= at; parcel++) {
            struct block *block = &code->blocks[parcel];
            const uint32_t size = block->size & SIZE_BYTES;
            if (size == 0 || !holds(parcel, size, address))
                continue;
            block->flags &= (uint8_t)~BLOCK_BREAK;
            if (breakpoint_in(machine, 2ull * parcel, size))
                block->flags |= BLOCK_BREAK;
            blocks_set_size(block, size);
        }
    }
}

static bool counts(const hart *h, const struct breakpoint *breakpoint)
{
    return (breakpoint->harts >> h->id & 1) &&
           (breakpoint->satp == ~0ull || (h->privilege != MODE_M && breakpoint->satp == h->csr.satp));
}

/* Is there a breakpoint for this hart in so many bytes of code from pc on? */
bool breakpoint_met(const hart *h, uint64_t pc, uint32_t size)
{
    const struct replug_machine *machine = h->machine;

    for (uint32_t i = 0; i < machine->breakpoint_count; i++) {
        if (machine->breakpoints[i].address - pc < size && counts(h, &machine->breakpoints[i]))
            return true;
    }
    return false;
}

/* Does the run stop in front of the instruction at pc?  Then it is noted as the hit. */
bool breakpoint_stops(hart *h, uint64_t pc)
{
    struct replug_machine *machine = h->machine;

    if (machine->breakpoint_count == 0 || (h->id == machine->passed_hart && machine_steps(h) == machine->passed_step))
        return false;
    for (uint32_t i = 0; i < machine->breakpoint_count; i++) {
        const struct breakpoint *breakpoint = &machine->breakpoints[i];
        if (breakpoint->address != pc || !counts(h, breakpoint))
            continue;
        return machine_hit(h, &(replug_hit){.pc = pc, .address = pc, .number = breakpoint->number, .kind = REPLUG_ACCESS_EXECUTE},
                           REPLUG_STOP_BREAK);
    }
    return false;
}

/* 0; -1: no memory.  `number` is the caller's, and may stand for several. */
int replug_add_breakpoint(replug_machine *machine, uint32_t number, uint64_t address, uint64_t harts, uint64_t satp)
{
    struct breakpoint *list = realloc(machine->breakpoints, (machine->breakpoint_count + 1) * sizeof *list);

    if (list == NULL)
        return -1;
    machine->breakpoints = list;
    list[machine->breakpoint_count++] = (struct breakpoint){.address = address, .harts = harts, .satp = satp, .number = number};
    flag_blocks(machine, address);
    return 0;
}

/* All breakpoints, watchpoints and catchpoints of that number. */
void replug_remove_breakpoint(replug_machine *machine, uint32_t number)
{
    for (uint32_t i = 0; i < machine->breakpoint_count;) {
        const struct breakpoint old = machine->breakpoints[i];
        if (old.number != number) {
            i++;
            continue;
        }
        machine->breakpoints[i] = machine->breakpoints[--machine->breakpoint_count];
        flag_blocks(machine, old.address);
    }
    watchpoint_remove(machine, number);
    catchpoint_remove(machine, number);
}
