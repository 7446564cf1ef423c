# SPDX-License-Identifier: GPL-2.0-or-later
"""The network card: frames both ways, the cable's latency, what is lost, and state."""

import pytest
from virtio_queues import BUFFERS, Queues

from emulator.devices.network import GUEST_MAC, Link, Loopback
from emulator.devices.virtio_network import VirtioNetwork

RECEIVE, TRANSMIT = 0, 1
HEADER = bytes(12)
FRAME = bytes(range(100))


def looped() -> Queues:
    return Queues(VirtioNetwork(1, Loopback(), latency=1000))


def frames(driver: Queues) -> list[bytes]:
    """What has come, the headers taken off."""
    packets = driver.received(RECEIVE)
    assert all(packet[:12] == bytes(10) + b"\1\0" for packet in packets), "one buffer each"
    return [packet[12:] for packet in packets]


def test_configuration_is_the_address_and_the_link() -> None:
    driver = looped()
    assert bytes(driver.device.read(0x100 + place, 1) for place in range(6)) == GUEST_MAC
    assert driver.device.read(0x106, 2) == 1


def test_a_frame_comes_back_after_the_latency() -> None:
    driver = looped()
    driver.room(RECEIVE, 1526)
    driver.send(TRANSMIT, HEADER + FRAME, first=1)
    assert driver.used(TRANSMIT) == [(1, 0)] and driver.used(RECEIVE) == []
    assert driver.board.queue.next_time() == 1000
    driver.board.run()
    assert frames(driver) == [FRAME]


def test_frames_wait_for_buffers_in_order() -> None:
    driver = looped()
    for number in range(3):
        driver.send(TRANSMIT, HEADER + bytes([number]) * 60, first=number)
    driver.board.run()
    assert frames(driver) == []
    for number in range(3):
        driver.room(RECEIVE, 1526, first=number)
    assert frames(driver) == [bytes([number]) * 60 for number in range(3)]


@pytest.mark.parametrize("length", [0, 13, 1515, 3000])
def test_frames_of_impossible_length_are_lost(length: int) -> None:
    driver = looped()
    driver.room(RECEIVE, 4000)
    driver.send(TRANSMIT, HEADER + bytes(length), first=1)
    driver.board.run()
    assert frames(driver) == [] and not driver.broken


def test_a_link_sends_out_and_takes_in() -> None:
    link = Link()
    out: list[bytes] = []
    link.transmit = out.append
    card = VirtioNetwork(1, link)
    driver = Queues(card)
    driver.send(TRANSMIT, HEADER + FRAME)
    assert out == [FRAME]
    driver.room(RECEIVE, 1526, first=1)
    card.receive(FRAME[::-1])
    assert frames(driver) == [FRAME[::-1]]


def test_what_comes_while_the_driver_is_down_or_too_much_is_lost() -> None:
    card = VirtioNetwork(1, Link())
    driver = Queues(card)
    driver.put(0x70, 0)
    card.receive(FRAME)
    driver.start()
    for number in range(300):
        card.receive(number.to_bytes(2, "little") * 30)
    got = []
    for number in range(300):
        driver.room(RECEIVE, 1526, first=number % 8)
        got += frames(driver)
    assert got == [number.to_bytes(2, "little") * 30 for number in range(256)]


@pytest.mark.parametrize(
    ("queue", "piece", "reason"),
    [
        (TRANSMIT, (BUFFERS, 112, 2), "writable"),
        (TRANSMIT, (BUFFERS, 11, 0), "header"),
        (TRANSMIT, (BUFFERS, 0xFFFF_FFFF, 0), "the most"),
        (TRANSMIT, (0x1000, 112, 0), "outside RAM"),
        (RECEIVE, (BUFFERS, 71, 2), "71 bytes"),
        (RECEIVE, (BUFFERS, 100, 0), "0 bytes"),
        (RECEIVE, (0x1000, 1526, 2), "outside RAM"),
    ],
)
def test_buffers_that_cannot_be(queue: int, piece: tuple[int, int, int], reason: str) -> None:
    card = VirtioNetwork(1, Link())
    driver = Queues(card)
    driver.offer(queue, piece)
    driver.notify(queue)
    card.receive(bytes(60))
    assert driver.broken and reason in str(card.last_fault)


def test_an_offload_that_was_not_offered() -> None:
    driver = looped()
    driver.send(TRANSMIT, b"\1" + HEADER[1:] + FRAME)
    assert driver.broken


def test_state_with_frames_on_the_cable_and_waiting() -> None:
    driver = looped()
    driver.send(TRANSMIT, HEADER + FRAME)
    driver.board.run()
    driver.send(TRANSMIT, HEADER + FRAME[::-1], first=1)
    state, memory, events = driver.device.save(), bytes(driver.board.ram), driver.board.queue.save()
    other = looped()
    other.device.restore(state)
    other.board.ram[:] = memory
    other.board.time = driver.board.time
    other.board.queue.restore(events)
    assert other.device.save() == state
    other.room(RECEIVE, 1526)
    other.room(RECEIVE, 1526, first=1)
    other.board.run()
    assert frames(other) == [FRAME, FRAME[::-1]]


def test_a_reset_forgets_what_waits() -> None:
    driver = looped()
    driver.send(TRANSMIT, HEADER + FRAME)
    driver.board.run()
    driver.send(TRANSMIT, HEADER + FRAME, first=1)
    driver.start()
    driver.room(RECEIVE, 1526)
    assert frames(driver) == []
    driver.board.run()
    assert frames(driver) == [FRAME], "what is on the cable arrives"
