/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watchpoints: the run stops behind a load or store that touches watched bytes, or when a register changes.
 *
 * The TLB of a hart's own Unicorn never holds a page that is watched for this kind of access: the first one is refused, and
 * the rest of its block is run carefully (careful.c), with a look at every load and store.  Accesses that the engine makes
 * itself (LR and SC, devices) are looked at where they are made.  Walks of page tables are no accesses.
 */
#include <stdlib.h>

#include "machine.h"

struct watchpoint {
    uint64_t address, length;
    uint64_t harts;   /* a bit a hart */
    uint32_t kind;    /* REPLUG_ACCESS_READ, _WRITE or both */
    uint32_t number;
    bool physical;    /* the address is, and whichever virtual one leads there counts */
};

/* For which kinds of access is the page watched? */
uint32_t watchpoint_page(const struct replug_machine *machine, uint64_t virtual, uint64_t physical)
{
    uint32_t kinds = 0;

    for (uint32_t i = 0; i < machine->watchpoint_count; i++) {
        const struct watchpoint *watch = &machine->watchpoints[i];
        const uint64_t page = (watch->physical ? physical : virtual) >> PAGE_SHIFT;
        if (watch->address >> PAGE_SHIFT <= page && page <= (watch->address + watch->length - 1) >> PAGE_SHIFT)
            kinds |= watch->kind;
    }
    return kinds;
}

static const struct watchpoint *find(const hart *h, uint64_t virtual, uint64_t physical, uint32_t width, uint32_t kind)
{
    const struct replug_machine *machine = h->machine;

    for (uint32_t i = 0; i < machine->watchpoint_count; i++) {
        const struct watchpoint *watch = &machine->watchpoints[i];
        const uint64_t at = watch->physical ? physical : virtual;
        if ((watch->kind & kind) && (watch->harts >> h->id & 1) && at - watch->address + width - 1 < watch->length + width - 1)
            return watch;
    }
    return NULL;
}

/* May an access to these bytes of one page be one that somebody waits for?  By whichever address it was reached. */
bool watchpoint_touches(const struct replug_machine *machine, uint64_t physical, uint32_t width, uint32_t kind)
{
    for (uint32_t i = 0; i < machine->watchpoint_count; i++) {
        const struct watchpoint *watch = &machine->watchpoints[i];
        if (!(watch->kind & kind))
            continue;
        if (watch->physical) {
            if (physical - watch->address + width - 1 < watch->length + width - 1)
                return true;
            continue;
        }
        const uint64_t from = watch->address & (PAGE_SIZE - 1), at = physical & (PAGE_SIZE - 1);
        if (from + watch->length > PAGE_SIZE || at - from + width - 1 < watch->length + width - 1)
            return true;
    }
    return false;
}

/* An access that the engine makes itself, and that has succeeded. */
void watchpoint_access(hart *h, uint64_t pc, uint64_t virtual, uint64_t physical, uint32_t width, uint32_t kind)
{
    const struct watchpoint *watch = find(h, virtual, physical, width, kind);

    if (watch != NULL)
        machine_hit(h, &(replug_hit){.pc = pc, .address = virtual, .physical = physical, .number = watch->number, .kind = kind, .width = width},
                    REPLUG_STOP_WATCHPOINT);
}

/*
 * A device has written to RAM.  If a hart's access to it has made it do so, the run stops behind that instruction.  Else it was
 * an event or an input, between two steps of harts: the hit is kept for whoever asks (replug_take_device_hit).
 */
void watchpoint_device(struct replug_machine *machine, uint64_t physical, uint64_t length, uint32_t device)
{
    for (uint32_t i = 0; i < machine->watchpoint_count; i++) {
        const struct watchpoint *watch = &machine->watchpoints[i];
        if (!watch->physical || !(watch->kind & REPLUG_ACCESS_WRITE) || physical + length <= watch->address ||
            watch->address + watch->length <= physical)
            continue;
        const uint64_t first = physical > watch->address ? physical : watch->address;
        const uint64_t end = physical + length < watch->address + watch->length ? physical + length : watch->address + watch->length;
        const uint64_t width = end - first < 8 ? end - first : 8;
        replug_hit hit = {.address = first, .physical = first, .number = watch->number, .kind = REPLUG_ACCESS_WRITE,
                          .width = (uint32_t)width, .device = device};
        if (machine->mmio_hart != NULL) {
            hit.pc = machine->mmio_hart->pc;
            machine_hit(machine->mmio_hart, &hit, REPLUG_STOP_WATCHPOINT);
            return;
        }
        hit.step = replug_steps(machine);
        hit.hart = replug_next_hart(machine);
        hit.pc = machine->harts[hit.hart].pc;
        machine->hit = hit;
        machine->hit_count++;
        machine->device_hit = true;
        return;
    }
}

/* Since this was asked last, has a device met a watchpoint between runs?  Then it is the last hit. */
int replug_take_device_hit(replug_machine *machine)
{
    const bool taken = machine->device_hit;
    machine->device_hit = false;
    return taken;
}

