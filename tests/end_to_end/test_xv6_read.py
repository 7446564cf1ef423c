# SPDX-License-Identifier: GPL-2.0-or-later
"""Our generic read beside that of xv6-riscv (guestos/PROTOCOL.md, section 12), on request:
REPLUG_XV6 is the folder of an xv6-riscv that has been built with TOOLPREFIX=riscv64-unknown-elf-.

What replug counts of it is compared with QEMU, which logs each instruction that it executes.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Replug

from guestos.images import GUESTOS
from toolchain.disassemble import disassemble_image, symbol_range
from toolchain.image import Image

XV6 = GUESTOS / "measure/xv6"
LIMIT = 700_000_000  # instructions: xv6 fills 128 MiB first
TRAMPOLINE = 0x3FFFFFF000  # where its kernel and its programs see uservec
LOGGED = 5  # reads
LOCK = ("acquire", "release")
HostTool = Callable[[str, str], str]
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def xv6(tmp_path_factory: pytest.TempPathFactory, host_tool: HostTool) -> Path:
    """A copy of it whose first program is ours."""
    folder = os.environ.get("REPLUG_XV6")
    if not folder:
        pytest.skip("on request: REPLUG_XV6 names no path (see the top of this file)")
    host_tool("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf")
    copy = tmp_path_factory.mktemp("xv6") / "xv6"
    shutil.copytree(folder, copy)
    shutil.copy(XV6 / "init.c", copy / "user/init.c")
    subprocess.run(
        ["make", "-C", copy, "TOOLPREFIX=riscv64-unknown-elf-", "UPROGS=user/_init", "fs.img"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return copy


@pytest.fixture(scope="module")
def counted(xv6: Path, replug: Replug) -> dict[str, Any]:
    """Rows of its 1-byte read by step; "" is all of it."""
    done = replug(
        "cycles", xv6 / "kernel/kernel", "--disk", xv6 / "fs.img", "--declare", XV6 / "paths.toml",
        "--max-instructions", LIMIT, "--quiet", "--json", "-", timeout=300,
    )  # fmt: skip
    rows = json.loads(done.stdout)["paths"]
    wanted = ("read", {"bytes": 1})
    found = {row.get("step", ""): row for row in rows if (row["name"], row["parameters"]) == wanted}
    return found | {row["name"]: row for row in rows if row["name"] in LOCK}


def log_reads(xv6: Path, qemu: str, gdb: str) -> Path:
    """QEMU's log of some reads, one instruction a line."""
    socket, log, commands = xv6 / "socket", xv6 / "log", xv6 / "commands"
    commands.write_text(
        f"set confirm off\ntarget remote {socket}\nbreak sys_read\nignore 1 50\ncontinue\n"
        f"monitor log exec,nochain\nignore 1 {LOGGED}\ncontinue\nmonitor log none\nkill\n"
    )
    machine = subprocess.Popen(
        [qemu, "-machine", "virt", "-bios", "none", "-m", "128M", "-icount", "shift=0", "-singlestep",
         "-D", log, "-display", "none", "-serial", "null", "-monitor", "none",
         "-global", "virtio-mmio.force-legacy=false", "-kernel", xv6 / "kernel/kernel",
         "-drive", f"file={xv6}/fs.img,if=none,format=raw,id=d0,snapshot=on",
         "-device", "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0",
         "-S", "-chardev", f"socket,path={socket},server=on,wait=off,id=g", "-gdb", "chardev:g"],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not socket.exists() and machine.poll() is None:
            time.sleep(0.05)
        subprocess.run(
            [gdb, "-batch", "-x", commands, xv6 / "kernel/kernel"],
            check=True, capture_output=True, timeout=300,
        )  # fmt: skip
    finally:
        machine.kill()
        machine.wait()
    return log


def lengths_of_calls(xv6: Path, log: Path) -> list[int]:
    """Instructions of each call, from uservec to before its sret."""
    image = Image.open(xv6 / "kernel/kernel")
    start = symbol_range(image, "uservec")[0]
    sret = next(
        each.address - start + TRAMPOLINE
        for each in disassemble_image(image, *symbol_range(image, "userret"))
        if each.mnemonic == "sret"
    )
    calls: list[int] = []
    length = 0
    for line in log.read_text().splitlines():
        match = re.match(r"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", line)
        if match is None:
            continue
        pc = int(match[1], 16)
        if pc == sret and length:
            calls.append(length)
        length = 1 if pc == TRAMPOLINE else 0 if pc == sret or not length else length + 1
    return calls


def test_all_reads_are_counted_and_steps_are_the_whole(counted: dict[str, Any]) -> None:
    whole, steps = counted[""], [row for step, row in counted.items() if step and step not in LOCK]
    assert whole["calls"] == 200
    assert len(steps) == 14 and all(row["calls"] == 200 for row in steps)
    assert sum(row["instructions"]["min"] for row in steps) == whole["instructions"]["min"]


def test_a_lock_costs_what_is_said(counted: dict[str, Any]) -> None:
    assert [counted[each]["instructions"][figure] for each in LOCK for figure in ("min", "max")] == [
        88, 106, 79, 84,
    ]  # fmt: skip


def test_qemu_executes_as_many(counted: dict[str, Any], xv6: Path, qemu: str, host_tool: HostTool) -> None:
    calls = lengths_of_calls(xv6, log_reads(xv6, qemu, host_tool("gdb-multiarch", "gdb-multiarch")))
    assert len(calls) >= LOGGED - 1
    assert min(calls) == counted[""]["instructions"]["min"]


def test_ours_is_no_padded_one(counted: dict[str, Any], replug: Replug) -> None:
    """At most twice as long, as a read that is to look slow would be."""
    done = replug("cycles", "--quiet", "--json", "-", timeout=400)
    ours = next(
        row["instructions"]
        for row in json.loads(done.stdout)["paths"]
        if (row["name"], row["parameters"]) == ("generic read", {"bytes": 1}) and "step" not in row
    )
    theirs = counted[""]["instructions"]
    print(f"ours: {ours['min']} to {ours['median']} (median), theirs: {theirs['min']}")
    assert ours["median"] <= 2 * theirs["min"]
