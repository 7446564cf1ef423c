/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Observers: marks, traps, sleep.  They watch and never change a run.
 *
 * A mark is an instruction whose execution leaves an event behind, with the hart's counters as they are before it.
 * The event comes from the block the instruction lies in, so a mark costs nothing anywhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* --- marks ------------------------------------------------------------------------------------------------------------- */

/* Blocks that have run and hold this address are to be looked at again: what was translated of them knows nothing of it. */
static void forget_blocks(struct replug_machine *machine, uint64_t physical)
{
    struct code_page *code = machine->code_pages[(physical - machine->config.ram_base) >> PAGE_SHIFT];
    const uint32_t at = parcel_of(physical);
    bool found = false;

    for (uint32_t parcel = at >= 2 * LONGEST_BLOCK ? at - 2 * LONGEST_BLOCK + 1 : 0; code != NULL && parcel <= at; parcel++) {
        struct block *block = &code->blocks[parcel];
        if (block->size == 0 || at >= parcel + (block->size & SIZE_BYTES) / 2)
            continue;
        blocks_expand(machine, code, parcel, block->count, block->instructions);
        block->count = 0;
        block->size = 0;
        found = true;
    }
    for (uint32_t i = 0; found && i < machine->config.harts; i++)
        inline_drop(&machine->harts[i]);
}

/* The number of the new mark, or -1: not an address in RAM, or no such register or kind. */
int replug_mark(replug_machine *machine, uint64_t physical, uint32_t kind, uint32_t name, uint32_t detail,
                int capture_register)
{
    if (!translate_is_ram(machine, physical, 2) || capture_register < 0 || capture_register > 31 ||
        kind < REPLUG_MARK_BEGIN || kind > REPLUG_MARK_CODE_VALUE || machine->config.per_instruction)
        return -1;
    if (machine->mark_count == machine->mark_capacity) {
        const uint32_t capacity = machine->mark_capacity ? 2 * machine->mark_capacity : 64;
        struct mark_entry *grown = realloc(machine->marks, capacity * sizeof *grown);
        if (grown == NULL)
            return -1;
        machine->marks = grown;
        machine->mark_capacity = capacity;
    }
    machine->marks[machine->mark_count] = (struct mark_entry){
        .physical = physical, .kind = kind, .name = name, .detail = detail, .capture = (int8_t)capture_register};
    machine->paths_marked |= kind < REPLUG_MARK_CODE;
    forget_blocks(machine, physical);
    return (int)machine->mark_count++;
}

/* The capture hooks of all harts: code that is about to be translated anew asks Unicorn for one there. */
static void hook_capture(hart *h, struct mark_entry *entry, uint64_t pc)
{
    if (entry->hooked)
        return;
    entry->hooked = true;
    for (uint32_t i = 0; i < h->machine->config.harts; i++)
        hart_add_capture_hook(&h->machine->harts[i], pc);
    h->hook_pending = true;
}

/* So that the block finds its marks at once.  They follow each other in the page's list. */
static uint16_t new_slot(struct replug_machine *machine, struct block_mark *mark)
{
    enum { MOST = 0xffff };

    if (machine->mark_slots == NULL)
        machine->mark_slots = malloc(MOST * sizeof(struct block_mark *));
    if (machine->mark_slots == NULL || machine->mark_slot_count == MOST)
        return 0;
    machine->mark_slots[machine->mark_slot_count] = mark;
    return (uint16_t)++machine->mark_slot_count;
}

void observe_new_block(hart *h, struct code_page *code, struct block *block, uint32_t parcel, uint64_t pc)
{
    struct replug_machine *machine = h->machine;
    const uint64_t start = code->physical + 2ull * parcel, end = start + (block->size & SIZE_BYTES);
    struct block_mark **link;
    struct instruction instruction;
    uint32_t index = 0;

    if (machine->mark_count == 0)
        return;
    for (link = &code->marks; *link != NULL;) { /* marks of the block that stood here before */
        struct block_mark *mark = *link;
        if (mark->parcel == parcel) {
            *link = mark->next;
            free(mark);
        } else {
            link = &mark->next;
        }
    }
    for (uint64_t at = start; at < end && shadow_instruction(h, pc + (at - start), &instruction); at += instruction.length, index++) {
        for (uint32_t i = 0; i < machine->mark_count; i++) {
            struct mark_entry *entry = &machine->marks[i];
            struct block_mark *mark;
            if (entry->physical != at)
                continue;
            mark = calloc(1, sizeof *mark);
            if (mark == NULL)
                abort();
            *mark = (struct block_mark){.mark = i, .parcel = (uint16_t)parcel, .index = (uint16_t)index,
                                        .source = capture_source(h, pc, pc + (at - start), entry->capture)};
            if (machine->modelled)
                models_prefix(h, pc, index, mark->cost);
            if (mark->source.hooked)
                hook_capture(h, entry, pc + (at - start));
            *link = mark;
            link = &mark->next;
            if (!(block->flags & BLOCK_MARKED))
                block->first_mark = new_slot(machine, mark);
            block->flags |= BLOCK_MARKED;
        }
    }
}

