/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instructions that the engine executes itself.
 *
 * While one of them is executed it counts as not retired, so that the counters and the time it reads, and those that
 * a device sees, are those before it.
 */
#include "bitmanip.h"
#include "machine.h"

enum { UNICORN_ECALL = 8 };

static uint32_t bits_of(uint32_t bits, int high, int low) { return (bits >> low) & ((1u << (high - low + 1)) - 1); }

/* --- system instructions -------------------------------------------------------------------------------------------- */

/* After it executes: does the hart have to ask for interrupts, which it may just have unmasked? */
static bool unmasks(uint32_t number)
{
    switch (number) {
    case 0x100: /* sstatus */
    case 0x104: /* sie */
    case 0x144: /* sip */
    case 0x300: /* mstatus */
    case 0x303: /* mideleg */
    case 0x304: /* mie */
    case 0x344: /* mip */
    case 0x14d: /* stimecmp, stimecmph, menvcfg, menvcfgh: the supervisor's timer */
    case 0x15d:
    case 0x30a:
    case 0x31a: return true;
    default: return false;
    }
}

static bool execute_csr(hart *h, uint32_t bits)
{
    const uint32_t number = bits >> 20, function = bits_of(bits, 14, 12), rd = bits_of(bits, 11, 7);
    const uint32_t source = bits_of(bits, 19, 15);
    const bool writes = (function & 3) == 1 || source != 0, reads = (function & 3) != 1 || rd != 0;
    const uint64_t operand = function & 4 ? source : hart_get_x(h, source);
    uint64_t old = 0;

    if (!csr_accessible(h, number, writes))
        return false;
    if (reads && !csr_read(h, number, &old))
        return false;
    if (writes) {
        /* Set and clear act on what software wrote, not on the wires that mip also shows (manual, 3.1.9). */
        const uint64_t base = number == 0x344 || number == 0x144 ? h->csr.mip : old;
        const uint64_t value = (function & 3) == 1   ? operand
                               : (function & 3) == 2 ? base | operand
                                                     : base & ~operand;
        if (!csr_write(h, number, value))
            return false;
    }
    if (reads)
        hart_set_x(h, rd, old);
    return true;
}

static uint32_t execute_wfi(hart *h)
{
    if (h->privilege == MODE_U || (h->privilege == MODE_S && (h->csr.mstatus & MSTATUS_TW)))
        return CAUSE_ILLEGAL;
    if ((trap_pending(h) & h->csr.mie) == 0) {
        h->waiting = true;
        h->ended = true;
        observe_sleep(h, false);
    }
    return CAUSE_NONE;
}

/* The operation of an AMO on two values of `width` bytes, sign-extended.  False: there is no such AMO. */
static bool amo_result(uint32_t operation, uint32_t width, uint64_t memory, uint64_t operand, uint64_t *result)
{
    const uint64_t mask = width == 8 ? ~0ull : BIT(32) - 1;
    const bool less = (int64_t)memory < (int64_t)operand, below = (memory & mask) < (operand & mask);

    switch (operation) {
    case 0x00: *result = memory + operand; return true;
    case 0x01: *result = operand; return true;
    case 0x04: *result = memory ^ operand; return true;
    case 0x08: *result = memory | operand; return true;
    case 0x0c: *result = memory & operand; return true;
    case 0x10: *result = less ? memory : operand; return true;
    case 0x14: *result = less ? operand : memory; return true;
    case 0x18: *result = below ? memory : operand; return true;
    case 0x1c: *result = below ? operand : memory; return true;
    default: return false;
    }
}

/*
 * LR and SC (ISA manual, "Zalrsc"), and the AMOs that straddle two pages.  LR and SC are ours because Unicorn's SC
 * compares values and so overlooks a store of the same value.  A reservation is lost at a trap, at an xret, at any SC,
 * and when another hart has had a slice.
 */
