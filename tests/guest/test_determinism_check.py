# SPDX-License-Identifier: GPL-2.0-or-later
"""The check of determinism finds what differs, where, and nothing where nothing does."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.determinism import ConsoleDigest, Verdict, check_determinism, differences
from emulator.devices.device import Device
from emulator.devices.goldfish_rtc import GoldfishRtc
from emulator.replay import replay
from emulator.token import Token

Guest = Callable[[str], Path]

# Counts for ever; looks at a word now and then, and lets it into a register when it is not 0.
LOOKS = """
    la t0, word
1:  addi a1, a1, 1
    ld t1, 0(t0)
    or s5, s5, t1
    j 1b
    .data
    .balign 4096
word: .dword 0
"""
WORD = 0x8000_1000


@contextmanager
def pair(image: Path, harts: int = 2) -> Iterator[tuple[Machine, Machine]]:
    options = MachineOptions(harts=harts, quantum=50)
    with Machine(image, options) as first, Machine(image, options) as second:
        yield first, second


def checked(first: Machine, second: Machine, outputs: tuple[bytes, bytes] = (b"", b"")) -> Verdict:
    return check_determinism(first, second, lambda: outputs, max_instructions=10_000, chunk=1000)


def test_the_same(guest: Guest) -> None:
    with pair(guest(LOOKS)) as (first, second):
        verdict = checked(first, second)
        assert verdict.deterministic and verdict.outcome.reason == "limit"
        assert 10_000 <= verdict.instructions < 10_010
        assert verdict.state_hash == second.state_hash()
        assert list(differences(first, second)) == []


def test_machines_that_are_not_equal_to_begin_with(guest: Guest) -> None:
    with pair(guest(LOOKS)) as (first, second):
        second.engine.ram_write(WORD, b"\x40")
        assert checked(first, second).difference == (
            "before the first instruction: RAM page 0x80001000 differs, first at 0x80001000: "
            "0x00 in one run and 0x40 in the other"
        )


# Asks the clock, a device in Python, every 8 instructions.
ASKS = """
    li s0, 0x101000
1:  lw t0, 0(s0)
    xor s1, s1, t0
    nop
    nop
    nop
    nop
    nop
    j 1b
"""


def clock_of(machine: Machine) -> Device:
    (clock,) = [device for device in machine.bus.devices if isinstance(device, GoldfishRtc)]
    return clock


class Drifting:
    """A clock that shows another time from its `number`th reading on; in the first life only, or always."""

    def __init__(self, machine: Machine, number: int, always: bool) -> None:
        self._read, self._number, self._always, self._machine = (
            clock_of(machine).read,
            number,
            always,
            machine,
        )
        self._lives = 0
        self._last = 0

    def __call__(self, *place: int) -> int | None:
        now = self._machine.engine.instret(0)
        self._lives += now < self._last
        self._last = now
        found = self._read(*place)
        wrong = now >= self._number * 8 and (self._always or not self._lives)
        return found + 1 if wrong and found is not None else found


@pytest.mark.parametrize("number", [1, 700, 1249])
def test_the_first_difference_is_named(guest: Guest, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """To the instruction, however far behind it the comparison was."""
    with pair(guest(ASKS), harts=1) as (first, second):
        monkeypatch.setattr(clock_of(second), "read", Drifting(second, number, always=True))
        again = []
        verdict = check_determinism(
            first,
            second,
            lambda: (b"", b""),
            max_instructions=10_000,
            chunk=5000,
            again=lambda: again.append(1),
        )
        assert again == [1]
        found = re.fullmatch(
            r"instructions ([\d,]+) to ([\d,]+): hart 0: x5 is .* in the other", verdict.difference or ""
        )
        assert found is not None, verdict.difference
        start, end = (int(place.replace(",", "")) for place in found.groups())
        assert start <= number * 8 + 1 < end <= start + 10 and verdict.instructions == end


def test_a_difference_that_does_not_come_again(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    with pair(guest(ASKS), harts=1) as (first, second):
        monkeypatch.setattr(clock_of(second), "read", Drifting(second, 700, always=False))
        verdict = checked(first, second)
        assert verdict.difference is not None
        assert re.match(r"instructions 5,0\d\d to 6,0\d\d: hart 0: ", verdict.difference)
        assert verdict.difference.endswith("(which did not come again, run again from there)")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda machine: machine.engine.set_csr(1, 0x340, 5), "hart 1: CSR 0x340 is 0x0 in one run and 0x5"),
        (lambda machine: machine.engine.set_f(1, 3, 7), "hart 1: f3 is"),
        (lambda machine: machine.engine.ram_write(0x8700_0000, b"\x01"), "RAM page 0x87000000"),
        (lambda machine: machine.uart.write(7, 1, 9), "device uart0 differs"),
        (lambda machine: machine.bus.schedule(machine.uart, 10**12, 1), "events that devices wait for"),
    ],
)
def test_each_kind_of_difference(guest: Guest, change: Callable[[Machine], object], what: str) -> None:
    with pair(guest(LOOKS)) as (first, second):
        change(second)
        verdict = checked(first, second)
        assert verdict.difference is not None and what in verdict.difference


def test_consoles(guest: Guest) -> None:
    with pair(guest(LOOKS)) as (first, second):
        verdict = checked(first, second, (b"a", b"b"))
        assert verdict.difference is not None and "console" in verdict.difference


def test_console_digest_passes_on() -> None:
    seen: list[bytes] = []
    one, other = ConsoleDigest(seen.append), ConsoleDigest()
    one(b"ab")
    one.mute()
    one(b"c")
    other(b"abc")
    assert one.value() == other.value() and seen == [b"ab"]
    other(b"d")
    assert one.value() != other.value()


READS = """
    li s0, 0x10000000
1:  lbu t0, 5(s0)
    andi t0, t0, 1
    addi s3, s3, 1
    beqz t0, 1b
    lbu t0, 0(s0)
    slli s1, s1, 8
    or s1, s1, t0
    slli s2, s2, 5
    xor s2, s2, s3         # when it came counts as well as what came
    j 1b
"""


@pytest.mark.parametrize("steps", [[1], [17, 3, 1000], [0, 0, 5000, 2]])
def test_replay_from_python(guest: Guest, steps: list[int]) -> None:
    """However the first run was cut: what was typed comes back at its place."""
    image = guest(READS)
    options = MachineOptions(harts=2, quantum=10)
    with Machine(image, options) as machine:
        for number, step in enumerate(steps):
            machine.run(step)
            machine.type(bytes((65 + number,)))
        machine.run(3333)
        token = Token.decode(Token.of(machine, machine.engine.total_instret).encode())
        wanted = machine.state_hash()
    with Machine(image, token.machine_options(None)) as machine:
        assert replay(machine, token).reason == "limit"
        assert machine.state_hash() == wanted
        assert sum(len(typed.data) for typed in machine.inputs) == len(steps)
