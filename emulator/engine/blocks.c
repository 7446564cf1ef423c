/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exact counting by blocks.
 *
 * Unicorn tells us when a translated block starts, with its address and size.  The number of instructions in it is
 * decoded once, kept with the physical page of code, and taken from the slice's budget each time the block runs.
 * When a fault or a trap cuts a block short, what did not retire is given back.
 */
#include "machine.h"

#define NOT_PLAIN 0x8000u /* in block.size: leave the fast path for this block */

/* Move a block's count to its instructions: the block is about to be forgotten, or did not run whole. */
void blocks_expand(const struct replug_machine *machine, struct code_page *code, uint32_t parcel, uint64_t count,
                   uint32_t instructions)
{
    for (uint32_t i = 0; i < instructions && parcel < PARCELS; i++) {
        code->counts[parcel] += count;
        parcel += shadow_length(machine, code, parcel) / 2;
    }
}

/* Decode a block that has not run before.  False: it holds something to intercept first. */
static bool examine(hart *h, struct code_page *code, uint64_t start, uint32_t size)
{
    enum { LONGEST = 1024 };
    struct instruction list[LONGEST];
    struct block *block = &code->blocks[parcel_of(start)];
    uint32_t count = 0;

    for (uint64_t pc = start; pc < start + size && count < LONGEST; pc += list[count++].length) {
        struct code_page *home = shadow_mapped(h, pc);
        if (home == NULL || !shadow_instruction_at(h, home, pc, &list[count])) {
            machine_fail(h->machine, "hart %u: block at 0x%llx: no code known", h->id, (unsigned long long)pc);
            return true;
        }
        if (shadow_must_intercept(h, &list[count], pc) && home->original[parcel_of(pc)] == 0)
            return false;
    }
    if (block->count != 0 && block->size != 0)
        blocks_expand(h->machine, code, parcel_of(start), block->count, block->instructions);
    *block = (struct block){.size = (uint16_t)size, .instructions = (uint16_t)count};
    if (count > 0) {
        block->last_kind = list[count - 1].kind;
        block->flags = list[count - 1].backward ? BLOCK_BACKWARD : 0;
        block->cost = (uint16_t)observe_cost(h->machine, list, count);
        observe_new_block(h, code, block, parcel_of(start), start);
        for (uint32_t i = 0; i < count; i++)
            block->flags |= is_floating(&list[i]) && hart_floats(h) ? BLOCK_FLOATING : 0;
        if (block->flags & (BLOCK_MARKED | BLOCK_FLOATING))
            block->size |= NOT_PLAIN;
    }
    return true;
}

static void run_block(hart *h, struct block *block, uint64_t address)
{
    if (unlikely(h->machine->config.per_instruction))
        return; /* blocks_instruction_hook counts */
    block->count++;
    h->budget -= block->instructions;
    h->block = block;
    h->block_pc = address;
    h->recent[h->recent_at++ % RECENT] = address;
}

static void leave(hart *h) { uc_emu_stop(h->uc); }

static __attribute__((noinline)) void slow_path(hart *h, uint64_t address, uint32_t size)
{
    struct code_page *code;
    struct block *block;

    if (h->ended || h->budget <= 0) {
        leave(h);
        return;
    }
    code = shadow_mapped(h, address);
    if (code == NULL) {
        machine_fail(h->machine, "hart %u: block at 0x%llx runs from an unknown page", h->id, (unsigned long long)address);
        leave(h);
        return;
    }
    block = &code->blocks[parcel_of(address)];
    if (size == 0 && parcel_of(address) == 0)
        code->begins_empty = true;
    if ((block->size & ~NOT_PLAIN) != size || size == 0) {
        if (!examine(h, code, address, size)) {
            h->patch_pending = true;
            h->patch_size = size;
            leave(h);
            return;
        }
        if (h->hook_pending) {
            h->patch_size = size;
            block->size = 0;
            leave(h);
            return;
        }
    }
    if ((block->flags & BLOCK_FLOATING) && !hart_floats(h)) { /* it was on when the block was examined */
        h->patch_pending = true;
        h->patch_size = size;
        leave(h);
        return;
    }
    observe_block(h, code, block, address);
    run_block(h, block, address);
}

void blocks_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    hart *h = user;
    const struct code_slot *slot = &h->codes->slots[(address >> PAGE_SHIFT) & h->codes->mask];

    (void)uc;
    if (likely(slot->page == address >> PAGE_SHIFT)) {
        struct block *block = &slot->code->blocks[parcel_of(address)];
        if (likely(block->size == size && h->budget > h->floor)) {
            run_block(h, block, address);
            return;
        }
    }
    slow_path(h, address, size);
}

/* Counting by instruction: slices end exactly where they should, and every instruction pays for it. */
void blocks_instruction_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    hart *h = user;
    struct code_page *code;

    (void)uc;
    (void)size;
    if (h->ended || h->budget <= 0) {
        leave(h);
        return;
    }
    h->budget--;
    h->block_pc = address;
    h->recent[h->recent_at++ % RECENT] = address;
    code = shadow_mapped(h, address);
    if (code != NULL)
        code->counts[parcel_of(address)]++;
}

static void cut_instruction(hart *h, uint64_t pc)
{
    struct code_page *code = shadow_mapped(h, pc);

    if (h->block_pc != pc) /* taken back already, or a fetch that failed */
        return;
    h->block_pc = ~0ull;
    h->budget++;
    if (code != NULL)
        code->counts[parcel_of(pc)]--;
}

/*
 * The block that runs stops before the instruction at pc: give back what did not retire.  `undo` takes back its marks
 * as well: a load that faults will be executed again, an ecall will not.
 */
void blocks_cut(hart *h, uint64_t pc, bool undo)
{
    struct block *block = h->block;
    struct instruction instruction;
    uint32_t executed = 0;
    uint64_t at = h->block_pc;

    if (h->machine->config.per_instruction) {
        cut_instruction(h, pc);
        return;
    }
    if (block == NULL || pc < at || pc >= at + (block->size & ~NOT_PLAIN))
        return; /* it ran to its end: the fault belongs to what comes after it */
    while (at < pc && shadow_instruction(h, at, &instruction)) {
        at += instruction.length;
        executed++;
    }
    h->budget += block->instructions - executed;
    block->count--;
    blocks_expand(h->machine, shadow_mapped(h, h->block_pc), parcel_of(h->block_pc), 1, executed);
    if (undo)
        observe_cut(h, block, executed);
    h->block = NULL;
}

