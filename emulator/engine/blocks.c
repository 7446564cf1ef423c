/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exact counting by blocks.
 *
 * Unicorn tells us when a translated block starts, with its address and size.  The number of instructions in it is
 * decoded once, kept with the physical page of code, and added to the hart's count each time the block starts.
 * When a fault or a trap cuts a block short, what did not retire is taken back.
 *
 * The hook is all that exact counting costs, and most of that is the call itself: whatever is
 * added to its fast path is felt in everything that runs.
 */
#include "machine.h"

/* Move a block's count to its instructions: the block is about to be forgotten, or did not run whole. */
void blocks_expand(const struct replug_machine *machine, struct code_page *code, uint32_t parcel, uint64_t count,
                   uint32_t instructions)
{
    for (uint32_t i = 0; i < instructions && parcel < PARCELS; i++) {
        code->counts[parcel] += count;
        parcel += shadow_length(machine, code, parcel) / 2;
    }
}

/* The size of a block, with what makes the hook leave its fast path. */
void blocks_set_size(struct block *block, uint32_t size)
{
    block->size = (uint16_t)(size | (block->flags & BLOCK_FLOATING ? SIZE_FLOATING : 0) |
                             (block->flags & BLOCK_MARKED ? SIZE_MARKED : 0) | (block->flags & BLOCK_BREAK ? SIZE_NOT_PLAIN : 0));
}

/* Decode a block that has not run before.  False: it holds something to intercept first. */
static bool examine(hart *h, struct code_page *code, uint64_t start, uint32_t size)
{
    struct instruction list[LONGEST_BLOCK];
    struct block *block = &code->blocks[parcel_of(start)];
    uint64_t last = start;
    uint32_t count = 0;

    /* By distances: behind the last block of the address space is address 0. */
    for (uint64_t pc = start; pc - start < size && count < LONGEST_BLOCK; pc += list[count++].length) {
        struct code_page *home = shadow_mapped(h, pc);
        if (home == NULL || !shadow_instruction_at(h, home, pc, &list[count])) {
            machine_fail(h->machine, "hart %u: block at 0x%llx: no code known", h->id, (unsigned long long)pc);
            return true;
        }
        if (shadow_must_intercept(h, &list[count], pc) ? home->original[parcel_of(pc)] == 0
                                                       : shadow_overlapped(h, home, &list[count], pc) != NULL)
            return false;
        last = pc;
    }
    if (block->count != 0 && block->size != 0)
        blocks_expand(h->machine, code, parcel_of(start), block->count, block->instructions);
    *block = (struct block){.size = (uint16_t)size, .instructions = (uint16_t)count};
    if (count > 0) {
        block->last_kind = list[count - 1].kind;
        block->flags = (list[count - 1].backward ? BLOCK_BACKWARD : 0) | (decode_links(&list[count - 1]) ? BLOCK_LINKS : 0) |
                       (border_behind(&list[count - 1], last) ? 0 : BLOCK_INSIDE);
        if (h->machine->modelled)
            models_new_block(h, code, parcel_of(start), list, count);
        observe_new_block(h, code, block, parcel_of(start), start);
        for (uint32_t i = 0; i < count; i++)
            block->flags |= is_floating(&list[i]) && hart_floats(h) ? BLOCK_FLOATING : 0;
        if (breakpoint_in(h->machine, start, size))
            block->flags |= BLOCK_BREAK;
        blocks_set_size(block, size);
    }
    return true;
}

static inline void remember(hart *h, uint64_t address, uint64_t retired)
{
    h->recent[retired % RECENT] = (struct recent){address, retired};
}

static inline void run_block(hart *h, struct block *block, uint64_t address, uint64_t retired)
{
    block->count++;
    h->retired = retired + block->instructions;
    h->block = block;
    h->block_pc = address;
    remember(h, address, retired);
}

/* From the hook: the run is interrupted in front of this block or instruction. */
static void leave(hart *h, uint64_t address, bool border)
{
    border_stand(h, border);
    hart_leave(h, address);
}

/* Must the hart stop in front of this block or instruction?  A slice that is due waits for the next border. */
static bool must_leave(hart *h, uint64_t address, bool border)
{
    if (!h->ended && h->retired < h->exact_end &&
        (!border || h->retired < h->slice_end || machine_exception_due(h) || machine_continue(h)))
        return false;
    leave(h, address, border);
    return true;
}

