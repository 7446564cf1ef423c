/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of harts, CLINT and schedule as bytes: for the state hash and for snapshots.  RAM and devices are the
 * business of Python, which reads RAM in place.  What is derived (TLBs, translations, block counts) is not state; what
 * harts fetch is, where it may differ from RAM.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define STATE_MAGIC 0x35544154534c5052ull /* "RPLSTAT5" */

struct hart_state {
    uint64_t x[32], f[32], fcsr, pc, privilege;
    struct csrs csr;
    uint64_t reservation_physical, reservation_value, reservation_width;
    uint64_t lines, mtimecmp, waiting, retired, slice_base;
    uint64_t trap_count, last_trap_retired, barren_traps, repeated_pc, repeated_cause, repeated_value, repeated_traps;
    uint64_t inside; /* in the middle of a stretch (borders.c) */
};

struct machine_state {
    uint64_t magic, harts, xlen, ram_base, ram_size, quantum, instructions_per_tick, hardware_ad, pmp_entries, extensions,
        strict_nan_boxing;
    uint64_t time, time_read, rounds, turn, longest, in_slice, planned;
};

static void save_hart(hart *h, struct hart_state *out)
{
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < 32; i++) {
        out->x[i] = hart_get_x(h, i);
        out->f[i] = hart_get_f(h, i);
    }
    out->fcsr = hart_get_fcsr(h);
    hart_pull_fs(h);
    out->pc = h->pc;
    out->privilege = h->privilege;
    out->csr = h->csr;
    out->reservation_physical = h->reservation.physical;
    out->reservation_value = h->reservation.value;
    out->reservation_width = h->reservation.width;
    out->lines = h->lines;
    out->mtimecmp = h->mtimecmp;
    out->waiting = h->waiting;
    out->retired = h->retired;
    out->slice_base = h->slice_base;
    out->trap_count = h->trap_count;
    out->last_trap_retired = h->last_trap_retired;
    out->barren_traps = h->barren_traps;
    out->repeated_pc = h->repeated_pc;
    out->repeated_cause = h->repeated_cause;
    out->repeated_value = h->repeated_value;
    out->repeated_traps = h->repeated_traps;
    out->inside = h->inside;
}

static void restore_hart(hart *h, const struct hart_state *in)
{
    for (uint32_t i = 0; i < 32; i++) {
        hart_set_x(h, i, in->x[i]);
        hart_set_f(h, i, in->f[i]);
    }
    hart_set_fcsr(h, in->fcsr);
    h->pc = in->pc;
    h->csr = in->csr;
    hart_set_privilege(h, (uint32_t)in->privilege);
    hart_push_fs(h);
    h->reservation.physical = in->reservation_physical;
    h->reservation.value = in->reservation_value;
    h->reservation.width = (uint32_t)in->reservation_width;
    h->lines = in->lines;
    clint_set_timer(h, in->mtimecmp);
    clint_update_supervisor_timer(h);
    for (uint32_t i = 0; i < RECENT; i++)
        h->recent[i].retired = ~0ull;
    h->cut_at = 0;
    h->waiting = in->waiting != 0;
    h->retired = in->retired;
    h->slice_base = in->slice_base;
    h->trap_count = in->trap_count;
    h->last_trap_retired = in->last_trap_retired;
    h->excepted_at = ~0ull;
    h->barren_traps = (uint32_t)in->barren_traps;
    h->repeated_pc = in->repeated_pc;
    h->repeated_cause = in->repeated_cause;
    h->repeated_value = in->repeated_value;
    h->repeated_traps = (uint32_t)in->repeated_traps;
    h->open.size = 0;
    h->left = 0;
    h->careful = false;
    border_stand(h, !in->inside);
    hart_flush_tlb(h);
}

/* --- code ---------------------------------------------------------------------------------------------------------- */

/*
 * Which pages are code, and what harts fetch from those whose RAM says something else by now: so many pages, their
 * numbers in order, so many views, each with its page's number.
 */
