/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instructions that the engine executes itself, and loads and stores to devices.
 *
 * While one of them is executed it counts as not retired, so that the counters and the time it reads, and those that
 * a device sees, are those before it.
 */
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
    case 0x344: /* mip */ return true;
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

static bool execute_wfi(hart *h)
{
    if (h->privilege == MODE_U || (h->privilege == MODE_S && (h->csr.mstatus & MSTATUS_TW)))
        return false;
    if ((trap_pending(h) & h->csr.mie) == 0) {
        h->waiting = true;
        h->ended = true;
    }
    return true;
}

/* One intercepted instruction.  False: it is illegal here.  h->pc is where to go on. */
static bool execute(hart *h, uint64_t pc, uint32_t bits, bool *ask_interrupts)
{
    const uint32_t function = bits_of(bits, 14, 12);

    if (bits_of(bits, 6, 0) == 0x0f) { /* fence.i */
        h->sync_pending = true;
        return true;
    }
    if (function == 4)
        return false;
    if (function != 0) {
        *ask_interrupts = unmasks(bits >> 20);
        return execute_csr(h, bits);
    }
    switch (bits) {
    case 0x00000073: /* ecall: handled by the caller, since it never retires */ return false;
    case 0x30200073: *ask_interrupts = true; return trap_return(h, MODE_M);
    case 0x10200073: *ask_interrupts = true; return trap_return(h, MODE_S);
    case 0x10500073: return execute_wfi(h);
    default: break;
    }
    if (bits_of(bits, 31, 25) == 0x09 && bits_of(bits, 11, 7) == 0) { /* sfence.vma */
        if (h->privilege == MODE_U || (h->privilege == MODE_S && (h->csr.mstatus & MSTATUS_TVM)))
            return false;
        hart_flush_tlb(h);
        h->sync_pending = true;
        return true;
    }
    (void)pc;
    return false;
}

static void intercepted(hart *h, uint64_t pc)
{
    struct code_page *code = blocks_mapped(h, pc);
    const uint32_t bits = code == NULL ? 0 : code->original[(pc & (PAGE_SIZE - 1)) >> 1];
    bool ask_interrupts = false;

    if (bits == 0) {
        machine_fail(h->machine, "hart %u: ecall at 0x%llx that nobody put there", h->id, (unsigned long long)pc);
        h->ended = true;
        return;
    }
    h->pc = pc + 4;
    h->budget += 1; /* not retired yet */
    if (bits == 0x00000073 || !execute(h, pc, bits, &ask_interrupts)) {
        h->budget -= 1;
        blocks_cut(h, pc, bits != 0x00000073);
        if (bits == 0x00000073)
            trap_enter(h, h->privilege == MODE_M ? 11 : CAUSE_ECALL_U + h->privilege, 0, pc);
        else
            trap_enter(h, CAUSE_ILLEGAL, bits, pc);
        return;
    }
    h->budget -= 1;
    if (ask_interrupts)
        trap_take_interrupt(h);
}

void emulate_hook(uc_engine *uc, uint32_t cause, void *user)
{
    hart *h = user;
    uint64_t unicorn_pc = 0, pc;
    struct instruction instruction;

    if (h->machine->config.xlen == 64) {
        uc_reg_read(uc, UC_RISCV_REG_PC, &unicorn_pc);
        pc = unicorn_pc - 4; /* Unicorn has stepped over it, as if it were four bytes long */
    } else {
        uint32_t narrow = 0;
        uc_reg_read(uc, UC_RISCV_REG_PC, &narrow);
        unicorn_pc = narrow;
        pc = narrow - 4;
    }
    switch (cause) {
    case UNICORN_ECALL: intercepted(h, pc); break;
    case CAUSE_ILLEGAL:
        blocks_cut(h, pc, true);
        trap_enter(h, CAUSE_ILLEGAL, blocks_instruction(h, pc, &instruction) ? instruction.bits : 0, pc);
        break;
    case CAUSE_LOAD_MISALIGNED:
    case CAUSE_STORE_MISALIGNED: { /* LR, SC and AMOs only: other accesses may be misaligned */
        bool is_store;
        const uint64_t value = emulate_fault_address(h, pc, &is_store);
        blocks_cut(h, pc, true);
        trap_enter(h, is_store ? CAUSE_STORE_MISALIGNED : CAUSE_LOAD_MISALIGNED, value, pc);
        break;
    }
    default:
        machine_fail(h->machine, "hart %u: unicorn reports exception %u at 0x%llx", h->id, cause, (unsigned long long)pc);
    }
    if (h->sync_pending && h->machine->dirty_count == 0)
        h->sync_pending = false;
    if (h->pc != unicorn_pc) {
        if (h->machine->config.xlen == 64) {
            uc_reg_write(uc, UC_RISCV_REG_PC, &h->pc);
        } else {
            const uint32_t narrow = (uint32_t)h->pc;
            uc_reg_write(uc, UC_RISCV_REG_PC, &narrow);
        }
    }
    if (h->ended || h->sync_pending || h->machine->stop != 0)
        uc_emu_stop(uc);
}

