# SPDX-License-Identifier: GPL-2.0-or-later
"""The entropy device: a stream that the seed decides, in whatever pieces it is read."""

import pytest
from device_board import RAM_BASE
from virtio_queues import Queues

from emulator.devices.virtio_entropy import VirtioEntropy
from emulator.errors import ReplugError


def read(driver: Queues, length: int) -> bytes:
    driver.room(0, length)
    [data] = driver.received(0)
    return data


def stream(seed: int, *lengths: int) -> bytes:
    driver = Queues(VirtioEntropy(3, seed))
    return b"".join(read(driver, length) for length in lengths)


def test_the_seed_decides_the_stream_however_it_is_cut() -> None:
    whole = stream(7, 200)
    assert len(whole) == 200 and whole == stream(7, 1, 31, 32, 33, 3, 100)
    assert whole != stream(8, 200)
    assert len(set(whole)) > 100, "it looks random"


def test_two_pieces_in_one_request() -> None:
    driver = Queues(VirtioEntropy(3, 7))
    driver.offer(0, (RAM_BASE + 0x5_0000, 10, 2), (RAM_BASE + 0x6_0000, 20, 2))
    driver.notify(0)
    assert driver.used(0) == [(0, 30)]
    got = driver.board.memory_read(RAM_BASE + 0x5_0000, 10) + driver.board.memory_read(
        RAM_BASE + 0x6_0000, 20
    )
    assert got == stream(7, 30)


def test_a_huge_request_is_filled_in_part() -> None:
    driver = Queues(VirtioEntropy(3, 7))
    driver.room(0, 0xFFFF_FFFF)
    [(_, written)] = driver.used(0)
    assert written == 1 << 16


@pytest.mark.parametrize(
    "pieces", [[(RAM_BASE, 8, 0)], [(RAM_BASE, 0, 2)], [(RAM_BASE, 4, 0), (RAM_BASE, 4, 2)]]
)
def test_what_is_no_request(pieces: list[tuple[int, int, int]]) -> None:
    driver = Queues(VirtioEntropy(3, 7))
    driver.offer(0, *pieces)
    driver.notify(0)
    assert driver.broken and "entropy" in str(driver.device.last_fault)


def test_state_goes_on_in_the_stream() -> None:
    driver = Queues(VirtioEntropy(3, 7))
    read(driver, 50)
    state = driver.device.save()
    wanted = read(driver, 50)
    other = Queues(VirtioEntropy(3, 7))
    other.device.restore(state)
    other.available, other.seen = [1], [1]
    other.board.ram[:] = driver.board.ram
    other.board.memory_write(driver.table(0) + 0x1002, b"\1\0")
    other.board.memory_write(driver.table(0) + 0x2002, b"\1\0")
    assert read(other, 50) == wanted
    with pytest.raises(ReplugError, match="virtio3"):
        VirtioEntropy(3, 8).restore(state)
