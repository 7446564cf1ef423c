/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shadow of the code, and interception.
 *
 * Harts do not fetch from RAM but from a shadow of it: a copy of each page of code in which the instructions that the
 * engine executes itself (CSR accesses, traps and returns, wfi, LR and SC, fences of the instruction side) are replaced by
 * ecall, which Unicorn hands over without leaving its loop.  The guest reads and writes the real page and never sees
 * the difference.  Stores to a page of code reach the shadow at fence.i, sfence.vma or a write of satp, on whichever
 * hart: the points at which software may rely on it (ISA manual, "Zifencei").  That also keeps stores fast, since no
 * page that is stored to holds a translated block.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define ECALL 0x00000073u
#define C_EBREAK 0x9002u
#define PROBE_ADDRESS 0x123456789000ull /* any address will do: the TLB is flushed before and after */

static uint8_t *shadow_of(const struct replug_machine *machine, const struct code_page *code)
{
    return machine->shadow + (code->physical - machine->config.ram_base);
}

static uint16_t shadow_parcel(const struct replug_machine *machine, const struct code_page *code, uint32_t parcel)
{
    uint16_t value;
    memcpy(&value, shadow_of(machine, code) + 2 * parcel, 2);
    return value;
}

static void set_shadow_parcel(struct replug_machine *machine, struct code_page *code, uint32_t parcel, uint16_t value)
{
    memcpy(shadow_of(machine, code) + 2 * parcel, &value, 2);
}

/*
 * Forget what a hart has translated from a page.  Unicorn takes a virtual address, so for a moment one leads to the page
 * (translate_fill); the caller empties the TLB afterwards.
 */
static void forget_translations(hart *h, struct code_page *code)
{
    h->machine->careful.stale = true;
    uc_ctl_flush_tlb(h->uc); /* of the page that was probed last */
    h->machine->probe = code;
    uc_ctl_remove_cache(h->uc, PROBE_ADDRESS, PROBE_ADDRESS + PAGE_SIZE);
    h->machine->probe = NULL;
}

/* The same for all harts: one may have translated a block that it has not come to run. */
static void forget_everywhere(struct replug_machine *machine, struct code_page *code)
{
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        forget_translations(&machine->harts[i], code);
        hart_flush_tlb(&machine->harts[i]);
    }
}

/* A block of no length is not found by its address: forget all translations. */
static void forget_empty(struct replug_machine *machine, struct code_page *code)
{
    for (uint32_t i = 0; code->begins_empty && i < machine->config.harts; i++)
        uc_ctl_flush_tb(machine->harts[i].uc);
    code->begins_empty = false;
}

/* The page's code has changed, or is taken another way from now on: its blocks will be looked at again. */
static void forget_blocks(const struct replug_machine *machine, struct code_page *code)
{
    for (uint32_t parcel = 0; parcel < PARCELS; parcel++) {
        struct block *block = &code->blocks[parcel];
        if (block->count != 0)
            blocks_expand(machine, code, parcel, block->count, block->instructions);
    }
    memset(code->blocks, 0, sizeof code->blocks);
    while (code->marks != NULL) {
        struct block_mark *mark = code->marks;
        code->marks = mark->next;
        free(mark);
    }
}

/* --- pages --------------------------------------------------------------------------------------------------------- */

static void append(uint64_t **list, uint32_t *count, uint32_t *capacity, uint64_t page)
{
    if (*count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        *list = realloc(*list, *capacity * sizeof **list);
        if (*list == NULL)
            abort(); /* the host is out of memory */
    }
    (*list)[(*count)++] = page;
}

/* The page of code at a physical address.  A page that was none becomes one: harts fetch what RAM holds now. */
struct code_page *shadow_page(struct replug_machine *machine, uint64_t physical)
{
    const uint64_t page = (physical - machine->config.ram_base) >> PAGE_SHIFT;
    struct code_page *code = machine->code_pages[page];

    if (machine->page_flags[page] & PAGE_CODE)
        return code;
    if (code == NULL) {
        code = calloc(1, sizeof *code);
        if (code == NULL)
            abort(); /* the host is out of memory */
        code->physical = machine->config.ram_base + (page << PAGE_SHIFT);
        machine->code_pages[page] = code;
    }
    memcpy(shadow_of(machine, code), machine->ram + (page << PAGE_SHIFT), PAGE_SIZE);
    machine->page_flags[page] |= PAGE_CODE;
    append(&machine->code_list, &machine->code_count, &machine->code_capacity, page);
    if (machine->page_flags[page] & PAGE_WRITE_MAPPED)
        shadow_mark_dirty(machine, page);
    return code;
}

