/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traps (privileged manual, 3.1.6 to 3.1.16 and 3.3.2).  A trap is entered here and never by Unicorn, whose own
 * pending bits stay clear: an interrupt is taken where the architectural state says, at a slice border, when it is
 * unmasked, after an xret or out of wfi, and so at the same instruction however the run is cut.
 */
#include "machine.h"

/* In the order of the manual: MEI, MSI, MTI, SEI, SSI, STI. */
static const uint8_t priority[] = {IRQ_MEIP, IRQ_MSIP, IRQ_MTIP, IRQ_SEIP, IRQ_SSIP, IRQ_STIP};

/* When a hart is called wild: so many traps without an instruction in between, or the very same trap so many times
 * without a return from any: a handler that faults does not get better. */
enum { BARREN_LIMIT = 16, REPEATED_LIMIT = 4096 };

/* The interrupts that are pending at this virtual time, as mip shows them. */
uint64_t trap_pending_at(const hart *h, uint64_t time)
{
    uint64_t pending = h->csr.mip | h->lines;

    if (clint_timer_pending(h, time))
        pending |= BIT(IRQ_MTIP);
    if (h->csr.menvcfg & MENVCFG_STCE) /* then the bit is the timer's, and not what was written (manual, "Sstc") */
        pending = (pending & ~BIT(IRQ_STIP)) | (uint64_t)(time >= h->supervisor_timer_due) << IRQ_STIP;
    return pending;
}

uint64_t trap_pending(hart *h) { return trap_pending_at(h, machine_now(h)); }

/* A hart that traps and traps without retiring anything will do so for ever: say so instead of spinning. */
static void watch_for_wildness(hart *h, uint64_t cause, uint64_t value, uint64_t pc)
{
    struct replug_machine *machine = h->machine;

    h->trap_count++;
    if (pc != h->repeated_pc || cause != h->repeated_cause || value != h->repeated_value) {
        h->repeated_pc = pc;
        h->repeated_cause = cause;
        h->repeated_value = value;
        h->repeated_traps = 0;
    }
    h->repeated_traps++;
    if (h->retired != h->last_trap_retired) {
        h->last_trap_retired = h->retired;
        h->barren_traps = 0;
    } else {
        h->barren_traps++;
    }
    if (h->barren_traps == BARREN_LIMIT || h->repeated_traps == REPEATED_LIMIT) {
        machine->wild_hart = h->id;
        machine->wild_cause = cause;
        machine->wild_value = value;
        machine->wild_pc = pc;
        machine->stop = REPLUG_STOP_WILD;
        h->barren_traps = h->repeated_traps = 0;
        h->ended = true;
        hart_attend(h);
    }
}

void trap_enter(hart *h, uint64_t cause, uint64_t value, uint64_t pc)
{
    struct csrs *csr = &h->csr;
    const bool interrupt = cause >> 63;
    const uint64_t code = cause & 63;
    const bool delegated = h->privilege <= MODE_S && ((interrupt ? csr->mideleg : csr->medeleg) >> code & 1);
    const uint64_t cause_bits =
        h->machine->config.xlen == 32 && interrupt ? BIT(31) | code : cause;
    uint64_t vector;

    if (!interrupt)
        h->excepted_at = h->retired;
    watch_for_wildness(h, cause, value, pc);
    observe_trap(h, cause);
    border_stand(h, true);
    if (h->machine->exact_unit == REPLUG_UNIT_STEPS && h->exact_end != ~0ull) { /* a trap is a step as well */
        h->run_end = --h->exact_end;
        h->fast_end = hart_fast_end(h);
        h->ended |= h->retired >= h->exact_end;
    }
    if (csr->mstatus & MSTATUS_MPRV) /* what M-mode's loads and stores mean is about to change */
        hart_flush_tlb(h);
    if (delegated) {
        csr->sepc = pc;
        csr->scause = cause_bits;
        csr->stval = value;
        csr->mstatus = (csr->mstatus & ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE)) |
                       (h->privilege == MODE_S ? MSTATUS_SPP : 0) |
                       (csr->mstatus & MSTATUS_SIE ? MSTATUS_SPIE : 0);
        vector = csr->stvec;
        hart_set_privilege(h, MODE_S);
    } else {
        csr->mepc = pc;
        csr->mcause = cause_bits;
        csr->mtval = value;
        csr->mstatus = (csr->mstatus & ~(MSTATUS_MPP | MSTATUS_MPIE | MSTATUS_MIE)) |
                       (uint64_t)h->privilege << 11 | (csr->mstatus & MSTATUS_MIE ? MSTATUS_MPIE : 0);
        vector = csr->mtvec;
        hart_set_privilege(h, MODE_M);
    }
    h->reservation.physical = ~0ull; /* another context must not complete it */
    h->pc = (vector & ~3ull) + (interrupt && (vector & 1) ? 4 * code : 0);
    h->waiting = false;
    if (h->machine->catchpoint_count != 0)
        catchpoint_trap(h, cause, value, pc);
}

bool trap_take_interrupt(hart *h)
{
    const uint64_t enabled = trap_pending(h) & h->csr.mie;
    uint64_t deliverable = 0;

    if (enabled == 0)
        return false;
    if (h->privilege < MODE_M || (h->csr.mstatus & MSTATUS_MIE))
        deliverable = enabled & ~h->csr.mideleg;
    if (deliverable == 0 && (h->privilege < MODE_S || (h->privilege == MODE_S && (h->csr.mstatus & MSTATUS_SIE))))
        deliverable = enabled & h->csr.mideleg;
    for (size_t i = 0; i < sizeof priority; i++) {
        if (deliverable & BIT(priority[i])) {
            trap_enter(h, BIT(63) | priority[i], 0, h->pc);
            return true;
        }
    }
    return false;
}

/* mret and sret; false: illegal here. */
bool trap_return(hart *h, uint32_t from)
{
    struct csrs *csr = &h->csr;
    uint32_t to;

    if (h->privilege < from || (from == MODE_S && h->privilege == MODE_S && (csr->mstatus & MSTATUS_TSR)))
        return false;
    if (from == MODE_M) {
        to = (csr->mstatus & MSTATUS_MPP) >> 11;
        csr->mstatus = (csr->mstatus & ~(MSTATUS_MIE | MSTATUS_MPP)) | (csr->mstatus & MSTATUS_MPIE ? MSTATUS_MIE : 0) |
                       MSTATUS_MPIE;
        h->pc = csr->mepc;
    } else {
        to = csr->mstatus & MSTATUS_SPP ? MODE_S : MODE_U;
        csr->mstatus = (csr->mstatus & ~(MSTATUS_SIE | MSTATUS_SPP)) | (csr->mstatus & MSTATUS_SPIE ? MSTATUS_SIE : 0) |
                       MSTATUS_SPIE;
        h->pc = csr->sepc;
    }
    if (to != MODE_M && (csr->mstatus & MSTATUS_MPRV)) {
        csr->mstatus &= ~MSTATUS_MPRV;
        hart_flush_tlb(h);
    }
    h->reservation.physical = ~0ull;
    h->repeated_traps = 0;
    observe_return(h);
    hart_set_privilege(h, to);
    return true;
}
