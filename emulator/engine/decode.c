/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding, by the encoding tables of the ISA manual (RV32/64G chapter, and "C" chapter for the 16-bit forms).
 * Only what counting, interception, MMIO emulation and the cost model ask for; everything else is KIND_ALU or
 * KIND_UNKNOWN, whose registers are then not looked at.
 */
#include "decode.h"

#include "bitmanip.h"

static uint32_t field(uint32_t bits, int high, int low) { return (bits >> low) & ((1u << (high - low + 1)) - 1); }

static int64_t sign_extend(uint64_t value, int width) { return (int64_t)(value << (64 - width)) >> (64 - width); }

static void memory_access(struct instruction *out, uint8_t kind, uint8_t value, uint8_t base, int64_t offset,
                          uint8_t width)
{
    out->kind = kind;
    out->rs1 = base;
    out->immediate = offset;
    out->width = width;
    out->is_signed = true;
    if (kind == KIND_LOAD)
        out->rd = value;
    else
        out->rs2 = value;
}

static void decode_compressed_memory(uint32_t bits, uint32_t xlen, struct instruction *out)
{
    const uint8_t base = 8 + field(bits, 9, 7), value = 8 + field(bits, 4, 2);
    const int64_t offset_word = field(bits, 12, 10) << 3 | field(bits, 6, 6) << 2 | field(bits, 5, 5) << 6;
    const int64_t offset_double = field(bits, 12, 10) << 3 | field(bits, 6, 5) << 6;

    switch (field(bits, 15, 13)) {
    case 0: /* c.addi4spn; the all-zero parcel is illegal */
        if (bits == 0) {
            out->kind = KIND_UNKNOWN;
            break;
        }
        out->rd = value;
        out->rs1 = 2;
        break;
    case 1: memory_access(out, KIND_LOAD, FLOAT_BASE + value, base, offset_double, 8); break;
    case 2: memory_access(out, KIND_LOAD, value, base, offset_word, 4); break;
    case 3:
        if (xlen == 64)
            memory_access(out, KIND_LOAD, value, base, offset_double, 8);
        else
            memory_access(out, KIND_LOAD, FLOAT_BASE + value, base, offset_word, 4);
        break;
    case 4: out->kind = KIND_RESERVED; break;
    case 5: memory_access(out, KIND_STORE, FLOAT_BASE + value, base, offset_double, 8); break;
    case 6: memory_access(out, KIND_STORE, value, base, offset_word, 4); break;
    case 7:
        if (xlen == 64)
            memory_access(out, KIND_STORE, value, base, offset_double, 8);
        else
            memory_access(out, KIND_STORE, FLOAT_BASE + value, base, offset_word, 4);
        break;
    default: out->kind = KIND_UNKNOWN;
    }
}

static void decode_compressed_control(uint32_t bits, uint32_t xlen, struct instruction *out)
{
    const uint8_t full = field(bits, 11, 7), short1 = 8 + field(bits, 9, 7), short2 = 8 + field(bits, 4, 2);

    switch (field(bits, 15, 13)) {
    case 0: out->rd = out->rs1 = full; break; /* c.nop, c.addi */
    case 1:
        if (xlen == 64) { /* c.addiw */
            out->rd = out->rs1 = full;
        } else { /* c.jal */
            out->kind = KIND_JUMP;
            out->rd = 1;
        }
        break;
    case 2: out->rd = full; break; /* c.li */
    case 3:                        /* c.addi16sp, c.lui */
        out->rd = full;
        out->rs1 = full == 2 ? 2 : 0;
        break;
    case 4:
        out->rd = out->rs1 = short1;
        if (field(bits, 11, 10) == 3)
            out->rs2 = short2;
        if (field(bits, 12, 10) == 7 && (xlen == 32 || field(bits, 6, 6)))
            out->kind = KIND_RESERVED;
        if (field(bits, 11, 11) == 0 && field(bits, 12, 12) && xlen == 32) /* shifts by 32 and more */
            out->kind = KIND_RESERVED;
        break;
    case 5: out->kind = KIND_JUMP; break;
    default: /* c.beqz, c.bnez */
        out->kind = KIND_BRANCH;
        out->rs1 = short1;
        out->immediate = sign_extend(field(bits, 12, 12) << 8 | field(bits, 6, 5) << 6 | field(bits, 2, 2) << 5 |
                                         field(bits, 11, 10) << 3 | field(bits, 4, 3) << 1,
                                     9);
        out->backward = out->immediate < 0;
    }
}

