# SPDX-License-Identifier: GPL-2.0-or-later
"""The event queue: order, and a state that depends on the order only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import ReplugError
from emulator.schedule.events import EventQueue

pushes = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["uart0", "virtio0"]), st.integers(0, 99)))


def drain(queue: EventQueue, now: int = 1 << 40) -> list[tuple[int, str, int]]:
    result = []
    while (event := queue.pop_due(now)) is not None:
        result.append((event.time, event.device, event.what))
    return result


def filled(entries: list[tuple[int, str, int]]) -> EventQueue:
    queue = EventQueue()
    for time, device, what in entries:
        queue.push(time, device, what)
    return queue


@given(pushes)
def test_order_is_by_time_then_by_pushing(entries: list[tuple[int, str, int]]) -> None:
    assert drain(filled(entries)) == sorted(entries, key=lambda entry: entry[0])


@given(pushes, st.integers(0, 9))
def test_only_what_is_due_comes_out(entries: list[tuple[int, str, int]], now: int) -> None:
    queue = filled(entries)
    assert all(time <= now for time, _, _ in drain(queue, now))
    assert len(queue) == sum(time > now for time, _, _ in entries)
    next_time = queue.next_time()
    assert next_time is None or next_time > now


def test_an_event_pushed_while_popping_waits_its_turn() -> None:
    queue = filled([(5, "a", 1), (5, "a", 2)])
    first = queue.pop_due(5)
    assert first is not None and first.what == 1
    queue.push(5, "a", 3)
    assert [what for _, _, what in drain(queue)] == [2, 3]


@given(pushes, st.integers(0, 5))
def test_state_does_not_remember_what_is_over(entries: list[tuple[int, str, int]], extra: int) -> None:
    older = EventQueue()
    for _ in range(extra):
        older.push(0, "uart0", 0)
    drain(older)
    for entry in entries:
        older.push(*entry)
    assert older.save() == filled(entries).save()


@given(pushes)
def test_restore_gives_the_same_future(entries: list[tuple[int, str, int]]) -> None:
    original = filled(entries)
    copy = filled([(1, "other", 1)])
    copy.restore(original.save())
    assert copy.save() == original.save()
    original.push(3, "late", 0)
    copy.push(3, "late", 0)
    assert drain(copy) == drain(original)


@given(st.binary(max_size=60))
def test_damaged_state_is_an_error_or_a_state(state: bytes) -> None:
    queue = EventQueue()
    try:
        queue.restore(state)
    except ReplugError:
        return
    assert queue.save() == state


def test_cut_state_is_an_error() -> None:
    state = filled([(1, "uart0", 2), (3, "virtio0", 4)]).save()
    for length in range(len(state)):
        with pytest.raises(ReplugError):
            EventQueue().restore(state[:length])
