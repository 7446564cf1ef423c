/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who called whom: calls (jal and jalr that link) and returns, seen at the borders of blocks, as edges from the place of a
 * call to the function called, with the instructions that retired inside, callees included.
 *
 * Each thread has a stack of its own (see paths.c on threads).  A return pops the call whose return address it goes to,
 * and all above it; one that fits no open call starts something and pops nothing.  An exception is a call of its handler;
 * an interrupt is nobody's call, and what it takes is in no one's cost.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum frame_kind { CALL, EXCEPTION, INTERRUPT };
enum { THREADS = 256, DEEPEST = 1 << 16 };

struct pending { /* how the block before ended */
    uint8_t kind; /* enum kind; KIND_ALU: it just went on */
    bool links;
    uint64_t behind; /* virtual address behind it */
    uint64_t site;   /* physical address inside its last instruction */
};

struct frame {
    enum frame_kind kind;
    uint64_t return_to, site, callee, begin;
    struct pending pending; /* of what an interrupt has cut */
};

struct thread {
    struct thread *next;
    uint64_t id;
    bool is_hart;
    uint64_t clock;
    struct frame *stack;
    uint32_t depth, capacity;
};

struct seat {
    struct thread *thread;
    uint64_t base;
    struct pending pending;
    bool entering; /* a trap has been taken and its handler not begun */
};

struct calls {
    struct thread *threads[THREADS];
    struct seat *seats;
    replug_call_edge *edges; /* open addressing; calls 0: empty */
    uint32_t edge_count, edge_capacity;
};

static void *checked(void *memory)
{
    if (memory == NULL)
        abort(); /* the host is out of memory */
    return memory;
}

