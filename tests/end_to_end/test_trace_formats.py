# SPDX-License-Identifier: GPL-2.0-or-later
"""Timelines (Trace Event JSON, speedscope) and the commit log, of guests whose course is known."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Replug, one_line
from programs import HELLO, finish

from emulator import Machine, MachineOptions
from emulator.cycles.commit_log import commit_log
from emulator.cycles.repeat import Recipe
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble

Made = Callable[[str], Path]

LINE = re.compile(
    r"core +\d+: (?:[013] 0x[0-9a-f]{16} \(0x[0-9a-f]{4}(?:[0-9a-f]{4})?\)"
    r"(?: [xf]\d+ +0x[0-9a-f]{16})?(?: mem 0x[0-9a-f]{16}(?: 0x[0-9a-f]+)?)?"
    r"|(?:exception|interrupt) \d+, epc 0x[0-9a-f]{16})"
)

# The names are those of our kernel's protocol, in the least program that goes through it: hart 1 is inside,
# hart 0 switches the pointer and spins, hart 1 leaves, goes to the tank and sleeps, hart 0 lets it out.
PROTOCOL = f"""
#include "replug.inc"
    .option norvc
    .globl _start
_start:
    la s0, shared
    bnez a0, reader
1:  lw t0, 0(s0)                        // the reader is inside
    beqz t0, 1b
    PATH_BEGIN "replug"
    PATH_STEP "replug", "1 per-process lock"
    nop
    PATH_STEP "replug", "3 pointer to the tank"
    li t0, 1
    sw t0, 4(s0)
    PATH_STEP "replug", "4 spin on the inside-flag"
2:  lw t0, 0(s0)
    bnez t0, 2b
3:  lw t0, 8(s0)                        // somebody is in the tank
    beqz t0, 3b
    PATH_STEP "replug", "7 release file"
    sw zero, 4(s0)
    li t0, 0x2000004
    li t1, 1
    sw t1, 0(t0)                        // wake it
    PATH_IS "replug", "replug, contended"
    PATH_END "replug"
4:  lw t0, 8(s0)
    bnez t0, 4b
{finish(0)}
reader:
    li t0, 8
    csrw mie, t0
    PATH_BEGIN "read"
    PATH_VALUE "read", "bytes", 10
    li t0, 1
    sw t0, 0(s0)
5:  lw t0, 4(s0)
    beqz t0, 5b
    PATH_BEGIN "flag clear"
    sw zero, 0(s0)
    PATH_END "flag clear"
    PATH_BEGIN "holding tank"
    li t0, 1
    sw t0, 8(s0)
    wfi
    PATH_END "holding tank"
    PATH_END "read"
    sw zero, 8(s0)
6:  j 6b
    .data
    .balign 8