uint32_t emulate_atomic(hart *h, uint64_t pc, uint32_t bits, uint64_t *value)
{
    enum { LR = 2, SC = 3 };
    struct replug_machine *machine = h->machine;
    const uint32_t width = 1u << bits_of(bits, 14, 12), operation = bits_of(bits, 31, 27), rd = bits_of(bits, 11, 7);
    const uint64_t address = hart_get_x(h, bits_of(bits, 19, 15)), operand = hart_get_x(h, bits_of(bits, 24, 20));
    uint64_t physical = 0, found = 0, result = 0;
    uint32_t allowed, cause;

    *value = bits;
    if ((width != 4 && width != 8) || (width == 8 && machine->config.xlen == 32) ||
        (operation == LR ? bits_of(bits, 24, 20) != 0 : operation != SC && !amo_result(operation, width, 0, 0, &result)))
        return CAUSE_ILLEGAL;
    *value = address;
    if (address % width != 0)
        return operation == LR ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED;
    cause = translate(h, address, operation == LR ? ACCESS_READ : ACCESS_WRITE, translate_data_privilege(h), false, &physical,
                      &allowed);
    if (cause == CAUSE_DEVICE)
        cause = operation == LR ? CAUSE_LOAD_ACCESS : CAUSE_STORE_ACCESS;
    if (cause != CAUSE_NONE)
        return cause;
    __builtin_memcpy(&found, machine->ram + (physical - machine->config.ram_base), width);
    if (operation == SC) {
        const struct reservation *held = &h->reservation;
        const bool holds = held->physical == physical && held->width == width && held->value == found;
        if (holds) {
            translate_store(machine, physical, operand, width);
            watch_note(h, pc, physical, width, REPLUG_WATCH_STORES, found, operand);
            watchpoint_access(h, pc, address, physical, width, REPLUG_ACCESS_WRITE);
        }
        h->reservation.physical = ~0ull;
        hart_set_x(h, rd, !holds);
        return CAUSE_NONE;
    }
    if (operation == LR) {
        h->reservation = (struct reservation){.physical = physical, .value = found, .width = width};
        watch_note(h, pc, physical, width, REPLUG_WATCH_LOADS, found, found);
        watchpoint_access(h, pc, address, physical, width, REPLUG_ACCESS_READ);
    } else {
        const uint64_t extended = width == 8 ? found : (uint64_t)(int64_t)(int32_t)found;
        const uint64_t other = width == 8 ? operand : (uint64_t)(int64_t)(int32_t)operand;
        amo_result(operation, width, extended, other, &result);
        translate_store(machine, physical, result, width);
        watch_note(h, pc, physical, width, REPLUG_WATCH_LOADS | REPLUG_WATCH_STORES, found, result);
        watchpoint_access(h, pc, address, physical, width, REPLUG_ACCESS_READ | REPLUG_ACCESS_WRITE);
    }
    hart_set_x(h, rd, width == 8 ? found : (uint64_t)(int64_t)(int32_t)found);
    return CAUSE_NONE;
}

/* False: the machine does not have it. */
static bool execute_bitmanip(hart *h, uint32_t bits)
{
    const replug_config *config = &h->machine->config;

    if (!(bitmanip_extension(bits, config->xlen) & config->extensions))
        return false;
    hart_set_x(h, bits_of(bits, 11, 7),
               bitmanip_result(bits, config->xlen, hart_get_x(h, bits_of(bits, 19, 15)), hart_get_x(h, bits_of(bits, 24, 20))));
    return true;
}

/*
 * One intercepted instruction.  CAUSE_NONE: it retires, and h->pc is where to go on; else the exception it raises, with
 * the value for xtval.
 */
