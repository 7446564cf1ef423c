/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which named paths are open where: for debuggers, which go back in time, and do not ask for costs.
 *
 * It takes the place of paths.c in a machine that follows paths, and knows names only.  A path belongs to a thread as there.
 * What it knows is part of a state: it is saved with a checkpoint, and restored when the machine goes back to it.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { MOST_OPEN = 24, MOST_THREADS = 1 << 16 };

struct open_thread {
    uint64_t id;
    uint32_t is_hart; /* before a mark has told which thread a hart runs, it is one by itself */
    uint32_t depth;
    uint32_t names[MOST_OPEN]; /* the outermost first */
};

struct open_paths {
    struct open_thread *threads;
    uint32_t *seats; /* by hart: which thread it runs */
    uint32_t count, capacity;
};

static uint32_t find_thread(struct open_paths *open, uint64_t id, uint32_t is_hart)
{
    for (uint32_t i = 0; i < open->count; i++) {
        if (open->threads[i].id == id && open->threads[i].is_hart == is_hart)
            return i;
    }
    if (open->count == MOST_THREADS)
        return 0;
    if (open->count == open->capacity) {
        open->capacity = open->capacity ? 2 * open->capacity : 16;
        open->threads = realloc(open->threads, open->capacity * sizeof *open->threads);
        if (open->threads == NULL)
            abort(); /* the host is out of memory */
    }
    open->threads[open->count] = (struct open_thread){.id = id, .is_hart = is_hart};
    return open->count++;
}

static void begin(struct open_thread *thread, uint32_t name)
{
    if (thread->depth == MOST_OPEN) { /* calls that never ended: the oldest goes */
        memmove(thread->names, thread->names + 1, (MOST_OPEN - 1) * sizeof thread->names[0]);
        thread->depth--;
    }
    thread->names[thread->depth++] = name;
}

static void end(struct open_thread *thread, uint32_t name)
{
    uint32_t at = thread->depth;

    while (at > 0 && thread->names[at - 1] != name)
        at--;
    if (at == 0)
        return; /* it began before anybody looked */
    memmove(thread->names + at - 1, thread->names + at, (thread->depth - at) * sizeof thread->names[0]);
    thread->depth--;
}

/* Take in the first events of the log: those that no fault can take back any more. */
void open_paths_consume(struct replug_machine *machine, uint32_t count)
{
    struct open_paths *open = machine->open_paths;

    for (uint32_t i = 0; i < count; i++) {
        const struct passed *event = &machine->log.events[i];
        if (event->kind != REPLUG_EVENT_MARK)
            continue;
        const struct mark_entry *mark = &machine->marks[event->mark];
        if (mark->kind == REPLUG_MARK_BEGIN)
            begin(&open->threads[open->seats[event->hart]], mark->name);
        else if (mark->kind == REPLUG_MARK_END)
            end(&open->threads[open->seats[event->hart]], mark->name);
        else if (mark->kind == REPLUG_MARK_THREAD)
            open->seats[event->hart] = find_thread(open, event->value, 0);
    }
}

/* A block tells of all its marks when it begins; a hart that stands in the middle of one (careful.c) has not passed them all. */
static bool is_to_come(const struct replug_machine *machine, const struct passed *event)
{
    const hart *h = &machine->harts[event->hart];

    return event->kind == REPLUG_EVENT_MARK && h->left != 0 && event->instret >= h->retired;
}

/* What has happened up to now; the rest stays in the log. */
static void take_in(struct replug_machine *machine)
{
    struct event_log *log = &machine->log;
    uint32_t passed = 0;

    while (passed < log->count && !is_to_come(machine, &log->events[passed]))
        passed++;
    open_paths_consume(machine, passed);
    log->count -= passed;
    memmove(log->events, log->events + passed, log->count * sizeof *log->events);
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        hart *h = &machine->harts[i];
        h->open_events = h->open_events > passed ? h->open_events - passed : 0;
    }
}

void open_paths_destroy(struct replug_machine *machine)
{
    if (machine->open_paths == NULL)
        return;
    free(machine->open_paths->threads);
    free(machine->open_paths->seats);
    free(machine->open_paths);
}

/* --- asked by Python ------------------------------------------------------------------------------------------------- */

/* From now on.  -1: the host is out of memory. */
int replug_follow_paths(replug_machine *machine)
{
    struct open_paths *open = calloc(1, sizeof *open);

    if (open == NULL || machine->open_paths != NULL) {
        free(open);
        return machine->open_paths != NULL ? 0 : -1;
    }
    open->seats = calloc(machine->config.harts, sizeof *open->seats);
    if (open->seats == NULL) {
        free(open);
        return -1;
    }
    for (uint32_t hart = 0; hart < machine->config.harts; hart++)
        open->seats[hart] = find_thread(open, hart, 1);
    events_settle(machine);
    machine->open_paths = open;
    return 0;
}

/* The name of the path that is open innermost in the thread that a hart runs; 0: none. */
uint32_t replug_open_path(replug_machine *machine, uint32_t hart)
{
    const struct open_thread *thread;

    if (machine->open_paths == NULL || hart >= machine->config.harts)
        return 0;
    take_in(machine);
    thread = &machine->open_paths->threads[machine->open_paths->seats[hart]];
    return thread->depth ? thread->names[thread->depth - 1] : 0;
}

/* All of it: seats, then threads.  The bytes that takes, whether or not there was room for them. */
uint64_t replug_save_open_paths(replug_machine *machine, uint8_t *buffer, uint64_t capacity)
{
    const struct open_paths *open = machine->open_paths;
    uint64_t seats, threads;

    if (open == NULL)
        return 0;
    take_in(machine);
    seats = machine->config.harts * sizeof *open->seats;
    threads = open->count * sizeof *open->threads;
    if (capacity >= seats + threads) {
        memcpy(buffer, open->seats, seats);
        memcpy(buffer + seats, open->threads, threads);
    }
    return seats + threads;
}

/* What replug_save_open_paths has saved of this machine; no bytes: nobody looked then, and nothing is known to be open. */
void replug_restore_open_paths(replug_machine *machine, const uint8_t *buffer, uint64_t length)
{
    struct open_paths *open = machine->open_paths;

    if (open == NULL)
        return;
    const uint64_t seats = machine->config.harts * sizeof *open->seats;
    machine->log.count = 0; /* of a future that is no more */
    for (uint32_t hart = 0; hart < machine->config.harts; hart++)
        machine->harts[hart].open_events = 0;
    if (length < seats) {
        open->count = 0;
        for (uint32_t hart = 0; hart < machine->config.harts; hart++)
            open->seats[hart] = find_thread(open, hart, 1);
        return;
    }
    memcpy(open->seats, buffer, seats);
    open->count = (uint32_t)((length - seats) / sizeof *open->threads); /* no more than there once were */
    memcpy(open->threads, buffer + seats, open->count * sizeof *open->threads);
}
