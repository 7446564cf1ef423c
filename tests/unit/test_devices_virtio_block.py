# SPDX-License-Identifier: GPL-2.0-or-later
"""The block device as its driver sees it: handshake, requests, times, interrupts, state."""

import os
from pathlib import Path

import pytest
from virtio_driver import AVAILABLE, FREE, GET_ID, READ, SECTORS, STATUSES, WRITE, Driver, make_disk

from emulator.devices.device import BusError
from emulator.devices.disk import SECTOR, Disk
from emulator.devices.virtio_block import DiskTiming, VirtioBlock
from emulator.devices.virtio_mmio import EmptySlot
from emulator.errors import ReplugError


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(make_disk(tmp_path))


def started(tmp_path: Path) -> Driver:
    driver = Driver(make_disk(tmp_path))
    driver.start()
    return driver


def test_identity_and_configuration(driver: Driver) -> None:
    assert [driver.get(offset) for offset in (0, 4, 8)] == [0x74726976, 2, 2]
    assert driver.block.base == 0x1000_1000 and driver.block.name == "virtio0"
    low, high = driver.features()
    assert high == 1 and low == 1 << 2 | 1 << 6 | 1 << 9 | 1 << 28 | 1 << 29
    assert driver.block.read(0x100, 8) == SECTORS
    assert driver.get(0x100) == SECTORS and driver.get(0x104) == 0
    assert driver.get(0x114) == SECTOR
    assert driver.block.read(0x115, 1) == 2
    assert driver.block.read(0x13C, 4) == 0 and driver.block.read(0xFF8, 8) == 0
    assert driver.get(0x34) == 128
    driver.put(0x30, 1)
    assert driver.get(0x34) == 0 and driver.get(0x44) == 0


def test_features_ok_only_for_a_driver_that_asks_for_no_more_than_there_is(driver: Driver) -> None:
    for low, high, good in (
        (0, 1, True),
        (1 << 9, 1, True),
        (0, 0, True),
        (1 << 28 | 1 << 29, 1, True),
        (1 << 27, 1, False),
        (0, 3, False),
    ):
        driver.put(0x70, 0)
        driver.accept(low, high)
        driver.put(0x70, 1 | 2 | 8)
        assert (driver.get(0x70) == 11) == good, (low, high)


def test_features_are_fixed_after_features_ok(driver: Driver) -> None:
    driver.accept(1 << 9, 1)
    driver.put(0x70, 11)
    state = driver.block.save()
    driver.accept(0, 0)
    assert driver.block.save() == state and driver.get(0x70) == 11


def test_queue_settings_hold_while_ready(driver: Driver) -> None:
    driver.start()
    state = driver.block.save()
    for offset in (0x38, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4):
        driver.put(offset, 0xDEAD_BEE0)
    driver.put(0x44, 1)
    assert driver.block.save() == state


@pytest.mark.parametrize("size", [0, 3, 256, 0x1_0000, 0xFFFF_FFFF])
def test_queue_of_an_impossible_size_needs_reset(driver: Driver, size: int) -> None:
    driver.start(size=size)
    assert driver.get(0x70) & 64 and driver.get(0x44) == 0
    assert "queue size" in str(driver.block.last_fault)


def test_read_and_write(driver: Driver) -> None:
    driver.start()
    assert driver.transfer(READ, 2, length=2 * SECTOR) == (0, 2 * SECTOR + 1)
    assert driver.data(2 * SECTOR) == bytes([2]) * SECTOR + bytes([3]) * SECTOR
    driver.set_data(b"new!" * 128)
    assert driver.transfer(WRITE, 2, length=SECTOR) == (0, 1)
    assert driver.transfer(READ, 1, length=3 * SECTOR) == (0, 3 * SECTOR + 1)
    assert driver.data(3 * SECTOR) == bytes([1]) * SECTOR + b"new!" * 128 + bytes([3]) * SECTOR
    assert driver.transfer(4, 0, length=0) == (0, 1)


def test_identifier(driver: Driver) -> None:
    driver.start()
    assert driver.transfer(GET_ID, 0, length=20) == (0, 21)
    assert driver.data(20) == b"replug-disk".ljust(20, b"\0")
    assert driver.transfer(GET_ID, 0, length=4) == (0, 5)
    assert driver.transfer(GET_ID, 0, length=64) == (0, 21)