static void decode_compressed_stack(uint32_t bits, uint32_t xlen, struct instruction *out)
{
    const uint8_t full = field(bits, 11, 7), second = field(bits, 6, 2);
    const int64_t load_double = field(bits, 12, 12) << 5 | field(bits, 6, 5) << 3 | field(bits, 4, 2) << 6;
    const int64_t load_word = field(bits, 12, 12) << 5 | field(bits, 6, 4) << 2 | field(bits, 3, 2) << 6;
    const int64_t store_double = field(bits, 12, 10) << 3 | field(bits, 9, 7) << 6;
    const int64_t store_word = field(bits, 12, 9) << 2 | field(bits, 8, 7) << 6;

    switch (field(bits, 15, 13)) {
    case 0: /* c.slli */
        out->rd = out->rs1 = full;
        if (field(bits, 12, 12) && xlen == 32)
            out->kind = KIND_RESERVED;
        break;
    case 1: memory_access(out, KIND_LOAD, FLOAT_BASE + full, 2, load_double, 8); break;
    case 2: memory_access(out, KIND_LOAD, full, 2, load_word, 4); break;
    case 3:
        if (xlen == 64)
            memory_access(out, KIND_LOAD, full, 2, load_double, 8);
        else
            memory_access(out, KIND_LOAD, FLOAT_BASE + full, 2, load_word, 4);
        break;
    case 4:
        if (second != 0) { /* c.mv, c.add */
            out->rd = full;
            out->rs1 = field(bits, 12, 12) ? full : 0;
            out->rs2 = second;
        } else if (full == 0) {
            out->kind = field(bits, 12, 12) ? KIND_EBREAK : KIND_UNKNOWN;
        } else if (field(bits, 12, 12)) { /* c.jalr */
            out->kind = KIND_INDIRECT;
            out->rd = 1;
            out->rs1 = full;
        } else { /* c.jr */
            out->kind = full == 1 || full == 5 ? KIND_RETURN : KIND_INDIRECT;
            out->rs1 = full;
        }
        break;
    case 5: memory_access(out, KIND_STORE, FLOAT_BASE + second, 2, store_double, 8); break;
    case 6: memory_access(out, KIND_STORE, second, 2, store_word, 4); break;
    default:
        if (xlen == 64)
            memory_access(out, KIND_STORE, second, 2, store_double, 8);
        else
            memory_access(out, KIND_STORE, FLOAT_BASE + second, 2, store_word, 4);
    }
}

static void decode_system(uint32_t bits, struct instruction *out)
{
    const uint32_t function = field(bits, 14, 12), csr = bits >> 20;

    if (function == 0 || function == 4) {
        out->kind = bits == 0x00100073 ? KIND_EBREAK : KIND_SYSTEM;
        return;
    }
    out->kind = csr >= 1 && csr <= 3 ? KIND_CSR_FLOAT : KIND_CSR;
    if (function >= 4) /* the immediate forms have no source register */
        out->rs1 = 0;
}

static void decode_atomic(uint32_t bits, struct instruction *out)
{
    const uint32_t function = field(bits, 31, 27);

    out->width = 1u << field(bits, 14, 12);
    out->is_signed = true;
    out->kind = function == 2 ? KIND_LR : function == 3 ? KIND_SC : KIND_AMO;
}