/* Outside a run, with nothing dirty: all but the first pages of the list are no code any more. */
void shadow_drop(struct replug_machine *machine, uint32_t first)
{
    for (uint32_t i = first; i < machine->code_count; i++) {
        struct code_page *code = machine->code_pages[machine->code_list[i]];
        forget_blocks(machine, code);
        memset(code->original, 0, sizeof code->original);
        forget_everywhere(machine, code);
        forget_empty(machine, code);
        machine->page_flags[machine->code_list[i]] &= (uint8_t)~PAGE_CODE;
    }
    if (first < machine->code_count)
        machine->code_count = first;
}

/* --- instructions ------------------------------------------------------------------------------------------------ */

/* How much of an intercepted instruction is kept in `original`, and replaced. */
static uint32_t kept_length(uint32_t parcel, uint32_t bits)
{
    return parcel == PARCELS - 1 ? 2 : instruction_length((uint16_t)bits);
}

/* Is the parcel the second half of an intercepted instruction? */
bool shadow_second_half(const struct code_page *code, uint32_t parcel)
{
    return parcel != 0 && code->original[parcel - 1] != 0 && kept_length(parcel - 1, code->original[parcel - 1]) == 4;
}

/* Does Unicorn find the parcel there that it knows to be illegal?  Its block ends in front of that. */
bool shadow_is_empty(hart *h, uint64_t pc)
{
    const struct code_page *code = shadow_mapped(h, pc);

    return code != NULL && shadow_parcel(h->machine, code, parcel_of(pc)) == 0;
}

/* The parcel as harts fetch it, interceptions undone. */
static uint16_t guest_parcel(const struct replug_machine *machine, const struct code_page *code, uint32_t parcel)
{
    if (code->original[parcel] != 0)
        return (uint16_t)code->original[parcel];
    if (shadow_second_half(code, parcel))
        return (uint16_t)(code->original[parcel - 1] >> 16);
    return shadow_parcel(machine, code, parcel);
}

/*
 * The instruction the guest has at a parcel of a page that this hart fetches from.  False: it goes on in a page that the
 * hart does not fetch from yet.
 */
bool shadow_instruction_at(hart *h, struct code_page *code, uint64_t pc, struct instruction *out)
{
    const struct replug_machine *machine = h->machine;
    const uint32_t parcel = parcel_of(pc);
    uint32_t bits = guest_parcel(machine, code, parcel);

    if (instruction_length((uint16_t)bits) == 4) {
        const struct code_page *next = parcel == PARCELS - 1 ? shadow_mapped(h, pc + 2) : code;
        if (next == NULL)
            return false;
        bits |= (uint32_t)guest_parcel(machine, next, (parcel + 1) % PARCELS) << 16;
    }
    decode(bits, machine->config.xlen, out);
    return true;
}

/* Length in bytes of the instruction that begins at a parcel. */
uint32_t shadow_length(const struct replug_machine *machine, const struct code_page *code, uint32_t parcel)
{
    return instruction_length(guest_parcel(machine, code, parcel));
}

bool shadow_instruction(hart *h, uint64_t pc, struct instruction *out)
{
    struct code_page *code = shadow_mapped(h, pc);
    return code != NULL && shadow_instruction_at(h, code, pc, out);
}

/*
 * Must the engine execute it?  Of an instruction that straddles two pages only the first half can be relied upon: the
 * second page may change, and different ones may stand behind the first.  There everything is taken that the first half
 * does not rule out.
 */
bool shadow_must_intercept(const hart *h, const struct instruction *instruction, uint64_t pc)
{
    const uint32_t opcode = instruction->bits & 0x7f;
    const bool straddles = parcel_of(pc) == PARCELS - 1 && instruction->length == 4;

    if (straddles && instruction->kind == KIND_BITMANIP)
        return false; /* it arrives as an illegal instruction: its first half is that of most of the base's */
    return is_intercepted(instruction) || (is_floating(instruction) && !hart_floats(h)) ||
           (straddles && (opcode == 0x73 || opcode == 0x2f));
}

/* The guest's own instruction stands at the parcel again; the caller has what was translated from it forgotten. */
static void restore_parcels(struct replug_machine *machine, struct code_page *code, uint32_t parcel)
{
    const uint32_t bits = code->original[parcel];

    if (bits == 0)
        return;
    code->original[parcel] = 0;
    set_shadow_parcel(machine, code, parcel, (uint16_t)bits);
    if (kept_length(parcel, bits) == 4)
        set_shadow_parcel(machine, code, parcel + 1, (uint16_t)(bits >> 16));
}