def test_requests_that_end_with_an_error_status(driver: Driver) -> None:
    driver.start()
    end = SECTORS
    assert driver.transfer(READ, end - 1, length=SECTOR)[0] == 0
    for sector, length in ((end, SECTOR), (end - 1, 2 * SECTOR), (0, 100), (1 << 63, SECTOR), (0, 1 << 31)):
        assert driver.transfer(READ, sector, length) == (1, 1), (sector, length)
        assert driver.transfer(WRITE, sector, length) == (1, 1), (sector, length)
    assert driver.transfer(13, 0, length=SECTOR) == (2, 1)
    outside = 0x1000_0000
    assert driver.transfer(READ, 0, SECTOR, address=outside) == (1, 1)
    assert driver.transfer(WRITE, 0, SECTOR, address=outside) == (1, 1)
    assert driver.get(0x70) == 15
    assert driver.transfer(READ, 0, length=SECTOR)[0] == 0


def test_header_data_and_status_may_be_cut_anywhere(driver: Driver) -> None:
    driver.start()
    header = driver.header(READ, 3)
    data = driver.FIRST_DATA
    driver.add(
        [(header, 5, 0), (header + 5, 0, 0), (header + 5, 11, 0), (data, 100, 2), (data + 100, 413, 2)]
    )
    driver.notify()
    driver.board.run()
    assert driver.used() == [(0, SECTOR + 1)]
    assert driver.data(SECTOR + 1) == bytes([3]) * SECTOR + b"\0", "the last byte is the status"


def test_latency_and_order_of_completion(driver: Driver) -> None:
    timing = DiskTiming()
    driver.start()
    driver.set_data(b"w" * SECTOR)
    slow = driver.request(READ, 0, SECTOR, slot=0)
    fast = driver.request(WRITE, 9, SECTOR, slot=1)
    slow2 = driver.request(READ, 1, SECTOR, slot=2)
    driver.notify()
    assert driver.used() == [] and driver.board.interrupts == []
    write_time, read_time = timing.latency(WRITE, SECTOR), timing.latency(READ, SECTOR)
    assert driver.board.queue.next_time() == write_time < read_time
    driver.board.run()
    assert driver.board.time == read_time
    assert [head for head, _ in driver.used()] == [fast, slow, slow2]
    assert timing.latency(READ, 1 << 20) == timing.read + 1024 * timing.per_kibibyte


def test_interrupt_and_acknowledgement(driver: Driver) -> None:
    driver.start()
    driver.transfer(READ, 0, SECTOR)
    assert driver.board.interrupts == [(1, True)] and driver.get(0x60) == 1
    driver.put(0x64, 1)
    assert driver.board.interrupts == [(1, True), (1, False)] and driver.get(0x60) == 0
    driver.board.interrupts.clear()
    driver.no_interrupt(True)
    driver.transfer(READ, 0, SECTOR)
    assert driver.board.interrupts == [] and driver.get(0x60) == 0


def test_nothing_happens_before_driver_ok(driver: Driver) -> None:
    driver.start(status=11)
    driver.request(READ, 0, SECTOR)
    driver.notify()
    assert len(driver.board.queue) == 0
    driver.put(0x70, 15)
    driver.put(0x50, 7)
    assert len(driver.board.queue) == 0, "there is no queue 7"
    driver.notify()
    driver.board.run()
    assert driver.used() == [(0, SECTOR + 1)]


def test_reset_forgets_requests_under_way(driver: Driver) -> None:
    driver.start()
    driver.request(READ, 0, SECTOR)
    driver.notify()
    driver.put(0x70, 0)
    assert driver.get(0x70) == 0 and driver.get(0x44) == 0
    driver.start()
    driver.request(READ, 5, SECTOR)
    driver.request(WRITE, 5, SECTOR, slot=1)
    driver.board.time += 1000
    driver.notify()
    for now, used in ((40_000, [(FREE, 1)]), (100_300, []), (101_300, [(0, SECTOR + 1)])):
        while (event := driver.board.queue.pop_due(now)) is not None:
            driver.block.event(event.what)
        assert driver.used() == used, "the request from before the reset was due at 100,250"


