/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zba, Zbb, Zbs and Zicond: which instructions they are, and what those compute. */
#ifndef REPLUG_BITMANIP_H
#define REPLUG_BITMANIP_H

#include <stdbool.h>
#include <stdint.h>

/* The extension (enum replug_extension) that an instruction of 32 bits belongs to; 0: to none of the four. */
uint32_t bitmanip_extension(uint32_t bits, uint32_t xlen);

/* The result of such an instruction on the values of rs1 and rs2 (zero-extended to 64 bits on a 32-bit hart). */
uint64_t bitmanip_result(uint32_t bits, uint32_t xlen, uint64_t a, uint64_t b);

#endif
