# SPDX-License-Identifier: GPL-2.0-or-later
"""Drivers that write garbage, against every virtio device: loops, addresses outside RAM, huge lengths.

The device asks for a reset, or answers with an error of its own, or does what it was told; it never raises,
moves bounded numbers of bytes, and works again after a reset.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from device_board import RAM_BASE
from hypothesis import given, settings
from hypothesis import strategies as st
from virtio_driver import make_disk
from virtio_queues import EVENT_INDEX, INDIRECT, SIZE, Queues

from emulator.devices.disk import SECTOR, Disk
from emulator.devices.echo_host import EchoHost
from emulator.devices.network import Link, Loopback
from emulator.devices.virtio_block import VirtioBlock
from emulator.devices.virtio_console import VirtioConsole
from emulator.devices.virtio_entropy import VirtioEntropy
from emulator.devices.virtio_mmio import VirtioDevice
from emulator.devices.virtio_network import VirtioNetwork

RAM_SIZE = 1 << 20
MOST_MOVED = (1 << 17) * SIZE * 2
"""Bytes between RAM and device for one access: a queue full of the largest buffers that any device takes."""


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory() as folder, make_disk(Path(folder)) as disk:
        yield disk


MAKERS: dict[str, Callable[[Disk], VirtioDevice]] = {
    "block": VirtioBlock,
    "loopback": lambda _disk: VirtioNetwork(1, Loopback()),
    "echo": lambda _disk: VirtioNetwork(1, EchoHost()),
    "link": lambda _disk: VirtioNetwork(1, Link()),
    "console": lambda _disk: VirtioConsole(2, lambda _data: None),
    "entropy": lambda _disk: VirtioEntropy(3, 0),
}

addresses = st.one_of(
    st.integers(RAM_BASE, RAM_BASE + RAM_SIZE),
    st.sampled_from([RAM_BASE + 0x1_0000, RAM_BASE + 0x1_1000, RAM_BASE + 0x2_2000]),  # its own queues
    st.sampled_from([0, RAM_BASE - 1, RAM_BASE + RAM_SIZE - 1, (1 << 64) - 1, 1 << 63]),
)
lengths = st.one_of(
    st.sampled_from([0, 1, 11, 12, 16, 32, 128, SECTOR, 1526, 1 << 20, 1 << 31, 0xFFFF_FFFF]),
    st.integers(0, 5000),
)
descriptors = st.tuples(
    addresses, lengths, st.sampled_from([0, 1, 2, 3, 4, 5, 6]) | st.integers(0, 0xFFFF), st.integers(0, SIZE)
)
tables = st.lists(descriptors, min_size=SIZE, max_size=SIZE)
actions = st.one_of(
    st.tuples(st.just("notify"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("index"), st.integers(0, 1), st.integers(0, 0xFFFF) | st.integers(0, SIZE)),
    st.tuples(st.just("arrives"), st.integers(0, 2000), st.just(0)),
    st.tuples(
        st.just("register"),
        st.sampled_from(
            [0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x64, 0x70, 0x80, 0x84, 0x90, 0xA0, 0x100, 0x108]
        ),
        st.sampled_from([0, 1, 3, 8, 11, 15, 128, RAM_BASE, 0xFFFF_FFFF]) | st.integers(0, 0xFFFF_FFFF),
    ),
    st.tuples(st.just("time"), st.integers(0, 1_000_000), st.just(0)),
)


@pytest.mark.parametrize("name", MAKERS)
@settings(deadline=None, max_examples=120)
@given(
    features=st.sampled_from([0, INDIRECT, EVENT_INDEX, INDIRECT | EVENT_INDEX]),
    queues=st.tuples(tables, tables),
    heads=st.lists(st.integers(0, SIZE), min_size=2 * SIZE, max_size=2 * SIZE),
    steps=st.lists(actions, max_size=14),
    garbage=st.none() | st.integers(0, 1000),
)
def test_garbage(
    name: str,
    disk: Disk,
    features: int,
    queues: tuple[list[tuple[int, int, int, int]], ...],
    heads: list[int],
    steps: list[tuple[str, int, int]],
    garbage: int | None,
) -> None:
    driver = Queues(MAKERS[name](disk), features)
    if garbage is not None:
        driver.board.ram[:] = random.Random(garbage).randbytes(1 << 12) * (RAM_SIZE >> 12)
        driver.start(features)
    for queue in range(len(driver.device.queues)):
        for number, fields in enumerate(queues[queue]):
            driver.descriptor(driver.table(queue) + 16 * number, fields)
        for slot in range(SIZE):
            place = driver.table(queue) + 0x1004 + 2 * slot
            driver.board.memory_write(place, heads[queue * SIZE + slot].to_bytes(2, "little"))
    for step in [("index", 0, SIZE), ("notify", 0, 0), *steps, ("notify", 0, 0), ("notify", 1, 0)]:
        before = driver.board.bytes_moved
        act(driver, *step)
        assert driver.board.bytes_moved - before < MOST_MOVED
        state = driver.device.save()
        driver.device.restore(state)
        assert driver.device.save() == state
    driver.board.run()
    driver.start()
    assert not driver.broken and driver.device.last_fault is None
    assert_it_works(driver)


def act(driver: Queues, kind: str, first: int, second: int) -> None:
    if kind == "notify":
        driver.notify(first)
    elif kind == "index":
        queue = first % len(driver.device.queues)
        driver.board.memory_write(driver.table(queue) + 0x1002, second.to_bytes(2, "little"))
    elif kind == "register":
        driver.put(first, second)
        driver.get(first)
    elif kind == "time":
        due = driver.board.queue.next_time()
        driver.board.time += first
        if due is not None and due <= driver.board.time and (event := driver.board.queue.pop_due(due)):
            driver.device.event(event.what)
    elif isinstance(driver.device, VirtioNetwork | VirtioConsole):
        driver.device.receive(bytes(first))


def assert_it_works(driver: Queues) -> None:
    """After a reset, a right request gets its right answer."""
    device = driver.device
    if isinstance(device, VirtioBlock):
        header, data, status = RAM_BASE + 0x5_0000, RAM_BASE + 0x5_1000, RAM_BASE + 0x5_2000
        driver.board.memory_write(header, bytes(16))
        driver.offer(0, (header, 16, 0), (data, SECTOR, 2), (status, 1, 2))
        driver.notify(0)
        driver.board.run()
        assert driver.used(0) == [(0, SECTOR + 1)] and driver.board.memory_read(status, 1) == b"\0"
    elif isinstance(device, VirtioEntropy):
        driver.room(0, 16)
        assert [len(data) for data in driver.received(0)] == [16]
    elif isinstance(device, VirtioConsole):
        driver.room(0, 1 << 15)  # more than all that `steps` may have sent
        driver.received(0)
        driver.room(0, 16, first=1)
        device.receive(b"x")
        assert b"".join(driver.received(0)).endswith(b"x")
    else:
        assert isinstance(device, VirtioNetwork)
        driver.board.run()
        driver.room(0, 1526)
        device.receive(bytes(60))
        assert [len(data) for data in driver.received(0)] == [72]
