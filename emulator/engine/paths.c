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
 * Millions of marks pass here in a second, so what passing one takes is compiled twice: for instructions alone, and for
 * any number of models.
 */
#include <stdlib.h>
#include <string.h>

#include "path_table.h"

enum mark_kind { PATH_BEGIN = 1, PATH_END, PATH_STEP, PATH_IS, PATH_VALUE, PATH_THREAD };
enum { DEEPEST = 1024, STEPS = 16, APPEND = 1u << 31 };

#define PER_QUANTITY static inline __attribute__((always_inline)) /* `n`: how many there are, a constant where it pays */

struct steps {
    uint32_t names[STEPS];
    struct parts costs[STEPS];
    uint32_t count, current; /* current: number + 1 of the one that runs; 0: none */
    struct parts begin;      /* of the instance, when it began */
};

enum frame_kind { FRAME_PATH, FRAME_INTERRUPT, FRAME_EXCEPTION };

struct frame { /* what is open in a thread: an instance of a path, or a trap */
    enum frame_kind kind;
    uint32_t hart;           /* that it began on, and how many instructions that had retired */
    uint64_t instret;
    struct cost begin;       /* clock of the thread */
    struct cost own, interrupts;
    union path_key key;
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
    struct path_table table;
};

/* --- costs ------------------------------------------------------------------------------------------------------------ */

PER_QUANTITY void copy(struct cost *to, const struct cost *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to->of[i] = from->of[i];
}

/* What has been spent from then to now goes to a sum. */
PER_QUANTITY void add_since(struct cost *to, const struct cost *now, const struct cost *then, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to->of[i] += now->of[i] - then->of[i];
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

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
        abort(); /* the host is out of memory */
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
    if (frame->steps != NULL)
        free(frame->steps);
    thread->depth--;
    if (frame != &thread->stack[thread->depth])
        memmove(frame, frame + 1, (size_t)(&thread->stack[thread->depth] - frame) * sizeof *frame);
}

static __attribute__((noinline)) void make_room(struct thread *thread)
{
    if (thread->depth == DEEPEST) /* instances that never ended, threads that exited: the oldest goes */
        remove_frame(thread, &thread->stack[0]);
    if (thread->depth == thread->capacity) {
        thread->capacity = thread->capacity ? 2 * thread->capacity : 8;
        thread->stack = realloc(thread->stack, thread->capacity * sizeof *thread->stack);
        if (thread->stack == NULL)
            abort();
    }
}

PER_QUANTITY struct frame *push(struct thread *thread, enum frame_kind kind, const struct cost *clock, uint32_t n)
{
    struct frame *frame;

    if (thread->depth == thread->capacity || thread->depth == DEEPEST)
        make_room(thread);
    frame = &thread->stack[thread->depth++];
    frame->kind = kind;
    frame->steps = NULL;
    copy(&frame->begin, clock, n);
    for (uint32_t i = 0; i < n; i++)
        frame->own.of[i] = frame->interrupts.of[i] = 0;
    return frame;
}