static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool stale_view(const struct replug_machine *machine, uint64_t page, uint8_t *view)
{
    shadow_view(machine, machine->code_pages[page], view);
    return memcmp(view, machine->ram + (page << PAGE_SHIFT), PAGE_SIZE) != 0;
}

/* Returns the size; with a buffer, fills it.  Without code, the section is there and empty. */
static uint64_t save_code(const struct replug_machine *machine, uint8_t *buffer, bool with_code)
{
    const uint64_t pages = with_code ? machine->code_count : 0, list_size = pages * sizeof(uint64_t);
    uint64_t stale = 0, size = 2 * sizeof(uint64_t) + list_size;
    uint8_t view[PAGE_SIZE];

    if (buffer != NULL) {
        memcpy(buffer, &pages, sizeof pages);
        if (pages != 0)
            memcpy(buffer + sizeof pages, machine->code_list, list_size);
        qsort(buffer + sizeof pages, pages, sizeof(uint64_t), by_number);
    }
    qsort(machine->dirty_code, machine->dirty_count, sizeof *machine->dirty_code, by_number);
    for (uint32_t i = 0; with_code && i < machine->dirty_count; i++) {
        const uint64_t page = machine->dirty_code[i];
        if (!stale_view(machine, page, view))
            continue;
        if (buffer != NULL) {
            memcpy(buffer + size, &page, sizeof page);
            memcpy(buffer + size + sizeof page, view, PAGE_SIZE);
        }
        size += sizeof page + PAGE_SIZE;
        stale++;
    }
    if (buffer != NULL)
        memcpy(buffer + sizeof pages + list_size, &stale, sizeof stale);
    return size;
}

static uint64_t number_at(const uint8_t *buffer)
{
    uint64_t value;
    memcpy(&value, buffer, sizeof value);
    return value;
}

/* Is the code section whole, and does it speak of pages of RAM only? */
static bool code_is_sane(const struct replug_machine *machine, const uint8_t *buffer, uint64_t length)
{
    const uint64_t all = machine->config.ram_size >> PAGE_SHIFT, word = sizeof(uint64_t);
    uint64_t pages, stale;

    if (length < 2 * word || (pages = number_at(buffer)) > all || length < (pages + 2) * word)
        return false;
    stale = number_at(buffer + (pages + 1) * word);
    if (stale > pages || length != (pages + 2) * word + stale * (word + PAGE_SIZE))
        return false;
    for (uint64_t i = 0; i < pages; i++) {
        if (number_at(buffer + (i + 1) * word) >= all)
            return false;
    }
    for (uint64_t i = 0; i < stale; i++) {
        if (number_at(buffer + (pages + 2) * word + i * (word + PAGE_SIZE)) >= all)
            return false;
    }
    return true;
}

static void restore_code(struct replug_machine *machine, const uint8_t *buffer)
{
    const uint64_t pages = number_at(buffer), word = sizeof(uint64_t), stale = number_at(buffer + (pages + 1) * word);
    const uint64_t base = machine->config.ram_base;

    shadow_sync(machine);
    shadow_drop(machine, 0);
    for (uint64_t i = 0; i < pages; i++)
        shadow_page(machine, base + (number_at(buffer + (i + 1) * word) << PAGE_SHIFT));
    for (uint64_t i = 0; i < stale; i++) {
        const uint8_t *view = buffer + (pages + 2) * word + i * (word + PAGE_SIZE);
        const uint64_t page = number_at(view);
        shadow_set_view(machine, shadow_page(machine, base + (page << PAGE_SHIFT)), view + word);
        shadow_mark_dirty(machine, page);
    }
}

/* --- all of it ------------------------------------------------------------------------------------------------------ */

static uint64_t fixed_size(const struct replug_machine *machine)
{
    return sizeof(struct machine_state) + machine->config.harts * sizeof(struct hart_state);
}

uint64_t replug_state_size(replug_machine *machine, int with_code)
{
    return fixed_size(machine) + save_code(machine, NULL, with_code != 0);
}

