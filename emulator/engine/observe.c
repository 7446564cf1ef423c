/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Observers: marks, traps, sleep.  They watch and never change a run.
 *
 * A mark is an instruction whose execution leaves an event behind, with the hart's counters as they are before it.
 * The event comes from the block the instruction lies in, so a mark costs nothing anywhere else.  Events are handed on
 * in batches, at the start of a block or at a trap, when no fault can take any of them back.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { BATCH = 4096, DRAIN_AT = 1 << 16 };

/* --- marks ------------------------------------------------------------------------------------------------------------- */

/* The number of the new mark, or -1: not an address in RAM, or no such register or kind. */
int replug_mark(replug_machine *machine, uint64_t physical, uint32_t kind, uint32_t name, uint32_t detail,
                int capture_register)
{
    if (!translate_is_ram(machine, physical, 2) || capture_register < 0 || capture_register > 31 ||
        kind < REPLUG_MARK_BEGIN || kind > REPLUG_MARK_THREAD || machine->config.per_instruction)
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
    return (int)machine->mark_count++;
}

static bool writes_register(hart *h, uint64_t from, uint64_t to, int8_t index)
{
    struct instruction instruction;

    for (; from < to && shadow_instruction(h, from, &instruction); from += instruction.length) {
        if (instruction.rd == index)
            return true;
    }
    return false;
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
                                        .capture = entry->capture};
            if (machine->modelled)
                models_prefix(h, pc, index, mark->cost);
            if (entry->capture != 0 && writes_register(h, pc, pc + (at - start), entry->capture)) {
                mark->hooked = true;
                hook_capture(h, entry, pc + (at - start));
            }
            *link = mark;
            link = &mark->next;
            if (!(block->flags & BLOCK_MARKED))
                block->first_mark = new_slot(machine, mark);
            block->flags |= BLOCK_MARKED;
        }
    }
}

static replug_event *append(replug_event **buffer, uint32_t *count, uint32_t *capacity)
{
    if (*count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 2 * BATCH;
        *buffer = realloc(*buffer, *capacity * sizeof **buffer);
        if (*buffer == NULL)
            abort(); /* the host is out of memory */
    }
    return &(*buffer)[(*count)++];
}

/* Hand on the first `count` events: they have happened for good. */
static void settle(struct replug_machine *machine, uint32_t count)
{
    paths_consume(machine, count);
    for (uint32_t i = 0; machine->keep_events && i < count; i++)
        *append(&machine->kept, &machine->kept_count, &machine->kept_capacity) = machine->events[i];
    machine->event_count -= count;
    memmove(machine->events, machine->events + count, machine->event_count * sizeof *machine->events);
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        hart *h = &machine->harts[i];
        h->open_events = h->open_events > count ? h->open_events - count : 0;
    }
}

void observe_flush(struct replug_machine *machine) { settle(machine, machine->event_count); }

/* A new event of the hart as it is now; its models' open block is not in the cycles. */
static replug_event *record(hart *h, uint32_t kind)
{
    struct replug_machine *machine = h->machine;
    replug_event *event = append(&machine->events, &machine->event_count, &machine->event_capacity);

    *event = (replug_event){.instret = h->retired, .time = machine_now(h), .kind = kind, .hart = h->id};
    memcpy(event->cycles, h->cycles, sizeof event->cycles);
    if (machine->kept_count >= DRAIN_AT && machine->stop == 0) {
        machine->stop = REPLUG_STOP_OBSERVER;
        h->ended = true;
        hart_attend(h);
    }
    return event;
}