/* --- memory accesses that Unicorn did not make ---------------------------------------------------------------------- */

/* Effective address of the load, store or AMO at pc, as xtval wants it: the part of it that faults. */
uint64_t emulate_fault_address(hart *h, uint64_t pc, bool *is_store)
{
    struct instruction instruction;
    uint64_t address;

    *is_store = false;
    if (!blocks_instruction(h, pc, &instruction))
        return 0;
    address = hart_get_x(h, instruction.rs1) + (uint64_t)instruction.immediate;
    if (h->machine->config.xlen == 32)
        address &= 0xffffffff;
    *is_store = instruction.kind == KIND_STORE || instruction.kind == KIND_AMO || instruction.kind == KIND_SC;
    if (address >> PAGE_SHIFT != h->fault_address >> PAGE_SHIFT &&
        (address + instruction.width - 1) >> PAGE_SHIFT == h->fault_address >> PAGE_SHIFT)
        return h->fault_address; /* it crosses a page, and the second one faults */
    return address;
}

static uint64_t device_read(hart *h, uint64_t physical, uint32_t width, int *fault)
{
    struct replug_machine *machine = h->machine;
    if (clint_contains(physical))
        return clint_read(h, physical, width, fault);
    if (machine->mmio_read == NULL) {
        *fault = 1;
        return 0;
    }
    return machine->mmio_read(machine->mmio_user, h->id, physical, width, fault);
}

static void device_write(hart *h, uint64_t physical, uint32_t width, uint64_t value, int *fault)
{
    struct replug_machine *machine = h->machine;
    if (clint_contains(physical))
        clint_write(h, physical, width, value, fault);
    else if (machine->mmio_write == NULL)
        *fault = 1;
    else
        machine->mmio_write(machine->mmio_user, h->id, physical, width, value, fault);
}

static uint64_t extend(uint64_t value, const struct instruction *instruction)
{
    const uint32_t bits = 8u * instruction->width;
    if (instruction->rd >= FLOAT_BASE && instruction->width == 4)
        return value | 0xffffffff00000000ull; /* NaN-boxed (manual, "D" chapter) */
    if (bits == 64)
        return value;
    value &= BIT(bits) - 1;
    return instruction->is_signed ? (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits)) : value;
}

/* The load or store at pc goes to a device.  The block is already cut in front of it. */
bool emulate_device_access(hart *h, uint64_t pc)
{
    struct instruction instruction;
    struct code_page *code = blocks_mapped(h, pc);
    uint64_t address, physical;
    bool is_store;
    int fault = 0;

    if (code == NULL || !blocks_instruction(h, pc, &instruction)) {
        machine_fail(h->machine, "hart %u: access to a device by an unknown instruction at 0x%llx", h->id, (unsigned long long)pc);
        return false;
    }
    address = emulate_fault_address(h, pc, &is_store);
    physical = h->fault_physical | (address & (PAGE_SIZE - 1));
    if ((instruction.kind != KIND_LOAD && instruction.kind != KIND_STORE) ||
        (address & (PAGE_SIZE - 1)) + instruction.width > PAGE_SIZE || address >> PAGE_SHIFT != h->fault_address >> PAGE_SHIFT) {
        fault = 1; /* no atomics, and nothing that straddles pages, on devices (PMA) */
    } else if (instruction.kind == KIND_LOAD) {
        const uint64_t value = extend(device_read(h, physical, instruction.width, &fault), &instruction);
        if (fault)
            ;
        else if (instruction.rd >= FLOAT_BASE)
            hart_set_f(h, instruction.rd - FLOAT_BASE, value);
        else
            hart_set_x(h, instruction.rd, value);
    } else {
        const uint64_t value = instruction.rs2 >= FLOAT_BASE ? hart_get_f(h, instruction.rs2 - FLOAT_BASE)
                                                             : hart_get_x(h, instruction.rs2);
        device_write(h, physical, instruction.width,
                     instruction.width == 8 ? value : value & (BIT(8 * instruction.width) - 1), &fault);
    }
    if (fault) {
        trap_enter(h, is_store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, address, pc);
        return false;
    }
    h->budget -= 1; /* retired */
    observe_device_access(h);
    code->counts[(pc & (PAGE_SIZE - 1)) >> 1] += 1;
    h->pc = pc + instruction.length;
    return true;
}
