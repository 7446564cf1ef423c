/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One hart: one Unicorn instance over the machine's memory, its hooks, its registers, and the running of a slice.
 *
 * Unicorn keeps the integer and floating-point registers, fcsr, the pc during a run, and a copy of the privilege mode
 * (which tells its TLBs apart) and of mstatus.FS.  Everything else of a hart is ours.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { TRANSLATION_BUFFER = 64 << 20 };

static uint64_t get_register(hart *h, int id)
{
    uint64_t value = 0;
    if (h->machine->config.xlen == 64) {
        uc_reg_read(h->uc, id, &value);
    } else {
        uint32_t narrow = 0;
        uc_reg_read(h->uc, id, &narrow);
        value = narrow;
    }
    return value;
}

static void set_register(hart *h, int id, uint64_t value)
{
    const uint32_t narrow = (uint32_t)value;
    uc_reg_write(h->uc, id, h->machine->config.xlen == 64 ? (const void *)&value : (const void *)&narrow);
}

uint64_t hart_get_x(hart *h, uint32_t index) { return index == 0 ? 0 : get_register(h, UC_RISCV_REG_X0 + (int)index); }

void hart_set_x(hart *h, uint32_t index, uint64_t value)
{
    if (index != 0)
        set_register(h, UC_RISCV_REG_X0 + (int)index, value);
}

uint64_t hart_get_f(hart *h, uint32_t index)
{
    uint64_t value = 0;
    uc_reg_read(h->uc, UC_RISCV_REG_F0 + (int)index, &value);
    return value;
}

void hart_set_f(hart *h, uint32_t index, uint64_t value) { uc_reg_write(h->uc, UC_RISCV_REG_F0 + (int)index, &value); }

uint64_t hart_unicorn_pc(hart *h) { return get_register(h, UC_RISCV_REG_PC); }

/*
 * To Unicorn the privilege mode is only the name of a TLB: 0, 1 or 3.  User mode has the first, supervisor mode the
 * second; the third serves machine mode, and supervisor mode while SUM opens the user's pages to it, so that a kernel
 * that opens and closes them around each copy loses no translation.
 */
enum { TLB_USER = 0, TLB_SUPERVISOR = 1, TLB_THIRD = 3 };

void hart_select_tlb(hart *h)
{
    const bool open = h->privilege == MODE_S && (h->csr.mstatus & MSTATUS_SUM);
    const uint32_t tlb = h->privilege == MODE_U ? TLB_USER : h->privilege == MODE_S && !open ? TLB_SUPERVISOR : TLB_THIRD;

    struct code_map *codes = &h->regimes[h->privilege == MODE_M ? 0 : 1];

    if (codes != h->codes)
        h->page_start = NO_PAGE;
    h->codes = codes;
    if (tlb == TLB_THIRD && h->third_tlb_open != open) {
        h->third_tlb_open = open;
        hart_flush_tlb(h);
    }
    if (tlb != h->tlb) {
        h->tlb = tlb;
        set_register(h, UC_RISCV_REG_PRIV, tlb);
    }
}

void hart_set_privilege(hart *h, uint32_t privilege)
{
    h->privilege = privilege;
    hart_select_tlb(h);
}

/* Unicorn checks CSR numbers against its own privilege mode, silently. */
static uint64_t unicorn_csr(hart *h, int id, bool write, uint64_t value)
{
    uint64_t result = 0;

    set_register(h, UC_RISCV_REG_PRIV, MODE_M);
    if (write)
        set_register(h, id, value);
    else
        result = get_register(h, id);
    set_register(h, UC_RISCV_REG_PRIV, h->tlb);
    return result;
}

/*
 * Unicorn never has FS Off: it would let compressed loads and stores pass as if they were nothing, and its translator
 * fails when a block holds some hundreds of them.  What is illegal while FS is Off is intercepted instead (shadow.c).
 */
void hart_push_fs(hart *h)
{
    const uint32_t wanted = hart_floats(h) ? (h->csr.mstatus & MSTATUS_FS) >> 13 : 1;

    /* Initial and Clean turn into Dirty in Unicorn unseen: what it has is known for sure only when it is Dirty or Off. */
    if (wanted != h->unicorn_fs || (hart_floats(h) && wanted != 3)) {
        unicorn_csr(h, UC_RISCV_REG_MSTATUS, true, (uint64_t)wanted << 13);
        h->unicorn_fs = wanted;
    }
}

