/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory accesses that the TLB refused to Unicorn: loads and stores to devices, and those to pages that hold a watched area.
 * They are made here, in the middle of the block that was cut for them.
 */
#include "machine.h"

/* Effective address of the load, store or AMO at pc, and its width; 0: there is none. */
static uint32_t effective(hart *h, uint64_t pc, uint64_t *address, bool *is_store)
{
    struct instruction instruction;

    *address = 0;
    *is_store = false;
    if (!shadow_instruction(h, pc, &instruction))
        return 0;
    *address = hart_get_x(h, instruction.rs1) + (uint64_t)instruction.immediate;
    if (h->machine->config.xlen == 32)
        *address &= 0xffffffff;
    *is_store = instruction.kind == KIND_STORE || instruction.kind == KIND_AMO || instruction.kind == KIND_SC;
    return instruction.width;
}

/* Where the misaligned AMO at pc goes: no page has been asked for, and fault_address is that of some fault before. */
uint64_t loadstore_misaligned_address(hart *h, uint64_t pc, bool *is_store)
{
    uint64_t address;

    effective(h, pc, &address, is_store);
    return address;
}

/* The effective address as xtval wants it when a page was refused: the part of it that faults. */
uint64_t loadstore_fault_address(hart *h, uint64_t pc, bool *is_store)
{
    uint64_t address;
    const uint32_t width = effective(h, pc, &address, is_store);

    if (width != 0 && address >> PAGE_SHIFT != h->fault_address >> PAGE_SHIFT &&
        (address + width - 1) >> PAGE_SHIFT == h->fault_address >> PAGE_SHIFT)
        return h->fault_address; /* it crosses a page, and the second one faults */
    return address;
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

static void put_loaded(hart *h, const struct instruction *instruction, uint64_t value)
{
    if (instruction->rd < FLOAT_BASE) {
        hart_set_x(h, instruction->rd, extend(value, instruction));
        return;
    }
    hart_set_f(h, instruction->rd - FLOAT_BASE, extend(value, instruction));
    h->csr.mstatus |= MSTATUS_FS; /* Dirty */
    hart_push_fs(h);
}

static uint64_t get_stored(hart *h, const struct instruction *instruction)
{
    const uint64_t value = instruction->rs2 >= FLOAT_BASE ? hart_get_f(h, instruction->rs2 - FLOAT_BASE)
                                                          : hart_get_x(h, instruction->rs2);
    return instruction->width == 8 ? value : value & (BIT(8 * instruction->width) - 1);
}

/* False: an access fault. */
static bool access_device(hart *h, const struct instruction *instruction, uint64_t address)
{
    const uint64_t physical = h->fault_physical | (address & (PAGE_SIZE - 1)), offset = address & (PAGE_SIZE - 1);
    int fault = 0;

    if ((instruction->kind != KIND_LOAD && instruction->kind != KIND_STORE) || offset + instruction->width > PAGE_SIZE ||
        address >> PAGE_SHIFT != h->fault_address >> PAGE_SHIFT)
        return false; /* no atomics, and nothing that straddles pages, on devices (PMA) */
    if (instruction->kind == KIND_STORE) {
        devices_write(h, physical, instruction->width, get_stored(h, instruction), &fault);
        return !fault;
    }
    const uint64_t value = devices_read(h, physical, instruction->width, &fault);
    if (!fault)
        put_loaded(h, instruction, value);
    return !fault;
}

/* An access to a page that holds a watched area (watch.c).  CAUSE_NONE, or the exception with its address. */
static uint32_t access_watched(hart *h, uint64_t pc, const struct instruction *instruction, uint64_t *address)
{
    const uint64_t start = hart_get_x(h, instruction->rs1) + (uint64_t)instruction->immediate;
    const bool is_store = instruction->kind == KIND_STORE;
    uint64_t value = is_store ? get_stored(h, instruction) : 0;
    uint32_t cause;

    if (instruction->kind != KIND_LOAD && !is_store)
        return emulate_atomic(h, pc, instruction->bits, address);
    cause = watch_access(h, pc, h->machine->config.xlen == 64 ? start : (uint32_t)start, instruction->width, is_store, &value,
                         address);
    if (cause == CAUSE_NONE && !is_store)
        put_loaded(h, instruction, value);
    return cause;
}

/* The load or store at pc is made here.  The block is already cut in front of it, so many instructions in. */
bool loadstore_access(hart *h, uint64_t pc, const struct block *block, uint32_t executed)
{
    struct instruction instruction;
    struct code_page *code = shadow_mapped(h, pc);
    uint32_t cause = CAUSE_NONE;
    uint64_t address;
    bool is_store;

    if (code == NULL || !shadow_instruction(h, pc, &instruction)) {
        machine_fail(h->machine, "hart %u: access to a device by an unknown instruction at 0x%llx", h->id, (unsigned long long)pc);
        return false;
    }
    address = loadstore_fault_address(h, pc, &is_store);
    if (translate_is_ram(h->machine, h->fault_physical, 1))
        cause = access_watched(h, pc, &instruction, &address);
    else if (!access_device(h, &instruction, address))
        cause = is_store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
    observe_cut(h, block, executed + (cause == CAUSE_NONE));
    if (cause == CAUSE_NONE && (instruction.kind == KIND_LOAD || is_store))
        watchpoint_access(h, pc, address, h->fault_physical | (address & (PAGE_SIZE - 1)), instruction.width,
                          is_store ? REPLUG_ACCESS_WRITE : REPLUG_ACCESS_READ);
    if (cause != CAUSE_NONE) {
        trap_enter(h, cause, address, pc);
        return false;
    }
    h->retired += 1;
    code->counts[parcel_of(pc)] += 1;
    h->pc = pc + instruction.length;
    if (translate_is_ram(h->machine, h->fault_physical, 1)) /* somebody watches, which changes nothing */
        border_stand_behind(h, &instruction, pc);
    else
        border_stand(h, true);
    return true;
}
