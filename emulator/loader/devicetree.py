# SPDX-License-Identifier: GPL-2.0-or-later
"""The device tree of the `virt` machine, as firmware and kernels find it through a1."""

from dataclasses import dataclass

from emulator.devices import virt_map
from emulator.devices.finisher import PASS, RESET
from emulator.errors import ReplugError
from emulator.loader.fdt import Node, cells, read_reservations, read_tree, strings, wide, write_tree

_SOFTWARE, _TIMER, _EXTERNAL = 3, 7, 11  # interrupts of a hart's M-mode; S-mode's external one:
_SUPERVISOR_EXTERNAL = 9

# Phandles: what nodes call one another.
_PLIC = 1
_FINISHER = 2
_FIRST_HART = 16  # then two a hart: the hart and its interrupt controller

_SOC = "soc"
_CONSOLE = f"serial@{virt_map.UART_BASE:x}"


@dataclass(frozen=True)
class TreeOptions:
    """What differs from one `virt` machine to another. Addresses and sizes in bytes; initrd is
    (first, first behind); reserved: (address, size) of RAM that belongs to firmware."""

    harts: int = 1
    memory_size: int = virt_map.RAM_DEFAULT_SIZE
    isa: str = "rv64imafdc_zicsr_zifencei"
    mmu: str = "sv48"
    bootargs: str = ""
    initrd: tuple[int, int] | None = None
    reserved: tuple[int, int] | None = None


def device_tree(options: TreeOptions) -> bytes:
    """The DTB; ReplugError for boot arguments that cannot be part of one."""
    root = Node(
        "",
        {
            "#address-cells": cells(2),
            "#size-cells": cells(2),
            "compatible": strings("riscv-virtio"),
            "model": strings("riscv-virtio,replug"),
        },
    )
    memory = Node(
        f"memory@{virt_map.RAM_BASE:x}",
        {"device_type": strings("memory"), "reg": wide(virt_map.RAM_BASE, options.memory_size)},
    )
    root.children = [
        Node("chosen", {"stdout-path": strings(f"/{_SOC}/{_CONSOLE}")}),
        memory,
        _cpus(options),
        _soc(options),
        _power("poweroff", PASS),
        _power("reboot", RESET),
    ]
    _complete(root, options.bootargs, options.initrd, options.reserved)
    return write_tree(root)


def complete_tree(
    data: bytes,
    what: str,
    bootargs: str,
    initrd: tuple[int, int] | None,
    reserved: tuple[int, int] | None,
) -> bytes:
    """A DTB that somebody else made, with what this run adds to it; as it is when that is nothing.

    ReplugError, which calls it `what`, when it is malformed.
    """
    root = read_tree(data, what)
    reservations = read_reservations(data, what)
    if not bootargs and initrd is None and reserved is None:
        return data
    _complete(root, bootargs, initrd, reserved)
    return write_tree(root, reservations)


def _complete(
    root: Node, bootargs: str, initrd: tuple[int, int] | None, reserved: tuple[int, int] | None
) -> None:
    if "\0" in bootargs:
        raise ReplugError("boot arguments: a NUL character")
    chosen = root.child("chosen")
    if chosen is None:
        chosen = Node("chosen")
        root.children.insert(0, chosen)
    if bootargs:
        chosen.properties["bootargs"] = strings(bootargs)
    if initrd is not None:
        chosen.properties["linux,initrd-start"] = wide(initrd[0])
        chosen.properties["linux,initrd-end"] = wide(initrd[1])
    if reserved is not None:
        _reserve(root, *reserved)


def _reserve(root: Node, address: int, size: int) -> None:
    """RAM that nobody above firmware may touch (devicetree specification, section 3.5)."""
    node = root.child("reserved-memory")
    if node is None:
        node = Node("reserved-memory", {"#address-cells": cells(2), "#size-cells": cells(2), "ranges": b""})
        root.children.append(node)
    if (node.properties.get("#address-cells"), node.properties.get("#size-cells")) != (cells(2), cells(2)):
        raise ReplugError("device tree: /reserved-memory is not in cells of 64 bits")
    node.children.append(Node(f"firmware@{address:x}", {"reg": wide(address, size), "no-map": b""}))


def _cpus(options: TreeOptions) -> Node:
    harts = [_hart(hart, options) for hart in range(options.harts)]
    cluster = Node(
        "cluster0",
        children=[Node(f"core{hart}", {"cpu": cells(_hart_phandle(hart))}) for hart in range(options.harts)],
    )
    return Node(
        "cpus",
        {
            "#address-cells": cells(1),
            "#size-cells": cells(0),
            "timebase-frequency": cells(virt_map.TIMEBASE_FREQUENCY),
        },
        [*harts, Node("cpu-map", children=[cluster])],
    )


