/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices that are the engine's own. */
#ifndef REPLUG_DEVICES_H
#define REPLUG_DEVICES_H

#include "hart.h"

enum { PLIC_SOURCES = 96, PLIC_WORDS = PLIC_SOURCES / 32 }; /* source 0 included, which does not exist */
struct plic {
    uint8_t priority[PLIC_SOURCES];
    uint32_t pending[PLIC_WORDS], in_service[PLIC_WORDS], waiting[PLIC_WORDS]; /* a bit a source */
    struct plic_context *contexts;
    uint32_t context_count;
};

enum { UART_FIFO = 16 };
struct uart {
    uint8_t ier, fcr, lcr, mcr, scratch;
    uint16_t divisor;
    bool overrun, transmit_request, level;
    uint8_t looped[UART_FIFO]; /* sent to itself in loopback, unread */
    uint32_t looped_count;
    struct uart_bytes {
        uint8_t *data;
        uint64_t start, end, capacity;
    } line, output; /* from the host, unread; to the host, not yet drained */
};

/* devices.c */
bool devices_create(struct replug_machine *machine);
void devices_destroy(struct replug_machine *machine);
uint64_t devices_read(hart *h, uint64_t physical, uint32_t width, int *fault);
void devices_write(hart *h, uint64_t physical, uint32_t width, uint64_t value, int *fault);

/* clint.c */
bool clint_contains(uint64_t address);
uint64_t clint_read(hart *h, uint64_t address, uint32_t width, int *fault);
void clint_write(hart *h, uint64_t address, uint32_t width, uint64_t value, int *fault);
void clint_set_timer(hart *h, uint64_t mtimecmp);
bool clint_timer_pending(const hart *h, uint64_t now);
void clint_update_supervisor_timer(hart *h);

/* plic.c */
bool plic_create(struct replug_machine *machine);
void plic_destroy(struct replug_machine *machine);
bool plic_contains(uint64_t address);
uint64_t plic_read(struct replug_machine *machine, uint64_t address, uint32_t width, int *fault);
void plic_write(struct replug_machine *machine, uint64_t address, uint32_t width, uint64_t value, int *fault);
void plic_set_level(struct replug_machine *machine, uint32_t irq, bool level);

/* uart.c */
void uart_destroy(struct replug_machine *machine);
bool uart_contains(uint64_t address);
uint64_t uart_read(struct replug_machine *machine, uint64_t address, uint32_t width, int *fault);
void uart_write(struct replug_machine *machine, uint64_t address, uint32_t width, uint64_t value, int *fault);

#endif
