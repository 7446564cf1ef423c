/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cost models: how many cycles the instructions that retire would have taken.  They watch and never change a run, and a
 * run can be watched under several at once.
 *
 * The pipeline: one instruction a cycle, plus the stalls of a scoreboard inside each block, plus a cost for the edge to
 * the next block (prediction: backward branches taken, forward not; returns by their own cost).  Results still outstanding
 * at the end of a block are taken as ready in the next one.  So the cost of a block is known once it has been decoded.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

_Static_assert(REPLUG_MODELS == sizeof((replug_event *)0)->cycles / sizeof(uint64_t), "replug.h");
_Static_assert(KIND_UNKNOWN < sizeof((replug_pipeline *)0)->table / sizeof(uint32_t), "replug.h");

static uint32_t blocking_cost(const replug_pipeline *costs, const struct instruction *instruction)
{
    switch (instruction->kind) {
    case KIND_DIVIDE: return costs->divide;
    case KIND_CSR:
    case KIND_CSR_FLOAT: return costs->csr;
    case KIND_FENCE: { /* predecessor writes and successor reads: the store buffer must drain */
        const uint32_t predecessor = instruction->bits >> 24 & 15, successor = instruction->bits >> 20 & 15;
        return (predecessor & 1) && (successor & 2) ? costs->fence : costs->fence_light;
    }
    case KIND_FENCE_I: return costs->fence_i;
    case KIND_AMO:
    case KIND_LR:
    case KIND_SC: return costs->atomic;
    default: return 0;
    }
}

/* Cycles, beyond the next one, until the result can be used. */
static uint32_t latency(const replug_pipeline *costs, const struct instruction *instruction)
{
    switch (instruction->kind) {
    case KIND_LOAD: return instruction->width < 4 ? costs->load_use_narrow : costs->load_use;
    case KIND_MULTIPLY: return costs->multiply;
    case KIND_FLOAT:
    case KIND_FLOAT_MINMAX: return costs->floating;
    default: return 0;
    }
}

static uint32_t by_table(const replug_pipeline *costs, const struct instruction *list, uint32_t count)
{
    uint32_t cycles = 0;
    for (uint32_t i = 0; i < count; i++)
        cycles += costs->table[list[i].kind];
    return cycles;
}

/* Cycles of instructions that follow each other. */
static uint32_t straight(const replug_pipeline *costs, const struct instruction *list, uint32_t count)
{
    uint32_t ready[64] = {0}, cycle = 0;

    if (costs->by_table)
        return by_table(costs, list, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct instruction *instruction = &list[i];
        const uint8_t sources[] = {instruction->rs1, instruction->rs2, instruction->rs3};
        for (size_t s = 0; s < sizeof sources; s++) {
            if (sources[s] != NO_REGISTER && sources[s] < 64 && ready[sources[s]] > cycle)
                cycle = ready[sources[s]];
        }
        cycle += 1 + blocking_cost(costs, instruction);
        if (instruction->rd != NO_REGISTER && instruction->rd < 64)
            ready[instruction->rd] = cycle + latency(costs, instruction);
    }
    return cycle;
}

static uint32_t edge_cost(const replug_pipeline *costs, const struct block *block, uint64_t start, uint64_t next)
{
    switch (block->last_kind) {
    case KIND_BRANCH: {
        const bool taken = next != start + (block->size & SIZE_BYTES);
        return (taken ? costs->taken : 0) + (taken == ((block->flags & BLOCK_BACKWARD) != 0) ? 0 : costs->mispredict);
    }
    case KIND_JUMP: return costs->jump;
    case KIND_INDIRECT: return costs->indirect;
    case KIND_RETURN: return costs->ret;
    default: return 0;
    }
}

/* A block has been decoded: keep what it costs. */
void models_new_block(hart *h, struct code_page *code, uint32_t parcel, const struct instruction *list, uint32_t count)
{
    const struct replug_machine *machine = h->machine;

    if (machine->model_count == 0)
        return;
    if (code->costs == NULL) {
        code->costs = calloc((size_t)PARCELS * machine->model_count, sizeof *code->costs);
        if (code->costs == NULL)
            abort(); /* the host is out of memory */
    }
    for (uint32_t m = 0; m < machine->model_count; m++)
        code->costs[parcel * machine->model_count + m] = straight(&machine->models[m], list, count);
}

/* The first instructions of a block, decoded again: for marks, and for the rare block that is cut short. */
void models_prefix(hart *h, uint64_t pc, uint32_t count, uint32_t *costs)
{
    enum { LONGEST = 1024 };
    struct instruction list[LONGEST];
    uint32_t known = 0;

    while (known < count && known < LONGEST && shadow_instruction(h, pc, &list[known]))
        pc += list[known++].length;
    for (uint32_t m = 0; m < h->machine->model_count; m++)
        costs[m] = straight(&h->machine->models[m], list, known);
}

void models_open_block(hart *h, const struct code_page *code, const struct block *block, uint64_t pc)
{
    const uint32_t models = h->machine->model_count;

    if (models == 0)
        return;
    h->open = *block;
    h->open_pc = pc;
    for (uint32_t m = 0; m < models; m++)
        h->open_costs[m] = code->costs != NULL ? code->costs[parcel_of(pc) * models + m] : 0; /* NULL: only empty blocks so far */
}

void models_close_block(hart *h, bool with_edge, uint64_t next)
{
    const struct replug_machine *machine = h->machine;

    if (h->open.size == 0)
        return;
    for (uint32_t m = 0; m < machine->model_count; m++)
        h->cycles[m] += h->open_costs[m] + (with_edge ? edge_cost(&machine->models[m], &h->open, h->open_pc, next) : 0);
    h->open.size = 0;
}

void models_cut(hart *h, uint32_t executed)
{
    uint32_t costs[REPLUG_MODELS];

    if (h->open.size == 0)
        return;
    models_prefix(h, h->open_pc, executed, costs);
    for (uint32_t m = 0; m < h->machine->model_count; m++)
        h->cycles[m] += costs[m];
    h->open.size = 0;
}

/* A trap taken or returned from. */
void models_trap(hart *h)
{
    for (uint32_t m = 0; m < h->machine->model_count; m++)
        h->cycles[m] += h->machine->models[m].trap;
}

/* --- asked by Python ------------------------------------------------------------------------------------------------- */

/* The number of the new model, or -1: there are too many, or the machine has run. */
int replug_add_model(replug_machine *machine, const replug_pipeline *costs)
{
    if (machine->model_count == REPLUG_MODELS || machine->code_count != 0)
        return -1;
    machine->models[machine->model_count] = *costs;
    machine->modelled = true;
    return (int)machine->model_count++;
}

uint64_t replug_get_cycles(replug_machine *machine, uint32_t index, uint32_t model)
{
    hart *h = &machine->harts[index];
    return h->cycles[model] + (h->open.size != 0 ? h->open_costs[model] : 0);
}
