/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Named paths: from the marks that harts pass to what each path cost.
 *
 * A path belongs to a thread, and only what is done while its thread has a hart counts for it: a thread that sleeps
 * inside a path, or goes on on another hart, takes its open paths along.  Which thread a hart runs is told by marks of
 * its own; before the first one, each hart is a thread.
 *
 * What a call costs is kept in three parts.  Interrupts: from the taking of an interrupt to the return from it, as
 * far as the thread had a hart meanwhile.  Total: all the rest between begin and end, paths that were open inside it and
 * exceptions (which the path itself has caused) included.  Own: what of that was spent while no other path was open
 * inside it.  A return (xret) belongs to the latest trap of its thread that has not been returned from.
 *
 * Costs are kept as profiles: every combination of figures and how often it occurred, so that minimum, median and maximum
 * are exact however many calls there were.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum mark_kind { PATH_BEGIN = 1, PATH_END, PATH_STEP, PATH_IS, PATH_VALUE, PATH_THREAD };
enum { DEEPEST = 1024, STEPS = 16, QUANTITIES = 1 + REPLUG_MODELS, APPEND = 1u << 31 };

struct cost { /* instructions, then cycles under each model */
    uint64_t of[QUANTITIES];
};

struct parts {
    struct cost total, own, interrupts;
};

struct steps {
    uint32_t names[STEPS];
    struct parts costs[STEPS];
    uint32_t count, current; /* current: number + 1 of the one that runs; 0: none */
    struct parts begin;      /* of the instance, when it began */
};

enum frame_kind { FRAME_PATH, FRAME_INTERRUPT, FRAME_EXCEPTION };

struct frame { /* what is open in a thread: an instance of a path, or a trap */
    enum frame_kind kind;
    struct cost begin;       /* clock of the thread */
    struct cost own, interrupts;
    replug_path_row key;     /* calls is not used here */
    uint64_t instret;        /* of the hart that it began on */
    uint32_t hart;
    struct steps *steps;     /* NULL: none so far */
};

struct thread {
    struct thread *next;
    uint64_t id;
    bool is_hart;
    struct cost clock;     /* what the thread has used up to when it last gave up a hart */
    struct cost accounted; /* up to where its frames have got their own costs */
    struct frame *stack;
    uint32_t depth, capacity;
};

struct seat { /* a hart, and who sits on it */
    struct thread *thread;
    struct cost base; /* of the hart when the thread got it */
};

enum { THREAD_BUCKETS = 256 };

struct paths {
    struct thread *threads[THREAD_BUCKETS];
    struct seat *seats;
    uint32_t quantities;
    replug_path_row *rows;
    uint32_t row_count, row_capacity;
    uint32_t *row_index; /* open addressing: row number + 1 */
    uint32_t row_index_size;
    uint64_t *profiles;  /* open addressing; each: how often (0: empty), row, total, own and interrupts by quantity */
    uint32_t profile_words, profile_count, profile_capacity;
};

static void *grown(void *memory, size_t count, size_t size)
{
    void *result = realloc(memory, count * size);
    if (result == NULL)
        abort(); /* the host is out of memory */
    return result;
}

