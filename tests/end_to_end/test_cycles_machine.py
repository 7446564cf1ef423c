# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles IMAGE` on any machine that `replug boot` makes, and of any run that a token names."""

import json
from pathlib import Path

import pytest
from command import Replug, one_line

from emulator.cli.boot import boot
from emulator.cli.cycles import cycles
from emulator.cli.machine_options import NAMES
from emulator.cli.main import main
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble

# Takes its orders from the boot arguments: path "work" takes as many turns as `turns=` says; then it echoes
# what is typed up to a q, a call of "echo" for each character. It needs more RAM than there is by default.
KERNEL = """
#include "replug.h"

static volatile char much[130 << 20];
static volatile unsigned char *const uart = (unsigned char *)0x10000000;

static long turns_of(const char *tree, long bytes)
{
    for (long at = 0; at < bytes - 8; at++)
        if (!__builtin_strncmp(tree + at, "turns=", 6))
            return tree[at + 6] - '0';
    return -1;
}

int main(long hart, const unsigned char *tree)
{
    if (hart)
        return 0;
    long turns = turns_of((const char *)tree, tree[4] << 24 | tree[5] << 16 | tree[6] << 8 | tree[7]);
    if (turns < 0)
        return 9;
    much[sizeof much - 1] = 1;
    REPLUG_PATH_BEGIN("work");
    for (long turn = 0; turn < turns; turn++)
        __asm__ volatile(".rept 100\\n nop\\n .endr");
    REPLUG_PATH_END("work");
    for (int key = 0; key != 'q';) {
        while (!(uart[5] & 1))
            ;
        REPLUG_PATH_BEGIN("echo");
        key = uart[0];
        uart[0] = key;
        if (key >= 'A' && key <= 'Z')
            __asm__ volatile(".rept 1000\\n nop\\n .endr");
        REPLUG_PATH_VALUE("echo", "capital", key >= 'A' && key <= 'Z');
        REPLUG_PATH_END("echo");
    }
    return 0;
}

int strncmp(const char *one, const char *other, unsigned long most)
{
    for (; most && *one == *other; most--, one++, other++)
        ;
    return most ? *one - *other : 0;
}
"""
NOPS = 1000
TYPED = b"a few LETTERSq"
MACHINE = ("--memory", "0xc000000", "--append", "turns=5 x")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("kernel")
    (directory / "main.c").write_text(KERNEL)
    bare = GUESTOS / "bare"
    return assemble(
        [bare / "start.S", directory / "main.c"], directory / "kernel.elf", link_script=bare / "link.ld",
        include=[INCLUDE], root=directory,
    )  # fmt: skip


