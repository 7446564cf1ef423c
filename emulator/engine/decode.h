/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine needs to know of an instruction: its length, its kind, its registers, its memory access. */
#ifndef REPLUG_DECODE_H
#define REPLUG_DECODE_H

#include <stdbool.h>
#include <stdint.h>

enum kind {
    KIND_ALU,
    KIND_LOAD,
    KIND_STORE,
    KIND_BRANCH,
    KIND_JUMP,     /* jal, c.j */
    KIND_INDIRECT, /* jalr, c.jr, c.jalr: neither a return nor a direct jump */
    KIND_RETURN,   /* jalr x0, ra: what a return-address stack predicts */
    KIND_MULTIPLY,
    KIND_DIVIDE,
    KIND_FENCE,
    KIND_FENCE_I,
    KIND_AMO,
    KIND_LR,
    KIND_SC,
    KIND_CSR,
    KIND_CSR_FLOAT, /* fflags, frm, fcsr: the only CSRs that Unicorn keeps */
    KIND_SYSTEM,    /* ecall, xret, wfi, sfence.vma and what else lives in that opcode */
    KIND_EBREAK,
    KIND_FLOAT,
    KIND_FLOAT_MINMAX, /* fmin, fmax: Unicorn's follow an older rule for NaNs */
    KIND_BITMANIP, /* of Zba, Zbb, Zbs or Zicond, whether the machine has it or not */
    KIND_RESERVED, /* a compressed encoding that must raise an exception and that Unicorn lets pass */
    KIND_UNKNOWN
};

enum { NO_REGISTER = 0, FLOAT_BASE = 32 }; /* x0 doubles as "none"; f0..f31 are 32..63 */

struct instruction {
    uint32_t bits;
    uint8_t length; /* bytes: 2 or 4 */
    uint8_t kind;
    uint8_t rd, rs1, rs2, rs3; /* 0: none (or x0) */
    uint8_t width;             /* bytes of a memory access */
    bool is_signed;            /* a load that sign-extends */
    bool backward;             /* a conditional branch to a lower address: predicted taken */
    int64_t immediate;         /* offset of a memory access or branch */
};

/* Bytes of the instruction whose first parcel is given (ISA manual, 1.5). */
static inline uint32_t instruction_length(uint16_t parcel) { return (parcel & 3) == 3 ? 4 : 2; }

void decode(uint32_t bits, uint32_t xlen, struct instruction *out);

/* True for a call, by the convention for return-address stacks (ISA manual, "JALR"): ra or t0 gets the return address. */
static inline bool decode_links(const struct instruction *instruction)
{
    return (instruction->kind == KIND_JUMP || instruction->kind == KIND_INDIRECT) &&
           (instruction->rd == 1 || instruction->rd == 5);
}

/* True for what is illegal while mstatus.FS is Off. */
static inline bool is_floating(const struct instruction *instruction)
{
    return instruction->kind == KIND_FLOAT || instruction->kind == KIND_FLOAT_MINMAX || instruction->kind == KIND_CSR_FLOAT ||
           (instruction->kind == KIND_LOAD && instruction->rd >= FLOAT_BASE) ||
           (instruction->kind == KIND_STORE && instruction->rs2 >= FLOAT_BASE);
}

/* True for what the engine executes itself in place of Unicorn. */
static inline bool is_intercepted(const struct instruction *instruction)
{
    return instruction->kind == KIND_CSR || instruction->kind == KIND_SYSTEM || instruction->kind == KIND_FENCE_I ||
           instruction->kind == KIND_LR || instruction->kind == KIND_SC || instruction->kind == KIND_FLOAT_MINMAX ||
           instruction->kind == KIND_BITMANIP || instruction->kind == KIND_RESERVED;
}

#endif
