# SPDX-License-Identifier: GPL-2.0-or-later
"""GDB's server beside QEMU's: single packets of the protocol, and GDB itself at work, on the same program.

Both machines have one hart; QEMU counts instructions (-icount shift=0), as we do. Times are a user's: of the
clock, with everything that GDB and the connection take.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from emulator.bench import program as programs
from emulator.bench.engine import Benchmark, Settings
from emulator.bench.row import Row, Wanted, compared
from emulator.debug.gdb.packets import Reader, frame
from emulator.errors import ReplugError

QEMU, _GDB = "qemu-system-riscv64", "gdb-multiarch"
_PEER = "QEMU's gdbstub, -icount shift=0"
_PACKETS = 2_000  # of one kind in a measurement
_STEPS = 1_000  # of GDB itself
_JUDGED_HERE, _JUDGED_BY_GDB = 20_000, 300  # hits of a point whose condition the server judges, or GDB
_ITERATIONS = 1 << 30
AS_FAST = Wanted(1.0)

Measure = Callable[[int], float]
"""From the port of a server to a rate."""


# --- servers ---


@contextmanager
def our_server(elf: Path) -> Iterator[int]:
    """The port at which our server waits."""
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
        yield int(found[1])
    finally:
        server.kill()
        server.communicate()


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _qemus(elf: Path) -> Iterator[int]:
    port = free_port()
    server = subprocess.Popen(
        [
            QEMU, "-M", "virt", "-bios", "none", "-nographic", "-icount", "shift=0", "-S",
            "-gdb", f"tcp:127.0.0.1:{port}", "-kernel", str(elf),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        server.kill()
        server.communicate()


def _beside_qemu(name: str, unit: str, ours: Callable[[Path], Measure], theirs: Callable[[Path], Measure],
                 settings: Settings) -> Row:  # fmt: skip
    pairs = []
    with tempfile.TemporaryDirectory() as scratch:
        elf = Path(scratch) / "program.elf"
        program = programs.WATCHED
        elf.write_bytes(programs.elf_file(program, _ITERATIONS, ending=programs.END_ASLEEP, expected=0))
        for _ in range(min(settings.repetitions, 3)):
            with our_server(elf) as port:
                our_rate = ours(elf)(port)
            with _qemus(elf) as port:
                their_rate = theirs(elf)(port)
            pairs.append((our_rate, their_rate))
    return compared(name, unit, pairs, _PEER, wanted=AS_FAST)


# --- packets ---


class Client:
    """As much of GDB as it takes to ask."""

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
        """The reply to a packet."""
        self._socket.sendall(b"+" + frame(payload))
        while True:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ReplugError("bench debug: the server has gone")
            for item in self._reader.feed(data):
                if isinstance(item, bytes):
                    return item

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _packets(name: str, payload: bytes, settings: Settings) -> Row:
    count = max(int(_PACKETS * settings.scale), 10)

    def measure(port: int) -> float:
        client = Client(port)
        try:
            client.ask(b"vCont?")
            started = time.perf_counter()
            for _ in range(count):
                client.ask(payload)
            return count / (time.perf_counter() - started)
        finally:
            client.close()

    return _beside_qemu(name, "1/s", lambda _elf: measure, lambda _elf: measure, settings)


# --- GDB itself ---


def _in_gdb(elf: Path, port: int, commands: list[str], measured: str) -> float:
    """Seconds that GDB takes for the last of its commands."""
    lines = [
        "set confirm off",
        f"target remote 127.0.0.1:{port}",
        *commands,
        "python import time; started = time.time()",
        measured,
        "python print('took', time.time() - started)",
        "kill",
    ]
    arguments = [_GDB, "-nx", "-q", "-batch", str(elf)]
    for line in lines:
        arguments += ["-ex", line]
    done = subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    found = re.search(r"took ([0-9.]+)\n", done.stdout)
    if found is None:
        raise ReplugError(f"bench debug: GDB did not come to an end: {done.stdout.strip().splitlines()[-1:]}")
    return float(found[1])


def _own_steps(name: str, settings: Settings) -> Row:
    count = max(int(_STEPS * settings.scale), 10)

    def measure(elf: Path) -> Measure:
        commands = ["tbreak passed", "continue"]
        return lambda port: count / _in_gdb(elf, port, commands, f"stepi {count}")

    return _beside_qemu(name, "1/s", measure, measure, settings)


def _conditional(name: str, point: str, ours: int, settings: Settings) -> Row:
    def hits(elf: Path, most: int) -> Measure:
        count = max(int(most * settings.scale), 10)
        commands = ["tbreak passed", "continue", "delete", f"{point} if $a1 == {count}"]
        return lambda port: count / _in_gdb(elf, port, commands, "continue")

    return _beside_qemu(
        name, "1/s", lambda elf: hits(elf, ours), lambda elf: hits(elf, _JUDGED_BY_GDB), settings
    )


def without(*tools: str) -> Callable[[], str | None]:
    """Says which of these is missing."""

    def missing() -> str | None:
        return next((f"{tool} is not installed" for tool in tools if not shutil.which(tool)), None)

    return missing


BENCHMARKS = (
    *(
        Benchmark(name, partial(_packets, name, payload), without(QEMU))
        for name, payload in (
            ("GDB packets: step", b"vCont;s:1"),
            ("GDB packets: registers", b"g"),
            ("GDB packets: 64 bytes", b"m80000000,40"),
        )
    ),
    Benchmark("GDB stepi", partial(_own_steps, "GDB stepi"), without(QEMU, _GDB)),
    Benchmark(
        "GDB break if",
        partial(_conditional, "GDB break if", "break passed", _JUDGED_HERE),
        without(QEMU, _GDB),
    ),
    Benchmark(
        "GDB awatch if",
        partial(_conditional, "GDB awatch if", "awatch *(long*)&watched", _JUDGED_BY_GDB),
        without(QEMU, _GDB),
    ),
)
