/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Named paths: from the marks that harts pass to what each path cost.
 *
 * A path belongs to a thread, and only what is done while its thread has a hart counts for it: a thread that sleeps
 * inside a path, or goes on on another hart, takes its open paths along.  Which thread a hart runs is told by marks of
 * its own; before the first one, each hart is a thread.  Costs are kept as histograms: every value and how often it
 * occurred, so that minimum, median and maximum are exact however many calls there were.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum mark_kind { PATH_BEGIN = 1, PATH_END, PATH_STEP, PATH_IS, PATH_VALUE, PATH_THREAD };
enum { DEPTH = 24, STEPS = 16, APPEND = 1u << 31 };

struct cost {
    uint64_t instructions, cycles;
};

struct step {
    uint32_t name;
    struct cost cost;
};

struct instance {
    replug_path_row key; /* calls is not used here */
    struct cost begin;   /* clock of the thread */
    struct step steps[STEPS];
    uint32_t step_count;
    struct cost step_begin;
    bool in_step;
};

struct thread {
    struct thread *next;
    uint64_t id;
    bool is_hart;
    struct cost clock; /* what the thread has used up to when it last gave up a hart */
    struct instance stack[DEPTH];
    uint32_t depth;
};

struct seat { /* a hart, and who sits on it */
    struct thread *thread;
    struct cost base; /* of the hart when the thread got it */
};

enum { THREAD_BUCKETS = 256 };

struct paths {
    struct thread *threads[THREAD_BUCKETS];
    struct seat *seats;
    replug_path_row *rows;
    uint32_t row_count, row_capacity;
    uint32_t *row_index; /* open addressing: row number + 1 */
    uint32_t row_index_size;
    replug_path_value *values; /* open addressing; count 0 is empty */
    uint32_t value_count, value_capacity;
};

static void *grown(void *memory, size_t count, size_t size)
{
    void *result = realloc(memory, count * size);
    if (result == NULL)
        abort(); /* the host is out of memory */
    return result;
}

static uint64_t hash_bytes(const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint64_t hash = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3ull;
    return hash ^ hash >> 29;
}

/* --- rows and their histograms ---------------------------------------------------------------------------------- */

static const size_t key_length = offsetof(replug_path_row, calls);

static void index_row(struct paths *paths, uint32_t row)
{
    uint32_t at = (uint32_t)hash_bytes(&paths->rows[row], key_length) & (paths->row_index_size - 1);
    while (paths->row_index[at] != 0)
        at = (at + 1) & (paths->row_index_size - 1);
    paths->row_index[at] = row + 1;
}

static uint32_t find_row(struct paths *paths, const replug_path_row *key)
{
    uint32_t at;

    if (2 * (paths->row_count + 1) > paths->row_index_size) {
        paths->row_index_size = paths->row_index_size ? 2 * paths->row_index_size : 256;
        free(paths->row_index);
        paths->row_index = calloc(paths->row_index_size, sizeof *paths->row_index);
        if (paths->row_index == NULL)
            abort();
        for (uint32_t row = 0; row < paths->row_count; row++)
            index_row(paths, row);
    }
    at = (uint32_t)hash_bytes(key, key_length) & (paths->row_index_size - 1);
    for (; paths->row_index[at] != 0; at = (at + 1) & (paths->row_index_size - 1)) {
        const uint32_t row = paths->row_index[at] - 1;
        if (memcmp(&paths->rows[row], key, key_length) == 0)
            return row;
    }
    if (paths->row_count == paths->row_capacity) {
        paths->row_capacity = paths->row_capacity ? 2 * paths->row_capacity : 64;
        paths->rows = grown(paths->rows, paths->row_capacity, sizeof *paths->rows);
    }
    memcpy(&paths->rows[paths->row_count], key, sizeof *key);
    paths->rows[paths->row_count].calls = 0;
    paths->row_index[at] = paths->row_count + 1;
    return paths->row_count++;
}