/*
 * At the end of a page only the first half is replaced, as is a compressed instruction: by the illegal parcel 0, which
 * Unicorn does not take for a part of the block.  Of two instructions that overlap, one is intercepted at a time: where
 * harts jump into the middle of the other one they find parcel 0, and it is released.
 */
static void intercept(struct replug_machine *machine, struct code_page *code, uint32_t parcel, uint32_t bits)
{
    if (shadow_second_half(code, parcel))
        restore_parcels(machine, code, parcel - 1);
    if (parcel == 0 && code->straddled) { /* blocks that end in the middle of it are looked at again */
        for (uint32_t i = 0; i < machine->code_count; i++)
            forget_blocks(machine, machine->code_pages[machine->code_list[i]]);
    }
    if (kept_length(parcel, bits) == 2) {
        code->original[parcel] = bits & 0xffff;
        set_shadow_parcel(machine, code, parcel, 0);
    } else {
        restore_parcels(machine, code, parcel + 1);
        code->original[parcel] = bits;
        set_shadow_parcel(machine, code, parcel, (uint16_t)ECALL);
        set_shadow_parcel(machine, code, parcel + 1, ECALL >> 16);
    }
}

/* Outside a run: the instruction at the pc, or the one whose second half stands there, need not be intercepted any more. */
void shadow_release(hart *h)
{
    struct replug_machine *machine = h->machine;
    struct code_page *code = shadow_mapped(h, h->pc);
    const uint32_t parcel = parcel_of(h->pc);

    h->release_pending = false;
    if (code == NULL || (code->original[parcel] == 0 && !shadow_second_half(code, parcel)))
        return;
    forget_blocks(machine, code);
    restore_parcels(machine, code, code->original[parcel] != 0 ? parcel : parcel - 1);
    forget_everywhere(machine, code);
}

/*
 * The intercepted instruction at pc.  CAUSE_NONE, or the exception that fetching its second half raises.
 */
uint32_t shadow_fetch(hart *h, uint64_t pc, struct instruction *out)
{
    struct code_page *code = shadow_mapped(h, pc);
    uint64_t physical;
    uint32_t allowed, cause;

    if (shadow_instruction_at(h, code, pc, out))
        return CAUSE_NONE;
    cause = translate(h, pc + 2, ACCESS_FETCH, h->privilege, false, &physical, &allowed);
    if (cause != CAUSE_NONE)
        return cause;
    shadow_map(h, pc + 2, shadow_page(h->machine, physical));
    shadow_instruction_at(h, code, pc, out);
    return CAUSE_NONE;
}

/*
 * In front of its second half Unicorn would find the ecall or illegal parcel that stands for another instruction, which begins
 * there: harts also jump into the middle of this one, which is not intercepted.  The page where that is, or NULL.
 */
struct code_page *shadow_overlapped(hart *h, struct code_page *code, const struct instruction *instruction, uint64_t pc)
{
    struct code_page *behind = parcel_of(pc) == PARCELS - 1 ? shadow_mapped(h, pc + 2) : code;

    if (instruction->length == 2 || behind == NULL)
        return NULL;
    behind->straddled |= behind != code || parcel_of(pc) == PARCELS - 1;
    return behind->original[parcel_of(pc + 2)] != 0 ? behind : NULL;
}

/* Outside a run: replace what must be intercepted in the block that was about to start, and have it translated anew. */
void shadow_patch(hart *h)
{
    struct instruction instruction;

    struct code_page *first = shadow_mapped(h, h->pc);

    h->patch_pending = false;
    for (uint64_t pc = h->pc; pc - h->pc < h->patch_size; pc += instruction.length) {
        struct code_page *code = shadow_mapped(h, pc);
        if (code == NULL || !shadow_instruction_at(h, code, pc, &instruction))
            break;
        if (shadow_must_intercept(h, &instruction, pc) && code->original[parcel_of(pc)] == 0) {
            forget_blocks(h->machine, code);
            intercept(h->machine, code, parcel_of(pc), instruction.bits);
            forget_everywhere(h->machine, code);
            return; /* the new block ends here */
        }
        struct code_page *behind = code->original[parcel_of(pc)] != 0 ? NULL : shadow_overlapped(h, code, &instruction, pc);
        if (behind != NULL) {
            forget_blocks(h->machine, behind);
            restore_parcels(h->machine, behind, parcel_of(pc + 2));
            forget_everywhere(h->machine, behind);
            return;
        }
    }
    if (first != NULL) /* it is intercepted already, by way of another block: what is known of this one is out of date */
        forget_blocks(h->machine, first);
}

