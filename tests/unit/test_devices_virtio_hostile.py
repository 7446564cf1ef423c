# SPDX-License-Identifier: GPL-2.0-or-later
"""Drivers that write garbage: the device asks for a reset or answers with an error, and never raises."""

import random
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from device_board import RAM_BASE
from hypothesis import given, settings
from hypothesis import strategies as st
from virtio_driver import AVAILABLE, DATA, DESCRIPTORS, STATUSES, USED, Driver, make_disk

from emulator.devices.disk import SECTOR, Disk

READABLE, MORE, WRITABLE, INDIRECT = 0, 1, 2, 4
OUTSIDE = 0x4000_0000


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    driver = Driver(make_disk(tmp_path))
    driver.start(size=8)
    yield driver
    # Whatever happened, a reset gives a device that works.
    driver.put(0x70, 0)
    assert driver.get(0x70) == 0 and driver.block.last_fault is None
    driver.start()
    assert driver.transfer(0, 7, SECTOR) == (0, SECTOR + 1)


def needs_reset(driver: Driver, reason: str) -> None:
    """It does, said so by a configuration interrupt, gave nothing back, and does no more."""
    assert driver.get(0x70) == 15 | 64
    assert driver.get(0x60) == 2 and driver.board.interrupts[-1] == (1, True)
    assert reason in str(driver.block.last_fault)
    assert driver.used() == []
    before = driver.board.bytes_moved
    driver.notify()
    driver.put(0x70, 15)
    driver.notify()
    driver.board.run()
    assert driver.get(0x70) & 64 and driver.board.bytes_moved == before


def descriptor(driver: Driver, number: int, fields: tuple[int, int, int, int]) -> None:
    """`fields`: address, length, flags, next."""
    record = struct.pack("<QIHH", *fields)
    driver.board.memory_write(DESCRIPTORS + 16 * number, record)


def test_descriptor_loop(driver: Driver) -> None:
    for number in range(3):
        descriptor(driver, number, (DATA, 16, READABLE | MORE, (number + 1) % 3))
    driver.make_available(0)
    before = driver.board.bytes_moved
    driver.notify()
    assert driver.board.bytes_moved - before == 4 + 2 + 8 * 16, "no more descriptors than there are"
    needs_reset(driver, "loop")


def test_descriptor_that_follows_itself(driver: Driver) -> None:
    descriptor(driver, 5, (DATA, 16, WRITABLE | MORE, 5))
    driver.make_available(5)
    driver.notify()
    needs_reset(driver, "loop")


def test_head_and_next_outside_the_table(driver: Driver) -> None:
    driver.make_available(8)
    driver.notify()
    needs_reset(driver, "descriptor 8 in a queue of 8")


def test_next_outside_the_table(driver: Driver) -> None:
    descriptor(driver, 0, (DATA, 16, MORE, 0xFFFF))
    driver.make_available(0)
    driver.notify()
    needs_reset(driver, "descriptor 65535")


def test_available_index_too_far_ahead(driver: Driver) -> None:
    driver.board.memory_write(AVAILABLE + 2, struct.pack("<H", 9))
    driver.notify()
    needs_reset(driver, "9 ahead")


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([(DATA, 16, INDIRECT)], "indirect"),
        ([(DATA, 16, WRITABLE), (DATA, 16, READABLE)], "behind a writable"),
        ([(DATA, 16, READABLE)], "without room"),
        ([(DATA, 15, READABLE), (STATUSES, 1, WRITABLE)], "without room"),
        ([(DATA, 16, READABLE), (STATUSES, 0, WRITABLE)], "without room"),
        ([(STATUSES, 1, WRITABLE)], "without room"),
        ([(OUTSIDE, 16, READABLE), (STATUSES, 1, WRITABLE)], "header"),
        ([((1 << 64) - 8, 16, READABLE), (STATUSES, 1, WRITABLE)], "leaves the address space"),
    ],
)
def test_malformed_chains(driver: Driver, pieces: list[tuple[int, int, int]], reason: str) -> None:
    driver.add(pieces)
    driver.notify()
    needs_reset(driver, reason)


def test_status_outside_ram(driver: Driver) -> None:
    driver.add([(driver.header(0, 0), 16, READABLE), (OUTSIDE, 1, WRITABLE)])
    driver.notify()
    driver.board.run()
    needs_reset(driver, "status byte")


def test_one_descriptor_in_two_requests(driver: Driver) -> None:
    driver.request(0, 0, SECTOR)
    driver.make_available(0)
    driver.notify()
    needs_reset(driver, "under way")


def test_two_requests_that_share_descriptors(driver: Driver) -> None:
    for number in range(1, 6):
        descriptor(driver, number, (DATA, 16, WRITABLE | (MORE if number < 5 else 0), number + 1))
    for head in (0, 6):
        descriptor(driver, head, (DATA, 16, MORE, 1))
    driver.make_available(0)
    driver.make_available(6)
    driver.notify()
    needs_reset(driver, "under way")


