# SPDX-License-Identifier: GPL-2.0-or-later
"""Where everything is in the `virt` machine: physical addresses, sizes in bytes, interrupt numbers."""

FINISHER_BASE = 0x0010_0000
FINISHER_SIZE = 0x1000
RTC_BASE = 0x0010_1000
RTC_SIZE = 0x1000
RTC_IRQ = 11
CLINT_BASE = 0x0200_0000
CLINT_SIZE = 0x1_0000
PLIC_BASE = 0x0C00_0000
PLIC_SIZE = 0x60_0000
PLIC_SOURCES = 96  # source 0 included, which does not exist
UART_BASE = 0x1000_0000
UART_SIZE = 0x100
UART_IRQ = 10
UART_CLOCK = 3_686_400  # Hz
VIRTIO_BASE = 0x1000_1000
VIRTIO_STRIDE = 0x1000
VIRTIO_SLOTS = 8
VIRTIO_FIRST_IRQ = 1
EMPTY_WINDOWS = (  # (name, base, size): there on the machine, but nothing is plugged in
    ("pci-ports", 0x0300_0000, 0x1_0000),
    ("flash", 0x2000_0000, 0x400_0000),
    ("pci-configuration", 0x3000_0000, 0x1000_0000),
    ("pci-memory", 0x4000_0000, 0x4000_0000),
)
RAM_BASE = 0x8000_0000
RAM_DEFAULT_SIZE = 128 << 20
TIMEBASE_FREQUENCY = 10_000_000  # Hz
NS_PER_TICK = 1_000_000_000 // TIMEBASE_FREQUENCY
