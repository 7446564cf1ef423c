/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running a block instruction by instruction: how a run stops at an exact place, in front of a breakpoint, or behind an access
 * to watched memory, without anything changing for the rest of the run.
 *
 * A block that needs care is counted as ever and then run in a second Unicorn, one for all harts, that has a hook at every
 * instruction; at the block's end the hart goes on in its own.  A hart that stops in the middle stands: `left` instructions
 * of its block are still to come, and are not in `retired` meanwhile.  It could as well begin a block there, since slices
 * end at borders (borders.c) and not where blocks do: a hart that is restored does.  But then cost models would see two
 * blocks where there was one.
 */
#include "machine.h"

enum { CAREFUL_BUFFER = 16 << 20 };

static void careful_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    struct replug_machine *machine = user;
    hart *h = machine->careful.hart;

    if (h->left != 0 && h->block != NULL && (h->block->flags & BLOCK_MARKED))
        observe_capture_hook(uc, address, size, h);
    watchpoint_settle(h);
    if (h->left == 0 || h->ended || careful_must_stop(h, address)) {
        hart_leave(h, address);
        return;
    }
    h->left--;
    watchpoint_instruction(h, address);
    if (machine->config.strict_nan_boxing)
        nanbox_hook(uc, address, size, h);
}

static bool careful_fill(uc_engine *uc, uint64_t address, uc_mem_type type, uc_tlb_entry *result, void *user)
{
    return translate_fill(uc, address, type, result, ((struct replug_machine *)user)->careful.hart);
}

static void careful_interrupt(uc_engine *uc, uint32_t cause, void *user)
{
    emulate_hook(uc, cause, ((struct replug_machine *)user)->careful.hart);
}

static bool create(struct replug_machine *machine)
{
    struct careful *careful = &machine->careful;
    uc_hook handle;
    uc_err error = hart_open(machine, &careful->uc, CAREFUL_BUFFER);

    if (error == UC_ERR_OK)
        error = uc_hook_add(careful->uc, &handle, UC_HOOK_TLB_FILL, (void *)careful_fill, machine, 1, 0);
    if (error == UC_ERR_OK)
        error = uc_hook_add(careful->uc, &handle, UC_HOOK_CODE, (void *)careful_hook, machine, 1, 0);
    if (error == UC_ERR_OK)
        error = uc_hook_add(careful->uc, &handle, UC_HOOK_INTR, (void *)careful_interrupt, machine, 1, 0);
    if (error == UC_ERR_OK)
        error = uc_context_alloc(careful->uc, &careful->context);
    if (error != UC_ERR_OK)
        machine_fail(machine, "a second unicorn: %s", uc_strerror(error));
    return error == UC_ERR_OK;
}

void careful_destroy(struct replug_machine *machine)
{
    if (machine->careful.context != NULL)
        uc_context_free(machine->careful.context);
    if (machine->careful.uc != NULL)
        uc_close(machine->careful.uc);
}

/* All that a hart keeps in Unicorn.  The context leaves out a part of fcsr, which does not change while FS is Off. */
static void move_registers(hart *h, uc_engine *from, uc_engine *to, bool floats)
{
    uint64_t fcsr = 0;

    if (floats)
        fcsr = hart_get_fcsr(h);
    uc_context_save(from, h->machine->careful.context);
    uc_context_restore(to, h->machine->careful.context);
    h->uc = to;
    if (floats)
        hart_set_fcsr(h, fcsr);
}

/* In place of uc_emu_start on the hart's own Unicorn: the rest of its block.  h->pc is where it stopped. */
uc_err careful_start(hart *h)
{
    struct careful *careful = &h->machine->careful;
    uc_engine *const own = h->uc;
    const bool floats = hart_floats(h);
    uc_err error;

    if (careful->uc == NULL && !create(h->machine)) {
        h->ended = true;
        return UC_ERR_OK;
    }
    if (careful->stale)
        uc_ctl_flush_tb(careful->uc);
    careful->stale = false;
    careful->hart = h;
    careful->own = own;
    uc_ctl_flush_tlb(careful->uc);
    move_registers(h, own, careful->uc, floats);
    error = uc_emu_start(h->uc, h->pc, 0, 0, 0);
    if (!h->pc_known)
        h->pc = hart_unicorn_pc(h);
    h->pc_known = true;
    move_registers(h, careful->uc, own, floats);
    careful->own = NULL;
    careful->hart = NULL;
    if (h->watch_pending && (h->fault_cause == CAUSE_NONE || h->fault_access == ACCESS_FETCH))
        watchpoint_settle(h); /* the access was the last of its block */
    h->careful = h->left > 0;
    return error;
}

/* --- when ---------------------------------------------------------------------------------------------------------------- */

/* From the block hook, before the block is counted. */
bool careful_wanted(const hart *h, const struct block *block, uint64_t pc)
{
    const struct replug_machine *machine = h->machine;

    if (block->instructions == 0 || machine->config.per_instruction)
        return false;
    if (h->retired + block->instructions > h->exact_end || machine->register_watch.kind != REGISTER_NONE)
        return true;
    const uint32_t size = block->size & SIZE_BYTES;
    return (block->flags & BLOCK_BREAK) && breakpoint_in(machine, pc, size) && !sieve_block(h, pc, size);
}

/* The block that has just been counted, none of which has run. */
void careful_enter(hart *h)
{
    h->careful = true;
    h->left = h->block->instructions;
}

/* The same when it has run up to the instruction at pc. */
void careful_enter_at(hart *h, uint64_t pc)
{
    struct instruction instruction;

    if (h->block == NULL) {
        machine_fail(h->machine, "hart %u: watched access at 0x%llx in no block", h->id, (unsigned long long)pc);
        return;
    }
    careful_enter(h);
    for (uint64_t at = h->block_pc; at < pc && h->left > 1 && shadow_instruction(h, at, &instruction); at += instruction.length)
        h->left--;
}

/* In front of the instruction at pc. */
bool careful_must_stop(hart *h, uint64_t pc)
{
    if (careful_at_end(h))
        h->ended = true;
    return h->ended || breakpoint_stops(h, pc);
}

/* Is the instruction at pc a part of no block?  It was not counted then. */
bool careful_outside(const hart *h, uint64_t pc)
{
    if (h->machine->config.per_instruction)
        return h->block_pc != pc;
    return h->block == NULL || pc - h->block_pc >= (h->block->size & SIZE_BYTES);
}

/* --- standing in the middle of a block ------------------------------------------------------------------------------------- */

void careful_stand(hart *h)
{
    if (h->left == h->block->instructions) { /* none of it has run: it stands in front of the block, as if it had not begun */
        blocks_cut(h, h->block_pc, true);
        h->inside = h->began_inside;
        return;
    }
    h->retired -= h->left;
    h->careful = false;
    h->inside = true;
}

void careful_resume(hart *h)
{
    h->retired += h->left;
    h->careful = true;
    h->inside = false;
}

/* The rest of the block is off: a block begins where the hart stands. */
void careful_forget(hart *h)
{
    if (h->left == 0)
        return;
    if (shadow_mapped(h, h->block_pc) != NULL) {
        careful_resume(h);
        blocks_cut(h, h->pc, true);
    }
    h->left = 0;
    h->careful = false;
    border_stand(h, false);
}

/* Code that has been stored to is what harts fetch from now on; outside a run. */
void replug_sync_code(replug_machine *machine)
{
    for (uint32_t i = 0; i < machine->config.harts; i++)
        careful_forget(&machine->harts[i]);
    shadow_sync(machine);
}
