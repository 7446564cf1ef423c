/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of harts, CLINT and schedule as bytes: for the state hash and for snapshots.  RAM and devices are the
 * business of Python, which reads RAM in place.  What is derived (TLBs, translations, block counts) is not state.
 */
#include <string.h>

#include "machine.h"

#define STATE_MAGIC 0x31544154534c5052ull /* "RPLSTAT1" */

struct hart_state {
    uint64_t x[32], f[32], fcsr, pc, privilege;
    struct csrs csr;
    uint64_t reservation_physical, reservation_value, reservation_width;
    uint64_t lines, mtimecmp, waiting, retired, slice_base;
    uint64_t trap_count, last_trap_retired, barren_traps, repeated_pc, repeated_cause, repeated_value, repeated_traps;
};

struct machine_state {
    uint64_t magic, harts, xlen, ram_base, ram_size, quantum, instructions_per_tick, hardware_ad, pmp_entries;
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
    h->mtimecmp = in->mtimecmp;
    h->waiting = in->waiting != 0;
    h->retired = in->retired;
    h->slice_base = in->slice_base;
    h->trap_count = in->trap_count;
    h->last_trap_retired = in->last_trap_retired;
    h->barren_traps = (uint32_t)in->barren_traps;
    h->repeated_pc = in->repeated_pc;
    h->repeated_cause = in->repeated_cause;
    h->repeated_value = in->repeated_value;
    h->repeated_traps = (uint32_t)in->repeated_traps;
    h->open.size = 0;
    h->block = NULL;
    hart_flush_tlb(h);
}

uint64_t replug_state_size(replug_machine *machine)
{
    return sizeof(struct machine_state) + machine->config.harts * sizeof(struct hart_state);
}

static void fill_header(const struct replug_machine *machine, struct machine_state *out)
{
    const replug_config *config = &machine->config;

    memset(out, 0, sizeof *out);
    *out = (struct machine_state){
        .magic = STATE_MAGIC, .harts = config->harts, .xlen = config->xlen, .ram_base = config->ram_base,
        .ram_size = config->ram_size, .quantum = config->quantum, .instructions_per_tick = config->instructions_per_tick,
        .hardware_ad = config->hardware_ad, .pmp_entries = config->pmp_entries, .time = machine->time,
        .time_read = machine->time_read, .rounds = machine->rounds, .turn = machine->turn, .longest = machine->longest,
        .in_slice = machine->in_slice, .planned = machine->in_slice ? machine->planned : 0};
}

uint64_t replug_state_save(replug_machine *machine, uint8_t *buffer)
{
    struct machine_state header;

    fill_header(machine, &header);
    memcpy(buffer, &header, sizeof header);
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        struct hart_state state;
        save_hart(&machine->harts[i], &state);
        memcpy(buffer + sizeof header + i * sizeof state, &state, sizeof state);
    }
    return replug_state_size(machine);
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
            (state.reservation_physical != ~0ull && state.reservation_width != 4 && state.reservation_width != 8) ||
            (state.csr.mstatus & MSTATUS_MPP) >> 11 == 2)
            return false;
        const uint64_t mode = state.csr.satp >> 60;
        if (machine->config.xlen == 64 && mode != 0 && mode != 8 && mode != 9)
            return false;
    }
    return true;
}

/* 0; -1: the bytes are of another machine or version.  RAM must have been restored before. */
int replug_state_restore(replug_machine *machine, const uint8_t *buffer, uint64_t length)
{
    struct machine_state header, mine;

    if (length != replug_state_size(machine))
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
    return 0;
}
