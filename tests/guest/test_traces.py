# SPDX-License-Identifier: GPL-2.0-or-later
"""Random system calls of several processes, on the kernel and on a model: the same results, byte for byte.

Three ways to run each trace: with every read generic, with reads specialised where they can be, and with a
process beside that opens and closes the same files all the time, so that what is specialised is replugged
at any moment.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from emulator import Machine, MachineOptions
from guestos.images import GUESTOS, INCLUDE, SYSTEM, build, kernel_image
from tests.guest.file_system_model import RESERVED, Answer, Model, ModelError, pattern
from toolchain.assemble import assemble
from toolchain.disk import check_image, create_image

PROGRAMS = Path(__file__).parent / "programs"
(
    OPEN, CLOSE, READ, WRITE, LSEEK, DUP, DUP2, TRUNCATE, FTRUNCATE, UNLINK, MKDIR, CHDIR, STAT, FSTAT,
    PIPE, FORK, EXEC, EXIT, LOCK, ASK_LOCK, LINK, RENAME, END_OF_TRACE,
) = range(23)  # fmt: skip
ON_DESCRIPTOR = (CLOSE, READ, WRITE, LSEEK, DUP, DUP2, FTRUNCATE, FSTAT, LOCK, ASK_LOCK)
PATHS = (
    "/f", "/g", "/d", "/d/x", "/d/y", "/d/e", "/d/e/z", "/tmp/f", "/tmp/t", "/tmp/t/z", "x", "../f",
    "..", ".", "/dev/null", "/dev/zero", "/nothing/x", "/f/x", "/tmp", "/tmp/../g", "e/../y",
)  # fmt: skip
FILES = {"f": pattern(1, 9000), "g": pattern(2, 60_000)}
KERNELS = {
    "generic": "levels=-", "specialised": "", "generated": "code=generated",
    "all levels": "levels=pwes", "replugged": "levels=pwes",
}  # fmt: skip


class Call(NamedTuple):
    actor: int
    what: int
    path: int = 0
    a: int = 0
    b: int = 0
    c: int = 0
    other_path: int = 0

    def pack(self) -> bytes:
        names = self.path, self.other_path
        return struct.pack("<4B3i", self.actor, self.what, *names, self.a, self.b, self.c)


def answer(model: Model, call: Call) -> Answer:
    """What the model says; None: leave it out. Raises ModelError."""
    number, _, path, a, b, c, _ = call
    name = PATHS[path]
    match call.what:
        case w if w in ON_DESCRIPTOR and a in RESERVED:
            return None
        case w if w == OPEN:
            return model.open(number, name, a)
        case w if w == CLOSE:
            return model.close(number, a)
        case w if w == READ:
            return model.read(number, a, b)
        case w if w == WRITE:
            return model.write(number, a, b, c)
        case w if w == LSEEK:
            return model.lseek(number, a, b, c)
        case w if w == DUP:
            return model.dup(number, a)
        case w if w == DUP2:
            return model.dup2(number, a, b)
        case w if w == TRUNCATE:
            return model.truncate(number, name, a)
        case w if w == FTRUNCATE:
            return model.ftruncate(number, a, b)
        case w if w == UNLINK:
            return model.unlink(number, name)
        case w if w == LINK:
            return model.link(number, name, PATHS[call.other_path])
        case w if w == RENAME:
            return model.rename(number, name, PATHS[call.other_path])
        case w if w == MKDIR:
            return model.mkdir(number, name)
        case w if w == CHDIR:
            return model.chdir(number, name)
        case w if w == STAT:
            return model.stat(number, name)
        case w if w == FSTAT:
            return model.fstat(number, a)
        case w if w == PIPE:
            return model.pipe(number)
        case w if w == FORK:
            return model.fork(number, a)
        case w if w == EXEC:
            return model.exec(number)
        case w if w == EXIT:
            return model.exit(number)
        case w:
            return model.lock(number, a, b, c >> 2, c & 3, ask=w == ASK_LOCK)


Raw = tuple[int, int, int, int, int, int]
"""Numbers that hypothesis has chosen: what, who, and four from which come arguments that fit the moment."""

MOSTLY = (
    OPEN, OPEN, OPEN, READ, READ, READ, READ, WRITE, WRITE, LSEEK, CLOSE, FORK, DUP, LOCK,
    MKDIR, LINK, RENAME,
)  # fmt: skip
SIZES = (1, 1, 1, 7, 512, 1023, 4096, 5000)
PLACES = (0, 1, 1023, 4095, 4096, 8999, 49_152, 49_153, 70_000, 300_000, -1)
FLAGS = (0, 0, 0, 2, 2, 1, 3, 0x40, 0x41, 0x42, 0x42, 0xC2, 0x202, 0x241, 0x401, 0x442, 0x200)


def fitting(model: Model, raw: Raw) -> Call:
    """A call by an actor that there is, mostly on a descriptor that it has or a file that is likely there."""
    what, who, x, y, z, which = raw
    what = MOSTLY[what - END_OF_TRACE] if what >= END_OF_TRACE else what
    alive = sorted(model.actors)
    actor = alive[who % len(alive)]
    held = [number for number, file in enumerate(model.actors[actor].descriptors) if file is not None]
    fd = held[x % len(held)] if held and x % 16 != 7 else x % 17
    path = y % 3 if y % 2 else y // 2 % len(PATHS)
    size = SIZES[z % len(SIZES)] if z % 3 else z % 9000
    place = PLACES[z % len(PLACES)] if z % 2 else z % 60_000
    match what:
        case w if w == OPEN:
            return Call(actor, what, path, FLAGS[which % len(FLAGS)])
        case w if w in (TRUNCATE,):
            return Call(actor, what, path, place)
        case w if w in (UNLINK, MKDIR, CHDIR, STAT):
            return Call(actor, what, path)
        case w if w in (LINK, RENAME):
            return Call(actor, what, path, other_path=z % 3 if z % 4 == 0 else z // 4 % len(PATHS))
        case w if w in (READ, WRITE):
            return Call(actor, what, 0, fd, size, which % 256)
        case w if w == LSEEK:
            return Call(actor, what, 0, fd, place, (0, 0, 0, 1, 2, 3)[which % 6])
        case w if w == DUP2:
            return Call(actor, what, 0, fd, y % 17)
        case w if w == FTRUNCATE:
            return Call(actor, what, 0, fd, place)
        case w if w == FORK:
            return Call(actor, what, 0, y % 4)
        case w if w in (LOCK, ASK_LOCK):
            return Call(actor, what, 0, fd, y % 9000 - (y % 50 == 0), (size << 2) | which % 4)
        case w if w in (PIPE, EXEC):
            return Call(actor, what)
        case w if w == EXIT and actor == 0 and which % 8:
            return Call(actor, FSTAT, 0, fd)
    return Call(actor, what, 0, fd)


def expected(traces: Sequence[Sequence[Raw]]) -> tuple[list[Call], list[str]]:
    """The calls that are made, and the lines they print."""
    model = Model(FILES)
    calls, lines = [], []
    for trace in traces:
        for raw in trace:
            if not model.actors:
                break
            call = fitting(model, raw)
            try:
                wanted = answer(model, call)
            except ModelError as error:
                wanted = -error.number, 0
            if wanted is not None:
                result, checksum = wanted
                calls.append(call)
                lines.append(f"{result & 0xFFFFFFFF:08x} {checksum:08x}")
        model.end()
        model.begin()
        calls.append(Call(0, END_OF_TRACE))
        lines.append(f"{0:08x} {0:08x}")
    return calls, lines


NUMBER = st.integers(0, 65_535)
RAW = st.tuples(st.integers(0, END_OF_TRACE + len(MOSTLY) - 1), NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
TRACES = st.lists(st.lists(RAW, min_size=40, max_size=120), min_size=2, max_size=5)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The kernel and trace.c."""
    out = tmp_path_factory.mktemp("guest")
    library = GUESTOS / "user"
    program = assemble(
        [
            library / "lib/system_calls.S", library / "lib/crc32.S", library / "bin/lib/start.S",
            library / "bin/lib/text.c", PROGRAMS / "trace.c",
        ],
        out / "trace.elf", link_script=library / "link.ld", include=[INCLUDE], root=GUESTOS.parent,
    )  # fmt: skip
    return build(kernel_image(), out), program


