/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a slice may end.
 *
 * A run is repeatable only if its slices end where the instructions and the state of the machine say.  Blocks do not: where
 * one begins depends on how Unicorn has translated the code, on what has been intercepted in it, on where the hart was
 * stopped and by whom.  So slices, and runs with a limit, end at borders only.  There is a border
 *
 *   - behind a control transfer, taken or not,
 *   - behind an instruction that the engine executes itself whenever it comes (is_intercepted in decode.h), and behind an
 *     access to fflags, frm or fcsr,
 *   - behind an access to a device,
 *   - where an instruction and the next one begin in different pages (virtual ones),
 *   - at a trap: in front of its handler.
 *
 * What lies between two borders is a stretch.  A slice that is due at a border ends in front of whatever comes next, which
 * may well be an exception.  Where a hart is in the middle of a stretch when a block begins, or when it is stopped, it is
 * `inside`.  Counting by instruction, there is a border everywhere.
 *
 * None of this costs anything while blocks run: it is looked at when a slice is due, and when a hart stops.
 */
#include "machine.h"

/* Is there one behind this instruction at pc, if it retires and the hart goes on behind it? */
bool border_behind(const struct instruction *instruction, uint64_t pc)
{
    switch (instruction->kind) {
    case KIND_BRANCH:
    case KIND_JUMP:
    case KIND_INDIRECT:
    case KIND_RETURN:
    case KIND_CSR_FLOAT: return true;
    default: return is_intercepted(instruction) || pc >> PAGE_SHIFT != (pc + instruction->length) >> PAGE_SHIFT;
    }
}

/* Is there one where the hart stands, or comes to the end of its block? */
bool border_here(const hart *h, uint64_t pc)
{
    const struct block *block = h->block;
    return !h->inside && !(block != NULL && (block->flags & BLOCK_INSIDE) && pc == h->block_pc + (block->size & SIZE_BYTES));
}

/* The hart stops, or its run is interrupted, in front of the instruction at its pc. */
void border_stand(hart *h, bool border)
{
    h->inside = !border;
    h->block = NULL;
    if (h->inside)
        hart_attend(h);
}

/* The same behind an instruction that was at pc and that has been executed outside the run. */
void border_stand_behind(hart *h, const struct instruction *instruction, uint64_t pc)
{
    border_stand(h, h->machine->config.per_instruction || border_behind(instruction, pc));
}