/* Unicorn turns Initial and Clean into Dirty when the guest writes a floating-point register. */
void hart_pull_fs(hart *h)
{
    if (hart_floats(h) && (h->unicorn_fs == 1 || h->unicorn_fs == 2)) {
        h->unicorn_fs = (unicorn_csr(h, UC_RISCV_REG_MSTATUS, false, 0) & MSTATUS_FS) >> 13;
        h->csr.mstatus = (h->csr.mstatus & ~MSTATUS_FS) | (uint64_t)h->unicorn_fs << 13;
    }
}

/* fcsr can be reached only while floating point is on. */
static uint64_t reach_fcsr(hart *h, bool write, uint64_t value)
{
    const uint64_t status = unicorn_csr(h, UC_RISCV_REG_MSTATUS, false, 0);
    uint64_t result;

    unicorn_csr(h, UC_RISCV_REG_MSTATUS, true, MSTATUS_FS);
    result = unicorn_csr(h, UC_RISCV_REG_FCSR, write, value);
    unicorn_csr(h, UC_RISCV_REG_MSTATUS, true, status & MSTATUS_FS);
    return result;
}

uint64_t hart_get_fcsr(hart *h) { return reach_fcsr(h, false, 0); }

void hart_set_fcsr(hart *h, uint64_t value) { reach_fcsr(h, true, value); }

void hart_flush_tlb(hart *h)
{
    uc_ctl_flush_tlb(h->uc);
    if (h->machine->careful.hart == h)
        uc_ctl_flush_tlb(h->machine->careful.own);
    shadow_unmap_all(h);
    h->mxr_used = false;
}

void hart_attend(hart *h) { h->fast_end = 0; }

/*
 * From a hook: end the run in front of the block or instruction at pc.  A pc that has been written spares Unicorn the search
 * through all its translations for the place where it stopped, much of what a short slice costs.
 */
void hart_leave(hart *h, uint64_t pc)
{
    h->pc = pc;
    h->pc_known = true;
    set_register(h, UC_RISCV_REG_PC, pc);
    uc_emu_stop(h->uc);
}

void hart_add_capture_hook(hart *h, uint64_t virtual)
{
    uc_hook handle;
    if (uc_hook_add(h->uc, &handle, UC_HOOK_CODE, (void *)observe_capture_hook, h, virtual, virtual) != UC_ERR_OK)
        machine_fail(h->machine, "hart %u: no hook at 0x%llx", h->id, (unsigned long long)virtual);
}

/* A Unicorn over the machine's memory, without hooks. */
uc_err hart_open(const struct replug_machine *machine, uc_engine **uc, uint32_t buffer)
{
    const replug_config *config = &machine->config;
    uc_err error = uc_open(UC_ARCH_RISCV, config->xlen == 64 ? UC_MODE_RISCV64 : UC_MODE_RISCV32, uc);

    if (error == UC_ERR_OK)
        error = uc_ctl_set_tcg_buffer_size(*uc, buffer);
    if (error == UC_ERR_OK)
        error = uc_ctl_tlb_mode(*uc, UC_TLB_VIRTUAL);
    if (error == UC_ERR_OK)
        error = uc_ctl_exits_enable(*uc); /* with none set: a run never ends by address, and ends cheaply */
    if (error == UC_ERR_OK)
        error = uc_mem_map_ptr(*uc, config->ram_base, config->ram_size, UC_PROT_ALL, machine->ram);
    if (error == UC_ERR_OK)
        error = uc_mem_map_ptr(*uc, machine->shadow_base, config->ram_size, UC_PROT_ALL, machine->shadow);
    return error;
}