def run(
    kernel: tuple[Path, Path],
    calls: Sequence[Call],
    scratch: Path,
    bootargs: str,
    *,
    disturbed: bool,
    quantum: int,
) -> list[str]:
    """What the guest printed; the disk it leaves is consistent."""
    image, program = kernel
    files = {**SYSTEM, "/init": program, "/trace": b"".join(call.pack() for call in calls)}
    files |= {f"/{name}": data for name, data in FILES.items()}
    if disturbed:
        files["/disturb"] = b""
    disk = create_image(scratch / "disk.img", files, blocks=2000)
    console = bytearray()
    options = MachineOptions(harts=3, quantum=quantum, disk=disk, disk_write=True, bootargs=bootargs)
    with Machine(image, options, console=console.extend) as machine:
        outcome = machine.run(2_000_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), console.decode(errors="replace")
    assert check_image(disk) == []
    return [line for line in console.decode().splitlines() if not line.startswith("kernel: ")]


@pytest.mark.parametrize("name", KERNELS)
def test_random_traces(kernel: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    @settings(
        max_examples=6, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    @given(TRACES, st.sampled_from((50, 173, 1000)))
    def check(traces: list[list[Raw]], quantum: int) -> None:
        calls, lines = expected(traces)
        came = run(kernel, calls, tmp_path, KERNELS[name], disturbed=name == "replugged", quantum=quantum)
        for number, (call, wanted, got) in enumerate(zip(calls, lines, came, strict=False)):
            assert got == wanted, f"call {number}, {call} {PATHS[call.path]}: {got} instead of {wanted}"
        assert len(came) == len(lines)

    check()
