# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles alternatives` from the command line: its forms agree, and bad requests are refused."""

import csv
import importlib.util
import json
from io import StringIO
from pathlib import Path

import pytest
from command import Replug, one_line

from emulator.cycles.alternatives import SCHEMES

HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


def test_forms_agree(replug: Replug, tmp_path: Path) -> None:
    plot = ["--plot", tmp_path / "plot.svg"] if HAS_MATPLOTLIB else []
    done = replug(
        "cycles", "alternatives", "--harts", 2, "--model", "ideal,dear-sync", "-q", "--format", "csv",
        "--json", tmp_path / "report.json", *plot,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    lines = list(csv.DictReader(StringIO(done.stdout.decode())))
    report = json.loads((tmp_path / "report.json").read_text())
    assert [row["scheme"] for row in report["alternatives"]] == list(SCHEMES)
    assert [model["name"] for model in report["models"]] == ["ideal", "dear-sync"]
    assert len(lines) == 2 * len(SCHEMES)
    for line in lines:
        (row,) = [row for row in report["alternatives"] if row["scheme"] == line["scheme"]]
        cycles = row["cycles"][line["model"]]
        assert int(line["call"]) == cycles["call"]["median"]
        assert line["cheaper than the flag"] == cycles["crossover"]["when"]
        idle = cycles["replace idle"]
        assert line["replace idle"] == ("" if idle is None else str(idle["median"]))
    if HAS_MATPLOTLIB:
        text = (tmp_path / "plot.svg").read_text()
        assert "<svg" in text
        assert all(f"<!-- {title}" in text for title in SCHEMES.values())  # the legend's


@pytest.mark.parametrize(
    "arguments",
    [
        ("--harts", 9),
        ("--model", "nonsense"),
        ("--quantum", 5),
        ("--format", "callgrind"),
        ("--plot", "plot.pdf"),
        ("--plot", "/nowhere/plot.svg"),
    ],
)
def test_bad_requests(replug: Replug, arguments: tuple[object, ...]) -> None:
    one_line(replug("cycles", "alternatives", *arguments))


def test_plot_is_of_this_scenario(replug: Replug) -> None:
    assert "alternatives" in one_line(replug("cycles", "--plot", "x.svg"))
