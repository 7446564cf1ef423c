# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio console: output, input that waits for room, the emergency write."""

import pytest
from virtio_queues import BUFFERS, Queues

from emulator.devices.virtio_console import VirtioConsole

RECEIVE, TRANSMIT = 0, 1


class Harness:
    def __init__(self) -> None:
        self.output = bytearray()
        self.console = VirtioConsole(2, self.output.extend)
        self.driver = Queues(self.console)


def test_output() -> None:
    harness = Harness()
    harness.driver.send(TRANSMIT, b"hello ")
    harness.driver.send(TRANSMIT, b"world", first=1)
    assert harness.output == b"hello world"
    assert harness.driver.used(TRANSMIT) == [(0, 0), (1, 0)]


def test_input_waits_for_room_and_none_is_lost() -> None:
    harness = Harness()
    harness.console.receive(b"abcdef")
    assert harness.console.listens and not harness.driver.used(RECEIVE)
    harness.driver.room(RECEIVE, 4)
    assert harness.driver.received(RECEIVE) == [b"abcd"]
    assert harness.driver.get(0x60) == 1 and harness.driver.board.interrupts[-1] == (3, True)
    harness.driver.room(RECEIVE, 4, first=1)
    assert harness.driver.received(RECEIVE) == [b"ef"]
    harness.driver.room(RECEIVE, 4, first=2)
    harness.console.receive(b"gh")
    assert harness.driver.received(RECEIVE) == [b"gh"]


def test_input_before_the_driver_is_up() -> None:
    harness = Harness()
    harness.driver.put(0x70, 0)
    harness.console.receive(b"early")
    assert not harness.console.listens
    harness.driver.start()
    harness.driver.room(RECEIVE, 16)
    assert harness.driver.received(RECEIVE) == [b"early"]


def test_emergency_write_works_before_any_driver() -> None:
    harness = Harness()
    harness.driver.put(0x70, 0)
    harness.driver.put(0x108, ord("!"))
    assert harness.output == b"!"


@pytest.mark.parametrize(
    ("queue", "piece", "reason"),
    [
        (TRANSMIT, (BUFFERS, 4, 2), "writable"),
        (TRANSMIT, (BUFFERS, 1 << 21, 0), "the most"),
        (TRANSMIT, (0x1000, 4, 0), "outside RAM"),
        (RECEIVE, (BUFFERS, 4, 0), "room"),
        (RECEIVE, (BUFFERS, 0, 2), "room"),
        (RECEIVE, (0x1000, 4, 2), "outside RAM"),
    ],
)
def test_buffers_that_cannot_be(queue: int, piece: tuple[int, int, int], reason: str) -> None:
    harness = Harness()
    harness.console.receive(b"x")
    harness.driver.offer(queue, piece)
    harness.driver.notify(queue)
    assert harness.driver.broken and reason in str(harness.console.last_fault)
    assert harness.output == b""


def test_state() -> None:
    harness, other = Harness(), Harness()
    harness.console.receive(b"typed")
    other.console.restore(harness.console.save())
    assert other.console.save() == harness.console.save()
    other.driver.room(RECEIVE, 16)
    assert other.driver.received(RECEIVE) == [b"typed"]
