/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NaN boxing by the book (ISA manual, "D" chapter, "NaN Boxing of Narrower Values"): the upper half of a single-precision
 * result is all ones, and a single-precision operand whose upper half is anything else counts as the canonical NaN.
 * Unicorn boxes what it loads but not what it computes, and takes the lower half of any operand.
 *
 * Where the configuration asks for it, a code hook in front of each instruction boxes what the one before it has
 * computed, and looks at operands.  An instruction with one that is not boxed is executed here, which is simple, since
 * that one is a NaN.
 */
#include <string.h>

#include "machine.h"

#define CANONICAL 0x7fc00000u
#define CANONICAL_DOUBLE 0x7ff8000000000000ull
#define QUIET 0x00400000u
#define INVALID 0x10u

enum { OP_FP = 0x53, FMADD = 0x43, FNMADD = 0x4f };
enum { SIGN_INJECTION = 0x04, SQUARE_ROOT = 0x0b, CONVERT_FLOAT = 0x08, COMPARE = 0x14, CONVERT_TO_INTEGER = 0x18, MOVE_OR_CLASSIFY = 0x1c };

static uint32_t field(uint32_t bits, int high, int low) { return (bits >> low) & ((1u << (high - low + 1)) - 1); }

static bool is_fused(uint32_t opcode) { return opcode >= FMADD && opcode <= FNMADD && (opcode & 3) == 3; }

/* How many operands of single precision an instruction has, from rs1 on; fmin and fmax are minmax.c's. */
static uint32_t singles(uint32_t bits)
{
    const uint32_t opcode = bits & 0x7f, format = field(bits, 26, 25), operation = field(bits, 31, 27);

    if (is_fused(opcode))
        return format == 0 ? 3 : 0;
    if (opcode != OP_FP)
        return 0;
    if (operation == CONVERT_FLOAT)
        return format == 1 && field(bits, 24, 20) == 0; /* fcvt.d.s */
    if (format != 0)
        return 0;
    switch (operation) {
    case 0x00: /* fadd, fsub, fmul, fdiv */
    case 0x01:
    case 0x02:
    case 0x03:
    case SIGN_INJECTION:
    case COMPARE: return 2;
    case SQUARE_ROOT:
    case CONVERT_TO_INTEGER: return 1;
    case MOVE_OR_CLASSIFY: return field(bits, 14, 12) == 1;
    default: return 0;
    }
}

/* Is the result one of single precision? */
static bool makes_single(uint32_t bits)
{
    const uint32_t opcode = bits & 0x7f, operation = field(bits, 31, 27);

    if (field(bits, 26, 25) != 0 || (opcode != OP_FP && !is_fused(opcode)))
        return false;
    return is_fused(opcode) || (operation != COMPARE && operation != CONVERT_TO_INTEGER && operation != MOVE_OR_CLASSIFY);
}

static bool is_boxed(uint64_t value) { return value >> 32 == 0xffffffff; }

static uint32_t operand(hart *h, uint32_t index)
{
    const uint64_t value = hart_get_f(h, index);
    return is_boxed(value) ? (uint32_t)value : CANONICAL;
}

static bool is_nan(uint32_t value) { return (value & 0x7fffffff) > 0x7f800000; }
static bool is_signalling(uint32_t value) { return is_nan(value) && !(value & QUIET); }
static bool is_infinite(uint32_t value) { return (value & 0x7fffffff) == 0x7f800000; }
static bool is_zero(uint32_t value) { return (value & 0x7fffffff) == 0; }

/* Box what the latest instruction has computed: before anyone looks at it.  `pc`: of one that trapped, and did not. */
void nanbox_finish(hart *h, uint64_t pc)
{
    const uint32_t index = h->unboxed_result;

    h->unboxed_result = NO_RESULT;
    if (index != NO_RESULT && h->unboxed_pc != pc)
        hart_set_f(h, index, hart_get_f(h, index) | 0xffffffff00000000ull);
}

/* Called in front of each instruction. */
void nanbox_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    hart *h = user;
    struct code_page *code = shadow_mapped(h, address);
    struct instruction instruction;
    uint16_t parcel;

    (void)uc;
    (void)size;
    if (h->unboxed_result != NO_RESULT)
        nanbox_finish(h, NO_PAGE);
    if (code == NULL || h->pc_known) /* the hart is about to stop in front of it anyway */
        return;
    memcpy(&parcel, h->machine->shadow + (code->physical - h->machine->config.ram_base) + 2 * parcel_of(address), 2);
    if ((parcel & 0x7f) != OP_FP && !is_fused(parcel & 0x7f))
        return;
    if (!shadow_instruction_at(h, code, address, &instruction))
        return;
    const uint32_t bits = instruction.bits, count = singles(bits);
    const uint32_t indices[3] = {field(bits, 19, 15), field(bits, 24, 20), field(bits, 31, 27)};
    for (uint32_t i = 0; i < count; i++) {
        if (!is_boxed(hart_get_f(h, indices[i]))) {
            h->unboxed_pending = true;
            hart_leave(h, address);
            return;
        }
    }
    if (makes_single(bits)) {
        h->unboxed_result = field(bits, 11, 7);
        h->unboxed_pc = address;
    }
}