/* In a careful block, in front of an instruction: if it touches what is watched, the run stops behind it. */
void watchpoint_instruction(hart *h, uint64_t pc)
{
    struct replug_machine *machine = h->machine;
    struct instruction instruction;

    if (machine->watchpoint_count == 0 || !shadow_instruction(h, pc, &instruction) || shadow_must_intercept(h, &instruction, pc) ||
        (instruction.kind != KIND_LOAD && instruction.kind != KIND_STORE && instruction.kind != KIND_AMO))
        return;
    const uint32_t kind = instruction.kind == KIND_LOAD    ? REPLUG_ACCESS_READ
                          : instruction.kind == KIND_STORE ? REPLUG_ACCESS_WRITE
                                                           : REPLUG_ACCESS_READ | REPLUG_ACCESS_WRITE;
    const uint64_t mask = machine->config.xlen == 64 ? ~0ull : 0xffffffff;
    const uint64_t address = (hart_get_x(h, instruction.rs1) + (uint64_t)instruction.immediate) & mask;
    for (uint32_t done = 0; done < instruction.width;) { /* an access may cross a page */
        const uint64_t at = (address + done) & mask;
        const uint32_t room = PAGE_SIZE - (uint32_t)(at & (PAGE_SIZE - 1));
        const uint32_t width = instruction.width - done < room ? instruction.width - done : room;
        uint64_t physical;
        uint32_t allowed;
        if (translate(h, at, ACCESS_READ, translate_data_privilege(h), true, &physical, &allowed) != CAUSE_NONE)
            return;
        const struct watchpoint *watch = find(h, at, physical, width, kind);
        if (watch != NULL) {
            h->watched = (replug_hit){.step = machine_steps(h) - 1, .pc = pc, .address = address, .physical = physical,
                                      .number = watch->number, .kind = kind, .width = instruction.width};
            h->watch_pending = true;
            return;
        }
        done += width;
    }
}

/* Behind an instruction that has retired: has it changed the watched register? */
void watchpoint_register(hart *h)
{
    struct register_watch *watch = &h->machine->register_watch;

    if (watch->kind == REGISTER_NONE || watch->hart != h->id)
        return;
    const uint64_t value = watch->kind == REGISTER_X ? hart_get_x(h, watch->index) : hart_get_f(h, watch->index);
    if (value != watch->value) {
        watch->value = value;
        machine_hit_at(h, &(replug_hit){.step = machine_steps(h) - 1, .pc = h->pc, .number = watch->number, .kind = REPLUG_ACCESS_REGISTER},
                       REPLUG_STOP_WATCHPOINT);
    }
}

/* The instruction in front of this place has retired. */
void watchpoint_settle(hart *h)
{
    if (h->watch_pending) {
        h->watch_pending = false;
        machine_hit_at(h, &h->watched, REPLUG_STOP_WATCHPOINT);
    }
    watchpoint_register(h);
}

static void look_again(struct replug_machine *machine)
{
    for (uint32_t i = 0; i < machine->config.harts; i++)
        hart_flush_tlb(&machine->harts[i]);
}

/* kind: of enum replug_access; 0; -1: no memory. */
int replug_add_watchpoint(replug_machine *machine, uint32_t number, uint64_t address, uint64_t length, uint32_t kind, int physical,
                          uint64_t harts)
{
    struct watchpoint *list = realloc(machine->watchpoints, (machine->watchpoint_count + 1) * sizeof *list);

    if (list == NULL)
        return -1;
    machine->watchpoints = list;
    list[machine->watchpoint_count++] = (struct watchpoint){
        .address = address, .length = length, .kind = kind, .physical = physical != 0, .harts = harts, .number = number};
    look_again(machine);
    return 0;
}

void watchpoint_remove(struct replug_machine *machine, uint32_t number)
{
    bool changed = false;

    for (uint32_t i = 0; i < machine->watchpoint_count;) {
        if (machine->watchpoints[i].number == number) {
            machine->watchpoints[i] = machine->watchpoints[--machine->watchpoint_count];
            changed = true;
        } else {
            i++;
        }
    }
    if (changed)
        look_again(machine);
    if (machine->register_watch.number == number)
        machine->register_watch.kind = REGISTER_NONE;
}

/*
 * Stop when a register of a hart has another value than now: x0 to x31, and f0 to f31 as 32 to 63.  One at a time; every block
 * is run carefully meanwhile.
 */
void replug_watch_register(replug_machine *machine, uint32_t number, uint32_t hart, uint32_t index)
{
    machine->register_watch = (struct register_watch){.kind = index < FLOAT_BASE ? REGISTER_X : REGISTER_F, .hart = hart,
                                                      .index = index % FLOAT_BASE, .number = number};
    machine->register_watch.value = index < FLOAT_BASE ? hart_get_x(&machine->harts[hart], index)
                                                       : hart_get_f(&machine->harts[hart], index - FLOAT_BASE);
}