static uint32_t execute(hart *h, uint32_t bits, uint64_t *value, bool *ask_interrupts)
{
    const uint32_t function = bits_of(bits, 14, 12);
    bool legal = false;

    *value = bits;
    if (instruction_length((uint16_t)bits) == 2)
        return CAUSE_ILLEGAL; /* reserved, or floating-point with FS Off: nothing else compressed is intercepted */
    switch (bits_of(bits, 6, 0)) {
    case 0x0f: 
        h->sync_pending = true;
        caches_flush_instructions(h);
        return CAUSE_NONE; /* fence.i */
    case 0x13:
    case 0x1b:
    case 0x33:
    case 0x3b: return execute_bitmanip(h, bits) ? CAUSE_NONE : CAUSE_ILLEGAL;
    case 0x2f: return emulate_atomic(h, h->pc - 4, bits, value);
    case 0x53: return hart_floats(h) && minmax_execute(h, bits) ? CAUSE_NONE : CAUSE_ILLEGAL;
    case 0x73: break;
    default: return CAUSE_ILLEGAL; /* floating-point with FS Off */
    }
    if (function != 0) {
        *ask_interrupts = unmasks(bits >> 20);
        return function != 4 && execute_csr(h, bits) ? CAUSE_NONE : CAUSE_ILLEGAL;
    }
    switch (bits) {
    case 0x00000073: /* ecall */
        *value = 0;
        return h->privilege == MODE_M ? CAUSE_ECALL_U + 3 : CAUSE_ECALL_U + h->privilege;
    case 0x00100073: /* ebreak, where it straddles two pages */
        *value = h->pc - 4;
        return CAUSE_BREAKPOINT;
    case 0x30200073: /* mret */
        legal = trap_return(h, MODE_M);
        *ask_interrupts = legal;
        break;
    case 0x10200073: /* sret */
        legal = trap_return(h, MODE_S);
        *ask_interrupts = legal;
        break;
    case 0x10500073: return execute_wfi(h);
    default:
        if (bits_of(bits, 31, 25) == 0x09 && bits_of(bits, 11, 7) == 0) { /* sfence.vma */
            legal = h->privilege == MODE_M || (h->privilege == MODE_S && !(h->csr.mstatus & MSTATUS_TVM));
            if (legal) {
                hart_flush_tlb(h);
                h->sync_pending = true;
            }
        }
    }
    return legal ? CAUSE_NONE : CAUSE_ILLEGAL;
}

/* `counted`: the block's count includes the instruction. */
static void intercepted(hart *h, uint64_t pc, uint32_t bits, bool counted)
{
    struct code_page *code = shadow_mapped(h, pc); /* now: what it does may empty the map */
    bool ask_interrupts = false;
    uint64_t value = 0;
    uint32_t cause;

    h->pc = pc + 4;
    h->retired -= counted; /* not retired yet */
    cause = execute(h, bits, &value, &ask_interrupts);
    h->retired += counted;
    if (cause != CAUSE_NONE) {
        blocks_cut(h, pc, bits != 0x00000073);
        trap_enter(h, cause, value, pc);
        return;
    }
    if (!counted) {
        h->retired += 1;
        code->counts[parcel_of(pc)]++;
    }
    if (ask_interrupts)
        trap_take_interrupt(h);
}

/* What the guest has where Unicorn found our ecall or illegal parcel, and must be executed here; false: nothing. */
static bool take_over(hart *h, uint64_t pc, bool counted)
{
    const struct code_page *code = shadow_mapped(h, pc);
    struct instruction instruction;
    uint32_t cause;

    if (code == NULL || (code->original[parcel_of(pc)] == 0 && !shadow_second_half(code, parcel_of(pc))))
        return false;
    cause = shadow_fetch(h, pc, &instruction);
    if (code->original[parcel_of(pc)] == 0 || /* a jump into the middle of an intercepted instruction */
        (cause == CAUSE_NONE && !shadow_must_intercept(h, &instruction, pc))) { /* FS was Off when it was */
        const bool border = h->block_pc == pc && !h->began_inside;
        blocks_cut(h, pc, true);
        border_stand(h, border);
        h->pc = pc;
        h->release_pending = true;
    } else if (cause == CAUSE_NONE) {
        intercepted(h, pc, instruction.bits, counted);
    } else {
        blocks_cut(h, pc, true);
        trap_enter(h, cause, pc + 2, pc);
    }
    return true;
}

