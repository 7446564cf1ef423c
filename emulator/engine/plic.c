/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The platform-level interrupt controller (PLIC): 95 sources with 7 priorities; context 2 * hart is M-mode's, 2 * hart + 1
 * S-mode's.
 *
 * Each source has a gateway that turns the device's level into requests:
 *
 * - a device that drives its line high, also while it is high already, makes a request.  A request pends at once, or, when
 *   the source is in service (claimed and not completed), waits in the gateway;
 * - a request that pends stays until it is claimed, even when the line goes low before (the manual's rule);
 * - a request that waits in the gateway is dropped when the line goes low, and pends at completion otherwise.
 *
 * A line that merely stayed high during the service makes no new request at completion.  There the manual would repeat the
 * interrupt for ever, and drivers that are written against QEMU (which repeats it only when the device drives its line
 * again) leave the 16550's transmitter interrupt unacknowledged.  Every change in a device that could matter drives the line
 * again, so that nothing is lost.
 *
 * Completion is accepted for any source that is in service, also one that is masked meanwhile (as in QEMU).  A claim ignores
 * the threshold (as in the manual).
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum {
    PLIC_BASE = 0x0c000000,
    PLIC_SIZE = 0x600000,
    PENDING = 0x1000,
    ENABLE = 0x2000,
    ENABLE_STRIDE = 0x80,
    CONTEXT = 0x200000,
    CONTEXT_STRIDE = 0x1000,
    THRESHOLD = 0,
    CLAIM = 4,
    PRIORITY_MASK = 7,
    STATE_VERSION = 1
};

struct plic_context {
    uint32_t enable[PLIC_WORDS];
    uint8_t threshold;
};

bool plic_create(struct replug_machine *machine)
{
    machine->plic.context_count = 2 * machine->config.harts;
    machine->plic.contexts = calloc(machine->plic.context_count, sizeof *machine->plic.contexts);
    return machine->plic.contexts != NULL;
}

void plic_destroy(struct replug_machine *machine) { free(machine->plic.contexts); }

bool plic_contains(uint64_t address) { return address - PLIC_BASE < PLIC_SIZE; }

static bool has(const uint32_t *mask, uint32_t irq) { return mask[irq / 32] >> irq % 32 & 1; }

static void put(uint32_t *mask, uint32_t irq, bool value)
{
    mask[irq / 32] = (mask[irq / 32] & ~(1u << irq % 32)) | (uint32_t)value << irq % 32;
}

/* The pending, enabled source of the highest priority above `threshold`, the lowest number among equals; 0: there is none. */
static uint32_t best(const struct plic *plic, const struct plic_context *context, uint32_t threshold)
{
    uint32_t found = 0;

    for (uint32_t word = 0; word < PLIC_WORDS; word++) {
        for (uint32_t candidates = plic->pending[word] & context->enable[word]; candidates != 0;
             candidates &= candidates - 1) {
            const uint32_t irq = 32 * word + (uint32_t)__builtin_ctz(candidates);
            if (plic->priority[irq] > threshold) {
                found = irq;
                threshold = plic->priority[irq];
            }
        }
    }
    return found;
}

static void update(struct replug_machine *machine)
{
    const struct plic *plic = &machine->plic;

    for (uint32_t i = 0; i < plic->context_count; i++) {
        const struct plic_context *context = &plic->contexts[i];
        hart *h = &machine->harts[i / 2];
        const uint32_t cause = i & 1 ? IRQ_SEIP : IRQ_MEIP;
        h->lines = (h->lines & ~BIT(cause)) | (uint64_t)(best(plic, context, context->threshold) != 0) << cause;
    }
}

void plic_set_level(struct replug_machine *machine, uint32_t irq, bool level)
{
    struct plic *plic = &machine->plic;

    if (irq == 0 || irq >= PLIC_SOURCES)
        return;
    if (!level) {
        put(plic->waiting, irq, false);
    } else if (has(plic->in_service, irq)) {
        put(plic->waiting, irq, true);
    } else if (!has(plic->pending, irq)) {
        put(plic->pending, irq, true);
        update(machine);
    }
}

void replug_set_interrupt(replug_machine *machine, uint32_t irq, int level) { plic_set_level(machine, irq, level != 0); }

static uint32_t claim(struct replug_machine *machine, const struct plic_context *context)
{
    struct plic *plic = &machine->plic;
    const uint32_t irq = best(plic, context, 0);

    if (irq != 0) {
        put(plic->pending, irq, false);
        put(plic->in_service, irq, true);
        update(machine);
    }
    return irq;
}

static void complete(struct replug_machine *machine, uint32_t irq)
{
    struct plic *plic = &machine->plic;

    if (irq >= PLIC_SOURCES || !has(plic->in_service, irq))
        return;
    put(plic->in_service, irq, false);
    if (has(plic->waiting, irq)) {
        put(plic->waiting, irq, false);
        put(plic->pending, irq, true);
        update(machine);
    }
}

/* Registers are 4 bytes wide and read so; what does not exist reads as 0. */
uint64_t plic_read(struct replug_machine *machine, uint64_t address, uint32_t width, int *fault)
{
    struct plic *plic = &machine->plic;
    const uint32_t offset = (uint32_t)(address - PLIC_BASE);

    if (width != 4 || offset % 4 != 0) {
        *fault = 1;
    } else if (offset >= CONTEXT) {
        const uint32_t context = (offset - CONTEXT) / CONTEXT_STRIDE, at = (offset - CONTEXT) % CONTEXT_STRIDE;
        if (context < plic->context_count && at == CLAIM)
            return claim(machine, &plic->contexts[context]);
        if (context < plic->context_count && at == THRESHOLD)
            return plic->contexts[context].threshold;
    } else if (offset >= ENABLE) {
        const uint32_t context = (offset - ENABLE) / ENABLE_STRIDE, word = (offset - ENABLE) % ENABLE_STRIDE / 4;
        if (context < plic->context_count && word < PLIC_WORDS)
            return plic->contexts[context].enable[word];
    } else if (offset >= PENDING) {
        if ((offset - PENDING) / 4 < PLIC_WORDS)
            return plic->pending[(offset - PENDING) / 4];
    } else if (offset < 4 * PLIC_SOURCES) {
        return plic->priority[offset / 4];
    }
    return 0;
}

/* Registers are 4 bytes wide and written so; stores to what does not exist are ignored. */
void plic_write(struct replug_machine *machine, uint64_t address, uint32_t width, uint64_t value, int *fault)
{
    struct plic *plic = &machine->plic;
    const uint32_t offset = (uint32_t)(address - PLIC_BASE), word = (uint32_t)value;

    if (width != 4 || offset % 4 != 0) {
        *fault = 1;
    } else if (offset >= CONTEXT) {
        const uint32_t context = (offset - CONTEXT) / CONTEXT_STRIDE, at = (offset - CONTEXT) % CONTEXT_STRIDE;
        if (context < plic->context_count && at == CLAIM) {
            complete(machine, word);
        } else if (context < plic->context_count && at == THRESHOLD) {
            plic->contexts[context].threshold = word & PRIORITY_MASK;
            update(machine);
        }
    } else if (offset >= ENABLE) {
        const uint32_t context = (offset - ENABLE) / ENABLE_STRIDE, at = (offset - ENABLE) % ENABLE_STRIDE / 4;
        if (context < plic->context_count && at < PLIC_WORDS) {
            plic->contexts[context].enable[at] = at == 0 ? word & ~1u : word; /* source 0 does not exist */
            update(machine);
        }
    } else if (offset >= 4 && offset < 4 * PLIC_SOURCES) {
        plic->priority[offset / 4] = word & PRIORITY_MASK;
        update(machine);
    }
}

/* --- state: version, number of contexts, priorities, thresholds, then a bit a source of everything else ------------- */

enum { MASK_BYTES = 4 * PLIC_WORDS };

static uint64_t state_size(const struct plic *plic)
{
    return 5 + PLIC_SOURCES + plic->context_count * (1 + MASK_BYTES) + 3 * MASK_BYTES;
}

/* Returns the size; with a buffer, fills it. */
uint64_t replug_plic_save(replug_machine *machine, uint8_t *buffer)
{
    const struct plic *plic = &machine->plic;
    const uint64_t size = state_size(plic);
    uint8_t *masks;

    if (buffer == NULL)
        return size;
    buffer[0] = STATE_VERSION;
    memcpy(buffer + 1, &plic->context_count, 4);
    memcpy(buffer + 5, plic->priority, PLIC_SOURCES);
    masks = buffer + 5 + PLIC_SOURCES + plic->context_count;
    for (uint32_t i = 0; i < plic->context_count; i++, masks += MASK_BYTES) {
        buffer[5 + PLIC_SOURCES + i] = plic->contexts[i].threshold;
        memcpy(masks, plic->contexts[i].enable, MASK_BYTES);
    }
    memcpy(masks, plic->pending, MASK_BYTES);
    memcpy(masks + MASK_BYTES, plic->in_service, MASK_BYTES);
    memcpy(masks + 2 * MASK_BYTES, plic->waiting, MASK_BYTES);
    return size;
}

/* Also drives every hart's lines to where they belong.  -1: the bytes are of another machine or version. */
int replug_plic_restore(replug_machine *machine, const uint8_t *buffer, uint64_t length)
{
    struct plic *plic = &machine->plic;
    const uint8_t *masks;
    uint32_t contexts;

    if (length != state_size(plic) || buffer[0] != STATE_VERSION)
        return -1;
    memcpy(&contexts, buffer + 1, 4);
    if (contexts != plic->context_count)
        return -1;
    for (uint32_t i = 0; i < PLIC_SOURCES + contexts; i++) {
        if (buffer[5 + i] > PRIORITY_MASK)
            return -1;
    }
    memcpy(plic->priority, buffer + 5, PLIC_SOURCES);
    masks = buffer + 5 + PLIC_SOURCES + contexts;
    for (uint32_t i = 0; i < contexts; i++, masks += MASK_BYTES) {
        plic->contexts[i].threshold = buffer[5 + PLIC_SOURCES + i];
        memcpy(plic->contexts[i].enable, masks, MASK_BYTES);
    }
    memcpy(plic->pending, masks, MASK_BYTES);
    memcpy(plic->in_service, masks + MASK_BYTES, MASK_BYTES);
    memcpy(plic->waiting, masks + 2 * MASK_BYTES, MASK_BYTES);
    update(machine);
    return 0;
}
