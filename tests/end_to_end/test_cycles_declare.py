# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths of an image that declares none: `replug cycles IMAGE --declare FILE`."""

import json
from pathlib import Path
from typing import Any

import pytest
from command import Guest, Replug, one_line

from emulator.cycles.declare import declare
from emulator.errors import ReplugError
from emulator.loader.elf import open_image

IMAGE = """
    li s0, 3
1:  mv a0, s0
    jal ra, work
    addi s0, s0, -1
    bnez s0, 1b
    li t0, 0x100000
    li t1, 0x5555
    sw t1, (t0)
2:  j 2b
    .type work, @function
work:
    li t0, 10
    beqz a0, 3f
    addi t0, a0, -2
    beqz t0, second
    nop
    nop
3:  addi a0, a0, 100
    ret
    .size work, . - work
    .type second, @function
second:
    nop
    li a0, -5
    j 3b
    .size second, . - second
"""
DECLARED = """
[path.work]
begin = "work"
end = "work:ret"
is = { "second thoughts" = "second" }
values = { result = "work:ret a0" }
[path.work.steps]
"1 think" = "work"
"2 think again" = ["second", "work+0x10"]
"""


@pytest.fixture(scope="module")
def image(guest: Guest) -> Path:
    return guest(".option norvc\n" + IMAGE)


def rows(replug: Replug, image: Path, declared: Path) -> dict[tuple[str, str, int], Any]:
    done = replug("cycles", image, "--declare", declared, "--quiet", "--json", "-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["paths"]
    return {(row["name"], row.get("step", ""), row["parameters"]["result"]): row for row in found}


def test_costs_are_exact(replug: Replug, image: Path, tmp_path: Path) -> None:
    """work(3) and work(1) go straight through, work(2) over `second`; the return itself is behind the end."""
    declared = tmp_path / "paths.toml"
    declared.write_text(DECLARED)
    found = rows(replug, image, declared)
    costs = {key: (row["calls"], row["instructions"]["median"]) for key, row in found.items()}
    assert costs == {
        ("work", "", 103): (1, 7),
        ("work", "1 think", 103): (1, 4),
        ("work", "2 think again", 103): (1, 3),
        ("work", "", 101): (1, 7),
        ("work", "1 think", 101): (1, 4),
        ("work", "2 think again", 101): (1, 3),
        ("second thoughts", "", 95): (1, 8),
        ("second thoughts", "1 think", 95): (1, 4),
        ("second thoughts", "2 think again", 95): (1, 4),
    }


def test_declared_paths_are_listed(replug: Replug, image: Path, tmp_path: Path) -> None:
    declared = tmp_path / "paths.toml"
    declared.write_text(DECLARED)
    done = replug("cycles", image, "--declare", declared, "--paths")
    assert done.stdout.decode().split("\n") == [
        "work", "    1 think", "    2 think again", "    result", "    second thoughts", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = [", "not TOML"),
        ("", "it declares no path"),
        ("path = 3", "it declares no path"),
        ("[path]\nx = 1", "path.x is no table"),
        ("[path.x]\nbegin = 'work'", "[path.x] has no end"),
        ("[path.x]\nbegin = 'work'\nend = 'work:ret'\nsteps = 1", "path.x.steps is no table"),
        ("[path.x]\nbegin = 'work'\nend = 'work:ret'\nstep = 1", "has no 'step'; there are begin, end, is"),
        ("[path.x]\nbegin = 'work'\nend = 'nowhere'", "no symbol 'nowhere'"),
        ("[path.x]\nbegin = 'work'\nend = 'work:sret'", "work has no such instruction"),
        ("[path.x]\nbegin = 'work'\nend = 'work+2'", "no instruction of work begins there"),
        ("[path.x]\nbegin = 'work'\nend = 'work+400'", "no instruction of work begins there"),
        ("[path.x]\nbegin = 'work'\nend = 7", "7 is no place"),
        ("[path.x]\nbegin = 'work'\nend = 'work ret'", "'work ret' is no place"),
        ("[path.x]\nbegin = 'work'\nend = 'work:ret'\nvalues = { a = 'work' }", "a place and a register"),
        ("[path.x]\nbegin = 'work'\nend = 'work:ret'\nvalues = { a = 'work a9' }", "no register 'a9'"),
        ("thread = 'work'\n[path.x]\nbegin = 'work'\nend = 'work:ret'", "a place and a register"),
    ],
)
def test_what_declares_nothing(image: Path, tmp_path: Path, text: str, complaint: str) -> None:
    declared = tmp_path / "paths.toml"
    declared.write_text(text)
    with pytest.raises(ReplugError) as raised:
        declare(open_image(image), declared)
    line = str(raised.value)
    assert line.startswith(f"{declared}: ") and complaint in line and "\n" not in line


def test_files_and_targets_that_cannot_be(replug: Replug, image: Path, tmp_path: Path) -> None:
    declared = tmp_path / "paths.toml"
    declared.write_bytes(b"\xff")
    assert "not UTF-8" in one_line(replug("cycles", image, "--declare", declared))
    assert "does not go with the scenario paper" in one_line(replug("cycles", "--declare", declared))
    assert "alternatives" in one_line(replug("cycles", "alternatives", "--declare", declared))
    with pytest.raises(ReplugError, match="No such file"):
        declare(open_image(image), tmp_path / "none.toml")
