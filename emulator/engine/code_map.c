/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which page of code a hart fetches from at a virtual page: exactly what Unicorn's TLB has been told since it was last
 * emptied, so that a block is counted in the page it came from even when page tables have changed meanwhile.
 *
 * A hash table with linear probing that grows: it is never more than half full.
 */
#include <stdlib.h>

#include "machine.h"

enum { FIRST_CAPACITY = 512 };
#define EMPTY (~0ull)

static void allocate(struct code_map *map, uint32_t capacity)
{
    map->slots = malloc(capacity * sizeof *map->slots);
    map->used = malloc(capacity / 2 * sizeof *map->used);
    if (map->slots == NULL || map->used == NULL)
        abort(); /* the host is out of memory */
    for (uint32_t i = 0; i < capacity; i++)
        map->slots[i] = (struct code_slot){EMPTY, NULL};
    map->mask = capacity - 1;
    map->used_count = 0;
}

void code_map_create(struct code_map *map) { allocate(map, FIRST_CAPACITY); }

void code_map_destroy(struct code_map *map)
{
    free(map->slots);
    free(map->used);
}

static struct code_slot *find(const struct code_map *map, uint64_t page)
{
    uint64_t at = page & map->mask;
    while (map->slots[at].page != page && map->slots[at].page != EMPTY)
        at = (at + 1) & map->mask;
    return &map->slots[at];
}

struct code_page *shadow_mapped(hart *h, uint64_t virtual)
{
    const struct code_slot *slot = find(h->codes, virtual >> PAGE_SHIFT);
    return slot->page == EMPTY ? NULL : slot->code;
}

static void insert(struct code_map *map, struct code_slot entry)
{
    struct code_slot *slot = find(map, entry.page);
    if (slot->page == EMPTY)
        map->used[map->used_count++] = (uint32_t)(slot - map->slots);
    *slot = entry;
}

void shadow_map(hart *h, uint64_t virtual, struct code_page *code)
{
    struct code_map *map = h->codes;

    if (map->used_count == (map->mask + 1) / 2) {
        const struct code_map old = *map;
        allocate(map, 2 * (old.mask + 1));
        for (uint32_t i = 0; i < old.used_count; i++)
            insert(map, old.slots[old.used[i]]);
        free(old.slots);
        free(old.used);
    }
    insert(map, (struct code_slot){virtual >> PAGE_SHIFT, code});
    h->page_start = NO_PAGE;
}

void shadow_unmap_all(hart *h)
{
    for (int regime = 0; regime < 2; regime++) {
        struct code_map *map = &h->regimes[regime];
        for (uint32_t i = 0; i < map->used_count; i++)
            map->slots[map->used[i]].page = EMPTY;
        map->used_count = 0;
    }
    h->page_start = NO_PAGE;
}