bool hart_create(struct replug_machine *machine, hart *h, uint32_t id)
{
    const replug_config *config = &machine->config;
    uc_hook handle;
    uc_err error;

    h->machine = machine;
    h->id = id;
    h->privilege = MODE_M;
    h->codes = &h->regimes[0];
    h->tlb = TLB_THIRD;
    h->fault_cause = CAUSE_NONE;
    h->unboxed_result = NO_RESULT;
    clint_set_timer(h, ~0ull);
    h->csr.stimecmp = ~0ull;
    if ((config->extensions & REPLUG_SVADU) && config->hardware_ad)
        h->csr.menvcfg = MENVCFG_ADUE;
    clint_update_supervisor_timer(h);
    h->page_start = NO_PAGE;
    h->inlines = !config->per_instruction && !config->calls_only;
    for (uint32_t i = 0; i < RECENT; i++)
        h->recent[i].retired = ~0ull;
    h->reservation.physical = ~0ull;
    h->last_trap_retired = h->excepted_at = ~0ull;
    code_map_create(&h->regimes[0]);
    code_map_create(&h->regimes[1]);
    error = hart_open(machine, &h->uc, TRANSLATION_BUFFER);
    if (error == UC_ERR_OK)
        error = uc_hook_add(h->uc, &handle, UC_HOOK_TLB_FILL, (void *)translate_fill, h, 1, 0);
    if (error == UC_ERR_OK)
        error = uc_hook_add(h->uc, &handle, UC_HOOK_BLOCK, (void *)blocks_hook, h, 1, 0);
    if (error == UC_ERR_OK && config->per_instruction)
        error = uc_hook_add(h->uc, &handle, UC_HOOK_CODE, (void *)blocks_instruction_hook, h, 1, 0);
    if (error == UC_ERR_OK && config->strict_nan_boxing)
        error = uc_hook_add(h->uc, &handle, UC_HOOK_CODE, (void *)nanbox_hook, h, 1, 0);
    if (error == UC_ERR_OK)
        error = uc_hook_add(h->uc, &handle, UC_HOOK_INTR, (void *)emulate_hook, h, 1, 0);
    if (error != UC_ERR_OK) {
        machine_fail(machine, "hart %u: unicorn: %s", id, uc_strerror(error));
        return false;
    }
    set_register(h, UC_RISCV_REG_PRIV, TLB_THIRD);
    hart_push_fs(h);
    return true;
}

void hart_destroy(hart *h)
{
    if (h->uc != NULL)
        uc_close(h->uc);
    inline_destroy(h);
    code_map_destroy(&h->regimes[0]);
    code_map_destroy(&h->regimes[1]);
}

/*
 * An illegal parcel at the start of a page is a block of no length to Unicorn, whose last byte it then looks for in the
 * page before; and once it has it, it looks for it again in the page behind, as it does for all blocks in two pages.
 */
static bool is_empty_block(hart *h, uint64_t page)
{
    const uint64_t mask = h->machine->config.xlen == 64 ? ~0ull : 0xffffffff, distance = (h->fault_address - page) & mask;

    return h->pc == page && (distance == (-(uint64_t)PAGE_SIZE & mask) || (distance == PAGE_SIZE && shadow_is_empty(h, page)));
}

static void illegal_at_page_start(hart *h)
{
    struct instruction instruction;
    const bool known = shadow_instruction(h, h->pc, &instruction);

    if (known && shadow_mapped(h, h->pc)->original[0] != 0 && !shadow_must_intercept(h, &instruction, h->pc))
        shadow_release(h); /* it is legal, and was intercepted when FS was Off */
    else
        trap_enter(h, CAUSE_ILLEGAL, known ? instruction.bits : 0, h->pc);
}

/* The TLB refused: a trap, or an access to a device. */
static void settle_fault(hart *h)
{
    const uint32_t cause = h->fault_cause;
    const uint64_t pc = h->pc;

    h->fault_cause = CAUSE_NONE;
    if (h->fault_access == ACCESS_FETCH) {
        if (h->left > 0) { /* the rest of its block: it is fetched anew */
            careful_stand(h);
            careful_forget(h);
        }
        const uint64_t page = pc & ~(uint64_t)(PAGE_SIZE - 1);
        if (h->fault_address == page)
            trap_enter(h, cause, pc, pc);
        else if (pc == h->fault_address - 2)
            trap_enter(h, cause, h->fault_address, pc);
        else if (is_empty_block(h, page))
            illegal_at_page_start(h);
        else if (!shadow_arm_crossing(h, h->fault_address)) {
            if (cause == CAUSE_AHEAD)
                shadow_page(h->machine, h->fault_physical);
            else
                trap_enter(h, cause, h->fault_address, pc);
        }
        return;
    }
    if (cause == CAUSE_DEVICE) {
        const struct block block = h->block != NULL ? *h->block : (struct block){.size = 0};
        const uint32_t executed = blocks_cut(h, pc, false);
        loadstore_access(h, pc, &block, executed);
    } else {
        blocks_cut(h, pc, true);
        bool is_store;
        const uint64_t value = loadstore_fault_address(h, pc, &is_store);
        /* The load half of an AMO faults as a load, but is a store to the guest (manual, "mcause"). */
        trap_enter(h, is_store && cause == CAUSE_LOAD_PAGE ? CAUSE_STORE_PAGE : is_store && cause == CAUSE_LOAD_ACCESS ? CAUSE_STORE_ACCESS : cause,
                   value, pc);
    }
}

