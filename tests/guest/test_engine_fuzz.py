# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine survives any guest: random code, page tables, CSR writes and device accesses, on 1 to 3 harts.

REPLUG_FUZZ_RUNS (100,000) runs with the seeds from REPLUG_FUZZ_SEED (0) on: `REPLUG_FUZZ_RUNS=5000000` for
millions, `REPLUG_FUZZ_SEED=1234 REPLUG_FUZZ_RUNS=1` to see one again.
Every tenth run (REPLUG_FUZZ_CUT) is repeated, stopped at random instructions, saved and restored there.

Each batch runs in a process of its own, many machines in it, so that a crash has a name: the seed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

RUNS = int(os.environ.get("REPLUG_FUZZ_RUNS", "100000"))
FIRST = int(os.environ.get("REPLUG_FUZZ_SEED", "0"))
BATCH = 5000
SLOWEST = 0.05
"""Seconds a run on a very busy host."""
RUNNER = Path(__file__).with_name("fuzz_runner.py")
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(60 + 2 * SLOWEST * BATCH)
@pytest.mark.parametrize("first", range(FIRST, FIRST + RUNS, BATCH))
def test_random_machines(first: int, tmp_path: Path) -> None:
    """No crash, no hang, no failure of the engine; equal runs are equal; instructions add up."""
    count = min(BATCH, FIRST + RUNS - first)
    note = tmp_path / "seed"
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(first), str(count), str(note)],
        capture_output=True, text=True, env=environment, timeout=60 + SLOWEST * BATCH, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        seed = int.from_bytes(note.read_bytes(), "little")
        pytest.fail(f"seed {seed}, in the runs from {first} on: exit status {done.returncode}\n{done.stderr}")
    result = json.loads(done.stdout)
    assert len(result["retired"]) == count
    if count == BATCH:
        assert statistics.median(result["retired"]) >= 50
        assert {"LIMIT", "WILD", "IDLE", "EVENT", "REQUEST", "device error"} <= set(result["reasons"])
        assert min(result["checks"][kind] for kind in ("again", "new engine", "by instruction", "cut")) >= 20
        assert result["kilobytes"] < 1 << 20
