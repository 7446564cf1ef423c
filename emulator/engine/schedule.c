/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Schedules: the lengths of slices, recorded, or followed.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* In a recorded slice: it ended in an exception, behind the instructions that retired. */
#define SLICE_EXCEPTED 0x80000000u

/* The slice that begins is as long as the one that is followed. */
void schedule_follow(struct replug_machine *machine)
{
    if (!machine->following || machine->schedule_at == machine->schedule_count)
        return;
    const uint32_t slice = machine->schedule[machine->schedule_at++];
    machine->planned = slice & ~SLICE_EXCEPTED;
    machine->exception_due = machine->config.per_instruction && (slice & SLICE_EXCEPTED);
}

/*
 * Counting by instruction, a slice ends behind its last one.  The run by blocks that it follows has also taken the exception
 * of the next one, where that was in the same block: else another hart would run in between.
 */
bool schedule_excepts(const hart *h)
{
    return h->retired - h->slice_base == h->machine->planned && h->excepted_at != h->retired;
}

/* A slice has ended behind so many instructions. */
void schedule_record(hart *h, uint64_t used)
{
    struct replug_machine *machine = h->machine;

    if (used >= SLICE_EXCEPTED) {
        machine_fail(machine, "hart %u: a slice of %llu instructions is too long to be recorded", h->id,
                     (unsigned long long)used);
        return;
    }
    if (machine->schedule_count == machine->schedule_capacity) {
        machine->schedule_capacity = machine->schedule_capacity ? 2 * machine->schedule_capacity : 4096;
        machine->schedule = realloc(machine->schedule, machine->schedule_capacity * sizeof *machine->schedule);
        if (machine->schedule == NULL)
            abort(); /* the host is out of memory */
    }
    machine->schedule[machine->schedule_count++] = (uint32_t)used | (used != 0 && h->excepted_at == h->retired ? SLICE_EXCEPTED : 0);
}

/* Keep the length of every slice from now on; forget those kept so far. */
void replug_record_schedule(replug_machine *machine, int on)
{
    machine->recording = on != 0;
    machine->following = false;
    machine->schedule_count = machine->schedule_at = 0;
}

uint64_t replug_schedule(replug_machine *machine, const uint32_t **lengths)
{
    *lengths = machine->schedule;
    return machine->schedule_count;
}

/* The coming slices have these lengths; after them the quantum rules again.  -1: no memory. */
int replug_follow_schedule(replug_machine *machine, const uint32_t *lengths, uint64_t count)
{
    uint32_t *copy = malloc((count ? count : 1) * sizeof *copy);

    if (copy == NULL)
        return -1;
    memcpy(copy, lengths, count * sizeof *copy);
    free(machine->schedule);
    machine->schedule = copy;
    machine->schedule_count = machine->schedule_capacity = count;
    machine->schedule_at = 0;
    machine->following = true;
    machine->recording = false;
    return 0;
}