/* One that straddles two pages is not intercepted (shadow_must_intercept) but illegal to Unicorn.  False: none. */
static bool straddling_bitmanip(hart *h, uint64_t pc)
{
    struct instruction instruction;

    if (parcel_of(pc) != PARCELS - 1 || !shadow_instruction(h, pc, &instruction) || instruction.kind != KIND_BITMANIP ||
        !execute_bitmanip(h, instruction.bits))
        return false;
    struct code_page *code = shadow_mapped(h, pc);
    blocks_cut(h, pc, false);
    code->counts[PARCELS - 1]++;
    h->retired += 1;
    h->pc = pc + 4;
    return true;
}

static void set_pc(hart *h, uint64_t pc)
{
    const uint32_t narrow = (uint32_t)pc;
    uc_reg_write(h->uc, UC_RISCV_REG_PC, h->machine->config.xlen == 64 ? (const void *)&pc : (const void *)&narrow);
}

void emulate_hook(uc_engine *uc, uint32_t cause, void *user)
{
    hart *h = user;
    uint64_t unicorn_pc = 0;
    struct instruction instruction;

    uc_reg_read(uc, UC_RISCV_REG_PC, &unicorn_pc); /* a 32-bit hart leaves the upper half as it is: zero */
    const uint64_t pc = unicorn_pc - 4;            /* Unicorn has stepped over it, as if it were four bytes long */
    if (h->unboxed_result != NO_RESULT)
        nanbox_finish(h, pc);
    switch (cause) {
    case UNICORN_ECALL:
        if (take_over(h, pc, true))
            break;
        machine_fail(h->machine, "hart %u: ecall at 0x%llx that nobody put there", h->id, (unsigned long long)pc);
        break;
    case CAUSE_ILLEGAL:
        /* At a page's end: see intercept() in shadow.c.  Whether code hooks come for it depends on how many there are. */
        watchpoint_settle(h);
        if (careful_outside(h, pc) && (h->ended || careful_must_stop(h, pc))) {
            h->pc = pc;
            border_stand(h, h->block_pc == pc && !h->began_inside);
            h->ended = true;
            break;
        }
        if (take_over(h, pc, h->machine->config.per_instruction && h->block_pc == pc))
            break;
        if (parcel_of(pc) == 0 && shadow_mapped(h, pc) != NULL)
            shadow_mapped(h, pc)->begins_empty = true;
        if (straddling_bitmanip(h, pc))
            break;
        blocks_cut(h, pc, true);
        trap_enter(h, CAUSE_ILLEGAL, shadow_instruction(h, pc, &instruction) ? instruction.bits : 0, pc);
        break;
    case CAUSE_LOAD_MISALIGNED:
    case CAUSE_STORE_MISALIGNED: { /* AMOs only: other accesses may be misaligned */
        bool is_store;
        const uint64_t value = loadstore_misaligned_address(h, pc, &is_store);
        blocks_cut(h, pc, true);
        trap_enter(h, is_store ? CAUSE_STORE_MISALIGNED : CAUSE_LOAD_MISALIGNED, value, pc);
        break;
    }
    default:
        machine_fail(h->machine, "hart %u: unicorn reports exception %u at 0x%llx", h->id, cause, (unsigned long long)pc);
    }
    if (h->sync_pending && h->machine->dirty_count == 0)
        h->sync_pending = false;
    if (h->pc != unicorn_pc)
        set_pc(h, h->pc);
    if (h->ended || h->sync_pending || h->release_pending || h->crossing_armed || h->machine->stop != 0)
        uc_emu_stop(uc);
}