@pytest.mark.parametrize(("offset", "place"), [(0x80, DESCRIPTORS), (0x90, AVAILABLE), (0xA0, USED)])
@pytest.mark.parametrize("high", [0, 0xFFFF_FFFF])
def test_rings_outside_ram(driver: Driver, offset: int, place: int, high: int) -> None:
    driver.put(0x44, 0)
    driver.put(offset, 0xFFFF_FFF0)
    driver.put(offset + 4, high)
    driver.put(0x44, 1)
    driver.request(0, 0, SECTOR)
    driver.notify()
    driver.board.run()
    needs_reset(driver, "outside RAM")


@pytest.mark.parametrize(("offset", "off"), [(0x80, 8), (0x90, 1), (0xA0, 2)])
def test_rings_not_aligned(driver: Driver, offset: int, off: int) -> None:
    driver.put(0x44, 0)
    driver.put(offset, RAM_BASE + off)
    driver.put(0x44, 1)
    needs_reset(driver, "aligned")


def test_huge_lengths_move_little(driver: Driver) -> None:
    huge = 0xFFFF_FE00
    pieces = [(driver.header(0, 0), 16, READABLE)]
    pieces += [(DATA, huge, WRITABLE)] * 6 + [(STATUSES, 1, WRITABLE)]
    driver.add(pieces)
    before = driver.board.bytes_moved
    driver.notify()
    driver.board.run()
    assert driver.used() == [(0, 1)]
    assert driver.board.memory_read(STATUSES, 1) == b"\x01"
    assert driver.board.bytes_moved - before < 1000


def test_write_over_its_own_rings(driver: Driver) -> None:
    driver.add(
        [(driver.header(0, 31), 16, READABLE), (DESCRIPTORS, 16 * SECTOR, WRITABLE), (STATUSES, 1, WRITABLE)]
    )
    driver.notify()
    driver.board.run()
    assert driver.get(0x70) & 64 or driver.used()


# Random memory: descriptors that look almost right, in rings that are almost in place.

near_ram = st.one_of(
    st.integers(RAM_BASE, RAM_BASE + (1 << 20)),
    st.sampled_from([0, OUTSIDE, RAM_BASE - 1, RAM_BASE + (1 << 20) - 1, (1 << 64) - 1, 1 << 63]),
)
lengths = st.one_of(st.sampled_from([0, 1, 15, 16, 17, SECTOR, 1 << 31, 0xFFFF_FFFF]), st.integers(0, 5000))
descriptors = st.tuples(near_ram, lengths, st.integers(0, 3) | st.integers(0, 0xFFFF), st.integers(0, 9))
registers = st.tuples(
    st.sampled_from(
        [0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0xA0, 0xFC]
    ),
    st.sampled_from([0, 1, 3, 8, 11, 15, 128, RAM_BASE, 0xFFFF_FFFF]) | st.integers(0, 0xFFFF_FFFF),
)


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory() as folder, make_disk(Path(folder)) as disk:
        yield disk


@settings(deadline=None, max_examples=300)
@given(
    table=st.lists(descriptors, min_size=8, max_size=8),
    headers=st.lists(st.tuples(st.integers(0, 14), st.integers(0, 40)), min_size=4, max_size=4),
    heads=st.lists(st.integers(0, 9), min_size=8, max_size=8),
    index=st.integers(0, 9) | st.integers(0, 0xFFFF),
    garbage=st.none() | st.integers(0, 1000),
    accesses=st.lists(registers, max_size=12),
)
def test_random_memory_and_registers(
    disk: Disk,
    table: list[tuple[int, int, int, int]],
    headers: list[tuple[int, int]],
    heads: list[int],
    index: int,
    garbage: int | None,
    accesses: list[tuple[int, int]],
) -> None:
    driver = Driver(disk)
    if garbage is not None:
        driver.board.ram[:] = random.Random(garbage).randbytes(1 << 12) * 256
    driver.start(size=8)
    for slot, (kind, sector) in enumerate(headers):
        driver.header(kind, sector, slot)
    for number, fields in enumerate(table):
        if number < len(headers):  # some chance that a chain begins well
            descriptor(driver, number, (driver.header(*headers[number], number), 16, MORE, fields[3]))
        else:
            descriptor(driver, number, fields)
    driver.board.memory_write(AVAILABLE, struct.pack("<HH8H", 0, index, *heads))
    for offset, value in [(0x50, 0), *accesses, (0x50, 0)]:
        before = driver.board.bytes_moved
        driver.put(offset, value)
        assert driver.board.bytes_moved - before < 128 * (16 + 16 + 6) + 64
        driver.get(offset)
        assert len(driver.board.queue) <= 128 * len(accesses) + 256
        state = driver.block.save()
        driver.block.restore(state)
        assert driver.block.save() == state
    driver.board.run()
    driver.block.save()
    for _, written in driver.used()[:8] if driver.get(0x44) else []:
        assert written <= disk.sectors * SECTOR + 1
