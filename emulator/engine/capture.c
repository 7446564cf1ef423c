/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a mark's register gets its value from.
 *
 * Marks are recorded when their block starts, and the register may change on the way to the marked instruction.  Mostly it
 * is moved or gets a constant added ("mv a0, s1; ...; ret"): then the value is known at the start of the block.
 */
#include "machine.h"

/* rd = rs1 + constant, or rd = another register: what the instruction does, if it does that.  rs1 0: the constant alone. */
static bool adds(const struct instruction *instruction, uint8_t *rs1, int64_t *constant)
{
    const uint32_t bits = instruction->bits, high = bits >> 12 & 1, low = bits >> 2 & 31;
    const int64_t immediate = (int64_t)low - (high ? 32 : 0);

    *rs1 = instruction->rs1;
    *constant = 0;
    if (instruction->kind != KIND_ALU)
        return false;
    if (instruction->length == 4) {
        if ((bits & 0x707f) == 0x13) { /* addi */
            *constant = (int32_t)bits >> 20;
            return true;
        }
        if ((bits & 0x7f) == 0x37) { /* lui */
            *rs1 = 0;
            *constant = (int32_t)(bits & 0xfffff000);
            return true;
        }
        if ((bits & 0xfe00707f) != 0x33 || (instruction->rs1 != 0 && instruction->rs2 != 0))
            return false;
        *rs1 = instruction->rs1 + instruction->rs2; /* add, one operand zero */
        return true;
    }
    switch (bits & 0xe003) {
    case 0x0001: /* c.addi */
        *rs1 = instruction->rd;
        *constant = immediate;
        return true;
    case 0x4001: /* c.li */
        *rs1 = 0;
        *constant = immediate;
        return true;
    case 0x8002: /* c.mv; the others of this row add, jump or trap */
        *rs1 = (uint8_t)low;
        return high == 0 && low != 0;
    default: return false;
    }
}

/* The value of a register at the instruction at `to`, of a block that starts at `from`. */
struct source capture_source(hart *h, uint64_t from, uint64_t to, int8_t index)
{
    struct source sources[32];
    struct instruction instruction;

    for (int8_t i = 0; i < 32; i++)
        sources[i] = (struct source){.base = i};
    if (index == 0)
        return sources[0];
    for (; from < to && shadow_instruction(h, from, &instruction); from += instruction.length) {
        struct source result = {.hooked = true};
        int64_t constant;
        uint8_t rs1;
        if (instruction.rd == 0 || instruction.rd >= 32)
            continue;
        if (adds(&instruction, &rs1, &constant) && !sources[rs1].hooked) {
            constant += sources[rs1].addend;
            if (constant == (int32_t)constant)
                result = (struct source){.base = sources[rs1].base, .addend = (int32_t)constant};
        }
        sources[instruction.rd] = result;
    }
    return sources[index];
}

/* At the start of the block. */
uint64_t capture_value(hart *h, const struct source *source)
{
    const uint64_t value = hart_get_x(h, (uint32_t)source->base) + (uint64_t)(int64_t)source->addend;

    return h->machine->config.xlen == 64 ? value : (uint32_t)value;
}
