# SPDX-License-Identifier: GPL-2.0-or-later
"""Indirect descriptors and event indices (virtio 1.1, sections 2.6.5.3 and 2.6.7)."""

import struct

import pytest
from device_board import RAM_BASE
from virtio_queues import BUFFERS, EVENT_INDEX, INDIRECT, SIZE, WRITABLE, Queues

from emulator.devices.virtio_console import VirtioConsole
from emulator.devices.virtio_entropy import VirtioEntropy

MORE, IS_INDIRECT = 1, 4
TABLE = RAM_BASE + 0x8_0000


def driver_of(features: int) -> tuple[Queues, bytearray]:
    output = bytearray()
    return Queues(VirtioConsole(2, output.extend), features), output


def indirect(
    driver: Queues, *pieces: tuple[int, int, int, int], length: int | None = None, flags: int = 0
) -> None:
    """One descriptor of the queue that refers to a table of these."""
    for number, fields in enumerate(pieces):
        driver.descriptor(TABLE + 16 * number, fields)
    driver.offer(1, (TABLE, 16 * len(pieces) if length is None else length, IS_INDIRECT | flags))
    driver.notify(1)


def test_an_indirect_chain_is_read() -> None:
    driver, output = driver_of(INDIRECT)
    driver.board.memory_write(BUFFERS, b"abcdef")
    indirect(
        driver,
        (BUFFERS, 2, MORE, 2),
        (0, 0, 0, 0),
        (BUFFERS + 4, 2, MORE, 1),
    )
    assert output == b"abef" and driver.used(1) == [(0, 0)]


def test_direct_then_indirect() -> None:
    driver, output = driver_of(INDIRECT)
    driver.board.memory_write(BUFFERS, b"abcdef")
    driver.descriptor(TABLE, (BUFFERS + 2, 4, 0, 0))
    driver.offer(1, (BUFFERS, 2, 0), (TABLE, 16, IS_INDIRECT))
    driver.notify(1)
    assert output == b"abcdef" and driver.used(1) == [(0, 0)]


@pytest.mark.parametrize(
    ("pieces", "length", "flags", "reason"),
    [
        ([(TABLE, 16, IS_INDIRECT, 0)], None, 0, "in an indirect table"),
        ([(BUFFERS, 1, 0, 0)], 0, 0, "0 bytes"),
        ([(BUFFERS, 1, 0, 0)], 17, 0, "17 bytes"),
        ([(BUFFERS, 1, MORE, 0)], None, 0, "loop"),
        ([(BUFFERS, 1, MORE, 1)], None, 0, "descriptor 1 in a queue of 1"),
        ([(BUFFERS, 1, MORE, number + 1) for number in range(SIZE + 1)], None, 0, "longer"),
        ([(BUFFERS, 1, 0, 0)], None, MORE, "goes on"),
    ],
)  # fmt: skip
def test_indirect_tables_that_cannot_be(
    pieces: list[tuple[int, int, int, int]], length: int | None, flags: int, reason: str
) -> None:
    driver, output = driver_of(INDIRECT)
    indirect(driver, *pieces, length=length, flags=flags)
    assert driver.broken and reason in str(driver.device.last_fault) and output == b""


def test_an_indirect_table_in_the_place_of_the_queues_own() -> None:
    driver, _ = driver_of(INDIRECT)
    driver.offer(1, (driver.table(1), 16 * SIZE, IS_INDIRECT))
    driver.notify(1)
    assert driver.broken


def test_indirect_needs_to_be_negotiated() -> None:
    driver, _ = driver_of(0)
    indirect(driver, (BUFFERS, 1, 0, 0))
    assert driver.broken and "negotiated" in str(driver.device.last_fault)


def event_driver() -> Queues:
    return Queues(VirtioEntropy(3, 1), EVENT_INDEX)


def interrupts(driver: Queues) -> int:
    """Whether there was one; acknowledged."""
    pending = driver.get(0x60)
    driver.put(0x64, pending)
    return pending


def wish(driver: Queues, index: int) -> None:
    """The driver wants an interrupt when the entry with this index of the used ring is filled."""
    driver.board.memory_write(driver.table(0) + 0x1000 + 4 + 2 * SIZE, struct.pack("<H", index & 0xFFFF))


def notified_at(driver: Queues) -> int:
    """When the device wants to be notified: at this index of the available ring."""
    return int.from_bytes(driver.board.memory_read(driver.table(0) + 0x2000 + 4 + 8 * SIZE, 2), "little")


def test_interrupt_when_the_wished_entry_is_filled_and_not_before() -> None:
    driver = event_driver()
    wish(driver, 2)
    seen = []
    for _ in range(4):
        driver.room(0, 8)
        seen.append(interrupts(driver))
    assert seen == [0, 0, 1, 0]


def test_several_at_once_make_the_interrupt_too() -> None:
    driver = event_driver()
    wish(driver, 1)
    for first in range(3):
        driver.offer(0, (BUFFERS, 8, WRITABLE), first=first)
    driver.notify(0)
    assert interrupts(driver) == 1 and len(driver.used(0)) == 3


def test_the_device_says_when_it_wants_to_be_notified() -> None:
    driver = event_driver()
    for count in range(1, 20):
        driver.room(0, 8)
        assert notified_at(driver) == count


def test_event_indices_survive_in_the_state() -> None:
    driver = event_driver()
    driver.device.restore(driver.device.save())
    wish(driver, 5)
    driver.room(0, 8)
    assert interrupts(driver) == 0