/* The first of a block's marks, the others follow by observe_next(); NULL: it has none. */
const struct block_mark *observe_marks(const struct replug_machine *machine, const struct code_page *code, const struct block *block,
                                       uint32_t parcel)
{
    const struct block_mark *mark = code->marks;

    if (!(block->flags & BLOCK_MARKED))
        return NULL;
    if (block->first_mark != 0)
        return machine->mark_slots[block->first_mark - 1];
    while (mark != NULL && mark->parcel != parcel)
        mark = mark->next;
    return mark;
}

void observe_block(hart *h, struct code_page *code, struct block *block, uint64_t pc)
{
    struct replug_machine *machine = h->machine;

    if (machine->modelled) {
        models_close_block(h, true, pc);
        if (machine->cached)
            caches_fetch(h, code, block, pc);
        models_open_block(h, code, block, pc);
        if (machine->calls != NULL)
            calls_block(h, code, block, pc);
    }
    if (!(block->flags & BLOCK_MARKED))
        return;
    if (events_full(machine))
        events_settle(machine); /* the block before has ended: nothing of it can be taken back */
    h->open_events = machine->log.count;
    h->open_instret = h->retired;
    for (const struct block_mark *mark = observe_marks(machine, code, block, parcel_of(pc)); mark != NULL; mark = observe_next(mark)) {
        if (machine->marks[mark->mark].kind >= REPLUG_MARK_CODE) {
            if (!mark->source.hooked)
                generated_note(h, mark->mark, capture_value(h, &mark->source));
            continue;
        }
        struct passed *event = events_record(h, REPLUG_EVENT_MARK);
        event->instret = h->open_instret + mark->index;
        event->value = mark->source.hooked ? 0 : capture_value(h, &mark->source);
        event->mark = mark->mark;
        if (machine->calls != NULL && machine->marks[mark->mark].kind == REPLUG_MARK_THREAD && !mark->source.hooked)
            calls_switch(h, event->value, event->instret);
        if (machine->log.details != NULL) {
            struct event_detail *detail = &machine->log.details[machine->log.count - 1];
            detail->time += mark->index;
            for (uint32_t m = 0; m < machine->model_count; m++)
                detail->cycles[m] += mark->cost[m];
        }
    }
}

/* The register of a mark changes on the way to it, so it is read when the hart gets there. */
void observe_capture_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    hart *h = user;
    struct code_page *code = shadow_mapped(h, address);
    const uint64_t physical = code == NULL ? 0 : code->physical + (address & (PAGE_SIZE - 1));

    (void)uc;
    (void)size;
    for (uint32_t e = h->machine->log.count; e > h->open_events; e--) {
        struct passed *event = &h->machine->log.events[e - 1];
        if (event->kind != REPLUG_EVENT_MARK || event->hart != h->id)
            continue;
        const struct mark_entry *entry = &h->machine->marks[event->mark];
        if (entry->physical != physical || entry->capture == 0)
            continue;
        event->value = hart_get_x(h, (uint32_t)entry->capture);
        if (h->machine->calls != NULL && entry->kind == REPLUG_MARK_THREAD)
            calls_switch(h, event->value, event->instret);
    }
    for (uint32_t i = 0; i < h->machine->mark_count; i++) {
        const struct mark_entry *entry = &h->machine->marks[i];
        if (entry->kind >= REPLUG_MARK_CODE && entry->hooked && entry->physical == physical)
            generated_note(h, i, hart_get_x(h, (uint32_t)entry->capture));
    }
}

/* The block did not run to its end: what its later instructions would have told and cost is taken back. */
void observe_cut(hart *h, const struct block *block, uint32_t executed)
{
    struct replug_machine *machine = h->machine;

    if (machine->modelled)
        models_cut(h, executed);
    if (!(block->flags & BLOCK_MARKED))
        return;
    struct event_log *log = &machine->log;
    while (log->count > h->open_events && log->events[log->count - 1].hart == h->id &&
           log->events[log->count - 1].instret >= h->open_instret + executed)
        log->count--;
    h->open_events = log->count;
}

/* Is anybody interested in where traps are?  Every block before has ended or was cut: nothing can be taken back. */
static bool wants_traps(struct replug_machine *machine)
{
    if (events_full(machine))
        events_settle(machine);
    return machine->paths_marked || machine->keep_events;
}

/* The refilling of the pipeline belongs to the trap. */
void observe_trap(hart *h, uint64_t cause)
{
    if (h->machine->modelled)
        models_close_block(h, false, 0);
    if (wants_traps(h->machine))
        events_record(h, REPLUG_EVENT_TRAP)->value = cause;
    if (h->machine->modelled)
        models_trap(h);
    if (h->machine->calls != NULL)
        calls_trap(h, cause);
}

/* The xret, which has not retired yet, and the refilling of the pipeline after it belong to the trap as well. */
void observe_return(hart *h)
{
    if (h->machine->modelled) {
        models_close_block(h, false, 0);
        models_trap(h);
    }
    if (wants_traps(h->machine)) {
        struct event_log *log = &h->machine->log;
        events_record(h, REPLUG_EVENT_RETURN)->instret++;
        if (log->details != NULL)
            log->details[log->count - 1].time++;
    }
    if (h->machine->calls != NULL)
        calls_return(h);
}

void observe_sleep(hart *h, bool wakes)
{
    if (h->machine->keep_events && wants_traps(h->machine))
        events_record(h, wakes ? REPLUG_EVENT_WAKE : REPLUG_EVENT_WAIT);
}
