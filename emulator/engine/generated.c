/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that the guest generates at run time, as the guest itself declares it by marks: where it starts, and what else
 * is told of it.  Where that is in RAM is looked up at once, in the address space of the hart that says so.
 */
#include <stdlib.h>

#include "machine.h"

static replug_generated *append(struct replug_machine *machine)
{
    if (machine->generated_count == machine->generated_capacity) {
        machine->generated_capacity = machine->generated_capacity ? 2 * machine->generated_capacity : 16;
        machine->generated = realloc(machine->generated, machine->generated_capacity * sizeof *machine->generated);
        if (machine->generated == NULL)
            abort(); /* the host is out of memory */
    }
    return &machine->generated[machine->generated_count++];
}

/* A hart passes a mark of this kind, with this value in its register. */
void generated_note(hart *h, uint32_t mark, uint64_t value)
{
    struct replug_machine *machine = h->machine;
    uint64_t physical;
    uint32_t allowed;

    if (machine->marks[mark].kind == REPLUG_MARK_CODE) {
        if (translate(h, value, ACCESS_FETCH, h->privilege, true, &physical, &allowed) != CAUSE_NONE)
            return;
        *append(machine) = (replug_generated){
            .step = machine_steps(h), .physical = physical, .address = value, .mark = mark, .hart = h->id};
        return;
    }
    for (uint32_t i = machine->generated_count; i > 0; i--) {
        replug_generated *code = &machine->generated[i - 1];
        if (code->hart != h->id || machine->marks[code->mark].name != machine->marks[mark].name)
            continue;
        if (code->value_count < sizeof code->values / sizeof *code->values) {
            code->value_marks[code->value_count] = mark;
            code->values[code->value_count++] = value;
        }
        return;
    }
}

/* --- asked by Python ------------------------------------------------------------------------------------------------- */

/* The machine has gone back: what lies in its future is no more. */
void generated_forget_future(struct replug_machine *machine)
{
    const uint64_t now = replug_steps(machine);

    while (machine->generated_count > 0 && machine->generated[machine->generated_count - 1].step >= now)
        machine->generated_count--;
}

/* In the order in which it was made. */
uint32_t replug_generated_code(replug_machine *machine, const replug_generated **list)
{
    *list = machine->generated;
    return machine->generated_count;
}
