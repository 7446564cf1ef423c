/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * L1 caches of a cost model: each hart has one for instructions and one for data, with lines by physical address, least
 * recently used line replaced, and the data caches kept coherent by MESI.  They only watch: they hold no data, and what
 * they cost is added to the model's cycles.
 *
 * Every load and store in RAM comes here, by a hook of Unicorn's (an AMO as a load and a store, as Unicorn makes it), or
 * from the engine for those that it makes itself; devices are not cached.  Instructions are fetched a block at a time: the
 * misses of a block are paid for when it starts.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum state { INVALID, SHARED, EXCLUSIVE, MODIFIED };

struct line {
    uint64_t address; /* physical, of its first byte, without the bits inside a line */
    uint32_t used;    /* when, in accesses of this cache */
    uint8_t state;
};

struct cache {
    struct line *lines; /* [set * ways + way] */
    uint32_t sets, ways, clock;
    uint64_t latest;    /* the line of the latest access, which needs no search */
    struct line *latest_line;
};

struct caches { /* of one model */
    replug_caches config;
    uint32_t shift; /* log2 of a line's bytes */
    struct cache *instructions, *data; /* by hart */
};

static struct cache *make(uint32_t harts, uint32_t sets, uint32_t ways)
{
    struct cache *made = calloc(harts, sizeof *made);
    if (made == NULL)
        abort(); /* the host is out of memory */
    for (uint32_t i = 0; i < harts; i++) {
        made[i] = (struct cache){.sets = sets, .ways = ways, .latest = ~0ull};
        made[i].lines = calloc((size_t)sets * ways, sizeof *made[i].lines);
        if (made[i].lines == NULL)
            abort();
    }
    return made;
}

static struct line *find(struct cache *cache, uint64_t line)
{
    struct line *set = &cache->lines[(line % cache->sets) * cache->ways];
    for (uint32_t way = 0; way < cache->ways; way++) {
        if (set[way].state != INVALID && set[way].address == line)
            return &set[way];
    }
    return NULL;
}

static struct line *replace(struct cache *cache, uint64_t line)
{
    struct line *set = &cache->lines[(line % cache->sets) * cache->ways], *oldest = set;
    for (uint32_t way = 0; way < cache->ways; way++) {
        if (set[way].state == INVALID) {
            oldest = &set[way];
            break;
        }
        if (cache->clock - set[way].used > cache->clock - oldest->used)
            oldest = &set[way];
    }
    if (cache->latest_line == oldest)
        cache->latest = ~0ull;
    oldest->address = line;
    return oldest;
}

/* Cycles that a hart waits for one line of data. */
static uint32_t access_line(struct caches *caches, uint32_t harts, uint32_t hart, uint64_t line, bool store)
{
    struct cache *own = &caches->data[hart];
    struct line *found;
    uint32_t cost = 0;
    bool others = false, modified = false;

    own->clock++;
    if (own->latest == line && own->latest_line->state >= (store ? MODIFIED : SHARED)) {
        own->latest_line->used = own->clock;
        return 0;
    }
    found = find(own, line);
    if (found == NULL || (store && found->state == SHARED)) {
        for (uint32_t other = 0; other < harts; other++) {
            struct line *theirs = other == hart ? NULL : find(&caches->data[other], line);
            if (theirs == NULL)
                continue;
            others = true;
            modified |= theirs->state == MODIFIED;
            theirs->state = store ? INVALID : SHARED;
        }
        cost = modified ? caches->config.transfer : found == NULL ? caches->config.miss : others ? caches->config.upgrade : 0;
        if (found == NULL)
            found = replace(own, line);
        found->state = others ? SHARED : EXCLUSIVE;
    }
    if (store)
        found->state = MODIFIED;
    found->used = own->clock;
    own->latest = line;
    own->latest_line = found;
    return cost;
}

static uint32_t access_bytes(struct caches *caches, const hart *h, uint64_t physical, uint32_t width, bool store)
{
    const uint64_t first = physical >> caches->shift, last = (physical + width - 1) >> caches->shift;
    uint32_t cost = access_line(caches, h->machine->config.harts, h->id, first, store);

    if (last != first)
        cost += access_line(caches, h->machine->config.harts, h->id, last, store);
    return cost;
}

static uint64_t program_counter(hart *h)
{
    uint64_t pc = 0;
    uc_reg_read(h->uc, UC_RISCV_REG_PC, &pc);
    return pc;
}

/* A stall comes after marks of this block were recorded: those of later instructions are that much later. */
static void delay_marks(hart *h, uint32_t model, uint32_t cost, uint64_t pc)
{
    struct replug_machine *machine = h->machine;
    const struct code_page *code = shadow_mapped(h, h->block_pc);
    const uint64_t start = code == NULL ? 0 : code->physical + (h->block_pc & (PAGE_SIZE - 1));

    for (uint32_t e = machine->log.count; e > h->open_events; e--) {
        const struct passed *event = &machine->log.events[e - 1];
        if (event->hart == h->id && event->kind == REPLUG_EVENT_MARK &&
            machine->marks[event->mark].physical - start > pc - h->block_pc)
            machine->log.details[e - 1].cycles[model] += cost;
    }
}

