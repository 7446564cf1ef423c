# SPDX-License-Identifier: GPL-2.0-or-later
"""Going back, beside QEMU's record/replay: the same program to the same place, then the same packets.

QEMU has recorded the run, and replays it under its stub with the one snapshot that it takes by itself, at the
start: each step back runs everything from there again. Nothing has to be recorded here.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from emulator.bench import program as programs
from emulator.bench.engine import Benchmark, Settings
from emulator.bench.gdb import AS_FAST, QEMU, Client, free_port, our_server, without
from emulator.bench.row import Row, compared
from emulator.errors import ReplugError

_IMG = "qemu-img"
_PEER = "QEMU, rr=replay"
_INSTRUCTIONS = 100_000_000
_OF_AN_ITERATION = 5
_STEPS = 10


def _qemu(folder: Path, elf: Path, mode: str) -> list[str]:
    return [
        QEMU, "-M", "virt", "-bios", "none", "-nographic", "-net", "none", "-kernel", str(elf),
        "-drive", f"file={folder / 'snapshots.qcow2'},if=none,id=rr",
        "-icount", f"shift=0,rr={mode},rrfile={folder / 'recorded'},rrsnapshot=start",
    ]  # fmt: skip


def _record(folder: Path, elf: Path) -> None:
    """ReplugError when QEMU does not come to the program's end."""
    commands = [
        [_IMG, "create", "-q", "-f", "qcow2", str(folder / "snapshots.qcow2"), "256M"],
        _qemu(folder, elf, "record"),
    ]
    for command in commands:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
        )
    if not (folder / "recorded").is_file():
        raise ReplugError(f"bench debug: QEMU records nothing: {done.stderr.strip()[-200:]}")


@contextmanager
def _replaying(folder: Path, elf: Path) -> Iterator[int]:
    """The port at which QEMU waits, in front of what it has recorded."""
    port = free_port()
    server = subprocess.Popen(
        [*_qemu(folder, elf, "replay"), "-S", "-gdb", f"tcp:127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        server.kill()
        server.communicate()


def _to(client: Client, packet: bytes, symbol: str) -> None:
    """Forward or back to a breakpoint."""
    place = b"0,%x,4" % programs.address_of(programs.WATCHED, symbol)
    client.ask(b"Z" + place)
    stop = client.ask(packet)
    client.ask(b"z" + place)
    if not stop.startswith(b"T05") or b"replaylog" in stop:
        raise ReplugError(f"bench debug: {symbol} is not met: {stop.decode(errors='replace')[:100]}")


def _step_back(client: Client) -> float:
    started = time.perf_counter()
    for _ in range(_STEPS):
        client.ask(b"bs")
    return (time.perf_counter() - started) / _STEPS * 1000


def _continue_back(client: Client) -> float:
    started = time.perf_counter()
    _to(client, b"bc", "benchmark")
    return (time.perf_counter() - started) * 1000


def _back(name: str, settings: Settings) -> Row:
    """Milliseconds, from behind so many instructions."""
    measure = {_STEP: _step_back, _CONTINUE: _continue_back}[name]
    iterations = max(int(_INSTRUCTIONS * settings.scale) // _OF_AN_ITERATION, 10)
    pairs = []
    with tempfile.TemporaryDirectory() as scratch:
        folder, elf = Path(scratch), Path(scratch) / "program.elf"
        program = programs.elf_file(programs.WATCHED, iterations, ending=programs.END_POWER_OFF, expected=0)
        elf.write_bytes(program)
        _record(folder, elf)
        for _ in range(min(settings.repetitions, 3)):
            times = []
            for server in (our_server(elf), _replaying(folder, elf)):
                with server as port:
                    client = Client(port)
                    try:
                        _to(client, b"vCont;c", "counted")
                        times.append(measure(client))
                    finally:
                        client.close()
            pairs.append((times[0], times[1]))
    return compared(name, "ms", pairs, _PEER, wanted=AS_FAST, less_is_better=True)


_STEP, _CONTINUE = "GDB step back", "GDB continue back"
BENCHMARKS = tuple(Benchmark(name, partial(_back, name), without(QEMU, _IMG)) for name in (_STEP, _CONTINUE))
