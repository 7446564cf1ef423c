/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What meets breakpoints, watchpoints and catchpoints: the run stops there, or it is noted only. */
#include "machine.h"

/* In the next run, this hart does not stop at a breakpoint where it stands. */
void replug_pass_breakpoint(replug_machine *machine, uint32_t hart)
{
    machine->passed_hart = hart;
    machine->passed_step = replug_steps(machine);
}

uint64_t replug_steps(replug_machine *machine)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < machine->config.harts; i++)
        sum += machine->harts[i].retired + machine->harts[i].trap_count;
    return sum;
}

uint64_t machine_steps(const hart *h) { return replug_steps(h->machine) - h->left; }

bool machine_hit_at(hart *h, const replug_hit *hit, int reason)
{
    struct replug_machine *machine = h->machine;

    machine->hit = *hit;
    machine->hit.hart = h->id;
    machine->hit_count++;
    if (machine->scanning)
        return false;
    if (machine->stop == 0)
        machine->stop = reason;
    h->ended = true;
    hart_attend(h);
    return true;
}

bool machine_hit(hart *h, const replug_hit *hit, int reason)
{
    replug_hit here = *hit;
    here.step = machine_steps(h);
    return machine_hit_at(h, &here, reason);
}

/* Note the hits of breakpoints and watchpoints, and go on; their count begins anew. */
void replug_scan(replug_machine *machine, int on)
{
    machine->scanning = on != 0;
    machine->hit_count = 0;
}

uint64_t replug_hit_count(replug_machine *machine) { return machine->hit_count; }

const replug_hit *replug_last_hit(replug_machine *machine) { return &machine->hit; }
