/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often each instruction ran: in the page as it is, and in what the page held before it changed.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* A page of code is about to hold something else: what ran there is kept with what it was. */
void old_code_keep(struct replug_machine *machine, struct code_page *code, const uint8_t *content)
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
