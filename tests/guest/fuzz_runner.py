# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs fuzzed machines: `python fuzz_runner.py FIRST COUNT NOTE` prints what came of it as JSON.

NOTE is a file that holds the seed of the run going on (8 bytes, little endian): if the process dies, the
parent knows in which one. A run that hangs is ended by the watchdog, with a traceback.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import json
import mmap
import os
import resource
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

from fuzz_code import CSRS
from fuzzing import DEVICE_KINDS, DEVICES, PAGE, PAGES, RAM, SAME_CONFIG, Case, Piece, is_bare, make_case

from emulator import ReplugError
from emulator.engine import Engine, EngineConfig, Pipeline, StopReason

WATCHDOG_SECONDS = 120
WATCHED_RUNS = 100
MOST_RETURNS = 40
"""From Engine.run in one piece: each stop for an event or a request is one."""
TWICE, FRESH, REPLAYED = 10, 100, 25
"""Every so many runs: again on the same engine; on a new one; by instruction along the recorded slices."""
CUT = int(os.environ.get("REPLUG_FUZZ_CUT", "10"))
"""Every so many runs: once more, stopped at random instructions, saved and restored there."""


class DeviceError(Exception):
    """What a device of the fuzzer throws through the engine."""


class Devices:
    """Eight ports of 256 bytes, and what each does to the machine."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.count = 0

    def read(self, _hart: int, address: int, width: int) -> int | None:
        return self._act(address, (self.count + 1) * 0x9E37_79B9 & ((1 << 8 * width) - 1))

    def write(self, _hart: int, address: int, _width: int, value: int) -> bool:
        return self._act(address, value) is not None

    def _act(self, address: int, value: int) -> int | None:
        engine = self.engine
        kind = (address - DEVICES) // 0x100
        if engine is None or not 0 <= kind < DEVICE_KINDS or kind == 4:
            return None  # a refused access leaves no trace: it has no place among the instructions retired
        self.count += 1
        hart = value % engine.config.harts
        if kind == 1:
            engine.set_line(hart, 11 if value & 8 else 9, bool(value & 16))
        elif kind == 2:
            engine.ram_write(RAM + value % (PAGES * PAGE - 8), value.to_bytes(8, "little"))
        elif kind == 3:
            engine.request_stop()
        elif kind == 5 and value & 1:
            raise DeviceError
        elif kind == 6:
            engine.set_next_event(engine.now + value % 1000)
        elif kind == 7:
            return engine.get_x(hart, value % 32) ^ engine.now ^ engine.instret(hart)
        return value


class Fuzzed:
    """An engine that runs one case after another, going back to its beginning in between."""

    def __init__(self, config: EngineConfig) -> None:
        self.devices = Devices()
        self.engine = Engine(config, self.devices.read, self.devices.write)
        self.devices.engine = self.engine
        self.start = (self.engine.snapshot(), self.engine.save(with_code=False))
        self.stack: list[tuple[int, bytes]] = []
        self.retired = 0
        self.all_retired = 0
        self.reasons: Counter[str] = Counter()

    def close(self) -> None:
        self.devices.engine = None
        self.engine.close()

    def prepare(self, case: Case) -> None:
        engine = self.engine
        engine.rollback(self.start[0])
        engine.restore(self.start[1], after_rollback=True)
        engine.set_next_event(None)
        self.devices.count = 0
        self.stack = [self.start]
        self.retired = 0
        self.reasons = Counter()
        for address, data in case.writes:
            engine.ram_write(address, data)
        for hart, start in enumerate(case.harts):
            for index in range(1, 32):
                engine.set_x(hart, index, start.x[index])
            engine.set_pc(hart, start.pc)
            for number, value in start.csrs:
                engine.set_csr(hart, number, value)
            engine.set_privilege(hart, start.privilege)

    def _act(self, piece: Piece) -> None:
        engine, number = self.engine, piece.number
        rng = Random(number)
        hart = rng.randrange(engine.config.harts)
        if piece.action == "line":
            engine.set_line(hart, rng.choice((9, 11)), rng.random() < 0.7)
        elif piece.action == "dma":
            engine.ram_write(
                RAM + PAGE * rng.randrange(PAGES) + rng.randrange(2000), rng.randbytes(rng.randrange(2000))
            )
        elif piece.action == "snapshot":
            self.stack.append((engine.snapshot(), engine.save(with_code=False)))
        elif piece.action == "rollback":
            del self.stack[rng.randrange(1, len(self.stack) + 1) :]
            engine.rollback(self.stack[-1][0])
            engine.restore(self.stack[-1][1], after_rollback=True)
        elif piece.action == "save":
            engine.restore(engine.save())
        elif piece.action == "damage":
            state = bytearray(engine.save())
            state[rng.randrange(len(state))] ^= 1 << rng.randrange(8)
            with contextlib.suppress(ReplugError):  # it may notice, or have become another machine
                engine.restore(bytes(state))
        elif piece.action == "csr":
            engine.set_csr(hart, rng.choice(CSRS), rng.getrandbits(64))
        elif piece.action == "event":
            engine.set_next_event(engine.now + rng.randrange(2000))
        elif piece.action == "look":
            self._look(rng, hart)

    def _look(self, rng: Random, hart: int) -> None:
        """What debuggers and reports ask: it must change nothing."""
        engine = self.engine
        before = engine.save()
        for number in CSRS:
            engine.get_csr(hart, number)
        for _ in range(4):
            engine.translate(hart, rng.getrandbits(64))
            engine.translate(hart, engine.get_pc(hart))
            engine.counts(RAM + PAGE * rng.randrange(PAGES + 1))
        engine.recent_blocks(hart)
        engine.drain_events()
        engine.path_rows()
        with contextlib.suppress(ReplugError):  # there may be no model
            engine.cycles(hart)
        if engine.save() != before:
            raise AssertionError("looking at the machine has changed it")

    def run(self, case: Case) -> None:
        self.prepare(case)
        for piece in case.pieces:
            self._act(piece)
            self.run_piece(piece.instructions)

    def run_piece(self, instructions: int) -> None:
        engine, left = self.engine, instructions
        for _ in range(MOST_RETURNS):
            before = engine.total_instret
            reason: StopReason | None = None
            try:
                reason = engine.run(left)
            except DeviceError:
                self.reasons["device error"] += 1
            done = engine.total_instret - before
            self.retired += done
            self.all_retired += done
            left -= done
            if reason is not None:
                self.reasons[reason.name] += 1
            if reason is StopReason.EVENT:
                engine.set_next_event(None)
            elif reason is StopReason.OBSERVER:
                engine.drain_events()
            elif reason in (StopReason.IDLE, StopReason.LIMIT, StopReason.WILD):
                break
            if left <= 0:
                break

    def digest(self) -> bytes:
        """Of everything the guest could know."""
        result = hashlib.blake2b(self.engine.save(), digest_size=16)
        result.update(self.engine.ram)
        result.update(b"%d %d" % (self.engine.now, self.engine.rounds))
        return result.digest()

    def counted(self) -> int:
        """All executions of all instructions, by their counts."""
        return sum(sum(self.engine.counts(RAM + PAGE * page).values()) for page in range(PAGES))


def watch(engine: Engine, seed: int) -> None:
    """Marks in the code, and the cost model: they must change nothing."""
    rng = Random(f"marks {seed // SAME_CONFIG}")
    for _ in range(12):
        place = RAM + 2 * rng.randrange(PAGES * PAGE // 2)
        engine.mark(place, rng.randrange(1, 7), rng.randrange(1, 4), rng.randrange(1, 4), rng.randrange(32))
    engine.keep_events(rng.random() < 0.5)
    engine.set_pipeline(
        Pipeline(load_use=1, multiply=3, divide=20, mispredict=3, csr=2, trap=5, fence_i=9, atomic=4)
    )


def on_new_engine(case: Case) -> bytes:
    """Counting the other way: inside the translated code, or by calls of the hook."""
    machine = Fuzzed(replace(case.config, calls_only=1 - case.config.calls_only))
    try:
        machine.run(case)
        return machine.digest()
    finally:
        machine.close()


def replay_by_instruction(case: Case) -> None:
    """Along the slices that the run by blocks had: the same instructions, and the same state."""
    case = replace(case, pieces=[Piece(sum(piece.instructions for piece in case.pieces), "nothing", 0)])
    blocks, exact = Fuzzed(case.config), Fuzzed(replace(case.config, per_instruction=1))
    try:
        blocks.engine.record_schedule()
        blocks.run(case)
        if set(blocks.reasons) - {"LIMIT", "IDLE", "WILD"}:
            return  # devices have had a hand in where it was cut
        exact.engine.follow_schedule(blocks.engine.schedule())
        exact.prepare(case)
        exact.run_piece(blocks.retired)
        harts = range(case.config.harts)
        retired = [[machine.engine.instret(hart) for hart in harts] for machine in (blocks, exact)]
        assert retired[0] == retired[1], f"retired by block {retired[0]}, by instruction {retired[1]}"
        # A block that ends in a trap has taken it; the exact run stops in front of it.
        if all(blocks.engine.traps(hart) == exact.engine.traps(hart) for hart in harts):
            assert exact.digest() == blocks.digest(), "by block and by instruction: different states"
    finally:
        blocks.close()
        exact.close()


def cut_anywhere(case: Case, whole: Fuzzed, cut: Fuzzed) -> bool:
    """In one piece, and stopped at random instructions with the state saved and restored: the same run.

    False: it cannot be compared.
    """
    case = replace(case, pieces=[Piece(max(piece.instructions for piece in case.pieces), "nothing", 0)])
    whole.run(case)
    if set(whole.reasons) != {"LIMIT"}:
        return False  # it went to sleep, or wild, or a device has had a hand in where it was cut
    cut.prepare(case)
    rng = Random(case.seed)
    end = whole.engine.total_instret
    while cut.engine.total_instret < end:
        count = min(rng.choice((1, 1, 2, 3, 7, 20, 100, 1000)), end - cut.engine.total_instret)
        reason = cut.engine.run_instructions(count)
        assert reason is StopReason.LIMIT, f"cut at random instructions, it stopped for {reason.name}"
        if rng.random() < 0.5:
            cut.engine.restore(cut.engine.save())
    for machine in (whole, cut):
        with contextlib.suppress(DeviceError):
            machine.engine.run(1)  # both to a border
        machine.retired = machine.engine.total_instret
    assert cut.digest() == whole.digest(), "cut at random instructions, it came to another state"
    return True


class Campaign:
    """Runs with consecutive seeds, and what came of them."""

    def __init__(self) -> None:
        self.retired: list[int] = []
        self.reasons: Counter[str] = Counter()
        self.checks: Counter[str] = Counter()
        self._machine: Fuzzed | None = None
        self._pair: tuple[Fuzzed, Fuzzed] | None = None

    def close(self) -> None:
        self._drop_pair()
        if self._machine is not None:
            counted, retired = self._machine.counted(), self._machine.all_retired
            self._machine.close()
            self._machine = None
            assert counted == retired, f"counts of single instructions add up to {counted}, not {retired}"

    def run(self, seed: int) -> None:
        case = make_case(seed)
        if seed % SAME_CONFIG == 0 or self._machine is None:
            self.close()
            self._machine = Fuzzed(case.config)
            if case.observed:
                watch(self._machine.engine, seed)
        machine = self._machine
        machine.run(case)
        self.retired.append(machine.retired)
        self.reasons += machine.reasons
        if seed % TWICE == 0:
            self.checks["again"] += 1
            digest = machine.digest()
            machine.run(case)
            assert machine.digest() == digest, "run again, the same engine came to another state"
        if seed % FRESH == 0:
            self.checks["new engine"] += 1
            assert on_new_engine(case) == machine.digest(), "a new engine came to another state"
        if seed % REPLAYED == 0 and not case.config.per_instruction:
            self.checks["by instruction"] += 1
            replay_by_instruction(case)
        if seed % CUT == 0 and is_bare(case):
            self._cut(case)

    def _cut(self, case: Case) -> None:
        if self._pair is None or self._pair[0].engine.config != case.config:
            self._drop_pair()
            self._pair = (Fuzzed(case.config), Fuzzed(case.config))
        self.checks["cut"] += cut_anywhere(case, *self._pair)

    def _drop_pair(self) -> None:
        for machine in self._pair or ():
            machine.close()
        self._pair = None


def main(first: int, count: int, note: Path) -> int:
    faulthandler.enable()
    campaign = Campaign()
    note.write_bytes(bytes(8))
    with note.open("r+b") as file, mmap.mmap(file.fileno(), 8) as noted:
        for seed in range(first, first + count):
            if (seed - first) % WATCHED_RUNS == 0:
                faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)
            noted[:8] = seed.to_bytes(8, "little")
            campaign.run(seed)
        campaign.close()
    faulthandler.cancel_dump_traceback_later()
    print(
        json.dumps(
            {
                "retired": campaign.retired,
                "reasons": dict(campaign.reasons),
                "checks": dict(campaign.checks),
                "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