static void pay(hart *h, uint32_t model, uint32_t cost, bool inside_block)
{
    h->cycles[model] += cost;
    if (inside_block && cost != 0 && h->block != NULL && (h->block->flags & BLOCK_MARKED))
        delay_marks(h, model, cost, program_counter(h));
}

/* A load or store in RAM that the engine makes itself. */
void caches_access(hart *h, uint64_t physical, uint32_t width, bool store)
{
    for (uint32_t m = 0; m < h->machine->model_count; m++) {
        struct caches *caches = h->machine->caches[m];
        if (caches != NULL)
            pay(h, m, access_bytes(caches, h, physical, width, store), false);
    }
}

static void memory_hook(uc_engine *uc, uc_mem_type type, uint64_t physical, int size, int64_t value, void *user)
{
    hart *h = user;

    (void)uc;
    (void)value;
    if (!translate_is_ram(h->machine, physical, (uint64_t)size))
        return;
    for (uint32_t m = 0; m < h->machine->model_count; m++) {
        struct caches *caches = h->machine->caches[m];
        if (caches != NULL)
            pay(h, m, access_bytes(caches, h, physical, (uint32_t)size, type == UC_MEM_WRITE), true);
    }
}

static uint32_t fetch_lines(struct caches *caches, uint32_t hart, uint64_t physical, uint64_t length)
{
    struct cache *cache = &caches->instructions[hart];
    uint32_t cost = 0;

    for (uint64_t line = physical >> caches->shift; line <= (physical + length - 1) >> caches->shift; line++) {
        struct line *found;
        cache->clock++;
        if (cache->latest == line) {
            cache->latest_line->used = cache->clock;
            continue;
        }
        found = find(cache, line);
        if (found == NULL) {
            cost += caches->config.miss;
            found = replace(cache, line);
            found->state = SHARED;
        }
        found->used = cache->clock;
        cache->latest = line;
        cache->latest_line = found;
    }
    return cost;
}

/* A block starts. */
void caches_fetch(hart *h, const struct code_page *code, const struct block *block, uint64_t pc)
{
    const uint64_t size = block->size & SIZE_BYTES, offset = pc & (PAGE_SIZE - 1);
    const uint64_t here = offset + size > PAGE_SIZE ? PAGE_SIZE - offset : size;
    const struct code_page *next = here < size ? shadow_mapped(h, pc + here) : NULL;

    for (uint32_t m = 0; m < h->machine->model_count; m++) {
        struct caches *caches = h->machine->caches[m];
        if (caches == NULL)
            continue;
        pay(h, m, fetch_lines(caches, h->id, code->physical + offset, here), false);
        if (next != NULL)
            pay(h, m, fetch_lines(caches, h->id, next->physical, size - here), false);
    }
}

/* fence.i: what is fetched from now on is looked up anew. */
void caches_flush_instructions(hart *h)
{
    for (uint32_t m = 0; m < h->machine->model_count; m++) {
        struct caches *caches = h->machine->caches[m];
        if (caches == NULL)
            continue;
        struct cache *cache = &caches->instructions[h->id];
        memset(cache->lines, 0, (size_t)cache->sets * cache->ways * sizeof *cache->lines);
        cache->latest = ~0ull;
    }
}

static void destroy(struct cache *caches, uint32_t harts)
{
    for (uint32_t i = 0; i < harts; i++)
        free(caches[i].lines);
    free(caches);
}

void caches_destroy(struct replug_machine *machine)
{
    for (uint32_t m = 0; m < REPLUG_MODELS; m++) {
        struct caches *caches = machine->caches[m];
        if (caches == NULL)
            continue;
        destroy(caches->instructions, machine->config.harts);
        destroy(caches->data, machine->config.harts);
        free(caches);
    }
}

static uint32_t log2_of(uint32_t value)
{
    uint32_t shift = 0;
    while (1u << shift < value)
        shift++;
    return shift;
}

static bool power_of_two(uint32_t value) { return value != 0 && (value & (value - 1)) == 0; }

/* Give a model caches; before the first run.  0, or -1: no such model, it has some, or sizes that no cache has. */
int replug_set_caches(replug_machine *machine, uint32_t model, const replug_caches *config)
{
    struct caches *caches;
    uc_hook handle;

    if (model >= machine->model_count || machine->caches[model] != NULL || machine->code_count != 0 || config->line < 4 ||
        config->line > PAGE_SIZE || !power_of_two(config->line) || !power_of_two(config->instruction_sets) ||
        !power_of_two(config->data_sets) || config->instruction_ways == 0 || config->data_ways == 0)
        return -1;
    caches = calloc(1, sizeof *caches);
    if (caches == NULL)
        abort();
    caches->config = *config;
    caches->shift = log2_of(config->line);
    caches->instructions = make(machine->config.harts, config->instruction_sets, config->instruction_ways);
    caches->data = make(machine->config.harts, config->data_sets, config->data_ways);
    machine->caches[model] = caches;
    for (uint32_t i = 0; !machine->cached && i < machine->config.harts; i++) {
        hart *h = &machine->harts[i];
        if (uc_hook_add(h->uc, &handle, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)memory_hook, h, 1, 0) != UC_ERR_OK)
            return -1;
    }
    machine->cached = true;
    return 0;
}
