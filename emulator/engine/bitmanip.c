/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zba, Zbb, Zbs (ISA manual, "B" chapter) and Zicond, which Unicorn does not have.  The engine executes them in
 * place of the instruction (emulate.c), where the machine has the extension; otherwise they are illegal.
 */
#include "bitmanip.h"

#include <stddef.h>

#include "replug.h"

enum operation {
    ADD_UW, SH1ADD, SH2ADD, SH3ADD, SH1ADD_UW, SH2ADD_UW, SH3ADD_UW, SLLI_UW, /* Zba */
    ANDN, ORN, XNOR, CLZ, CTZ, CPOP, MAX, MAXU, MIN, MINU, SEXT_B, SEXT_H, ZEXT_H, ROL, ROR, RORI, ORC_B, REV8, /* Zbb */
    CLZW, CTZW, CPOPW, ROLW, RORW, RORIW,
    BCLR, BCLRI, BEXT, BEXTI, BINV, BINVI, BSET, BSETI, /* Zbs */
    CZERO_EQZ, CZERO_NEZ /* Zicond */
};

enum { RV32 = 1, RV64 = 2, BOTH = 3 };
enum { OP_IMM = 0x13, OP_IMM_32 = 0x1b, OP = 0x33, OP_32 = 0x3b };

#define FUNCTION7 0xfe00707fu /* opcode, funct3 and funct7 choose */
#define FUNCTION6 0xfc00707fu /* the shift amount has six bits */
#define FUNCTION12 0xfff0707fu
#define R(opcode, function3, function7) ((uint32_t)(function7) << 25 | (function3) << 12 | (opcode))
#define I(opcode, function3, immediate) ((uint32_t)(immediate) << 20 | (function3) << 12 | (opcode))