def _hart(hart: int, options: TreeOptions) -> Node:
    controller = Node(
        "interrupt-controller",
        {
            "#address-cells": cells(0),
            "#interrupt-cells": cells(1),
            "interrupt-controller": b"",
            "compatible": strings("riscv,cpu-intc"),
            "phandle": cells(_controller_phandle(hart)),
        },
    )
    return Node(
        f"cpu@{hart:x}",
        {
            "device_type": strings("cpu"),
            "reg": cells(hart),
            "status": strings("okay"),
            "compatible": strings("riscv"),
            "riscv,isa": strings(options.isa),
            **_extensions(options.isa),
            "mmu-type": strings(f"riscv,{options.mmu}"),
            "phandle": cells(_hart_phandle(hart)),
        },
        [controller],
    )


def _extensions(isa: str) -> dict[str, bytes]:
    """What riscv,isa says, in the two properties that have taken its place.

    `rv64imac_zicsr` is the base `rv64i` and the extensions i, m, a, c and zicsr.
    """
    letters, *others = isa.split("_")
    width, letters = letters[:4], letters[4:]
    return {
        "riscv,isa-base": strings(f"{width}{letters[0]}"),
        "riscv,isa-extensions": strings(*letters, *others),
    }


def _hart_phandle(hart: int) -> int:
    return _FIRST_HART + 2 * hart


def _controller_phandle(hart: int) -> int:
    return _FIRST_HART + 2 * hart + 1


def _soc(options: TreeOptions) -> Node:
    def wires(*interrupts: int) -> bytes:
        pairs = (
            (_controller_phandle(hart), number) for hart in range(options.harts) for number in interrupts
        )
        return cells(*(value for pair in pairs for value in pair))

    finisher = _device("test", virt_map.FINISHER_BASE, virt_map.FINISHER_SIZE)
    finisher.properties |= {
        "compatible": strings("sifive,test1", "sifive,test0", "syscon"),
        "phandle": cells(_FINISHER),
    }
    clint = _device("clint", virt_map.CLINT_BASE, virt_map.CLINT_SIZE)
    clint.properties |= {
        "compatible": strings("sifive,clint0", "riscv,clint0"),
        "interrupts-extended": wires(_SOFTWARE, _TIMER),
    }
    plic = _device("plic", virt_map.PLIC_BASE, virt_map.PLIC_SIZE)
    plic.properties |= {
        "compatible": strings("sifive,plic-1.0.0", "riscv,plic0"),
        "#address-cells": cells(0),
        "#interrupt-cells": cells(1),
        "interrupt-controller": b"",
        "interrupts-extended": wires(_EXTERNAL, _SUPERVISOR_EXTERNAL),
        "riscv,ndev": cells(virt_map.PLIC_SOURCES - 1),
        "phandle": cells(_PLIC),
    }
    uart = _device("serial", virt_map.UART_BASE, virt_map.UART_SIZE, virt_map.UART_IRQ)
    uart.properties |= {
        "compatible": strings("ns16550a"),
        "clock-frequency": cells(virt_map.UART_CLOCK),
    }
    rtc = _device("rtc", virt_map.RTC_BASE, virt_map.RTC_SIZE, virt_map.RTC_IRQ)
    rtc.properties["compatible"] = strings("google,goldfish-rtc")
    slots = []
    for slot in range(virt_map.VIRTIO_SLOTS):
        base = virt_map.VIRTIO_BASE + slot * virt_map.VIRTIO_STRIDE
        node = _device("virtio_mmio", base, virt_map.VIRTIO_STRIDE, virt_map.VIRTIO_FIRST_IRQ + slot)
        node.properties["compatible"] = strings("virtio,mmio")
        slots.append(node)
    return Node(
        _SOC,
        {
            "#address-cells": cells(2),
            "#size-cells": cells(2),
            "compatible": strings("simple-bus"),
            "ranges": b"",
        },
        [finisher, rtc, clint, plic, uart, *slots],
    )


def _device(name: str, base: int, size: int, irq: int | None = None) -> Node:
    node = Node(f"{name}@{base:x}", {"reg": wide(base, size)})
    if irq is not None:
        node.properties |= {"interrupt-parent": cells(_PLIC), "interrupts": cells(irq)}
    return node


def _power(name: str, value: int) -> Node:
    """A store of `value` to the finisher does what the node is called."""
    return Node(
        name,
        {
            "compatible": strings(f"syscon-{name}"),
            "regmap": cells(_FINISHER),
            "offset": cells(0),
            "value": cells(value),
        },
    )