/* What the thread has done since it was last looked at is the own cost of the path that is open innermost. */
PER_QUANTITY void account(struct thread *thread, const struct cost *clock, uint32_t n)
{
    for (uint32_t i = thread->depth; i > 0; i--) {
        struct frame *frame = &thread->stack[i - 1];
        if (frame->kind == FRAME_EXCEPTION)
            continue;
        if (frame->kind == FRAME_PATH)
            add_since(&frame->own, clock, &thread->accounted, n);
        break;
    }
    copy(&thread->accounted, clock, n);
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

/* What an instance has cost up to now. */
PER_QUANTITY void parts_of(struct parts *parts, const struct thread *thread, const struct frame *instance, const struct cost *clock,
                           uint32_t n)
{
    copy(&parts->own, &instance->own, n);
    copy(&parts->interrupts, &instance->interrupts, n);
    for (const struct frame *frame = instance + 1; frame < thread->stack + thread->depth; frame++) {
        if (frame->kind == FRAME_INTERRUPT) { /* it goes on; any above it lie within it */
            add_since(&parts->interrupts, clock, &frame->begin, n);
            break;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        parts->total.of[i] = clock->of[i] - instance->begin.of[i] - parts->interrupts.of[i];
}

static void close_step(const struct thread *thread, struct frame *instance, const struct cost *clock, uint32_t n)
{
    struct steps *steps = instance->steps;
    struct parts now;

    if (steps == NULL || steps->current == 0)
        return;
    parts_of(&now, thread, instance, clock, n);
    struct parts *sum = &steps->costs[steps->current - 1];
    add_since(&sum->total, &now.total, &steps->begin.total, n);
    add_since(&sum->own, &now.own, &steps->begin.own, n);
    add_since(&sum->interrupts, &now.interrupts, &steps->begin.interrupts, n);
    steps->current = 0;
}

/* Word by word, as the key is read again soon: reads do not wait for stores of the same width. */
static inline void begin_key(union path_key *key, uint32_t name)
{
    volatile uint64_t *words = key->words;

    words[0] = name;
    for (uint32_t i = 1; i < KEY_WORDS; i++)
        words[i] = 0;
}

/* Is this call a better example of its row than those before it? */
static void take_sample(replug_path_row *row, const struct frame *instance, uint64_t cost, const struct passed *event)
{
    const uint64_t known = row->sample_end - row->sample_begin;

    if (instance->hart == event->hart && event->instret - instance->instret == cost && (known == 0 || cost < known)) {
        row->sample_begin = instance->instret;
        row->sample_end = event->instret;
        row->sample_hart = event->hart;
    }
}

static void count_steps(struct paths *paths, struct frame *instance, uint32_t n)
{
    union path_key key = instance->key;

    for (uint32_t i = 0; i < instance->steps->count; i++) {
        key.step = instance->steps->names[i];
        path_table_count(&paths->table, &key, &instance->steps->costs[i], n);
    }
}

PER_QUANTITY void end(struct paths *paths, struct thread *thread, uint32_t name, const struct cost *clock, const struct passed *event,
                      uint32_t n)
{
    struct frame *instance = innermost(thread, name);
    struct parts parts;

    if (instance == NULL)
        return; /* it began before the marks were watched */
    close_step(thread, instance, clock, n);
    parts_of(&parts, thread, instance, clock, n);
    take_sample(path_table_count(&paths->table, &instance->key, &parts, n), instance, parts.total.of[0], event);
    if (instance->steps != NULL)
        count_steps(paths, instance, n);
    remove_frame(thread, instance);
}

static void step(const struct thread *thread, struct frame *instance, uint32_t name, const struct cost *clock, uint32_t n)
{
    uint32_t at;

    close_step(thread, instance, clock, n);
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
    parts_of(&instance->steps->begin, thread, instance, clock, n);
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
PER_QUANTITY void trap_over(struct thread *thread, const struct cost *clock, uint32_t n)
{
    uint32_t at = thread->depth;

    while (at > 0 && thread->stack[at - 1].kind == FRAME_PATH)
        at--;
    if (at == 0)
        return; /* an xret that starts something */
    struct frame *trap = &thread->stack[at - 1];
    for (struct frame *frame = trap; trap->kind == FRAME_INTERRUPT && frame-- > thread->stack && frame->kind != FRAME_INTERRUPT;)
        add_since(&frame->interrupts, clock, &trap->begin, n);
    remove_frame(thread, trap);
}

static __attribute__((noinline)) void switch_thread(struct paths *paths, struct seat *seat, uint64_t id, const struct cost *clock,
                                                    const struct cost *now)
{
    copy(&seat->thread->clock, clock, paths->quantities);
    seat->thread = find_thread(paths, id, false);
    copy(&seat->base, now, paths->quantities);
}

PER_QUANTITY void pass_mark(struct paths *paths, struct seat *seat, const struct mark_entry *mark, const struct passed *event,
                            const struct cost *clock, const struct cost *now, uint32_t n)
{
    struct thread *thread = seat->thread;
    struct frame *instance;

    switch (mark->kind) {
    case PATH_BEGIN:
        instance = push(thread, FRAME_PATH, clock, n);
        begin_key(&instance->key, mark->name);
        instance->hart = event->hart;
        instance->instret = event->instret;
        return;
    case PATH_END: end(paths, thread, mark->name, clock, event, n); return;
    case PATH_THREAD: switch_thread(paths, seat, event->value, clock, now); return;
    default: break;
    }
    instance = innermost(thread, mark->name);
    if (instance == NULL)
        return;
    if (mark->kind == PATH_STEP)
        step(thread, instance, mark->detail, clock, n);
    else if (mark->kind == PATH_IS)
        classify(instance, mark->detail);
    else if (mark->kind == PATH_VALUE)
        set_parameter(instance, mark->detail, event->value);
}

PER_QUANTITY void pass(struct replug_machine *machine, uint32_t number, uint32_t n)
{
    const struct passed *event = &machine->log.events[number];
    struct paths *paths = machine->paths;
    struct seat *seat = &paths->seats[event->hart];
    struct cost now, clock;

    now.of[0] = event->instret;
    for (uint32_t m = 1; m < n; m++)
        now.of[m] = machine->log.details[number].cycles[m - 1];
    if (seat->thread == NULL)
        seat->thread = find_thread(paths, event->hart, true);
    copy(&clock, &seat->thread->clock, n);
    add_since(&clock, &now, &seat->base, n);
    account(seat->thread, &clock, n);
    switch (event->kind) {
    case REPLUG_EVENT_MARK:
        pass_mark(paths, seat, &machine->marks[event->mark], event, &clock, &now, n);
        break;
    case REPLUG_EVENT_TRAP:
        push(seat->thread, event->value >> 63 ? FRAME_INTERRUPT : FRAME_EXCEPTION, &clock, n);
        break;
    case REPLUG_EVENT_RETURN: trap_over(seat->thread, &clock, n); break;
    default: break;
    }
}

/* Take in the first events of the log: those that no fault can take back any more. */
void paths_consume(struct replug_machine *machine, uint32_t count)
{
    const uint32_t n = machine->paths->quantities = 1 + machine->model_count;

    for (uint32_t i = 0; n == 1 && i < count; i++)
        pass(machine, i, 1);
    for (uint32_t i = 0; n > 1 && i < count; i++)
        pass(machine, i, n);
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
    path_table_destroy(&paths->table);
    free(paths);
}

uint32_t replug_path_rows(replug_machine *machine, const replug_path_row **rows)
{
    events_settle(machine);
    *rows = machine->paths->table.rows;
    return machine->paths->table.row_count;
}

/*
 * The whole table of profiles, so many words each: how often it occurred (0: an empty slot), row, and by quantity
 * (instructions, then cycles under each model) the total, own and interrupts' costs.
 */
uint32_t replug_path_profiles(replug_machine *machine, const uint64_t **words, uint32_t *words_each)
{
    events_settle(machine);
    *words = machine->paths->table.profiles;
    *words_each = machine->paths->table.profile_words;
    return machine->paths->table.profile_capacity;
}