static void settle_ebreak(hart *h)
{
    struct instruction instruction;

    if (h->crossing_armed && h->pc == h->crossing_pc) {
        uint64_t physical;
        uint32_t allowed, cause;
        const uint64_t pc = h->pc;
        blocks_cut(h, pc, true);
        shadow_disarm_crossing(h);
        const uint64_t behind = h->machine->config.xlen == 64 ? pc + 2 : (uint32_t)(pc + 2);
        cause = translate(h, behind, ACCESS_FETCH, h->privilege, false, &physical, &allowed);
        if (cause != CAUSE_NONE)
            trap_enter(h, cause, behind, pc);
        else
            border_stand(h, h->machine->config.per_instruction);
        return;
    }
    if (!shadow_instruction(h, h->pc, &instruction) || instruction.kind != KIND_EBREAK) {
        machine_fail(h->machine, "hart %u: unicorn stopped at 0x%llx for no reason that is known", h->id,
                     (unsigned long long)h->pc);
        return;
    }
    blocks_cut(h, h->pc, false);
    trap_enter(h, CAUSE_BREAKPOINT, h->pc, h->pc);
}

/* Where the block hook leaves its fast path: early enough to meet an exact end in front of the block that holds it. */
uint64_t hart_fast_end(const hart *h)
{
    const struct replug_machine *machine = h->machine;
    const uint64_t exact = h->exact_end < LONGEST_BLOCK ? 0 : h->exact_end - LONGEST_BLOCK;

    if (h->inside || machine->modelled || machine->config.per_instruction || machine->register_watch.kind != REGISTER_NONE)
        return 0;
    return h->slice_end < exact ? h->slice_end : exact;
}

/* Behind a block: is this where its slice ends? */
static bool slice_is_due(const hart *h)
{
    return h->left == 0 && !h->inside && h->retired >= h->slice_end && !machine_exception_due(h);
}

/* May it go on with another block? */
static bool goes_on(const hart *h)
{
    return h->careful || (!slice_is_due(h) && h->retired < h->exact_end);
}

/* Run until so many instructions have retired (to the next block border), the hart sleeps, or someone says stop. */
void hart_run_slice(hart *h, uint64_t instructions)
{
    struct replug_machine *machine = h->machine;

    h->slice_end = instructions < ~h->retired ? h->retired + instructions : ~0ull;
    h->fast_end = hart_fast_end(h);
    h->ended = machine->stop != 0;
    inline_begin(h);
    if (h->left > 0)
        careful_resume(h);
    while (!h->ended && goes_on(h)) {
        h->crossing_fresh = false;
        const uc_err error = h->careful ? careful_start(h) : uc_emu_start(h->uc, h->pc, 0, 0, 0);
        if (!h->pc_known)
            h->pc = hart_unicorn_pc(h);
        h->pc_known = false;
        if (h->unboxed_result != NO_RESULT)
            nanbox_finish(h, h->pc);
        if (h->left == 0 && !border_here(h, h->pc))
            border_stand(h, false);
        if (h->patch_pending) {
            shadow_patch(h);
        } else if (h->release_pending) {
            shadow_release(h);
        } else if (h->unboxed_pending) {
            nanbox_settle(h);
        } else if (h->hook_pending) {
            h->hook_pending = false;
            uc_ctl_remove_cache(h->uc, h->pc, h->pc + h->patch_size);
        } else if (h->sync_pending) {
            h->sync_pending = false;
            shadow_sync(machine);
        } else if (h->fault_cause == CAUSE_WATCHPOINT) {
            h->fault_cause = CAUSE_NONE;
            careful_enter_at(h, h->pc);
        } else if (h->fault_cause != CAUSE_NONE && h->fault_access == ACCESS_FETCH &&
                   (h->ended || careful_at_end(h) || slice_is_due(h) || breakpoint_stops(h, h->pc))) {
            h->fault_cause = CAUSE_NONE; /* it will be raised when the hart goes on */
            h->ended = true;
        } else if (h->fault_cause != CAUSE_NONE) {
            settle_fault(h);
        } else if (error == UC_ERR_INSN_INVALID || error == UC_ERR_EXCEPTION) {
            settle_ebreak(h);
        } else if (error != UC_ERR_OK) {
            machine_fail(machine, "hart %u at 0x%llx: unicorn: %s", h->id, (unsigned long long)h->pc, uc_strerror(error));
        }
        if (h->left == 0)
            watchpoint_register(h);
        if (machine->stop_requested || machine->stop != 0)
            h->ended = true;
        if (h->crossing_armed && !h->crossing_fresh && !h->careful)
            shadow_disarm_crossing(h);
    }
    if (h->left > 0)
        careful_stand(h);
    else
        h->block = NULL; /* it may be forgotten until the hart goes on */
    if (h->crossing_armed) {
        careful_forget(h); /* the ebreak was taken for a part of its block */
        shadow_disarm_crossing(h);
    }
}