void observe_block(hart *h, struct code_page *code, struct block *block, uint64_t pc)
{
    if (h->machine->modelled) {
        models_close_block(h, true, pc);
        if (h->machine->cached)
            caches_fetch(h, code, block, pc);
        models_open_block(h, code, block, pc);
        if (h->machine->calls != NULL)
            calls_block(h, code, block, pc);
    }
    if (!(block->flags & BLOCK_MARKED))
        return;
    if (h->machine->event_count >= BATCH)
        settle(h->machine, h->machine->event_count); /* the block before has ended: nothing of it can be taken back */
    h->open_events = h->machine->event_count;
    h->open_instret = h->retired;
    const struct block_mark *mark = block->first_mark ? h->machine->mark_slots[block->first_mark - 1] : code->marks;
    bool found = false;
    for (; mark != NULL; mark = mark->next) {
        if (mark->parcel != parcel_of(pc)) {
            if (found)
                break;
            continue;
        }
        found = true;
        replug_event *event = record(h, REPLUG_EVENT_MARK);
        event->instret = h->open_instret + mark->index;
        event->time += mark->index;
        event->value = mark->capture && !mark->hooked ? hart_get_x(h, (uint32_t)mark->capture) : 0;
        event->mark = mark->mark;
        if (h->machine->calls != NULL && h->machine->marks[mark->mark].kind == REPLUG_MARK_THREAD && !mark->hooked)
            calls_switch(h, event->value, event->instret);
        for (uint32_t m = 0; m < h->machine->model_count; m++)
            event->cycles[m] += mark->cost[m];
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
    for (uint32_t e = h->machine->event_count; e > h->open_events; e--) {
        replug_event *event = &h->machine->events[e - 1];
        if (event->kind != REPLUG_EVENT_MARK || event->hart != h->id)
            continue;
        const struct mark_entry *entry = &h->machine->marks[event->mark];
        if (entry->physical != physical || entry->capture == 0)
            continue;
        event->value = hart_get_x(h, (uint32_t)entry->capture);
        if (h->machine->calls != NULL && entry->kind == REPLUG_MARK_THREAD)
            calls_switch(h, event->value, event->instret);
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
    while (machine->event_count > h->open_events && machine->events[machine->event_count - 1].hart == h->id &&
           machine->events[machine->event_count - 1].instret >= h->open_instret + executed)
        machine->event_count--;
    h->open_events = machine->event_count;
}

/* Is anybody interested in where traps are?  Every block before has ended or was cut: nothing can be taken back. */
static bool wants_traps(struct replug_machine *machine)
{
    if (machine->event_count >= BATCH)
        settle(machine, machine->event_count);
    return machine->mark_count != 0 || machine->keep_events;
}

/* The refilling of the pipeline belongs to the trap. */
void observe_trap(hart *h, uint64_t cause)
{
    if (h->machine->modelled)
        models_close_block(h, false, 0);
    if (wants_traps(h->machine))
        record(h, REPLUG_EVENT_TRAP)->value = cause;
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
        replug_event *event = record(h, REPLUG_EVENT_RETURN);
        event->instret++;
        event->time++;
    }
    if (h->machine->calls != NULL)
        calls_return(h);
}

void observe_sleep(hart *h, bool wakes)
{
    if (h->machine->keep_events && wants_traps(h->machine))
        record(h, wakes ? REPLUG_EVENT_WAKE : REPLUG_EVENT_WAIT);
}

/* --- asked by Python ----------------------------------------------------------------------------------------------------- */

void replug_keep_events(replug_machine *machine, int keep) { machine->keep_events = keep != 0; }

uint32_t replug_event_count(replug_machine *machine)
{
    observe_flush(machine);
    return machine->kept_count;
}

const replug_event *replug_events(replug_machine *machine) { return machine->kept; }

void replug_drain_events(replug_machine *machine) { machine->kept_count = 0; }

/* A page of code is about to hold something else: what ran there is kept with what it was. */
void observe_replaced(struct replug_machine *machine, struct code_page *code, const uint8_t *content)
{
    replug_old_page *page;
    bool ran = false;

    for (uint32_t parcel = 0; parcel < PARCELS && !ran; parcel++)
        ran = code->counts[parcel] != 0;
    if (!ran)
        return;
    if (machine->old_page_count == machine->old_page_capacity) {
        machine->old_page_capacity = machine->old_page_capacity ? 2 * machine->old_page_capacity : 16;
        machine->old_pages = realloc(machine->old_pages, machine->old_page_capacity * sizeof *machine->old_pages);
        if (machine->old_pages == NULL)
            abort(); /* the host is out of memory */
    }
    page = malloc(sizeof *page);
    if (page == NULL)
        abort();
    page->physical = code->physical;
    memcpy(page->content, content, sizeof page->content);
    memcpy(page->counts, code->counts, sizeof page->counts);
    memset(code->counts, 0, sizeof code->counts);
    machine->old_pages[machine->old_page_count++] = page;
}

/* What harts fetch from a page.  0, or -1: nothing was ever fetched from it. */
int replug_code_content(replug_machine *machine, uint64_t page_address, uint8_t *content)
{
    const struct code_page *code = NULL;

    if (translate_is_ram(machine, page_address, PAGE_SIZE))
        code = machine->code_pages[(page_address - machine->config.ram_base) >> PAGE_SHIFT];
    if (code == NULL)
        return -1;
    shadow_view(machine, code, content);
    return 0;
}

uint32_t replug_old_pages(replug_machine *machine, const replug_old_page *const **pages)
{
    *pages = (const replug_old_page *const *)machine->old_pages;
    return machine->old_page_count;
}

/* Executions of each instruction of a page of RAM, by parcel.  Returns how many parcels hold a count. */
uint64_t replug_counts(replug_machine *machine, uint64_t page_address, uint64_t *counts)
{
    struct code_page *code;
    uint64_t filled = 0;

    memset(counts, 0, PARCELS * sizeof *counts);
    for (uint32_t i = 0; i < machine->old_page_count; i++) {
        for (uint32_t parcel = 0; machine->old_pages[i]->physical == page_address && parcel < PARCELS; parcel++)
            counts[parcel] += machine->old_pages[i]->counts[parcel];
    }
    if (!translate_is_ram(machine, page_address, PAGE_SIZE))
        return 0;
    code = machine->code_pages[(page_address - machine->config.ram_base) >> PAGE_SHIFT];
    if (code == NULL)
        return 0;
    for (uint32_t parcel = 0; parcel < PARCELS; parcel++)
        counts[parcel] += code->counts[parcel];
    for (uint32_t start = 0; start < PARCELS; start++) {
        const struct block *block = &code->blocks[start];
        uint32_t parcel = start;
        for (uint32_t i = 0; i < block->instructions && parcel < PARCELS; i++) {
            counts[parcel] += block->count;
            parcel += shadow_length(machine, code, parcel) / 2;
        }
    }
    for (uint32_t parcel = 0; parcel < PARCELS; parcel++)
        filled += counts[parcel] != 0;
    return filled;
}