static bool rounds_legally(hart *h, uint32_t bits)
{
    const uint32_t mode = field(bits, 14, 12);
    return (mode == 7 ? hart_get_fcsr(h) >> 5 & 7 : mode) < 5;
}

/* At least one of the three is a NaN. */
static bool fused_is_invalid(uint32_t a, uint32_t b, uint32_t c)
{
    return is_signalling(a) || is_signalling(b) || is_signalling(c) || (is_infinite(a) && is_zero(b)) || (is_zero(a) && is_infinite(b));
}

/* A NaN converts to the largest integer of the kind: w, wu, l, lu. */
static uint64_t largest_integer(uint32_t kind)
{
    static const uint64_t largest[] = {0x7fffffff, ~0ull, 0x7fffffffffffffff, ~0ull};
    return largest[kind & 3];
}

static uint32_t inject_sign(uint32_t function, uint32_t a, uint32_t b)
{
    const uint32_t sign = function == 0 ? b : function == 1 ? ~b : a ^ b;
    return (a & 0x7fffffff) | (sign & 0x80000000);
}

/* An instruction with such an operand.  False: illegal. */
static bool execute(hart *h, uint32_t bits)
{
    const uint32_t rd = field(bits, 11, 7), operation = field(bits, 31, 27), function = field(bits, 14, 12);
    const uint32_t a = operand(h, field(bits, 19, 15)), b = operand(h, field(bits, 24, 20));
    const bool fused = is_fused(bits & 0x7f);
    const uint32_t kind = fused ? 0 : operation; /* the fused ones end as an addition does: in the canonical NaN */
    uint64_t result = 0xffffffff00000000ull | CANONICAL;
    bool invalid = false, to_integer = false;

    if (kind != SIGN_INJECTION && kind != COMPARE && kind != MOVE_OR_CLASSIFY && !rounds_legally(h, bits))
        return false;
    switch (kind) {
    case SIGN_INJECTION:
        if (function > 2)
            return false;
        result = 0xffffffff00000000ull | inject_sign(function, a, b);
        break;
    case COMPARE: /* flt and fle complain about any NaN, feq about signalling ones */
        if (function > 2)
            return false;
        to_integer = true;
        result = 0;
        invalid = function != 2 || is_signalling(a) || is_signalling(b);
        break;
    case MOVE_OR_CLASSIFY:
        to_integer = true;
        result = BIT(9); /* a quiet NaN */
        break;
    case CONVERT_TO_INTEGER:
        to_integer = true;
        invalid = true;
        if (field(bits, 24, 20) > (h->machine->config.xlen == 64 ? 3u : 1u))
            return false;
        result = largest_integer(field(bits, 24, 20));
        break;
    case CONVERT_FLOAT: result = CANONICAL_DOUBLE; break;
    case SQUARE_ROOT:
        if (field(bits, 24, 20) != 0)
            return false;
        break;
    default: invalid = fused ? fused_is_invalid(a, b, operand(h, operation)) : is_signalling(a) || is_signalling(b);
    }
    if (invalid)
        hart_set_fcsr(h, hart_get_fcsr(h) | INVALID);
    if (to_integer)
        hart_set_x(h, rd, result);
    else
        hart_set_f(h, rd, result);
    if (invalid || !to_integer) {
        h->csr.mstatus |= MSTATUS_FS; /* Dirty */
        hart_push_fs(h);
    }
    return true;
}

/* Outside a run: the hart stands in front of an instruction with such an operand. */
void nanbox_settle(hart *h)
{
    const struct block block = h->block != NULL ? *h->block : (struct block){.size = 0};
    const uint64_t pc = h->pc;
    struct code_page *code = shadow_mapped(h, pc);
    struct instruction instruction;

    h->unboxed_pending = false;
    const uint32_t executed = blocks_cut(h, pc, false);
    if (code == NULL || !shadow_instruction_at(h, code, pc, &instruction)) {
        machine_fail(h->machine, "hart %u: no code known at 0x%llx", h->id, (unsigned long long)pc);
        return;
    }
    const bool legal = execute(h, instruction.bits);
    observe_cut(h, &block, executed + legal);
    if (!legal) {
        trap_enter(h, CAUSE_ILLEGAL, instruction.bits, pc);
        return;
    }
    code->counts[parcel_of(pc)]++;
    h->retired += 1;
    h->pc = pc + 4;
    border_stand_behind(h, &instruction, pc);
}
