# SPDX-License-Identifier: GPL-2.0-or-later
"""The report on terminals of all widths: columns may go, figures may not be cut short."""

import fcntl
import os
import re
import struct
import subprocess
import termios
from io import StringIO
from pathlib import Path

import pytest
from command import COMMAND, environment
from rich.console import Console

from emulator.cycles.claims import Claim
from emulator.cycles.models import IDEAL
from emulator.cycles.table import claim_table
from guestos.images import build, measure_images


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (image,) = [image for image in measure_images() if image.name.endswith("invocation.elf")]
    return build(image, tmp_path_factory.mktemp("image"))


def shown(columns: int, *arguments: object) -> str:
    """What the command prints on a terminal so wide, without colours."""
    far, near = os.openpty()
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    place = {name: value for name, value in environment().items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=near, env=place | {"TERM": "xterm"}
    ) as running:
        os.close(near)
        parts = []
        try:
            while part := os.read(far, 4096):
                parts.append(part)
        except OSError:
            pass  # Linux says so when the last who could write is gone
        os.close(far)
        assert running.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(parts).decode())


@pytest.mark.parametrize(("columns", "all_columns"), [(50, False), (80, False), (132, True)])
def test_no_figure_is_cut_short(image: Path, columns: int, all_columns: bool) -> None:
    text = shown(columns, "cycles", image, "--quiet")
    assert ("interrupts" in text) == all_columns == ("for want of room" not in text)
    (row,) = [line for line in text.splitlines() if line.startswith(" invocation, through the flag")]
    assert row.split()[4:] == ["1,000", "11", "23"]
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    if columns == 80:
        assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_path_against_path(image: Path, columns: int) -> None:
    """For want of room a line's text is cut, and nothing else."""
    paths = ("invocation, through the flag", "invocation, direct")
    text = shown(columns, "cycles", image, "--quiet", "--compare-paths", *paths)
    _, _, tables = text.partition("only invocation, through the flag")
    lines, _, _ = tables.partition("ideal:")
    kind = "(?:load|store|jump|branch|fence)"
    rows = [
        re.fullmatch(rf" measure/invocation\.S:\d+ +(\S.*?) +(\d+) +(\d+)((?: +{kind} [+-]\d+)*) *", row)
        for row in lines.splitlines()
        if "invocation.S" in row
    ]
    assert len(rows) == 6 and None not in rows
    told = [row[4].split() for row in rows if row is not None]
    assert ["jump", "+1"] in told and ["store", "+1", "fence", "+1"] in told
    assert sum(map(tables.count, ("load +3", "branch +1"))) == 2
    if columns > 50:
        assert max(map(len, tables.splitlines())) <= columns
    cut = [row for row in rows if row is not None and row[1].endswith("\N{HORIZONTAL ELLIPSIS}")]
    assert bool(cut) == (columns < 120)


@pytest.mark.parametrize(("columns", "stacked"), [(50, True), (80, True), (120, False)])
def test_claims(columns: int, stacked: bool) -> None:
    """No word of a claim is cut; where there is no room for columns, they come one below the other."""
    words = "uninterruptedly measured interchangeabilities of replugs"
    claim = Claim("A1", words, "paper", "target", {"ideal": "9 of 9 interchangeabilities"}, True)
    text = StringIO()
    Console(file=text, width=columns).print(claim_table([claim], [IDEAL], columns))
    shown_words = text.getvalue().split()
    assert set(words.split()) <= set(shown_words) and shown_words.count("interchangeabilities") == 2
    assert ("ideal: 9 of" in text.getvalue()) == stacked
    assert max(map(len, text.getvalue().splitlines())) <= columns


def test_alternatives() -> None:
    """Columns go, and what is said of it; which scheme is unsafe is said all the same."""
    text = shown(80, "cycles", "alternatives", "--quiet", "--harts", 1, "--model", "ideal")
    assert "\N{HORIZONTAL ELLIPSIS}" not in text and max(map(len, text.splitlines())) <= 80
    assert "without instr., atomics, fences, IPIs, on others, old code ran" in text
    rows = {line[:30].strip(): line[30:].split() for line in text.splitlines() if line[30:35].strip() == "1"}
    assert len(rows) == 13
    assert rows["bare indirect call (unsafe)"][:3] == ["1", "4", "9"]
    assert rows["inside-flag (fences)"][:2] == ["1", "10"]