static uint64_t hash_words(const void *data, size_t words)
{
    uint64_t hash = 0, word;
    for (size_t i = 0; i < words; i++) {
        memcpy(&word, (const char *)data + i * sizeof word, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 32;
    }
    return hash;
}

/* --- rows and their profiles ------------------------------------------------------------------------------------ */

static const size_t key_length = offsetof(replug_path_row, calls);
_Static_assert(offsetof(replug_path_row, calls) % sizeof(uint64_t) == 0, "hashed by words");

static void index_row(struct paths *paths, uint32_t row)
{
    uint32_t at = (uint32_t)hash_words(&paths->rows[row], key_length / sizeof(uint64_t)) & (paths->row_index_size - 1);
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
    at = (uint32_t)hash_words(key, key_length / sizeof(uint64_t)) & (paths->row_index_size - 1);
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
    paths->rows[paths->row_count].sample_begin = paths->rows[paths->row_count].sample_end = 0;
    paths->row_index[at] = paths->row_count + 1;
    return paths->row_count++;
}

static uint64_t *slot_of(uint64_t *table, uint32_t capacity, uint32_t words, const uint64_t *profile)
{
    uint32_t at = (uint32_t)hash_words(profile + 1, words - 1) & (capacity - 1);

    while (table[(size_t)at * words] != 0 && memcmp(&table[(size_t)at * words + 1], profile + 1, (words - 1) * sizeof *profile) != 0)
        at = (at + 1) & (capacity - 1);
    return &table[(size_t)at * words];
}

static void count_profile(struct paths *paths, const uint64_t *profile)
{
    const uint32_t words = paths->profile_words;
    uint64_t *slot;

    if (2 * (paths->profile_count + 1) > paths->profile_capacity) {
        const uint32_t capacity = paths->profile_capacity ? 2 * paths->profile_capacity : 1024;
        uint64_t *table = calloc((size_t)capacity * words, sizeof *table);
        if (table == NULL)
            abort();
        for (uint32_t i = 0; i < paths->profile_capacity; i++) {
            const uint64_t *old = &paths->profiles[(size_t)i * words];
            if (old[0] != 0)
                memcpy(slot_of(table, capacity, words, old), old, words * sizeof *old);
        }
        free(paths->profiles);
        paths->profiles = table;
        paths->profile_capacity = capacity;
    }
    slot = slot_of(paths->profiles, paths->profile_capacity, words, profile);
    if (slot[0] == 0) {
        memcpy(slot, profile, words * sizeof *slot);
        slot[0] = 0;
        paths->profile_count++;
    }
    slot[0]++;
}

static replug_path_row *count_cost(struct paths *paths, const replug_path_row *key, const struct parts *parts)
{
    const uint32_t row = find_row(paths, key), quantities = paths->quantities;
    uint64_t profile[2 + 3 * QUANTITIES];

    paths->rows[row].calls++;
    profile[0] = 0;
    profile[1] = row;
    memcpy(profile + 2, parts->total.of, quantities * sizeof *profile);
    memcpy(profile + 2 + quantities, parts->own.of, quantities * sizeof *profile);
    memcpy(profile + 2 + 2 * quantities, parts->interrupts.of, quantities * sizeof *profile);
    count_profile(paths, profile);
    return &paths->rows[row];
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

static struct cost minus(struct cost a, const struct cost *b)
{
    for (uint32_t i = 0; i < QUANTITIES; i++)
        a.of[i] -= b->of[i];
    return a;
}

static struct cost plus(struct cost a, const struct cost *b)
{
    for (uint32_t i = 0; i < QUANTITIES; i++)
        a.of[i] += b->of[i];
    return a;
}

static struct parts parts_minus(const struct parts *a, const struct parts *b)
{
    return (struct parts){minus(a->total, &b->total), minus(a->own, &b->own), minus(a->interrupts, &b->interrupts)};
}

static struct parts parts_plus(const struct parts *a, const struct parts *b)
{
    return (struct parts){plus(a->total, &b->total), plus(a->own, &b->own), plus(a->interrupts, &b->interrupts)};
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

static struct frame *innermost(struct thread *thread, uint32_t name)
{
    for (uint32_t i = thread->depth; i > 0; i--) {
        struct frame *frame = &thread->stack[i - 1];
        if (frame->kind == FRAME_PATH && frame->key.name == name)
            return frame;
    }
    return NULL;
}

static void remove_frame(struct thread *thread, struct frame *frame)
{
    free(frame->steps);
    thread->depth--;
    memmove(frame, frame + 1, (size_t)(&thread->stack[thread->depth] - frame) * sizeof *frame);
}

static struct frame *push(struct thread *thread, enum frame_kind kind, const struct cost *clock)
{
    struct frame *frame;

    if (thread->depth == DEEPEST) /* instances that never ended, threads that exited: the oldest goes */
        remove_frame(thread, &thread->stack[0]);
    if (thread->depth == thread->capacity) {
        thread->capacity = thread->capacity ? 2 * thread->capacity : 8;
        thread->stack = grown(thread->stack, thread->capacity, sizeof *thread->stack);
    }
    frame = &thread->stack[thread->depth++];
    memset(frame, 0, sizeof *frame);
    frame->kind = kind;
    frame->begin = *clock;
    return frame;
}

/* What the thread has done since it was last looked at is the own cost of the path that is open innermost. */
static void account(struct thread *thread, const struct cost *clock)
{
    for (uint32_t i = thread->depth; i > 0; i--) {
        struct frame *frame = &thread->stack[i - 1];
        if (frame->kind == FRAME_EXCEPTION)
            continue;
        if (frame->kind == FRAME_PATH) {
            const struct cost spent = minus(*clock, &thread->accounted);
            frame->own = plus(frame->own, &spent);
        }
        break;
    }
    thread->accounted = *clock;
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

/* What an instance has cost up to now. */
static struct parts parts_of(const struct thread *thread, const struct frame *instance, const struct cost *clock)
{
    struct parts parts = {.own = instance->own, .interrupts = instance->interrupts};

    for (const struct frame *frame = instance + 1; frame < thread->stack + thread->depth; frame++) {
        if (frame->kind == FRAME_INTERRUPT) { /* it goes on; any above it lie within it */
            const struct cost since = minus(*clock, &frame->begin);
            parts.interrupts = plus(parts.interrupts, &since);
            break;
        }
    }
    parts.total = minus(*clock, &instance->begin);
    parts.total = minus(parts.total, &parts.interrupts);
    return parts;
}

static void close_step(const struct thread *thread, struct frame *instance, const struct cost *clock)
{
    struct steps *steps = instance->steps;

    if (steps == NULL || steps->current == 0)
        return;
    const struct parts now = parts_of(thread, instance, clock), spent = parts_minus(&now, &steps->begin);
    struct parts *sum = &steps->costs[steps->current - 1];
    *sum = parts_plus(sum, &spent);
    steps->current = 0;
}

/* Is this call a better example of its row than those before it? */
static void take_sample(replug_path_row *row, const struct frame *instance, uint64_t cost, const replug_event *event)
{
    const uint64_t known = row->sample_end - row->sample_begin;

    if (instance->hart == event->hart && event->instret - instance->instret == cost && (known == 0 || cost < known)) {
        row->sample_begin = instance->instret;
        row->sample_end = event->instret;
        row->sample_hart = event->hart;
    }
}

static void end(struct paths *paths, struct thread *thread, uint32_t name, const struct cost *clock, const replug_event *event)
{
    struct frame *instance = innermost(thread, name);
    struct parts parts;
    replug_path_row key;

    if (instance == NULL)
        return; /* it began before the marks were watched */
    close_step(thread, instance, clock);
    parts = parts_of(thread, instance, clock);
    take_sample(count_cost(paths, &instance->key, &parts), instance, parts.total.of[0], event);
    key = instance->key;
    for (uint32_t i = 0; instance->steps != NULL && i < instance->steps->count; i++) {
        key.step = instance->steps->names[i];
        count_cost(paths, &key, &instance->steps->costs[i]);
    }
    remove_frame(thread, instance);
}

static void step(const struct thread *thread, struct frame *instance, uint32_t name, const struct cost *clock)
{
    uint32_t at;

    close_step(thread, instance, clock);
    if (instance->steps == NULL) {
        instance->steps = calloc(1, sizeof *instance->steps);
        if (instance->steps == NULL)
            abort();
    }
    for (at = 0; at < instance->steps->count && instance->steps->names[at] != name; at++)
        ;
    if (at == STEPS)
        return;
    if (at == instance->steps->count)
        instance->steps->names[instance->steps->count++] = name;
    instance->steps->current = at + 1;
    instance->steps->begin = parts_of(thread, instance, clock);
}

static void classify(struct frame *instance, uint32_t detail)
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

static void set_parameter(struct frame *instance, uint32_t name, uint64_t value)
{
    for (uint32_t i = 0; i < REPLUG_PARAMETERS; i++) {
        if (instance->key.parameter[i] == 0 || instance->key.parameter[i] == name) {
            instance->key.parameter[i] = name;
            instance->key.value[i] = value;
            return;
        }
    }
}

/* The latest trap is over; an interrupt's time is told apart in all that it has cut. */
static void trap_over(struct thread *thread, const struct cost *clock)
{
    uint32_t at = thread->depth;

    while (at > 0 && thread->stack[at - 1].kind == FRAME_PATH)
        at--;
    if (at == 0)
        return; /* an xret that starts something */
    struct frame *trap = &thread->stack[at - 1];
    if (trap->kind == FRAME_INTERRUPT) {
        const struct cost spent = minus(*clock, &trap->begin);
        for (struct frame *frame = trap; frame-- > thread->stack && frame->kind != FRAME_INTERRUPT;)
            frame->interrupts = plus(frame->interrupts, &spent);
    }
    remove_frame(thread, trap);
}

static void pass_mark(struct paths *paths, struct seat *seat, const struct mark_entry *mark, const replug_event *event,
                      const struct cost *clock, const struct cost *now)
{
    struct thread *thread = seat->thread;
    const uint64_t value = event->value;
    struct frame *instance;

    switch (mark->kind) {
    case PATH_BEGIN:
        instance = push(thread, FRAME_PATH, clock);
        instance->key.name = mark->name;
        instance->hart = event->hart;
        instance->instret = event->instret;
        return;
    case PATH_END: end(paths, thread, mark->name, clock, event); return;
    case PATH_THREAD:
        thread->clock = *clock;
        seat->thread = find_thread(paths, value, false);
        seat->base = *now;
        return;
    default: break;
    }
    instance = innermost(thread, mark->name);
    if (instance == NULL)
        return;
    if (mark->kind == PATH_STEP)
        step(thread, instance, mark->detail, clock);
    else if (mark->kind == PATH_IS)
        classify(instance, mark->detail);
    else if (mark->kind == PATH_VALUE)
        set_parameter(instance, mark->detail, value);
}

static void pass(struct replug_machine *machine, const replug_event *event)
{
    struct paths *paths = machine->paths;
    struct seat *seat = &paths->seats[event->hart];
    struct cost now = {{event->instret}}, clock;

    for (uint32_t m = 0; m < machine->model_count; m++)
        now.of[1 + m] = event->cycles[m];
    if (seat->thread == NULL)
        seat->thread = find_thread(paths, event->hart, true);
    clock = minus(now, &seat->base);
    clock = plus(clock, &seat->thread->clock);
    account(seat->thread, &clock);
    switch (event->kind) {
    case REPLUG_EVENT_MARK:
        pass_mark(paths, seat, &machine->marks[event->mark], event, &clock, &now);
        break;
    case REPLUG_EVENT_TRAP:
        push(seat->thread, event->value >> 63 ? FRAME_INTERRUPT : FRAME_EXCEPTION, &clock);
        break;
    case REPLUG_EVENT_RETURN: trap_over(seat->thread, &clock); break;
    default: break;
    }
}

/* Take in the first events of the buffer: those that no fault can take back any more. */
void paths_consume(struct replug_machine *machine, uint32_t count)
{
    machine->paths->quantities = 1 + machine->model_count;
    machine->paths->profile_words = 2 + 3 * machine->paths->quantities;
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

static void free_thread(struct thread *thread)
{
    for (uint32_t i = 0; i < thread->depth; i++)
        free(thread->stack[i].steps);
    free(thread->stack);
    free(thread);
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
            free_thread(thread);
        }
    }
    free(paths->seats);
    free(paths->rows);
    free(paths->row_index);
    free(paths->profiles);
    free(paths);
}

uint32_t replug_path_rows(replug_machine *machine, const replug_path_row **rows)
{
    observe_flush(machine);
    *rows = machine->paths->rows;
    return machine->paths->row_count;
}

/*
 * The whole table of profiles, so many words each: how often it occurred (0: an empty slot), row, and by quantity
 * (instructions, then cycles under each model) the total, own and interrupts' costs.
 */
uint32_t replug_path_profiles(replug_machine *machine, const uint64_t **words, uint32_t *words_each)
{
    observe_flush(machine);
    *words = machine->paths->profiles;
    *words_each = machine->paths->profile_words;
    return machine->paths->profile_capacity;
}