shared: .dword 0, 0
"""


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(text: str) -> Path:
        (tmp_path / "program.S").write_text(text)
        return assemble(
            [tmp_path / "program.S"], tmp_path / "program.elf", link_script=GUESTOS / "measure/link.ld",
            include=[INCLUDE], root=tmp_path,
        )  # fmt: skip

    return make


def slices(trace: dict[str, Any]) -> dict[tuple[int, str], dict[str, Any]]:
    return {(e["tid"], e["name"]): e for e in trace["traceEvents"] if e["ph"] == "X"}


@pytest.mark.parametrize("command", ["cycles", "boot"])
def test_trace_events(replug: Replug, made: Made, tmp_path: Path, command: str) -> None:
    out = tmp_path / "trace.json"
    options = ("--format", "trace", "-o", out) if command == "cycles" else ("--trace", out)
    done = replug(command, made(PROTOCOL), "--harts", 2, "-q", *options)
    assert (done.returncode, done.stderr) == (0, b"")
    trace = json.loads(out.read_text())
    assert "cycles" in trace["otherData"]["unit of ts and dur"] and trace["otherData"]["complete"]
    names = {e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"}
    assert names == {0: "hart 0", 1: "hart 1"}
    found = slices(trace)
    assert {name for hart, name in found if hart == 0} == {
        "replug, contended", "1 per-process lock", "3 pointer to the tank", "4 spin on the inside-flag",
        "7 release file",
    }  # fmt: skip
    assert {name for hart, name in found if hart == 1} == {"read", "flag clear", "holding tank", "asleep"}
    assert found[1, "read"]["args"]["bytes"] == 1
    assert found[0, "1 per-process lock"]["dur"] == 1 and found[0, "3 pointer to the tank"]["dur"] == 2
    tank, asleep = found[1, "holding tank"], found[1, "asleep"]
    assert tank["ts"] <= asleep["ts"] and asleep["ts"] + asleep["dur"] <= tank["ts"] + tank["dur"]
    assert asleep["dur"] > 0


def test_flow_arrows(replug: Replug, made: Made, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    replug("cycles", made(PROTOCOL), "--harts", 2, "-q", "--format", "trace", "-o", out)
    trace = json.loads(out.read_text())
    found = slices(trace)
    arrows: dict[str, dict[str, Any]] = {}
    for event in trace["traceEvents"]:
        if event["ph"] in "sf":
            arrows.setdefault(event["name"], {})[event["ph"]] = (event["tid"], event["ts"])
    assert set(arrows) == {"drain", "drained", "wake-up"}

    def end(hart: int, name: str) -> tuple[int, int]:
        return hart, found[hart, name]["ts"] + found[hart, name]["dur"] - 1

    assert arrows["drain"] == {"s": end(0, "3 pointer to the tank"), "f": end(1, "flag clear")}
    assert arrows["drained"] == {"s": end(1, "flag clear"), "f": end(0, "4 spin on the inside-flag")}
    assert arrows["wake-up"]["s"] == (0, found[0, "7 release file"]["ts"])
    assert arrows["wake-up"]["f"][0] == 1


def test_speedscope(replug: Replug, made: Made, tmp_path: Path) -> None:
    """Every opening has its closing, in the order of a stack; the samples are the functions' instructions."""
    out = tmp_path / "out.json"
    report = tmp_path / "report.json"
    done = replug(
        "cycles", made(PROTOCOL), "--harts", 2, "-q", "--format", "speedscope", "-o", out, "--json", report
    )
    assert done.returncode == 0, done.stderr
    scope = json.loads(out.read_text())
    frames = scope["shared"]["frames"]
    assert scope["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    *harts, sampled = scope["profiles"]
    assert len(harts) == 2
    for profile in harts:
        stack: list[int] = []
        last = profile["startValue"]
        for event in profile["events"]:
            assert last <= event["at"] <= profile["endValue"]
            last = event["at"]
            if event["type"] == "O":
                stack.append(event["frame"])
            else:
                assert stack.pop() == event["frame"]
        assert stack == []
    assert {"read", "holding tank", "replug, contended"} <= {frame["name"] for frame in frames}
    total = json.loads(report.read_text())["runs"][0]["instructions"]
    assert sum(sampled["weights"]) == sampled["endValue"] == total


def test_windows(replug: Replug, made: Made, tmp_path: Path) -> None:
    image = made(PROTOCOL)
    whole = json.loads(replug("cycles", image, "--harts", 2, "-q", "--format", "trace").stdout)
    tank = slices(whole)[1, "holding tank"]
    part = replug("cycles", image, "--harts", 2, "-q", "--format", "trace", "--window", f"{tank['ts']}:50")
    shown = [e for e in json.loads(part.stdout)["traceEvents"] if e["ph"] == "X"]
    assert shown and all(tank["ts"] <= e["ts"] and e["ts"] + e["dur"] <= tank["ts"] + 50 for e in shown)
    around = replug("cycles", image, "--harts", 2, "-q", "--format", "trace", "--around", "replug, contended")
    assert (0, "replug, contended") in slices(json.loads(around.stdout))
    assert "--window goes with" in one_line(replug("cycles", image, "--window", "5"))
    assert "START" in one_line(replug("cycles", image, "--format", "log", "--window", "x:y"))


def test_commit_log_against_the_counts(replug: Replug, guest: Made, tmp_path: Path) -> None:
    """Every instruction that retires has its line, and the log of a part is the part of the log."""
    image = guest(HELLO)
    with Machine(image, MachineOptions(harts=2)) as machine:
        machine.run()
        retired = [machine.instret(hart) for hart in range(2)]
    done = replug("cycles", image, "--harts", 2, "--format", "log")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and all(LINE.fullmatch(line) for line in lines)
    for hart in range(2):
        assert sum(line.startswith(f"core {hart:3}:") for line in lines) == retired[hart]
    part = (
        replug("cycles", image, "--harts", 2, "--format", "log", "--window", "10:7")
        .stdout.decode()
        .splitlines()
    )
    assert part == lines[10:17]


def test_commit_log_of_registers_memory_and_traps(guest: Made) -> None:
    text = """
    .option norvc
    la t0, handler
    csrw mtvec, t0
    li a0, 0x12
    la a1, word
    sh a0, 2(a1)
    ld a2, 0(a1)
    .option rvc
    c.addi a2, 1
    c.sdsp a2, 8(sp)
    .option norvc
    ecall
1:  j 1b
    .balign 4
handler:
    csrr a3, mcause
2:  j 2b
    .data
    .balign 8
word: .dword 0
    """.replace(
        "    c.sdsp a2, 8(sp)\n", "    .option norvc\n    mv sp, a1\n    .option rvc\n    c.sdsp a2, 8(sp)\n"
    )
    image = guest(text)
    with Machine(image) as machine:
        symbol = machine.image.symbol("word") if machine.image else None
        assert symbol is not None
        word = symbol.address
        handler = machine.image.symbol("handler") if machine.image else None
        assert handler is not None
    lines = list(commit_log(Recipe(image, MachineOptions()), length=14))
    assert all(LINE.fullmatch(line) for line in lines)
    joined = "\n".join(line.partition("(")[2].partition(") ")[2] for line in lines)
    assert f"mem {word + 2:#018x} 0x0012" in joined
    assert f"x12 {0x120000:#018x} mem {word:#018x}" in joined
    assert f"x12 {0x120001:#018x}" in joined
    assert f"mem {word + 8:#018x} {0x120001:#018x}" in joined
    (trap,) = [index for index, line in enumerate(lines) if "exception 11" in line]
    assert f"3 {handler.address:#018x}" in lines[trap + 1] and f"x13 {11:#018x}" in lines[trap + 1]