/* --- an instruction that crosses into a page that cannot be fetched ------------------------------------------------ */

/*
 * Unicorn translates ahead: it reports a page that cannot be fetched before it has run the instructions in front of
 * the one that needs it.  Let those run first, up to an ebreak in its place: it stands there until the run is left, for
 * whatever reason, since harts may come to the same bytes on another way.  False: there is no such instruction.
 */
bool shadow_arm_crossing(hart *h, uint64_t page)
{
    struct code_page *code = shadow_mapped(h, h->pc);
    struct instruction instruction;
    uint64_t pc = h->pc;

    if (h->crossing_armed)
        shadow_disarm_crossing(h);
    const uint64_t mask = h->machine->config.xlen == 64 ? ~0ull : 0xffffffff;

    if (code == NULL || ((page - (pc & ~(uint64_t)(PAGE_SIZE - 1))) & mask) != PAGE_SIZE)
        return false; /* not the page that follows */
    while (parcel_of(pc) != PARCELS - 1) {
        if (!shadow_instruction_at(h, code, pc, &instruction) || parcel_of(pc) + instruction.length / 2 >= PARCELS)
            return false;
        pc += instruction.length;
    }
    h->crossing_armed = h->crossing_fresh = true;
    h->crossing_pc = pc;
    h->crossing_physical = code->physical;
    h->crossing_parcel = shadow_parcel(h->machine, code, PARCELS - 1);
    set_shadow_parcel(h->machine, code, PARCELS - 1, C_EBREAK);
    forget_translations(h, code);
    hart_flush_tlb(h);
    return true;
}

void shadow_disarm_crossing(hart *h)
{
    struct replug_machine *machine = h->machine;
    struct code_page *code = machine->code_pages[(h->crossing_physical - machine->config.ram_base) >> PAGE_SHIFT];

    h->crossing_armed = false;
    set_shadow_parcel(machine, code, PARCELS - 1, h->crossing_parcel);
    forget_translations(h, code);
    hart_flush_tlb(h);
}

/* --- stores to code ------------------------------------------------------------------------------------------------ */

void shadow_mark_dirty(struct replug_machine *machine, uint64_t page)
{
    if (machine->page_flags[page] & PAGE_CODE_DIRTY)
        return;
    machine->page_flags[page] |= PAGE_CODE_DIRTY;
    append(&machine->dirty_code, &machine->dirty_count, &machine->dirty_capacity, page);
}

/* The page as harts fetch it, interceptions undone. */
void shadow_view(const struct replug_machine *machine, const struct code_page *code, uint8_t *view)
{
    memcpy(view, shadow_of(machine, code), PAGE_SIZE);
    for (uint32_t parcel = 0; parcel < PARCELS; parcel++) {
        if (code->original[parcel] != 0)
            memcpy(view + 2 * parcel, &code->original[parcel], kept_length(parcel, code->original[parcel]));
    }
}

/* Make harts fetch this from the page, if it is not what they fetch already. */
void shadow_set_view(struct replug_machine *machine, struct code_page *code, const uint8_t *view)
{
    uint8_t current[PAGE_SIZE];

    shadow_view(machine, code, current);
    if (memcmp(current, view, PAGE_SIZE) == 0)
        return;
    forget_blocks(machine, code);
    old_code_keep(machine, code, current);
    memset(code->original, 0, sizeof code->original);
    memcpy(shadow_of(machine, code), view, PAGE_SIZE);
    forget_everywhere(machine, code);
    forget_empty(machine, code);
}

/* Nothing is dirty any more: watch for stores anew. */
static void clear_dirty(struct replug_machine *machine)
{
    for (uint32_t i = 0; i < machine->dirty_count; i++)
        machine->page_flags[machine->dirty_code[i]] &= (uint8_t)~(PAGE_CODE_DIRTY | PAGE_WRITE_MAPPED);
    machine->dirty_count = 0;
    for (uint32_t i = 0; i < machine->config.harts; i++)
        hart_flush_tlb(&machine->harts[i]);
}

/* Outside any run: bring every shadow up to date. */
void shadow_sync(struct replug_machine *machine)
{
    if (machine->dirty_count == 0)
        return;
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        if (machine->harts[i].crossing_armed) /* else it would put an old parcel into the new page */
            shadow_disarm_crossing(&machine->harts[i]);
    }
    for (uint32_t i = 0; i < machine->dirty_count; i++) {
        const uint64_t page = machine->dirty_code[i];
        shadow_set_view(machine, machine->code_pages[page], machine->ram + (page << PAGE_SHIFT));
    }
    clear_dirty(machine);
}