static const struct encoding {
    uint32_t mask, match;
    uint8_t xlens, operation, extension;
} encodings[] = {
    {FUNCTION7, R(OP, 2, 0x10), BOTH, SH1ADD, REPLUG_ZBA},
    {FUNCTION7, R(OP, 4, 0x10), BOTH, SH2ADD, REPLUG_ZBA},
    {FUNCTION7, R(OP, 6, 0x10), BOTH, SH3ADD, REPLUG_ZBA},
    {FUNCTION7, R(OP_32, 0, 0x04), RV64, ADD_UW, REPLUG_ZBA},
    {FUNCTION7, R(OP_32, 2, 0x10), RV64, SH1ADD_UW, REPLUG_ZBA},
    {FUNCTION7, R(OP_32, 4, 0x10), RV64, SH2ADD_UW, REPLUG_ZBA},
    {FUNCTION7, R(OP_32, 6, 0x10), RV64, SH3ADD_UW, REPLUG_ZBA},
    {FUNCTION6, R(OP_IMM_32, 1, 0x04), RV64, SLLI_UW, REPLUG_ZBA},

    {FUNCTION7, R(OP, 7, 0x20), BOTH, ANDN, REPLUG_ZBB},
    {FUNCTION7, R(OP, 6, 0x20), BOTH, ORN, REPLUG_ZBB},
    {FUNCTION7, R(OP, 4, 0x20), BOTH, XNOR, REPLUG_ZBB},
    {FUNCTION7, R(OP, 4, 0x05), BOTH, MIN, REPLUG_ZBB},
    {FUNCTION7, R(OP, 5, 0x05), BOTH, MINU, REPLUG_ZBB},
    {FUNCTION7, R(OP, 6, 0x05), BOTH, MAX, REPLUG_ZBB},
    {FUNCTION7, R(OP, 7, 0x05), BOTH, MAXU, REPLUG_ZBB},
    {FUNCTION7, R(OP, 1, 0x30), BOTH, ROL, REPLUG_ZBB},
    {FUNCTION7, R(OP, 5, 0x30), BOTH, ROR, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM, 1, 0x600), BOTH, CLZ, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM, 1, 0x601), BOTH, CTZ, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM, 1, 0x602), BOTH, CPOP, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM, 1, 0x604), BOTH, SEXT_B, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM, 1, 0x605), BOTH, SEXT_H, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM, 5, 0x287), BOTH, ORC_B, REPLUG_ZBB},
    {FUNCTION7, R(OP_IMM, 5, 0x30), RV32, RORI, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM, 5, 0x698), RV32, REV8, REPLUG_ZBB},
    {FUNCTION12, I(OP, 4, 0x080), RV32, ZEXT_H, REPLUG_ZBB},
    {FUNCTION6, R(OP_IMM, 5, 0x30), RV64, RORI, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM, 5, 0x6b8), RV64, REV8, REPLUG_ZBB},
    {FUNCTION12, I(OP_32, 4, 0x080), RV64, ZEXT_H, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM_32, 1, 0x600), RV64, CLZW, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM_32, 1, 0x601), RV64, CTZW, REPLUG_ZBB},
    {FUNCTION12, I(OP_IMM_32, 1, 0x602), RV64, CPOPW, REPLUG_ZBB},
    {FUNCTION7, R(OP_32, 1, 0x30), RV64, ROLW, REPLUG_ZBB},
    {FUNCTION7, R(OP_32, 5, 0x30), RV64, RORW, REPLUG_ZBB},
    {FUNCTION7, R(OP_IMM_32, 5, 0x30), RV64, RORIW, REPLUG_ZBB},

    {FUNCTION7, R(OP, 1, 0x24), BOTH, BCLR, REPLUG_ZBS},
    {FUNCTION7, R(OP, 5, 0x24), BOTH, BEXT, REPLUG_ZBS},
    {FUNCTION7, R(OP, 1, 0x34), BOTH, BINV, REPLUG_ZBS},
    {FUNCTION7, R(OP, 1, 0x14), BOTH, BSET, REPLUG_ZBS},
    {FUNCTION7, R(OP_IMM, 1, 0x24), RV32, BCLRI, REPLUG_ZBS},
    {FUNCTION7, R(OP_IMM, 5, 0x24), RV32, BEXTI, REPLUG_ZBS},
    {FUNCTION7, R(OP_IMM, 1, 0x34), RV32, BINVI, REPLUG_ZBS},
    {FUNCTION7, R(OP_IMM, 1, 0x14), RV32, BSETI, REPLUG_ZBS},
    {FUNCTION6, R(OP_IMM, 1, 0x24), RV64, BCLRI, REPLUG_ZBS},
    {FUNCTION6, R(OP_IMM, 5, 0x24), RV64, BEXTI, REPLUG_ZBS},
    {FUNCTION6, R(OP_IMM, 1, 0x34), RV64, BINVI, REPLUG_ZBS},
    {FUNCTION6, R(OP_IMM, 1, 0x14), RV64, BSETI, REPLUG_ZBS},

    {FUNCTION7, R(OP, 5, 0x07), BOTH, CZERO_EQZ, REPLUG_ZICOND},
    {FUNCTION7, R(OP, 7, 0x07), BOTH, CZERO_NEZ, REPLUG_ZICOND},
};

enum { ENCODINGS = sizeof encodings / sizeof *encodings, BUCKETS = 32, NONE = 255 };

/* Opcode and funct3 as a number below 32. */
static uint32_t bucket(uint32_t bits) { return (bits >> 3 & 1) | (bits >> 4 & 2) | (bits >> 12 & 7) << 2; }

/* The encodings of each bucket, chained. */
static uint8_t heads[BUCKETS], nexts[ENCODINGS];
static bool chained;

static void chain(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        heads[i] = NONE;
    for (uint32_t i = 0; i < ENCODINGS; i++) {
        nexts[i] = heads[bucket(encodings[i].match)];
        heads[bucket(encodings[i].match)] = (uint8_t)i;
    }
    chained = true;
}

static const struct encoding *find(uint32_t bits, uint32_t xlen)
{
    const uint32_t opcode = bits & 0x7f, function7 = bits >> 25;

    if (!chained)
        chain();

    if ((opcode & 0x57) != 0x13) /* none of the four opcodes */
        return NULL;
    if ((opcode & 0x20) && function7 < 2) /* the base's, and multiplication */
        return NULL;
    for (uint32_t i = heads[bucket(bits)]; i != NONE; i = nexts[i]) {
        const struct encoding *encoding = &encodings[i];
        if ((bits & encoding->mask) == encoding->match && (encoding->xlens & (xlen == 64 ? RV64 : RV32)))
            return encoding;
    }
    return NULL;
}