def test_ring_wraps_round(driver: Driver) -> None:
    driver.start(size=4)
    for number in range(10):
        head = driver.add(
            [(driver.header(READ, number), 16, 0), (driver.FIRST_DATA, SECTOR + 1, 2)], first=number % 3
        )
        driver.notify()
        driver.board.run()
        assert driver.used() == [(head, SECTOR + 1)]
        assert driver.data(SECTOR) == bytes([number]) * SECTOR


def test_request_beyond_64_mib_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "large.img"
    path.touch()
    os.truncate(path, 256 << 20)
    driver = Driver(Disk(path), ram_size=4 << 20)
    driver.start()
    for rest, status in ((0, 0), (SECTOR, 1)):
        data = [(driver.FIRST_DATA, 2 << 20, 2)] * 32 + [(driver.FIRST_DATA, rest, 2)]
        driver.add([(driver.header(READ, 0), 16, 0), *data, (STATUSES, 1, 2)])
        driver.notify()
        driver.board.run()
        assert driver.board.memory_read(STATUSES, 1)[0] == status
        assert driver.get(0x70) == 15


def test_indexes_wrap_at_16_bits(driver: Driver) -> None:
    driver.start(size=4)
    state = bytearray(driver.block.save())
    state[51:55] = b"\xff\xff\xff\xff"  # the last two fields of the queue: the places in the rings
    driver.block.restore(bytes(state))
    driver.available = driver.seen = 0xFFFF
    driver.board.memory_write(AVAILABLE + 2, b"\xff\xff")
    for number in range(6):
        assert driver.transfer(READ, number, SECTOR) == (0, SECTOR + 1)
    assert driver.available == driver.seen == 5


def test_restored_device_completes_alike(tmp_path: Path) -> None:
    driver = started(tmp_path)
    driver.request(READ, 4, SECTOR, slot=0)
    driver.request(WRITE, 4, SECTOR, slot=1)
    driver.notify()
    state, queue, ram = driver.block.save(), driver.board.queue.save(), bytes(driver.board.ram)

    copy = Driver(Disk(tmp_path / "disk.img"))
    copy.block.restore(state)
    copy.board.queue.restore(queue)
    copy.board.ram[:] = ram
    assert copy.board.interrupts == []
    assert copy.block.save() == state
    driver.board.run()
    copy.board.run()
    assert copy.block.save() == driver.block.save() != state
    assert copy.board.ram == driver.board.ram != ram
    assert copy.board.interrupts == driver.board.interrupts


def test_damaged_state_is_refused(tmp_path: Path) -> None:
    driver = started(tmp_path)
    driver.request(READ, 4, SECTOR)
    driver.notify()
    state = driver.block.save()
    for length in range(len(state)):
        with pytest.raises(ReplugError):
            driver.block.restore(state[:length])
    with pytest.raises(ReplugError):
        driver.block.restore(state[:1] + b"\x01" + state[2:])
    assert driver.block.save() == state


def test_slots_and_widths(tmp_path: Path) -> None:
    block = VirtioBlock(make_disk(tmp_path), slot=3)
    assert block.base == 0x1000_4000 and block.name == "virtio3"
    assert block.read(0, 8) == 0x74726976 | 2 << 32
    assert block.read(0, 1) == block.read(0, 2) == 0
    with pytest.raises(BusError):
        block.read(2, 4)
    with pytest.raises(BusError):
        block.write(0x73, 2, 0)
    state = block.save()
    block.write(0x70, 1, 0xFF)
    block.write(0x100, 8, 0)
    assert block.save() == state


def test_empty_slot() -> None:
    slot = EmptySlot(7)
    assert slot.base == 0x1000_8000
    assert [slot.read(offset, 4) for offset in (0, 4, 8, 0x34, 0x100)] == [0x74726976, 2, 0, 0, 0]
    slot.write(0x70, 4, 1)
    assert slot.read(0x70, 4) == 0 and slot.save() == b""
    with pytest.raises(BusError):
        slot.read(1, 4)
