/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making and dropping machines, and how one fails. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

const char *replug_unicorn_version(void)
{
    static char text[32];
    unsigned int major, minor;
    const unsigned int combined = uc_version(&major, &minor);
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, combined >> 8 & 0xff);
    return text;
}

void machine_fail(struct replug_machine *machine, const char *format, ...)
{
    va_list arguments;

    if (machine->stop == REPLUG_STOP_FAILURE)
        return; /* the first failure is the cause */
    va_start(arguments, format);
    vsnprintf(machine->failure, sizeof machine->failure, format, arguments);
    va_end(arguments);
    machine->stop = REPLUG_STOP_FAILURE;
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        machine->harts[i].ended = true;
        hart_attend(&machine->harts[i]);
    }
}

static uint8_t *reserve(uint64_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

replug_machine *replug_create(const replug_config *config)
{
    replug_machine *machine = calloc(1, sizeof *machine);
    const uint64_t pages = config->ram_size >> PAGE_SHIFT;

    if (machine == NULL)
        return NULL;
    machine->config = *config;
    machine->next_event = machine->horizon = ~0ull;
    machine->exact_hart = machine->passed_hart = ~0u;
    machine->shadow_base = config->xlen == 64 ? BIT(52) : 0;
    machine->harts = calloc(config->harts, sizeof *machine->harts);
    machine->ram = reserve(config->ram_size);
    machine->shadow = reserve(config->ram_size);
    machine->page_flags = calloc(pages, 1);
    machine->code_pages = calloc(pages, sizeof *machine->code_pages);
    if (!paths_create(machine) || !events_create(machine) || !devices_create(machine) || machine->harts == NULL || machine->ram == NULL || machine->shadow == NULL || machine->page_flags == NULL ||
        machine->code_pages == NULL) {
        machine->config.harts = 0;
        machine_fail(machine, "the host has no memory for a guest of %llu bytes", (unsigned long long)config->ram_size);
        return machine;
    }
    for (uint32_t i = 0; i < config->harts; i++) {
        if (!hart_create(machine, &machine->harts[i], i))
            break;
    }
    return machine;
}

void replug_destroy(replug_machine *machine)
{
    const uint64_t pages = machine->config.ram_size >> PAGE_SHIFT;

    if (machine->harts != NULL) {
        for (uint32_t i = 0; i < machine->config.harts; i++)
            hart_destroy(&machine->harts[i]);
    }
    if (machine->code_pages != NULL) {
        for (uint64_t i = 0; i < pages; i++) {
            struct code_page *code = machine->code_pages[i];
            while (code != NULL && code->marks != NULL) {
                struct block_mark *mark = code->marks;
                code->marks = mark->next;
                free(mark);
            }
            if (code != NULL)
                free(code->costs);
            free(code);
        }
    }
    if (machine->ram != NULL)
        munmap(machine->ram, machine->config.ram_size);
    if (machine->shadow != NULL)
        munmap(machine->shadow, machine->config.ram_size);
    free(machine->harts);
    free(machine->page_flags);
    free(machine->code_pages);
    free(machine->dirty_code);
    free(machine->code_list);
    free(machine->schedule);
    snapshot_destroy(machine);
    careful_destroy(machine);
    free(machine->breakpoints);
    free(machine->watchpoints);
    free(machine->catchpoints);
    devices_destroy(machine);
    free(machine->watches);
    free(machine->marks);
    free(machine->mark_slots);
    events_destroy(machine);
    free(machine->generated);
    paths_destroy(machine);
    open_paths_destroy(machine);
    calls_destroy(machine);
    caches_destroy(machine);
    for (uint32_t i = 0; i < machine->old_page_count; i++)
        free(machine->old_pages[i]);
    free(machine->old_pages);
    free(machine);
}

const char *replug_failure(replug_machine *machine)
{
    return machine->stop == REPLUG_STOP_FAILURE ? machine->failure : NULL;
}
