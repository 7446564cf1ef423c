# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug bench cycles`, at a thousandth of its length: that it measures, not how fast."""

import json
import subprocess
import sys
from pathlib import Path

from emulator.bench import cycles

ROOT = Path(__file__).resolve().parents[2]


def test_rows(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    names = [entry.name for entry in cycles.BENCHMARKS]
    assert names == [
        "by function", "named paths", "named paths, marks alone", "by line", "pipeline model",
        "pipeline model, marks alone", "calls", "cache model", "three models",
    ]  # fmt: skip
    wanted = ["named paths", "named paths, marks alone", "cache model"]
    options = [each for name in wanted for each in ("--row", name)]
    done = subprocess.run(
        [sys.executable, "-m", "emulator.cli.main", "bench", "cycles", "-q", "--repetitions", "1", "--scale",
         "0.001", "--json", out, *options],
        cwd=ROOT, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert [row["name"] for row in rows] == wanted
    for row in rows:
        assert row["value"] > 0 and row["peer_value"] > 0 and row["ratio"] > 0
        assert row["reached"] in ((None,) if "alone" in row["name"] else (True, False))
