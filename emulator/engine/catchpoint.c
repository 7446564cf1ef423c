/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Catchpoints: the run stops behind a trap, in front of the first instruction of its handler.
 *
 * A trap is a border, and a step of its own: to stop there changes no slice.  Nothing is looked at but when a trap is
 * entered, which happens in one place (trap.c).
 */
#include <stdlib.h>

#include "machine.h"

struct catchpoint {
    uint64_t exceptions, interrupts; /* a bit a cause */
    uint64_t harts;                  /* a bit a hart */
    uint32_t number;
};

/* The hart has entered the handler of a trap that it took at pc. */
void catchpoint_trap(hart *h, uint64_t cause, uint64_t value, uint64_t pc)
{
    struct replug_machine *machine = h->machine;

    for (uint32_t i = 0; i < machine->catchpoint_count; i++) {
        const struct catchpoint *caught = &machine->catchpoints[i];
        const uint64_t causes = cause >> 63 ? caught->interrupts : caught->exceptions;
        if (!(causes >> (cause & 63) & 1) || !(caught->harts >> h->id & 1))
            continue;
        machine_hit_at(h, &(replug_hit){.step = machine_steps(h) - 1, .pc = pc, .address = value, .physical = cause,
                                        .number = caught->number, .kind = REPLUG_ACCESS_TRAP},
                       REPLUG_STOP_CATCH);
        return;
    }
}

/* 0; -1: no memory.  Masks have a bit for each cause, as its code in mcause is. */
int replug_add_catchpoint(replug_machine *machine, uint32_t number, uint64_t exceptions, uint64_t interrupts, uint64_t harts)
{
    struct catchpoint *list = realloc(machine->catchpoints, (machine->catchpoint_count + 1) * sizeof *list);

    if (list == NULL)
        return -1;
    machine->catchpoints = list;
    list[machine->catchpoint_count++] =
        (struct catchpoint){.exceptions = exceptions, .interrupts = interrupts, .harts = harts, .number = number};
    return 0;
}

void catchpoint_remove(struct replug_machine *machine, uint32_t number)
{
    for (uint32_t i = 0; i < machine->catchpoint_count;) {
        if (machine->catchpoints[i].number == number)
            machine->catchpoints[i] = machine->catchpoints[--machine->catchpoint_count];
        else
            i++;
    }
}
