# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices in Python, as the engine calls them: values, access faults, and what they raise."""

import pytest
from one_hart import A0, A1, CODE, LOAD_ACCESS, LOOP, MACHINE, RAM, SIZE, STORE_ACCESS, load, store

from emulator.engine import Engine, EngineConfig, StopReason

DEVICE = 0x1000_0000
MCAUSE = 0x342


class Harness:
    """A hart at a load from DEVICE to a0 or a store of a0 to it, and a device that does what it is told."""

    def __init__(self) -> None:
        self.answer: int | Exception | None = 0
        self.accepts: bool | Exception = True
        self.seen: list[tuple[int, ...]] = []
        config = EngineConfig(ram_size=SIZE, per_instruction=1, pmp_entries=0)
        self.engine = Engine(config, self.read, self.write)

    def read(self, *access: int) -> int | None:
        self.seen.append(access)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def write(self, *access: int) -> bool:
        self.seen.append(access)
        if isinstance(self.accepts, Exception):
            raise self.accepts
        return self.accepts

    def step(self, word: int) -> StopReason:
        self.engine.ram_write(CODE, word.to_bytes(4, "little") + LOOP.to_bytes(4, "little"))
        self.engine.set_csr(0, 0x180, 0)  # what was fetched before is forgotten
        self.engine.set_csr(0, 0x305, RAM)
        self.engine.ram_write(RAM, LOOP.to_bytes(4, "little"))
        self.engine.set_x(0, A1, DEVICE)
        self.engine.set_privilege(0, MACHINE)
        self.engine.set_pc(0, CODE)
        return self.engine.run(1)


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.mark.parametrize(
    ("answer", "loaded"), [(0x80, 0xFFFF_FFFF_FFFF_FF80), (-1, (1 << 64) - 1), (1 << 70 | 5, 5)]
)
def test_load(harness: Harness, answer: int, loaded: int) -> None:
    harness.answer = answer
    harness.step(load(A0, A1, width=1))
    assert harness.engine.get_x(0, A0) == loaded and harness.seen == [(0, DEVICE, 1)]


def test_store(harness: Harness) -> None:
    harness.engine.set_x(0, A0, 0x1234_5678_9ABC_DEF0)
    harness.step(store(A0, A1, width=4))
    assert harness.seen == [(0, DEVICE, 4, 0x9ABC_DEF0)] and harness.engine.traps(0) == 0


def test_access_faults(harness: Harness) -> None:
    harness.answer = None
    harness.step(load(A0, A1, width=4))
    assert harness.engine.get_csr(0, MCAUSE) == LOAD_ACCESS
    harness.accepts = False
    harness.step(store(A0, A1, width=4))
    assert harness.engine.get_csr(0, MCAUSE) == STORE_ACCESS
    harness.answer, traps = 7, harness.engine.traps(0)
    harness.step(load(A0, A1, width=4))
    assert harness.engine.get_x(0, A0) == 7 and harness.engine.traps(0) == traps, "no fault is left over"


def test_what_a_device_raises_ends_the_run_and_comes_out_of_it(
    harness: Harness, capfd: pytest.CaptureFixture[str]
) -> None:
    class Odd(Exception):
        pass

    harness.answer = Odd("read")
    with pytest.raises(Odd, match="read"):
        harness.step(load(A0, A1, width=4))
    harness.accepts = Odd("write")
    with pytest.raises(Odd, match="write"):
        harness.step(store(A0, A1, width=4))
    harness.answer = 9
    harness.step(load(A0, A1, width=4))
    assert harness.engine.get_x(0, A0) == 9, "the machine goes on"
    assert capfd.readouterr() == ("", ""), "and nobody has printed anything"


def test_a_device_that_answers_nonsense(harness: Harness) -> None:
    harness.answer = "text"  # type: ignore[assignment]
    with pytest.raises(TypeError):
        harness.step(load(A0, A1, width=4))


def test_closed_engines_are_gone() -> None:
    engine = Engine(EngineConfig(ram_size=SIZE), lambda *_: None, lambda *_: False)
    engine.close()
    engine.close()
