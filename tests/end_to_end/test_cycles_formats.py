# SPDX-License-Identifier: GPL-2.0-or-later
"""The forms of `replug cycles`' report say the same."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from command import Replug, one_line

from emulator.cycles.csv_table import paths_csv
from emulator.cycles.histogram import Spread
from emulator.cycles.models import IDEAL
from emulator.cycles.paths import Part, PathCost
from guestos.images import build, measure_images


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (found,) = [image for image in measure_images() if image.name.endswith("invocation.elf")]
    return build(found, tmp_path_factory.mktemp("image"))


def test_csv_holds_what_json_holds(replug: Replug, image: Path, tmp_path: Path) -> None:
    done = replug("cycles", image, "-q", "--format", "csv", "--json", tmp_path / "report.json")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = list(csv.DictReader(StringIO(done.stdout.decode())))
    paths = json.loads((tmp_path / "report.json").read_text())["paths"]
    assert len(rows) == len(paths) >= 2
    for row, path in zip(rows, paths, strict=True):
        assert (row["path"], row["step"], int(row["calls"])) == (
            path["name"], path.get("step", ""), path["calls"],
        )  # fmt: skip
        assert row["parameters"] == " ".join(f"{key}={value}" for key, value in path["parameters"].items())
        for figure in ("min", "median", "max", "total"):
            assert int(row[f"instructions {figure}"]) == path["instructions"][figure]
            for model in ("ideal", "in-order"):
                assert int(row[f"{model} cycles {figure}"]) == path["cycles"][model][figure]


def test_csv_of_names_with_commas_steps_and_parameters() -> None:
    spread = Spread(1, 2, 3, 6)
    cost = PathCost("replug, contended", '2 "lock"', {"bytes": 8, "error": -5}, 3, spread, {"ideal": spread},
                    Part(spread, {"ideal": spread}), Part(spread, {"ideal": spread}))  # fmt: skip
    (row,) = csv.reader(paths_csv([cost], [IDEAL]).splitlines()[1:])
    assert row[:4] == ["replug, contended", '2 "lock"', "bytes=8 error=-5", "3"]
    assert row[4:] == ["1", "2", "3", "6"] * 6


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_file_gets_what_stdout_gets(replug: Replug, image: Path, tmp_path: Path, form: str) -> None:
    shown = replug("cycles", image, "-q", "--format", form)
    written = replug("cycles", image, "-q", "--format", form, "-o", tmp_path / "report")
    assert shown.returncode == written.returncode == 0
    assert written.stdout == b"" and len(shown.stdout) > 100
    assert (tmp_path / "report").read_bytes() == shown.stdout


def test_console_does_not_mix_with_the_report(replug: Replug, image: Path) -> None:
    done = replug("cycles", image, "--format", "csv")
    assert done.stdout.startswith(b"path,step,parameters,calls,")


def test_where_no_report_can_go(replug: Replug, image: Path, tmp_path: Path) -> None:
    assert "no such directory" in one_line(replug("cycles", image, "-o", tmp_path / "none" / "x"))
    assert "directory" in one_line(replug("cycles", image, "-o", tmp_path))
    assert "stdout" in one_line(replug("cycles", image, "--json", "-", "--format", "csv"))