static void fill_header(const struct replug_machine *machine, struct machine_state *out)
{
    const replug_config *config = &machine->config;

    memset(out, 0, sizeof *out);
    *out = (struct machine_state){
        .magic = STATE_MAGIC, .harts = config->harts, .xlen = config->xlen, .ram_base = config->ram_base,
        .ram_size = config->ram_size, .quantum = config->quantum, .instructions_per_tick = config->instructions_per_tick,
        .hardware_ad = config->hardware_ad, .pmp_entries = config->pmp_entries,
        .extensions = config->extensions, .strict_nan_boxing = config->strict_nan_boxing, .time = machine->time,
        .time_read = machine->time_read, .rounds = machine->rounds, .turn = machine->turn, .longest = machine->longest,
        .in_slice = machine->in_slice, .planned = machine->in_slice ? machine->planned : 0};
}

uint64_t replug_state_save(replug_machine *machine, uint8_t *buffer, int with_code)
{
    struct machine_state header;

    fill_header(machine, &header);
    memcpy(buffer, &header, sizeof header);
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        struct hart_state state;
        save_hart(&machine->harts[i], &state);
        memcpy(buffer + sizeof header + i * sizeof state, &state, sizeof state);
    }
    return fixed_size(machine) + save_code(machine, buffer + fixed_size(machine), with_code != 0);
}

/* Bytes from a file may be anything: nothing in them may lead out of bounds or into an endless loop. */
static bool is_sane(const struct replug_machine *machine, const struct machine_state *header, const uint8_t *harts)
{
    if (header->turn > machine->config.harts || header->in_slice > 1 || (header->in_slice && header->turn == machine->config.harts) ||
        header->time >> 63 || header->planned >> 62 || header->longest >> 62)
        return false;
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        struct hart_state state;
        memcpy(&state, harts + i * sizeof state, sizeof state);
        if ((state.privilege != MODE_U && state.privilege != MODE_S && state.privilege != MODE_M) ||
            state.slice_base > state.retired || state.retired >> 62 || state.waiting > 1 || state.pc & 1 ||
            state.reservation_width > 8 || state.barren_traps >> 32 || state.repeated_traps >> 32 ||
            (state.reservation_physical != ~0ull && state.reservation_width != 4 && state.reservation_width != 8) ||
            (state.csr.mstatus & MSTATUS_MPP) >> 11 == 2 || state.inside > 1)
            return false;
        const uint64_t mode = state.csr.satp >> 60;
        if (machine->config.xlen == 64 && mode != 0 && mode != 8 && mode != 9)
            return false;
    }
    return true;
}

/*
 * 0; -1: the bytes are of another machine or version.  RAM must have been restored before.  `with_code`: what is code is
 * restored as well; replug_rollback has done that already.
 */
int replug_state_restore(replug_machine *machine, const uint8_t *buffer, uint64_t length, int with_code)
{
    struct machine_state header, mine;

    if (length < fixed_size(machine) || !code_is_sane(machine, buffer + fixed_size(machine), length - fixed_size(machine)))
        return -1;
    memcpy(&header, buffer, sizeof header);
    fill_header(machine, &mine);
    if (memcmp(&header, &mine, offsetof(struct machine_state, time)) != 0 || !is_sane(machine, &header, buffer + sizeof header))
        return -1;
    machine->time = header.time;
    machine->time_read = header.time_read;
    machine->rounds = header.rounds;
    machine->turn = (uint32_t)header.turn;
    machine->longest = header.longest;
    machine->in_slice = header.in_slice != 0;
    machine->planned = header.planned;
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        struct hart_state state;
        memcpy(&state, buffer + sizeof header + i * sizeof state, sizeof state);
        restore_hart(&machine->harts[i], &state);
    }
    if (with_code)
        restore_code(machine, buffer + fixed_size(machine));
    generated_forget_future(machine);
    return 0;
}