@pytest.fixture(scope="module")
def booted(replug: Replug, kernel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What `replug boot` says of a run in which something was typed."""
    file = tmp_path_factory.mktemp("boot") / "run.json"
    done = replug("boot", kernel, *MACHINE, "--json", file, stdin=TYPED)
    assert (done.returncode, done.stdout) == (0, TYPED), done.stderr
    result: dict[str, object] = json.loads(file.read_bytes())
    return result


def rows(report: dict[str, object]) -> dict[tuple[str, int | None], tuple[int, int]]:
    """Path and its parameter -> calls and median instructions."""
    paths = report["paths"]
    assert isinstance(paths, list)
    return {
        (row["name"], row["parameters"].get("capital")): (row["calls"], row["instructions"]["median"])
        for row in paths
    }


def test_the_options_are_boot_s() -> None:
    """One definition each, so that what is said of one command is true of the other; some defaults differ."""
    ours, theirs = ({option.name: option for option in command.params} for command in (cycles, boot))
    assert set(NAMES) <= {*ours} & {*theirs}
    for name in NAMES:
        one, other = ours[name].to_info_dict(), theirs[name].to_info_dict()
        if name in ("harts", "quantum"):
            one["help"], other["help"] = (info["help"].partition("[")[0] for info in (one, other))
        assert one == other
    assert {*theirs} - {*ours} == {
        "image", "disk_write", "check_determinism", "save_snapshot", "from_snapshot", "trace",
    }  # fmt: skip


def test_memory_and_boot_arguments(replug: Replug, kernel: Path) -> None:
    without = replug("cycles", kernel, "--memory", "192M", "--quiet")
    assert without.returncode == 1 and b"status 9" in without.stderr
    costs = {}
    for turns in (1, 5):
        done = replug(
            "cycles", kernel, "--memory", "192M", "--append", f"turns={turns}",
            "--max-instructions", "0x8000", "--harts", "0x2", "--quantum", "0x64", "--quiet", "--json", "-",
        )  # fmt: skip
        assert b"ended by limit" in done.stderr  # nobody types
        costs[turns] = rows(json.loads(done.stdout))["work", None]
    assert (costs[1][0], costs[5][0]) == (1, 1)
    assert 400 <= costs[5][1] - costs[1][1] <= 450


def test_flat_image_at_an_address_under_firmware(replug: Replug, tmp_path: Path) -> None:
    """Three instructions by address, behind those of the firmware's that start it."""
    flat = tmp_path / "flat.bin"
    flat.write_bytes(bytes.fromhex(
        "b7021000"  # lui t0, 0x100
        "37530000"  # lui t1, 5
        "1b035355"  # addiw t1, t1, 0x555
        "23a06200"  # sw t1, 0(t0)
        "6f000000"  # j .
    ))  # fmt: skip
    done = replug(
        "cycles", flat, "--bios", "builtin", "--load-address", "0x80400000", "--functions", "--quiet",
        "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "0x80400000" in done.stdout.decode()


def test_a_run_with_input(replug: Replug, kernel: Path, booted: dict[str, object]) -> None:
    """By its token: the same run, and of each character what it cost."""
    reports = [
        json.loads(
            replug("cycles", kernel, "--replay", booted["token"], "--quiet", "--json", "-", *more).stdout
        )
        for more in ((), ("--functions", "--model", "ideal"), ("--memory", "192M"))
    ]
    first, second, third = (rows(report) for report in reports)
    assert first == second == third
    capitals = sum(byte in b"LETTERS" for byte in TYPED)
    assert first["echo", 1][0] == capitals and first["echo", 0][0] == len(TYPED) - capitals
    assert first["echo", 1][1] - first["echo", 0][1] in (NOPS, NOPS + 1)  # and a jump back, perhaps
    for report in reports:
        assert report["runs"][0]["state_hash"] == booted["state_hash"]
        assert report["runs"][0]["instructions"] == booted["instructions"]


def test_by_instruction_with_input(
    replug: Replug, kernel: Path, booted: dict[str, object], tmp_path: Path
) -> None:
    """Comparisons, baselines and commit logs make the run again, and type into it at the same places."""
    token, costs = booted["token"], tmp_path / "costs.json"
    assert isinstance(booted["instructions"], int)
    one = ("cycles", kernel, "--replay", token, "--quiet")
    compared = json.loads(
        replug(*one, "--compare-paths", "echo (capital 1)", "echo (capital 0)", "--json", "-").stdout
    )["comparison"]
    kinds = {kind: sums["first"] - sums["second"] for kind, sums in compared["kinds"].items()}
    assert kinds.pop("other") == NOPS and kinds.pop("jump") in (0, 1) and not any(kinds.values())
    assert replug(*one, "--save", costs).returncode == 0
    assert "echo (capital 1)" in json.loads(costs.read_bytes())["lines"]
    assert replug(*one, "--baseline", costs).returncode == 0
    assert "of a run with replayed run" in one_line(
        replug("cycles", kernel, *MACHINE, "--quiet", "--baseline", costs)
    )  # fmt: skip
    window = f"{booted['instructions'] - 100}:200"
    log = replug(*one, "--format", "log", "--window", window).stdout.decode().splitlines()
    assert len(log) == 100 and log[-1].endswith(" mem 0x0000000000100000 0x00005555")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        *((f"--{option}", f"--{option.split()[0]} does not go with the scenario paper") for option in (
            "memory 64M", "append x", "replay r1.x", "bios none", "strict-nan-boxing", "rtc 0x0",
        )),
        ("alternatives --initrd x", "--initrd does not go with the scenario alternatives"),
        ("{kernel} --net udp:1:localhost:2", "not measured live"),
        ("{kernel} --harts many", "'many' is not a number"),
        ("{kernel} --memory 0x", "not a size"),
        ("{kernel} --isa rv128", "rv128"),
        ("{kernel} --isa rv32", "32"),
        ("{kernel}", "not inside RAM"),
        ("{kernel} --replay nonsense", "token"),
        ("{kernel} --max-instructions -1", "negative"),
        ("{kernel} --replay {token} --append x", "token: the run was with bootargs"),
        ("{kernel} --replay {token} --memory 256M", "token: the run was with memory"),
        ("{kernel} --replay {token} --harts 2", "token: the run was with harts"),
        ("{kernel} --replay {token} --quantum 7", "token: the run was with quantum"),
    ],
)  # fmt: skip
def test_what_cannot_be(
    kernel: Path, booted: dict[str, object], capfd: pytest.CaptureFixture[str], words: str, what: str
) -> None:
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["cycles", "--quiet", *words.format(kernel=kernel, token=booted["token"]).split()])
    shown = capfd.readouterr()
    assert (end.value.code, shown.out) == (2, ""), shown
    assert what in shown.err and shown.err.count("\n") == 1
