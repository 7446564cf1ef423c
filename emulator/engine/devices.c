/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads and stores outside RAM: which device answers.  The CLINT, and where the configuration says so the PLIC and the UART,
 * are the engine's own; the rest is Python's. */
#include "machine.h"

bool devices_create(struct replug_machine *machine) { return plic_create(machine); }

void devices_destroy(struct replug_machine *machine)
{
    plic_destroy(machine);
    uart_destroy(machine);
}

void replug_set_mmio(replug_machine *machine, replug_mmio_read read, replug_mmio_write write)
{
    machine->mmio_read = read;
    machine->mmio_write = write;
}

void replug_mmio_fault(replug_machine *machine) { machine->mmio_fault = true; }

uint64_t devices_read(hart *h, uint64_t physical, uint32_t width, int *fault)
{
    struct replug_machine *machine = h->machine;

    if (clint_contains(physical))
        return clint_read(h, physical, width, fault);
    if (machine->config.devices && uart_contains(physical))
        return uart_read(machine, physical, width, fault);
    if (machine->config.devices && plic_contains(physical))
        return plic_read(machine, physical, width, fault);
    machine->mmio_fault = machine->mmio_read == NULL;
    machine->mmio_hart = h;
    const uint64_t value = machine->mmio_fault ? 0 : machine->mmio_read(h->id, physical, width);
    machine->mmio_hart = NULL;
    if (machine->mmio_fault)
        *fault = 1;
    return value;
}

void devices_write(hart *h, uint64_t physical, uint32_t width, uint64_t value, int *fault)
{
    struct replug_machine *machine = h->machine;

    if (clint_contains(physical)) {
        clint_write(h, physical, width, value, fault);
    } else if (machine->config.devices && uart_contains(physical)) {
        uart_write(machine, physical, width, value, fault);
    } else if (machine->config.devices && plic_contains(physical)) {
        plic_write(machine, physical, width, value, fault);
    } else {
        machine->mmio_fault = machine->mmio_write == NULL;
        machine->mmio_hart = h;
        if (!machine->mmio_fault)
            machine->mmio_write(h->id, physical, width, value);
        machine->mmio_hart = NULL;
        if (machine->mmio_fault)
            *fault = 1;
    }
}

/* A load or store as a hart makes it, with all its effects.  -1: an access fault. */
int replug_device_load(replug_machine *machine, uint32_t index, uint64_t address, uint32_t width, uint64_t *value)
{
    int fault = 0;
    *value = devices_read(&machine->harts[index], address, width, &fault);
    return fault ? -1 : 0;
}

int replug_device_store(replug_machine *machine, uint32_t index, uint64_t address, uint32_t width, uint64_t value)
{
    int fault = 0;
    devices_write(&machine->harts[index], address, width, value, &fault);
    return fault ? -1 : 0;
}