static replug_path_value *slot_of(replug_path_value *table, uint32_t capacity, uint32_t row, uint32_t metric, uint64_t value)
{
    const uint64_t key[2] = {(uint64_t)row << 32 | metric, value};
    uint32_t at = (uint32_t)hash_bytes(key, sizeof key) & (capacity - 1);

    while (table[at].count != 0 && (table[at].row != row || table[at].metric != metric || table[at].value != value))
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

static void count_value(struct paths *paths, uint32_t row, uint32_t metric, uint64_t value)
{
    replug_path_value *slot;

    if (2 * (paths->value_count + 1) > paths->value_capacity) {
        const uint32_t capacity = paths->value_capacity ? 2 * paths->value_capacity : 1024;
        replug_path_value *table = calloc(capacity, sizeof *table);
        if (table == NULL)
            abort();
        for (uint32_t i = 0; i < paths->value_capacity; i++) {
            const replug_path_value *old = &paths->values[i];
            if (old->count != 0)
                *slot_of(table, capacity, old->row, old->metric, old->value) = *old;
        }
        free(paths->values);
        paths->values = table;
        paths->value_capacity = capacity;
    }
    slot = slot_of(paths->values, paths->value_capacity, row, metric, value);
    if (slot->count == 0) {
        *slot = (replug_path_value){.row = row, .metric = metric, .value = value};
        paths->value_count++;
    }
    slot->count++;
}

static void count_cost(struct paths *paths, const replug_path_row *key, struct cost cost)
{
    const uint32_t row = find_row(paths, key);

    paths->rows[row].calls++;
    count_value(paths, row, 0, cost.instructions);
    count_value(paths, row, 1, cost.cycles);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

static struct cost minus(struct cost a, struct cost b)
{
    return (struct cost){a.instructions - b.instructions, a.cycles - b.cycles};
}

static struct cost plus(struct cost a, struct cost b)
{
    return (struct cost){a.instructions + b.instructions, a.cycles + b.cycles};
}

static struct thread *find_thread(struct paths *paths, uint64_t id, bool is_hart)
{
    struct thread **bucket = &paths->threads[(id * 0x9e3779b97f4a7c15ull >> 32) % THREAD_BUCKETS];
    struct thread *thread;

    for (thread = *bucket; thread != NULL; thread = thread->next) {
        if (thread->id == id && thread->is_hart == is_hart)
            return thread;
    }
    thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        abort();
    thread->id = id;
    thread->is_hart = is_hart;
    thread->next = *bucket;
    *bucket = thread;
    return thread;
}

static struct instance *innermost(struct thread *thread, uint32_t name)
{
    for (uint32_t i = thread->depth; i > 0; i--) {
        if (thread->stack[i - 1].key.name == name)
            return &thread->stack[i - 1];
    }
    return NULL;
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

static void begin(struct thread *thread, uint32_t name, struct cost clock)
{
    struct instance *instance;

    if (thread->depth == DEPTH) { /* an instance that never ended, a thread that exited: the oldest goes */
        memmove(&thread->stack[0], &thread->stack[1], (DEPTH - 1) * sizeof thread->stack[0]);
        thread->depth--;
    }
    instance = &thread->stack[thread->depth++];
    memset(instance, 0, sizeof *instance);
    instance->key.name = name;
    instance->begin = clock;
}

static void close_step(struct instance *instance, struct cost clock)
{
    if (!instance->in_step)
        return;
    instance->in_step = false;
    instance->steps[instance->step_count - 1].cost =
        plus(instance->steps[instance->step_count - 1].cost, minus(clock, instance->step_begin));
}

static void end(struct paths *paths, struct thread *thread, uint32_t name, struct cost clock)
{
    struct instance *instance = innermost(thread, name);
    replug_path_row key;

    if (instance == NULL)
        return; /* it began before the marks were watched */
    close_step(instance, clock);
    count_cost(paths, &instance->key, minus(clock, instance->begin));
    key = instance->key;
    for (uint32_t i = 0; i < instance->step_count; i++) {
        key.step = instance->steps[i].name;
        count_cost(paths, &key, instance->steps[i].cost);
    }
    thread->depth--;
    memmove(instance, instance + 1, (size_t)(&thread->stack[thread->depth] - instance) * sizeof *instance);
}

static void step(struct instance *instance, uint32_t name, struct cost clock)
{
    uint32_t at;

    close_step(instance, clock);
    for (at = 0; at < instance->step_count && instance->steps[at].name != name; at++)
        ;
    if (at == STEPS)
        return;
    if (at == instance->step_count) {
        instance->steps[instance->step_count++] = (struct step){.name = name};
    } else { /* the step is entered again: make it the last, which close_step adds to */
        const struct step again = instance->steps[at];
        memmove(&instance->steps[at], &instance->steps[at + 1], (instance->step_count - at - 1) * sizeof again);
        instance->steps[instance->step_count - 1] = again;
    }
    instance->step_begin = clock;
    instance->in_step = true;
}

static void classify(struct instance *instance, uint32_t detail)
{
    if (!(detail & APPEND)) {
        memset(instance->key.variant, 0, sizeof instance->key.variant);
        instance->key.variant[0] = detail;
        return;
    }
    for (uint32_t i = 0; i < REPLUG_VARIANTS; i++) {
        if (instance->key.variant[i] == detail)
            return; /* said once already */
        if (instance->key.variant[i] == 0) {
            instance->key.variant[i] = detail;
            return;
        }
    }
}

static void set_parameter(struct instance *instance, uint32_t name, uint64_t value)
{
    for (uint32_t i = 0; i < REPLUG_PARAMETERS; i++) {
        if (instance->key.parameter[i] == 0 || instance->key.parameter[i] == name) {
            instance->key.parameter[i] = name;
            instance->key.value[i] = value;
            return;
        }
    }
}

static void pass(struct replug_machine *machine, const replug_event *event)
{
    struct paths *paths = machine->paths;
    const struct mark_entry *mark = &machine->marks[event->mark];
    struct seat *seat = &paths->seats[event->hart];
    const struct cost now = {event->instret, event->cycles};
    struct cost clock;
    struct instance *instance;

    if (seat->thread == NULL)
        seat->thread = find_thread(paths, event->hart, true);
    clock = plus(seat->thread->clock, minus(now, seat->base));
    switch (mark->kind) {
    case PATH_BEGIN: begin(seat->thread, mark->name, clock); return;
    case PATH_END: end(paths, seat->thread, mark->name, clock); return;
    case PATH_THREAD:
        seat->thread->clock = clock;
        seat->thread = find_thread(paths, event->value, false);
        seat->base = now;
        return;
    default: break;
    }
    instance = innermost(seat->thread, mark->name);
    if (instance == NULL)
        return;
    if (mark->kind == PATH_STEP)
        step(instance, mark->detail, clock);
    else if (mark->kind == PATH_IS)
        classify(instance, mark->detail);
    else if (mark->kind == PATH_VALUE)
        set_parameter(instance, mark->detail, event->value);
}

/* Take in the first events of the buffer: those that no fault can take back any more. */
void paths_consume(struct replug_machine *machine, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        pass(machine, &machine->events[i]);
}

bool paths_create(struct replug_machine *machine)
{
    machine->paths = calloc(1, sizeof *machine->paths);
    if (machine->paths != NULL)
        machine->paths->seats = calloc(machine->config.harts, sizeof *machine->paths->seats);
    return machine->paths != NULL && machine->paths->seats != NULL;
}

void paths_destroy(struct replug_machine *machine)
{
    struct paths *paths = machine->paths;

    if (paths == NULL)
        return;
    for (uint32_t i = 0; i < THREAD_BUCKETS; i++) {
        while (paths->threads[i] != NULL) {
            struct thread *thread = paths->threads[i];
            paths->threads[i] = thread->next;
            free(thread);
        }
    }
    free(paths->seats);
    free(paths->rows);
    free(paths->row_index);
    free(paths->values);
    free(paths);
}

uint32_t replug_path_rows(replug_machine *machine, const replug_path_row **rows)
{
    observe_flush(machine);
    *rows = machine->paths->rows;
    return machine->paths->row_count;
}

/* The whole table of values, empty slots (count 0) included. */
uint32_t replug_path_values(replug_machine *machine, const replug_path_value **values)
{
    *values = machine->paths->values;
    return machine->paths->value_capacity;
}
