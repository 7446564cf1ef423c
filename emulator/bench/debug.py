# SPDX-License-Identifier: GPL-2.0-or-later
"""What the debugger costs: steps back and searches of the past on our kernel, and GDB's steps against QEMU's.

Times are a user's: of the clock. Four harts run the programs of the report.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from emulator.bench import program as programs
from emulator.bench.engine import Benchmark, Settings
from emulator.bench.row import Row, Wanted, alone, compared
from emulator.debug.gdb.packets import Reader, frame
from emulator.debug.session import DebugSession
from emulator.engine import PAGE_SIZE
from emulator.engine.build import build_directory
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from emulator.options import MachineOptions
from guestos import images
from guestos.sample import sample_text

HARTS = 4
_MILLION = 1_000_000
_STEPS = 2_000  # of GDB in a measurement
_VARIABLE = "disk_lock"  # written now and then, by all that reads a file
_QEMU = "qemu-system-riscv64"


@cache
def _guest() -> tuple[Path, Path]:
    built = images.build_all(build_directory() / "guest", data=sample_text())
    assert built.disk is not None
    return built.kernel, built.disk


@contextmanager
def _session(steps: int) -> Iterator[DebugSession]:
    """A run of our kernel, so many steps long, that stands at its end."""
    kernel, disk = _guest()
    options = MachineOptions(harts=HARTS, disk=disk, bootargs=images.SCENARIO)
    with DebugSession(open_image(kernel), options) as session:
        session.run(steps)
        yield session


def _reverse_steps(name: str, steps: int, wanted: Wanted | None, settings: Settings) -> Row:
    values = []
    with _session(max(int(steps * settings.scale), 1000)) as session:
        for _ in range(settings.repetitions):
            started = time.perf_counter()
            session.reverse_step_hart(session.engine.next_hart)
            values.append((time.perf_counter() - started) * 1000)
    return alone(name, "ms", values, wanted)


def _memory(name: str, steps: int, wanted: Wanted, settings: Settings) -> Row:
    """Checkpoints, and the RAM that the guest has touched."""
    with _session(max(int(steps * settings.scale), 1000)) as session:
        touched = sum(1 for flags in session.engine.page_flags.tobytes() if flags & 1) * PAGE_SIZE
        return alone(name, "MB", [(session.history.bytes + touched) / 1e6], wanted)


def _last_write(name: str, steps: int, wanted: Wanted, settings: Settings) -> Row:
    values = []
    with _session(max(int(steps * settings.scale), 1000)) as session:
        assert session.machine.image is not None
        symbol = session.machine.image.symbol(_VARIABLE)
        assert symbol is not None
        end = session.position.step
        for _ in range(min(settings.repetitions, 5)):
            session.goto(end)
            started = time.perf_counter()
            session.last_access(symbol.address, 4)
            values.append(time.perf_counter() - started)
    return alone(name, "s", values, wanted)


# --- GDB's steps ---


class _Client:
    """As much of GDB as it takes to step."""

    def __init__(self, port: int) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise ReplugError(
                        f"bench debug: nobody listens at port {port}: {error.strerror}"
                    ) from None
                time.sleep(0.05)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = Reader()
        self.ask(b"qSupported:xmlRegisters=riscv")
        self.ask(b"QStartNoAckMode")

    def ask(self, payload: bytes) -> bytes:
        self._socket.sendall(b"+" + frame(payload))
        while True:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ReplugError("bench debug: the server has gone")
            for item in self._reader.feed(data):
                if isinstance(item, bytes):
                    return item

    def close(self) -> None:
        self._socket.close()


def _steps_a_second(port: int, steps: int) -> float:
    client = _Client(port)
    try:
        client.ask(b"vCont?")
        started = time.perf_counter()
        for _ in range(steps):
            client.ask(b"vCont;s:1")
        return steps / (time.perf_counter() - started)
    finally:
        client.close()


def _ours(elf: Path, steps: int) -> float:
    server = subprocess.Popen(
        [sys.executable, "-m", "emulator.cli.main", "debug", str(elf), "--gdb", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        found = re.search(r":(\d+)$", server.stderr.readline().strip())
        if found is None:
            raise ReplugError("bench debug: our own server does not start")
        return _steps_a_second(int(found[1]), steps)
    finally:
        server.kill()
        server.communicate()


def _qemus(elf: Path, steps: int) -> float:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            _QEMU, "-M", "virt", "-bios", "none", "-nographic", "-icount", "shift=0", "-S",
            "-gdb", f"tcp:127.0.0.1:{port}", "-kernel", str(elf),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return _steps_a_second(port, steps)
    finally:
        server.kill()
        server.communicate()


def _stepping(name: str, settings: Settings) -> Row:
    steps = max(int(_STEPS * settings.scale), 10)
    program = programs.COREMARK_LIKE
    with tempfile.TemporaryDirectory() as scratch:
        elf = Path(scratch) / "program.elf"
        elf.write_bytes(programs.elf_file(program, 1000, ending=programs.END_ASLEEP, expected=0))
        pairs = [(_ours(elf, steps), _qemus(elf, steps)) for _ in range(min(settings.repetitions, 3))]
    return compared(name, "steps/s", pairs, "QEMU's gdbstub, -icount shift=0")


def _without_qemu() -> str | None:
    return None if shutil.which(_QEMU) else f"{_QEMU} is not installed"


_AT_MOST_50_MS = Wanted(50, of_value=True, at_most=True)
BENCHMARKS = (
    *(
        Benchmark(
            f"step back at {millions} M",
            partial(_reverse_steps, f"step back at {millions} M", millions * _MILLION, _AT_MOST_50_MS),
        )
        for millions in (1, 10, 100)
    ),
    Benchmark(
        "memory at 100 M",
        partial(_memory, "memory at 100 M", 100 * _MILLION, Wanted(512, of_value=True, at_most=True)),
    ),
    Benchmark(
        "last write at 100 M",
        partial(_last_write, "last write at 100 M", 100 * _MILLION, Wanted(2, of_value=True, at_most=True)),
    ),
    Benchmark("GDB steps", partial(_stepping, "GDB steps"), _without_qemu),
)