static __attribute__((noinline)) void slow_path(hart *h, uint64_t address, uint32_t size)
{
    struct code_page *code;
    struct block *block;

    const bool border = border_here(h, address);

    if (must_leave(h, address, border))
        return;
    h->inside = false;
    h->began_inside = !border;
    h->fast_end = hart_fast_end(h);
    code = shadow_mapped(h, address);
    if (code == NULL) {
        machine_fail(h->machine, "hart %u: block at 0x%llx runs from an unknown page", h->id, (unsigned long long)address);
        hart_leave(h, address);
        return;
    }
    block = &code->blocks[parcel_of(address)];
    if (size == 0 && parcel_of(address) == 0)
        code->begins_empty = true;
    if ((block->size & SIZE_BYTES) != size || size == 0) {
        if (!examine(h, code, address, size)) {
            h->patch_pending = true;
            h->patch_size = size;
            leave(h, address, border);
            return;
        }
        if (h->hook_pending) {
            h->patch_size = size;
            block->size = 0;
            leave(h, address, border);
            return;
        }
    }
    if ((block->flags & BLOCK_FLOATING) && !hart_floats(h)) { /* it was on when the block was examined */
        h->patch_pending = true;
        h->patch_size = size;
        leave(h, address, border);
        return;
    }
    const bool careful = careful_wanted(h, block, address);
    observe_block(h, code, block, address);
    if (!h->machine->config.per_instruction) /* else blocks_instruction_hook counts */
        run_block(h, block, address, h->retired);
    if (careful) {
        careful_enter(h);
        hart_leave(h, address);
    }
}

/* The hart goes on in another page than before. */
static __attribute__((noinline)) void other_page(hart *h, uint64_t address, uint32_t size)
{
    struct code_page *code = shadow_mapped(h, address);

    if (code != NULL) {
        struct block *block = &code->blocks[parcel_of(address)];
        h->page_start = address & ~(uint64_t)(PAGE_SIZE - 1);
        h->page_blocks = code->blocks;
        if (block->size == size && h->retired < h->fast_end) {
            run_block(h, block, address, h->retired);
            return;
        }
    }
    slow_path(h, address, size);
}

void blocks_count(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    hart *h = user;
    const uint64_t offset = address - h->page_start, retired = h->retired;

    (void)uc;
    if (unlikely(offset >= PAGE_SIZE)) {
        other_page(h, address, size);
        return;
    }
    struct block *block = (struct block *)((char *)h->page_blocks + offset * (sizeof *block / 2)); /* offset is even */
    if (unlikely(block->size != size || retired >= h->fast_end)) {
        slow_path(h, address, size);
        return;
    }
    run_block(h, block, address, retired);
}

/* What Unicorn calls, with what the translated code has in rbp (inline.c). */
void blocks_called(uc_engine *uc, uint64_t address, uint32_t size, void *user, uint8_t *base)
{
    hart *h = user;

    blocks_count(uc, address, size, user);
    if (h->inlines)
        inline_block(h, __builtin_return_address(0), address, size, base);
}

#if defined(__x86_64__) && defined(__linux__)
__asm__(".text\n"
        ".globl blocks_hook\n"
        ".hidden blocks_hook\n"
        ".type blocks_hook, @function\n"
        "blocks_hook:\n"
        "    mov %rbp, %r8\n"
        "    jmp blocks_called\n"
        ".size blocks_hook, . - blocks_hook\n");
#else
void blocks_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user) { blocks_called(uc, address, size, user, NULL); }
#endif

/* Counting by instruction: slices end exactly where they should, and every instruction pays for it. */
void blocks_instruction_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    hart *h = user;
    struct code_page *code;

    (void)uc;
    (void)size;
    if (must_leave(h, address, true))
        return;
    remember(h, address, h->retired++);
    h->block_pc = address;
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
    h->retired--;
    if (code != NULL)
        code->counts[parcel_of(pc)]--;
}

/*
 * The block that runs stops before the instruction at pc: give back what did not retire.  `undo` takes back its marks
 * as well: a load that faults will be executed again, an ecall will not.  Returns how many instructions of the block ran.
 */
uint32_t blocks_cut(hart *h, uint64_t pc, bool undo)
{
    struct block *block = h->block;
    struct instruction instruction;
    uint32_t executed = 0;
    uint64_t at = h->block_pc;

    h->left = 0;
    h->careful = h->watch_pending = false;
    if (h->machine->config.per_instruction) {
        cut_instruction(h, pc);
        return 0;
    }
    if (block == NULL || pc - at >= (block->size & SIZE_BYTES))
        return 0; /* it ran to its end: the fault belongs to what comes after it */
    while (at < pc && shadow_instruction(h, at, &instruction)) {
        at += instruction.length;
        executed++;
    }
    h->retired -= block->instructions - executed;
    if (executed == 0)
        h->cut[h->cut_at++ % RECENT_CUT] = (struct recent){h->block_pc, h->retired};
    block->count--;
    if (shadow_mapped(h, h->block_pc) != NULL)
        blocks_expand(h->machine, shadow_mapped(h, h->block_pc), parcel_of(h->block_pc), 1, executed);
    if (undo)
        observe_cut(h, block, executed);
    h->block = NULL;
    return executed;
}

