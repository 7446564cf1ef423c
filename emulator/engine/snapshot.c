/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Going back: snapshots of RAM that hold only what has changed since.
 *
 * Snapshots form a stack.  The newest one keeps the old contents of a page when the page is first stored to: the TLB
 * asks again after a snapshot, so nothing escapes.  Going back to a snapshot gives the kept pages of it and of all newer
 * ones their old contents, and the newer ones are gone.
 *
 * A page that is all zero is kept by its number alone: what a guest has not used yet costs next to nothing.
 *
 * Pages of code whose shadow is behind RAM (shadow.c) are part of the state: what harts would fetch from them is kept
 * with the snapshot.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

struct kept {
    uint64_t page;
    uint8_t *contents; /* NULL: zero */
};

struct view {
    uint64_t page;
    uint8_t contents[PAGE_SIZE];
};

struct snapshot {
    struct kept *kept; /* pages that have changed since, as they were */
    uint32_t kept_count, kept_capacity;
    struct view *views; /* of the pages of code that were dirty when it was taken */
    uint32_t view_count;
    uint32_t code_count; /* pages that were code: what becomes code later shows RAM as it is then */
};

static void *resized(void *memory, size_t count, size_t size)
{
    void *result = realloc(memory, (count ? count : 1) * size);
    if (result == NULL)
        abort(); /* the host is out of memory */
    return result;
}

static struct snapshot *newest(struct replug_machine *machine)
{
    return machine->snapshot_count ? &machine->snapshots[machine->snapshot_count - 1] : NULL;
}

static bool is_zero(const uint8_t *contents)
{
    uint64_t first;

    memcpy(&first, contents, sizeof first);
    return first == 0 && memcmp(contents, contents + sizeof first, PAGE_SIZE - sizeof first) == 0;
}

static uint8_t *keep_contents(struct replug_machine *machine, const uint8_t *contents)
{
    uint8_t *result;

    if (is_zero(contents))
        return NULL;
    result = resized(NULL, 1, PAGE_SIZE);
    memcpy(result, contents, PAGE_SIZE);
    machine->kept_pages++;
    return result;
}

static void forget_contents(struct replug_machine *machine, uint8_t *contents)
{
    machine->kept_pages -= contents != NULL;
    free(contents);
}

void snapshot_keep(struct replug_machine *machine, uint64_t page)
{
    struct snapshot *snapshot = newest(machine);

    if (snapshot == NULL || (machine->page_flags[page] & PAGE_SAVED))
        return;
    if (snapshot->kept_count == snapshot->kept_capacity) {
        snapshot->kept_capacity = snapshot->kept_capacity ? 2 * snapshot->kept_capacity : 16;
        snapshot->kept = resized(snapshot->kept, snapshot->kept_capacity, sizeof *snapshot->kept);
    }
    snapshot->kept[snapshot->kept_count++] =
        (struct kept){.page = page, .contents = keep_contents(machine, machine->ram + (page << PAGE_SHIFT))};
    machine->page_flags[page] |= PAGE_SAVED;
    if (machine->layer_limit != 0 && snapshot->kept_count >= machine->layer_limit)
        machine_interrupt(machine);
}

static void watch_again(struct replug_machine *machine, const struct snapshot *snapshot)
{
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->kept_count; i++)
        machine->page_flags[snapshot->kept[i].page] &= (uint8_t)~PAGE_SAVED;
    for (uint32_t i = 0; i < machine->config.harts; i++)
        hart_flush_tlb(&machine->harts[i]);
}

static void drop(struct replug_machine *machine, struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->kept_count; i++)
        forget_contents(machine, snapshot->kept[i].contents);
    free(snapshot->kept);
    free(snapshot->views);
    memset(snapshot, 0, sizeof *snapshot);
}

/* The number of the new snapshot: how many there were before it. */
uint32_t replug_snapshot(replug_machine *machine)
{
    struct snapshot *snapshot;

    watch_again(machine, newest(machine));
    if (machine->snapshot_count == machine->snapshot_capacity) {
        machine->snapshot_capacity = machine->snapshot_capacity ? 2 * machine->snapshot_capacity : 16;
        machine->snapshots = resized(machine->snapshots, machine->snapshot_capacity, sizeof *machine->snapshots);
    }
    snapshot = &machine->snapshots[machine->snapshot_count++];
    *snapshot = (struct snapshot){.view_count = machine->dirty_count, .code_count = machine->code_count};
    snapshot->views = resized(NULL, machine->dirty_count, sizeof *snapshot->views);
    for (uint32_t i = 0; i < machine->dirty_count; i++) {
        snapshot->views[i].page = machine->dirty_code[i];
        shadow_view(machine, machine->code_pages[machine->dirty_code[i]], snapshot->views[i].contents);
    }
    return machine->snapshot_count - 1;
}