static replug_call_edge *find_edge(replug_call_edge *table, uint32_t capacity, uint64_t site, uint64_t callee)
{
    uint64_t hash = (site * 0x9e3779b97f4a7c15ull ^ callee) * 0x9e3779b97f4a7c15ull;
    uint32_t at = (uint32_t)(hash >> 32) & (capacity - 1);

    while (table[at].calls != 0 && (table[at].site != site || table[at].callee != callee))
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

static void count_edge(struct calls *calls, const struct frame *frame, uint64_t clock)
{
    replug_call_edge *edge;

    if (2 * (calls->edge_count + 1) > calls->edge_capacity) {
        const uint32_t capacity = calls->edge_capacity ? 2 * calls->edge_capacity : 1024;
        replug_call_edge *table = checked(calloc(capacity, sizeof *table));
        for (uint32_t i = 0; i < calls->edge_capacity; i++) {
            if (calls->edges[i].calls != 0)
                *find_edge(table, capacity, calls->edges[i].site, calls->edges[i].callee) = calls->edges[i];
        }
        free(calls->edges);
        calls->edges = table;
        calls->edge_capacity = capacity;
    }
    edge = find_edge(calls->edges, calls->edge_capacity, frame->site, frame->callee);
    calls->edge_count += edge->calls == 0;
    edge->site = frame->site;
    edge->callee = frame->callee;
    edge->calls++;
    edge->instructions += clock - frame->begin;
}

static struct thread *find_thread(struct calls *calls, uint64_t id, bool is_hart)
{
    struct thread **bucket = &calls->threads[(id * 0x9e3779b97f4a7c15ull >> 32) % THREADS];
    struct thread *thread;

    for (thread = *bucket; thread != NULL; thread = thread->next) {
        if (thread->id == id && thread->is_hart == is_hart)
            return thread;
    }
    thread = checked(calloc(1, sizeof *thread));
    thread->id = id;
    thread->is_hart = is_hart;
    thread->next = *bucket;
    *bucket = thread;
    return thread;
}

static struct seat *seat_of(hart *h)
{
    struct calls *calls = h->machine->calls;
    struct seat *seat = &calls->seats[h->id];
    if (seat->thread == NULL)
        seat->thread = find_thread(calls, h->id, true);
    return seat;
}

static uint64_t clock_of(const struct seat *seat, uint64_t retired) { return seat->thread->clock + (retired - seat->base); }

static struct frame *push(struct thread *thread, enum frame_kind kind, uint64_t clock)
{
    struct frame *frame;

    if (thread->depth == DEEPEST)
        memmove(thread->stack, thread->stack + 1, --thread->depth * sizeof *frame);
    if (thread->depth == thread->capacity) {
        thread->capacity = thread->capacity ? 2 * thread->capacity : 64;
        thread->stack = checked(realloc(thread->stack, thread->capacity * sizeof *thread->stack));
    }
    frame = &thread->stack[thread->depth++];
    *frame = (struct frame){.kind = kind, .begin = clock};
    return frame;
}

/* Down to a frame, it included; what is open above it ends as well. */
static void pop_to(struct calls *calls, struct thread *thread, uint32_t depth, uint64_t clock)
{
    while (thread->depth > depth) {
        const struct frame *frame = &thread->stack[--thread->depth];
        if (frame->kind != INTERRUPT)
            count_edge(calls, frame, clock);
    }
}

static void return_to(struct calls *calls, struct thread *thread, uint64_t pc, uint64_t clock)
{
    for (uint32_t depth = thread->depth; depth > 0 && thread->stack[depth - 1].kind == CALL; depth--) {
        if (thread->stack[depth - 1].return_to == pc) {
            pop_to(calls, thread, depth - 1, clock);
            return;
        }
    }
}

/* A block starts. */
void calls_block(hart *h, const struct code_page *code, const struct block *block, uint64_t pc)
{
    struct calls *calls = h->machine->calls;
    struct seat *seat = seat_of(h);
    const uint64_t here = code->physical + (pc & (PAGE_SIZE - 1)), clock = clock_of(seat, h->retired);
    const uint64_t behind = pc + (block->size & SIZE_BYTES);

    if (seat->entering) {
        seat->thread->stack[seat->thread->depth - 1].callee = here;
        seat->entering = false;
    } else if (seat->pending.links) {
        struct frame *frame = push(seat->thread, CALL, clock);
        frame->return_to = seat->pending.behind;
        frame->site = seat->pending.site;
        frame->callee = here;
    } else if (seat->pending.kind == KIND_RETURN || seat->pending.kind == KIND_INDIRECT) {
        return_to(calls, seat->thread, pc, clock);
    }
    seat->pending = (struct pending){.kind = block->last_kind, .links = (block->flags & BLOCK_LINKS) != 0,
                                     .behind = behind, .site = code->physical + ((behind - 2) & (PAGE_SIZE - 1))};
}

/* The thread on the hart is another one from here on. */
void calls_switch(hart *h, uint64_t id, uint64_t retired)
{
    struct seat *seat = seat_of(h);

    seat->thread->clock = clock_of(seat, retired);
    seat->thread = find_thread(h->machine->calls, id, false);
    seat->base = retired;
}

void calls_trap(hart *h, uint64_t cause)
{
    struct seat *seat = seat_of(h);
    const bool interrupt = cause >> 63;
    struct frame *frame = push(seat->thread, interrupt ? INTERRUPT : EXCEPTION, clock_of(seat, h->retired));

    frame->site = seat->pending.site;
    if (interrupt)
        frame->pending = seat->pending;
    seat->pending = (struct pending){.kind = KIND_ALU};
    seat->entering = true;
}

/* An xret, which has not retired yet. */
void calls_return(hart *h)
{
    struct seat *seat = seat_of(h);
    struct thread *thread = seat->thread;
    const uint64_t clock = clock_of(seat, h->retired + 1);
    uint32_t depth = thread->depth;

    while (depth > 0 && thread->stack[depth - 1].kind == CALL)
        depth--;
    seat->pending = (struct pending){.kind = KIND_ALU};
    if (depth == 0)
        return;
    const struct frame trap = thread->stack[depth - 1];
    pop_to(h->machine->calls, thread, depth - 1, clock);
    if (trap.kind == INTERRUPT) {
        seat->base += clock - trap.begin;
        seat->pending = trap.pending;
    }
}

void calls_destroy(struct replug_machine *machine)
{
    struct calls *calls = machine->calls;

    if (calls == NULL)
        return;
    for (uint32_t i = 0; i < THREADS; i++) {
        while (calls->threads[i] != NULL) {
            struct thread *thread = calls->threads[i];
            calls->threads[i] = thread->next;
            free(thread->stack);
            free(thread);
        }
    }
    free(calls->seats);
    free(calls->edges);
    free(calls);
}

/* --- asked by Python ------------------------------------------------------------------------------------------------- */

/* Watch calls from now on; before the first run.  0, or -1. */
int replug_watch_calls(replug_machine *machine)
{
    if (machine->calls != NULL || machine->code_count != 0)
        return -1;
    machine->calls = checked(calloc(1, sizeof *machine->calls));
    machine->calls->seats = checked(calloc(machine->config.harts, sizeof *machine->calls->seats));
    machine->modelled = true;
    return 0;
}

/* At the end: calls that have not returned count up to now.  The whole table, empty slots (calls 0) included. */
uint32_t replug_call_edges(replug_machine *machine, const replug_call_edge **edges)
{
    struct calls *calls = machine->calls;

    if (calls == NULL)
        return 0;
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        hart *h = &machine->harts[i];
        struct seat *seat = seat_of(h);
        seat->thread->clock = clock_of(seat, h->retired);
        seat->base = h->retired;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        for (struct thread *thread = calls->threads[i]; thread != NULL; thread = thread->next)
            pop_to(calls, thread, 0, thread->clock);
    }
    *edges = calls->edges;
    return calls->edge_capacity;
}
