# SPDX-License-Identifier: GPL-2.0-or-later
"""The same run is the same everywhere: in any process, beside others, on a busy host, whoever watches.

Nothing of the host's gets in: neither its clock, nor its entropy, nor the order of its hash tables.
"""

import multiprocessing
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import whole_runs
from elftools.elf.elffile import ELFFile
from whole_runs import Job

from emulator import Machine, MachineOptions
from emulator.cycles.models import MODELS
from emulator.engine.build import build_engine, engine_sources
from emulator.pool import run_all
from guestos.images import SCENARIO, Built, build_all

Guest = Callable[[str], Path]
CHECKOUT = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("whole_runs.py")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


@pytest.fixture(scope="module")
def job(built: Built) -> Job:
    return Job(built.kernel, built.disk)


@pytest.fixture(scope="module")
def wanted(job: Job) -> str:
    return whole_runs.run(job)


def test_twice_in_one_process(job: Job, wanted: str) -> None:
    assert whole_runs.run(job) == wanted


def test_another_input_is_another_run(job: Job, wanted: str) -> None:
    other = Job(job.kernel, job.disk, inputs=((1_000_000, b"typed\n"), (1_000_000, b"less")))
    assert whole_runs.run(other) != wanted


def test_beside_other_machines(job: Job, built: Built, wanted: str) -> None:
    """Two machines in turns, with a third of another kind made, run and dropped in between."""
    options = MachineOptions(harts=job.harts, quantum=job.quantum, disk=job.disk, bootargs=SCENARIO)
    with Machine(built.kernel, options) as one, Machine(built.kernel, options) as two:
        for number, (instructions, text) in enumerate(job.inputs):
            for machine in (one, two):
                end = machine.engine.total_instret + instructions
                while machine.engine.total_instret < end:
                    machine.run(min(100_000 + number, end - machine.engine.total_instret))
                    with Machine(
                        built.kernel, MachineOptions(harts=2, disk=built.disk, bootargs=SCENARIO)
                    ) as third:
                        third.run(5000)
                machine.type(text)
        assert one.run().reason == two.run().reason == "exit"
        assert one.state_hash() == two.state_hash() == wanted.split(maxsplit=1)[0]


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_in_another_process(job: Job, wanted: str, seed: str, tmp_path: Path) -> None:
    """With other hashes of Python's strings, another folder and time zone, and other
    bytes in memory that nobody has written.
    """
    environment = os.environ | {
        "PYTHONPATH": str(CHECKOUT), "PYTHONHASHSEED": seed, "TZ": "Asia/Kathmandu", "LANG": "C",
        "MALLOC_PERTURB_": str(int(seed) % 255 + 1),
    }  # fmt: skip
    command = [sys.executable, str(RUNNER), str(job.kernel), str(job.disk), str(job.harts), str(job.quantum)]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == wanted


def test_in_a_pool_on_a_busy_host(job: Job, wanted: str) -> None:
    """Three at once, and processes that only take their time away."""
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=whole_runs.spin, args=(300.0,), daemon=True) for _ in range(2)]
    for process in busy:
        process.start()
    try:
        results = [result for _, result in run_all(whole_runs.run, [job] * 3, 3)]
    finally:
        for process in busy:
            process.kill()
            process.join()
    assert results == [wanted] * 3


@pytest.mark.parametrize("models", [(), *((name,) for name in MODELS), tuple(MODELS)], ids="+".join)
def test_models_and_marks_only_watch(job: Job, wanted: str, models: tuple[str, ...]) -> None:
    watched = Job(job.kernel, job.disk, watched=models)
    assert whole_runs.run(watched) == wanted


# --- nothing of the host's ---


class HostError(Exception):
    """Somebody has asked the host."""


@pytest.fixture
def shut(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clocks and entropy of the host cannot be had."""

    def refuse(*_: object, **__: object) -> None:
        raise HostError

    for name in dir(time):
        if re.fullmatch(r"(time|monotonic|perf_counter|process_time|thread_time|clock_gettime)(_ns)?", name):
            monkeypatch.setattr(time, name, refuse)
    for name in ("sleep", "localtime", "gmtime", "strftime", "ctime"):
        monkeypatch.setattr(time, name, refuse)
    for name in ("urandom", "getrandom", "getpid", "times", "getloadavg", "cpu_count"):
        monkeypatch.setattr(os, name, refuse)
    for name in ("random", "randrange", "getrandbits", "randint", "choice", "Random", "SystemRandom", "seed"):
        monkeypatch.setattr(random, name, refuse)
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("shut")
def test_the_host_is_not_asked(job: Job, wanted: str) -> None:
    with pytest.raises(HostError):
        time.time()
    result = whole_runs.run(job)
    assert result == wanted


def test_the_engine_cannot_ask_either() -> None:
    """Of the host it calls what handles memory, and Unicorn: nothing that tells the time, makes random
    numbers or reads anything but where its own memory lies.
    """
    with build_engine().open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynsym")
        called = {symbol.name for symbol in dynamic.iter_symbols() if symbol.entry.st_shndx == "SHN_UNDEF"}
    memory = {"malloc", "calloc", "realloc", "free", "mmap", "munmap", "madvise", "abort"}
    pure = {
        "memcpy",
        "memmove",
        "memset",
        "memcmp",
        "bcmp",
        "strlen",
        "strcmp",
        "strncmp",
        "qsort",
        "bsearch",
    }
    text = {"snprintf", "vsnprintf"}
    start = {
        "__cxa_finalize",
        "__gmon_start__",
        "_ITM_deregisterTMCloneTable",
        "_ITM_registerTMCloneTable",
        "",
    }
    own_memory = {"fopen", "fgets", "fclose", "sscanf", "__isoc99_sscanf", "__isoc23_sscanf", "mprotect"}
    arithmetic = {name for name in called if name.startswith(("fma", "sqrt", "ldexp"))}
    unicorn = {name for name in called if name.startswith("uc_")}
    assert len(unicorn) > 5
    assert called <= memory | pure | text | start | own_memory | arithmetic | unicorn
    for source in engine_sources().glob("*.c"):
        text_of_it = source.read_text()
        assert not re.search(r"rdtsc|readcyclecounter|rdrand|rdseed|cpuid|syscall", text_of_it), source.name
        # The hook's entry hands one register on.
        assert source.name == "blocks.c" or not re.search(r"__asm|\basm\b", text_of_it), source.name
        assert set(re.findall(r"fopen\((.*?),", text_of_it)) <= {'"/proc/self/maps"'}, source.name


CLOCKS = """
    # All that a guest could ask for the time: into memory, at places that follow one another.
    la t0, seen
    li t1, 0x200bff8
    li s0, 200
1:  rdtime t2
    sd t2, 0(t0)
    rdcycle t2
    sd t2, 8(t0)
    rdinstret t2
    sd t2, 16(t0)
    ld t2, 0(t1)
    sd t2, 24(t0)
    csrr t2, mcycle
    sd t2, 32(t0)
    csrr t2, minstret
    sd t2, 40(t0)
    addi t0, t0, 48
    addi s0, s0, -1
    bnez s0, 1b
    wfi
    .data
    .balign 8
seen: .skip 48 * 200
"""


def test_clocks_tell_the_same_at_another_time(guest: Guest) -> None:
    image = guest(CLOCKS)
    hashes = set()
    for pause in (0, 0.01, 0.05):
        with Machine(image, MachineOptions(memory=4 << 20)) as machine:
            while machine.run(100).reason == "limit":
                time.sleep(pause / 50)
            hashes.add(machine.state_hash())
    assert len(hashes) == 1