/* RAM, and what is fetched from it, as they were at that snapshot.  -1: there is no such snapshot. */
int replug_rollback(replug_machine *machine, uint32_t number)
{
    struct snapshot *snapshot;

    if (number >= machine->snapshot_count)
        return -1;
    for (uint32_t i = machine->snapshot_count; i-- > number;) {
        for (uint32_t k = 0; k < machine->snapshots[i].kept_count; k++) {
            const struct kept *kept = &machine->snapshots[i].kept[k];
            if (kept->contents != NULL)
                memcpy(machine->ram + (kept->page << PAGE_SHIFT), kept->contents, PAGE_SIZE);
            else
                memset(machine->ram + (kept->page << PAGE_SHIFT), 0, PAGE_SIZE);
            if (machine->page_flags[kept->page] & PAGE_CODE)
                shadow_mark_dirty(machine, kept->page);
        }
    }
    /* Code: first everything that may have changed as RAM has it, then what was behind RAM at that time. */
    shadow_sync(machine);
    snapshot = &machine->snapshots[number];
    shadow_drop(machine, snapshot->code_count);
    for (uint32_t i = 0; i < snapshot->view_count; i++) {
        shadow_set_view(machine, machine->code_pages[snapshot->views[i].page], snapshot->views[i].contents);
        shadow_mark_dirty(machine, snapshot->views[i].page);
    }
    watch_again(machine, newest(machine));
    for (uint32_t i = machine->snapshot_count; i-- > number + 1;)
        drop(machine, &machine->snapshots[i]);
    machine->snapshot_count = number + 1;
    for (uint32_t k = 0; k < snapshot->kept_count; k++) {
        machine->page_flags[snapshot->kept[k].page] &= (uint8_t)~PAGE_SAVED;
        forget_contents(machine, snapshot->kept[k].contents);
    }
    snapshot->kept_count = 0;
    return 0;
}

/*
 * Forget a snapshot and keep those around it: what it has kept goes to the one before, unless that has the page already, in
 * an older state.  The numbers of those behind it go down by one.  -1: there is no such snapshot, or it is the oldest.
 */
int replug_merge_snapshot(replug_machine *machine, uint32_t number)
{
    struct snapshot *snapshot, *before;
    uint64_t *seen;
    uint32_t count;

    if (number == 0 || number >= machine->snapshot_count)
        return -1;
    snapshot = &machine->snapshots[number];
    before = snapshot - 1;
    count = before->kept_count;
    seen = calloc((machine->config.ram_size >> PAGE_SHIFT) / 64 + 1, sizeof *seen);
    if (seen == NULL)
        abort(); /* the host is out of memory */
    for (uint32_t i = 0; i < count; i++)
        seen[before->kept[i].page / 64] |= BIT(before->kept[i].page % 64);
    before->kept = resized(before->kept, count + snapshot->kept_count, sizeof *before->kept);
    for (uint32_t i = 0; i < snapshot->kept_count; i++) {
        if (seen[snapshot->kept[i].page / 64] & BIT(snapshot->kept[i].page % 64))
            forget_contents(machine, snapshot->kept[i].contents);
        else
            before->kept[count++] = snapshot->kept[i];
    }
    snapshot->kept_count = 0; /* they have gone to the one before */
    before->kept = resized(before->kept, count, sizeof *before->kept);
    before->kept_count = before->kept_capacity = count;
    free(seen);
    drop(machine, snapshot);
    machine->snapshot_count--;
    memmove(snapshot, snapshot + 1, (machine->snapshot_count - number) * sizeof *snapshot);
    return 0;
}

void replug_drop_snapshots(replug_machine *machine)
{
    watch_again(machine, newest(machine));
    for (uint32_t i = 0; i < machine->snapshot_count; i++)
        drop(machine, &machine->snapshots[i]);
    machine->snapshot_count = 0;
}

/* How many pages have changed since, up to the next snapshot. */
uint64_t replug_snapshot_pages(replug_machine *machine, uint32_t number)
{
    return number < machine->snapshot_count ? machine->snapshots[number].kept_count : 0;
}

/* Host memory that all snapshots take, in bytes. */
uint64_t replug_snapshot_bytes(replug_machine *machine)
{
    uint64_t bytes = machine->kept_pages * PAGE_SIZE;

    for (uint32_t i = 0; i < machine->snapshot_count; i++)
        bytes += machine->snapshots[i].kept_capacity * sizeof(struct kept) + machine->snapshots[i].view_count * sizeof(struct view);
    return bytes;
}

/* From now on a run comes back (REPLUG_STOP_REQUEST) soon after so many pages have changed since a snapshot; 0: it does not. */
void replug_limit_snapshot(replug_machine *machine, uint64_t pages) { machine->layer_limit = pages; }

/* Has any page of so many bytes from a physical address on changed between that snapshot and the next (or now)? */
int replug_snapshot_holds(replug_machine *machine, uint32_t number, uint64_t address, uint64_t length)
{
    const uint64_t offset = address - machine->config.ram_base;
    const uint64_t first = offset >> PAGE_SHIFT, last = (offset + length - 1) >> PAGE_SHIFT;

    for (uint32_t i = 0; number < machine->snapshot_count && i < machine->snapshots[number].kept_count; i++) {
        const uint64_t page = machine->snapshots[number].kept[i].page;
        if (first <= page && page <= last)
            return 1;
    }
    return 0;
}

void snapshot_destroy(struct replug_machine *machine)
{
    for (uint32_t i = 0; i < machine->snapshot_count; i++)
        drop(machine, &machine->snapshots[i]);
    free(machine->snapshots);
}