void decode(uint32_t bits, uint32_t xlen, struct instruction *out)
{
    *out = (struct instruction){.bits = bits, .length = 4, .kind = KIND_ALU};
    if ((bits & 3) != 3) {
        bits &= 0xffff;
        out->bits = bits;
        out->length = 2;
        switch (bits & 3) {
        case 0: decode_compressed_memory(bits, xlen, out); break;
        case 1: decode_compressed_control(bits, xlen, out); break;
        default: decode_compressed_stack(bits, xlen, out);
        }
        return;
    }

    const uint8_t function = field(bits, 14, 12);
    out->rd = field(bits, 11, 7);
    out->rs1 = field(bits, 19, 15);
    out->rs2 = field(bits, 24, 20);
    switch (field(bits, 6, 0)) {
    case 0x03: /* LOAD */
        out->kind = KIND_LOAD;
        out->rs2 = 0;
        out->width = 1u << (function & 3);
        out->is_signed = function < 4;
        out->immediate = sign_extend(bits >> 20, 12);
        break;
    case 0x07: /* LOAD-FP */
        out->kind = KIND_LOAD;
        out->rd += FLOAT_BASE;
        out->rs2 = 0;
        out->width = 1u << (function & 3);
        out->immediate = sign_extend(bits >> 20, 12);
        break;
    case 0x23: /* STORE */
    case 0x27: /* STORE-FP */
        out->kind = KIND_STORE;
        if (field(bits, 6, 0) == 0x27)
            out->rs2 += FLOAT_BASE;
        out->rd = 0;
        out->width = 1u << (function & 3);
        out->immediate = sign_extend(field(bits, 31, 25) << 5 | field(bits, 11, 7), 12);
        break;
    case 0x0f: /* MISC-MEM */
        out->kind = function == 1 ? KIND_FENCE_I : KIND_FENCE;
        out->rd = out->rs1 = out->rs2 = 0;
        break;
    case 0x13: /* OP-IMM */
    case 0x1b:
        out->rs2 = 0;
        if (bitmanip_extension(bits, xlen))
            out->kind = KIND_BITMANIP;
        break;
    case 0x33: /* OP */
    case 0x3b:
        if (field(bits, 31, 25) == 1)
            out->kind = function < 4 ? KIND_MULTIPLY : KIND_DIVIDE;
        else if (bitmanip_extension(bits, xlen))
            out->kind = KIND_BITMANIP;
        break;
    case 0x17: /* AUIPC */
    case 0x37: /* LUI */ out->rs1 = out->rs2 = 0; break;
    case 0x2f: decode_atomic(bits, out); break;
    case 0x43: /* FMADD and the other three-operand forms */
    case 0x47:
    case 0x4b:
    case 0x4f:
        out->rs3 = FLOAT_BASE + field(bits, 31, 27);
        out->kind = KIND_FLOAT;
        out->rd += FLOAT_BASE;
        out->rs1 += FLOAT_BASE;
        out->rs2 += FLOAT_BASE;
        break;
    case 0x53: { /* OP-FP: comparisons, classification and moves to x write an integer register */
        const uint32_t operation = field(bits, 31, 27);
        out->kind = operation == 0x05 && function < 2 && field(bits, 26, 25) < 2 ? KIND_FLOAT_MINMAX : KIND_FLOAT;
        if (operation != 0x14 && operation != 0x18 && operation != 0x1c)
            out->rd += FLOAT_BASE;
        if (operation != 0x1a && operation != 0x1e)
            out->rs1 += FLOAT_BASE;
        out->rs2 += FLOAT_BASE;
        break;
    }
    case 0x63: /* BRANCH */
        out->kind = KIND_BRANCH;
        out->rd = 0;
        out->immediate = sign_extend(field(bits, 31, 31) << 12 | field(bits, 7, 7) << 11 | field(bits, 30, 25) << 5 |
                                         field(bits, 11, 8) << 1,
                                     13);
        out->backward = out->immediate < 0;
        break;
    case 0x67: /* JALR: a return is jalr x0 through a link register (ISA manual, 2.5.1) */
        out->kind = out->rd == 0 && (out->rs1 == 1 || out->rs1 == 5) ? KIND_RETURN : KIND_INDIRECT;
        out->rs2 = 0;
        break;
    case 0x6f:
        out->kind = KIND_JUMP;
        out->rs1 = out->rs2 = 0;
        break;
    case 0x73:
        out->rs2 = 0;
        decode_system(bits, out);
        break;
    default: out->kind = KIND_UNKNOWN;
    }
}
