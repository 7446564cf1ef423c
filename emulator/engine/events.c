/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of what harts have passed, in the order in which they ran.
 *
 * An event is settled when no fault can take it back any more: in batches, when the block that has left the newest has
 * ended, or when anybody asks.  Then named paths (paths.c, or open_paths.c) take it in, and Python gets it if it wants a
 * timeline.
 *
 * Most events are marks, and most marks are appended by translated code (stub.c), so the log keeps apart what only some
 * runs want: time, and cycles under models.  In those runs stubs append nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { DRAIN_AT = 1 << 16 };

static void *grown(void *memory, size_t count, size_t size)
{
    void *result = realloc(memory, count * size);
    if (result == NULL)
        abort(); /* the host is out of memory */
    return result;
}

bool events_create(struct replug_machine *machine)
{
    struct event_log *log = &machine->log;

    log->capacity = 2 * EVENT_BATCH;
    log->stub_room = EVENT_BATCH;
    log->events = calloc(log->capacity, sizeof *log->events);
    return log->events != NULL;
}

void events_destroy(struct replug_machine *machine)
{
    free(machine->log.events);
    free(machine->log.details);
    free(machine->kept);
}

/* Does anybody want times and cycles?  Only between events of which nothing is left to settle. */
static void choose_details(struct replug_machine *machine)
{
    struct event_log *log = &machine->log;

    if (!machine->keep_events && machine->model_count == 0) {
        free(log->details);
        log->details = NULL;
        log->stub_room = EVENT_BATCH;
    } else if (log->details == NULL) {
        log->details = grown(NULL, log->capacity, sizeof *log->details);
        log->stub_room = 0;
    }
}

static void keep_all(struct replug_machine *machine)
{
    const uint32_t count = machine->log.count;

    if (machine->kept_count + count > machine->kept_capacity) {
        machine->kept_capacity = 2 * (machine->kept_count + count);
        machine->kept = grown(machine->kept, machine->kept_capacity, sizeof *machine->kept);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct passed *event = &machine->log.events[i];
        const struct event_detail *detail = &machine->log.details[i];
        replug_event *kept = &machine->kept[machine->kept_count++];
        *kept = (replug_event){.instret = event->instret, .value = event->value, .time = detail->time, .kind = event->kind,
                               .mark = event->mark, .hart = event->hart};
        memcpy(kept->cycles, detail->cycles, sizeof kept->cycles);
    }
}

void events_settle(struct replug_machine *machine)
{
    if (machine->open_paths != NULL)
        open_paths_consume(machine, machine->log.count);
    else
        paths_consume(machine, machine->log.count);
    if (machine->keep_events)
        keep_all(machine);
    machine->log.count = 0;
    for (uint32_t i = 0; i < machine->config.harts; i++)
        machine->harts[i].open_events = 0;
}

/* A new event of the hart as it is now; its models' open block is not in the cycles. */
struct passed *events_record(hart *h, uint32_t kind)
{
    struct replug_machine *machine = h->machine;
    struct event_log *log = &machine->log;
    struct passed *event;

    if (log->count == 0)
        choose_details(machine);
    if (log->count == log->capacity) {
        log->capacity *= 2;
        log->events = grown(log->events, log->capacity, sizeof *log->events);
        if (log->details != NULL)
            log->details = grown(log->details, log->capacity, sizeof *log->details);
    }
    if (log->details != NULL) {
        struct event_detail *detail = &log->details[log->count];
        detail->time = machine_now(h);
        memcpy(detail->cycles, h->cycles, sizeof detail->cycles);
    }
    event = &log->events[log->count++];
    *event = (struct passed){.instret = h->retired, .kind = (uint16_t)kind, .hart = (uint16_t)h->id};
    if (machine->kept_count >= DRAIN_AT && machine->stop == 0) {
        machine->stop = REPLUG_STOP_OBSERVER;
        h->ended = true;
        hart_attend(h);
    }
    return event;
}

/* --- asked by Python ----------------------------------------------------------------------------------------------------- */

void replug_keep_events(replug_machine *machine, int keep)
{
    events_settle(machine);
    machine->keep_events = keep != 0;
    choose_details(machine);
}

uint32_t replug_event_count(replug_machine *machine)
{
    events_settle(machine);
    return machine->kept_count;
}

const replug_event *replug_events(replug_machine *machine) { return machine->kept; }

void replug_drain_events(replug_machine *machine) { machine->kept_count = 0; }
