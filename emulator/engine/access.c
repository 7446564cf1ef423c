/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory and registers as Python asks for them: loader, devices, debugger. */
#include <string.h>

#include "machine.h"

/* --- memory --------------------------------------------------------------------------------------------------------------- */

uint8_t *replug_ram(replug_machine *machine) { return machine->ram; }

const uint8_t *replug_ram_page_flags(replug_machine *machine) { return machine->page_flags; }

/*
 * A write that does not come from a hart.  device: its number, from 1 on, for watchpoints; 0: loader or debugger, which meet
 * none.  -1: not all of it is RAM.
 */
int replug_ram_write(replug_machine *machine, uint64_t address, const uint8_t *data, uint64_t length, uint32_t device)
{
    const uint64_t offset = address - machine->config.ram_base;

    if (length == 0)
        return 0;
    if (!translate_is_ram(machine, address, length))
        return -1;
    for (uint64_t page = offset >> PAGE_SHIFT; page <= (offset + length - 1) >> PAGE_SHIFT; page++)
        snapshot_keep(machine, page);
    memcpy(machine->ram + offset, data, length);
    for (uint64_t page = offset >> PAGE_SHIFT; page <= (offset + length - 1) >> PAGE_SHIFT; page++) {
        machine->page_flags[page] |= PAGE_TOUCHED;
        if (machine->page_flags[page] & PAGE_CODE)
            shadow_mark_dirty(machine, page);
    }
    if (device != 0)
        watchpoint_device(machine, address, length, device);
    return 0;
}

/* The physical address of a virtual one as this hart sees it now; nothing changes.  An exception cause, or 64. */
int replug_translate_debug(replug_machine *machine, uint32_t index, uint64_t address, uint64_t *physical)
{
    hart *h = &machine->harts[index];
    uint32_t allowed;
    return (int)translate(h, address, ACCESS_READ, h->privilege, true, physical, &allowed);
}

/* --- registers -------------------------------------------------------------------------------------------------------------- */

uint64_t replug_get_x(replug_machine *m, uint32_t index, uint32_t number) { return hart_get_x(&m->harts[index], number); }

void replug_set_x(replug_machine *m, uint32_t index, uint32_t number, uint64_t value)
{
    hart_set_x(&m->harts[index], number, value);
}

uint64_t replug_get_f(replug_machine *m, uint32_t index, uint32_t number) { return hart_get_f(&m->harts[index], number); }

void replug_set_f(replug_machine *m, uint32_t index, uint32_t number, uint64_t value)
{
    hart_set_f(&m->harts[index], number, value);
}

uint64_t replug_get_pc(replug_machine *m, uint32_t index) { return m->harts[index].pc; }

void replug_get_registers(replug_machine *m, uint32_t index, uint64_t *values)
{
    hart *h = &m->harts[index];
    for (uint32_t number = 0; number < 32; number++) {
        values[number] = hart_get_x(h, number);
        values[33 + number] = hart_get_f(h, number);
    }
    values[32] = h->pc;
}

void replug_set_pc(replug_machine *m, uint32_t index, uint64_t value)
{
    careful_forget(&m->harts[index]);
    border_stand(&m->harts[index], true);
    m->harts[index].pc = value & ~1ull;
}

uint32_t replug_get_privilege(replug_machine *m, uint32_t index) { return m->harts[index].privilege; }

void replug_set_privilege(replug_machine *m, uint32_t index, uint32_t privilege)
{
    if (privilege == MODE_U || privilege == MODE_S || privilege == MODE_M)
        hart_set_privilege(&m->harts[index], privilege);
}

/* 0, or -1 where there is no such CSR.  Reading changes nothing. */
int replug_get_csr(replug_machine *m, uint32_t index, uint32_t number, uint64_t *value)
{
    const uint64_t time_read = m->time_read;
    const bool known = csr_read(&m->harts[index], number, value);
    m->time_read = time_read;
    return known ? 0 : -1;
}

int replug_set_csr(replug_machine *m, uint32_t index, uint32_t number, uint64_t value)
{
    hart *h = &m->harts[index];
    h->retired--; /* the increment that a guest's own write swallows */
    const bool known = csr_write(h, number, value);
    h->retired++;
    if (h->sync_pending) {
        h->sync_pending = false;
        shadow_sync(m);
    }
    return known ? 0 : -1;
}

uint64_t replug_get_instret(replug_machine *m, uint32_t index) { return m->harts[index].retired; }

uint64_t replug_get_traps(replug_machine *m, uint32_t index) { return m->harts[index].trap_count; }

int replug_is_waiting(replug_machine *m, uint32_t index) { return m->harts[index].waiting; }

void replug_set_line(replug_machine *m, uint32_t index, uint32_t cause, int level)
{
    hart *h = &m->harts[index];
    h->lines = (h->lines & ~BIT(cause)) | (uint64_t)(level != 0) << cause;
}

/* Start addresses of the latest blocks of a hart, oldest first. */
uint32_t replug_recent_blocks(replug_machine *m, uint32_t index, uint64_t *starts, uint32_t capacity)
{
    const hart *h = &m->harts[index];
    uint32_t count = 0;

    for (uint64_t back = 0; back < RECENT && back <= h->retired && count < capacity; back++) {
        const uint64_t retired = h->retired - back;
        const struct recent *recent = &h->recent[retired % RECENT];
        const struct recent *cut = h->cut_at > 0 ? &h->cut[(h->cut_at - 1) % RECENT_CUT] : NULL;
        if (recent->retired == retired && !(cut != NULL && cut->retired == retired && cut->pc == recent->pc))
            starts[count++] = recent->pc;
        for (uint32_t i = h->cut_at; i > 0 && i + RECENT_CUT > h->cut_at && count < capacity; i--) {
            if (h->cut[(i - 1) % RECENT_CUT].retired == retired)
                starts[count++] = h->cut[(i - 1) % RECENT_CUT].pc;
        }
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        const uint64_t swap = starts[i];
        starts[i] = starts[count - 1 - i];
        starts[count - 1 - i] = swap;
    }
    return count;
}

uint32_t replug_wild_hart(replug_machine *m) { return m->wild_hart; }

uint64_t replug_wild_cause(replug_machine *m) { return m->wild_cause; }

uint64_t replug_wild_value(replug_machine *m) { return m->wild_value; }

uint64_t replug_wild_pc(replug_machine *m) { return m->wild_pc; }
