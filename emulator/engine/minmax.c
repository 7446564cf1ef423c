/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fmin and fmax (ISA manual, "F" chapter, since version 2.2: minimumNumber and maximumNumber of IEEE 754-2019): of a number
 * and a NaN, signalling or not, the result is the number.  Unicorn follows the older rule.
 */
#include "machine.h"

#define FLAG_INVALID 0x10u

struct format {
    uint32_t bits;          /* of the whole number */
    uint32_t fraction_bits;
};

static const struct format formats[] = {{32, 23}, {64, 52}};

static bool is_nan(uint64_t value, const struct format *format)
{
    const uint64_t magnitude = value & (BIT(format->bits - 1) - 1);
    const uint64_t infinity = (BIT(format->bits - 1) - 1) & ~(BIT(format->fraction_bits) - 1);
    return magnitude > infinity;
}

static bool is_signalling(uint64_t value, const struct format *format)
{
    return is_nan(value, format) && !(value & BIT(format->fraction_bits - 1));
}

static uint64_t canonical_nan(const struct format *format)
{
    return ((BIT(format->bits - 1) - 1) & ~(BIT(format->fraction_bits) - 1)) | BIT(format->fraction_bits - 1);
}

/* Neither is a NaN; -0 is less than +0. */
static bool is_less(uint64_t a, uint64_t b, const struct format *format)
{
    const uint64_t sign = BIT(format->bits - 1);
    if ((a & sign) != (b & sign))
        return (a & sign) != 0;
    return a & sign ? a > b : a < b;
}

/* An operand of single precision that is not boxed in ones counts as the canonical NaN, by the strict rule. */
static uint64_t operand(hart *h, uint32_t index, const struct format *format)
{
    const uint64_t value = hart_get_f(h, index);
    if (format->bits == 64)
        return value;
    if (!h->machine->config.strict_nan_boxing) /* Unicorn boxes no results: see nanbox.c */
        return value & 0xffffffff;
    return value >> 32 == 0xffffffff ? value & 0xffffffff : canonical_nan(format);
}

/* False: there is no such instruction.  The caller has seen that floating point is on. */
bool minmax_execute(hart *h, uint32_t bits)
{
    const uint32_t precision = bits >> 25 & 3, function = bits >> 12 & 7, rd = bits >> 7 & 31;
    if (bits >> 27 != 0x05 || precision > 1 || function > 1)
        return false;
    const struct format *format = &formats[precision];
    const uint64_t a = operand(h, bits >> 15 & 31, format), b = operand(h, bits >> 20 & 31, format);
    uint64_t result;

    if (is_nan(a, format) && is_nan(b, format))
        result = canonical_nan(format);
    else if (is_nan(a, format) || is_nan(b, format))
        result = is_nan(a, format) ? b : a;
    else
        result = is_less(a, b, format) == (function == 0) ? a : b;
    hart_set_f(h, rd, format->bits == 32 ? result | 0xffffffff00000000ull : result);
    if (is_signalling(a, format) || is_signalling(b, format))
        hart_set_fcsr(h, hart_get_fcsr(h) | FLAG_INVALID);
    h->csr.mstatus |= MSTATUS_FS; /* Dirty */
    hart_push_fs(h);
    return true;
}