uint32_t bitmanip_extension(uint32_t bits, uint32_t xlen)
{
    const struct encoding *encoding = find(bits, xlen);
    return encoding == NULL ? 0 : encoding->extension;
}

static uint64_t leading_zeros(uint64_t value, uint32_t width)
{
    return value == 0 ? width : (uint64_t)__builtin_clzll(value) - (64 - width);
}

static uint64_t trailing_zeros(uint64_t value, uint32_t width)
{
    return value == 0 ? width : (uint64_t)__builtin_ctzll(value);
}

static uint64_t rotate_right(uint64_t value, uint32_t width, uint64_t amount)
{
    amount &= width - 1;
    return amount == 0 ? value : value >> amount | value << (width - amount);
}

static uint64_t or_combine(uint64_t value)
{
    uint64_t result = 0;
    for (uint32_t shift = 0; shift < 64; shift += 8)
        result |= value >> shift & 0xff ? 0xffull << shift : 0;
    return result;
}

static uint64_t sign_extend_word(uint64_t value) { return (uint64_t)(int64_t)(int32_t)value; }

uint64_t bitmanip_result(uint32_t bits, uint32_t xlen, uint64_t a, uint64_t b)
{
    const uint64_t word = (uint32_t)a, amount = bits >> 20 & (xlen - 1), one = 1;
    const int64_t signed_a = xlen == 64 ? (int64_t)a : (int32_t)a, signed_b = xlen == 64 ? (int64_t)b : (int32_t)b;
    const uint64_t place = b & (xlen - 1);

    switch ((enum operation)find(bits, xlen)->operation) {
    case ADD_UW: return b + word;
    case SH1ADD: return b + (a << 1);
    case SH2ADD: return b + (a << 2);
    case SH3ADD: return b + (a << 3);
    case SH1ADD_UW: return b + (word << 1);
    case SH2ADD_UW: return b + (word << 2);
    case SH3ADD_UW: return b + (word << 3);
    case SLLI_UW: return word << amount;
    case ANDN: return a & ~b;
    case ORN: return a | ~b;
    case XNOR: return ~(a ^ b);
    case CLZ: return leading_zeros(a, xlen);
    case CTZ: return trailing_zeros(a, xlen);
    case CPOP: return (uint64_t)__builtin_popcountll(a);
    case MAX: return signed_a < signed_b ? b : a;
    case MAXU: return a < b ? b : a;
    case MIN: return signed_a < signed_b ? a : b;
    case MINU: return a < b ? a : b;
    case SEXT_B: return (uint64_t)(int64_t)(int8_t)a;
    case SEXT_H: return (uint64_t)(int64_t)(int16_t)a;
    case ZEXT_H: return (uint16_t)a;
    case ROL: return rotate_right(a, xlen, -b);
    case ROR: return rotate_right(a, xlen, b);
    case RORI: return rotate_right(a, xlen, amount);
    case ORC_B: return or_combine(a);
    case REV8: return __builtin_bswap64(a) >> (64 - xlen);
    case CLZW: return leading_zeros(word, 32);
    case CTZW: return trailing_zeros(word, 32);
    case CPOPW: return (uint64_t)__builtin_popcountll(word);
    case ROLW: return sign_extend_word(rotate_right(word, 32, -b));
    case RORW: return sign_extend_word(rotate_right(word, 32, b));
    case RORIW: return sign_extend_word(rotate_right(word, 32, amount));
    case BCLR: return a & ~(one << place);
    case BCLRI: return a & ~(one << amount);
    case BEXT: return a >> place & 1;
    case BEXTI: return a >> amount & 1;
    case BINV: return a ^ one << place;
    case BINVI: return a ^ one << amount;
    case BSET: return a | one << place;
    case BSETI: return a | one << amount;
    case CZERO_EQZ: return b == 0 ? 0 : a;
    case CZERO_NEZ: return b != 0 ? 0 : a;
    }
    return 0;
}
