# SPDX-License-Identifier: GPL-2.0-or-later
"""The finisher: which stores end a run, and how."""

import pytest

from emulator.devices.device import BusError
from emulator.devices.finisher import Finisher


def finish(offset: int, width: int, value: int) -> list[tuple[str, int]]:
    requests: list[tuple[str, int]] = []
    Finisher(lambda reason, code: requests.append((reason, code))).write(offset, width, value)
    return requests


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0x5555, [("pass", 0)]),
        (0x3333, [("fail", 0)]),
        (0x0007_3333, [("fail", 7)]),
        (0xFFFF_3333, [("fail", 0xFFFF)]),
        (0x7777, [("reset", 0)]),
        (0, []),
        (0x5554, []),
    ],
)
def test_requests(value: int, expected: list[tuple[str, int]]) -> None:
    assert finish(0, 4, value) == expected


def test_only_offset_0_counts_and_16_bits_are_enough() -> None:
    assert finish(4, 4, 0x5555) == []
    assert finish(0, 2, 0x5555) == [("pass", 0)]


@pytest.mark.parametrize(("offset", "width"), [(0, 1), (0, 8), (2, 4), (1, 2)])
def test_other_accesses_fault(offset: int, width: int) -> None:
    with pytest.raises(BusError):
        finish(offset, width, 0x5555)
    with pytest.raises(BusError):
        Finisher(lambda reason, code: None).read(offset, width)


def test_has_no_state() -> None:
    finisher = Finisher(lambda reason, code: None)
    assert finisher.save() == b"" and finisher.read(0, 4) == 0
    finisher.restore(b"")
