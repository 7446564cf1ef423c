# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug bench debug`: every row is measured. No time is judged."""

import json

import pytest
from click.testing import CliRunner

from emulator.bench.debug import BENCHMARKS
from emulator.bench.engine import Benchmark
from emulator.cli.bench import bench


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=[benchmark.name for benchmark in BENCHMARKS])
def test_a_row_is_measured(benchmark: Benchmark) -> None:
    name, missing = benchmark.name, benchmark.missing()
    if missing is not None:
        pytest.skip(missing)
    arguments = ["debug", "--row", name, "--repetitions", "1", "--scale", "0.003", "--quiet", "--json", "-"]
    done = CliRunner().invoke(bench, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    rows = json.loads(done.stdout)["rows"]
    assert [row["name"] for row in rows] == [name] and rows[0]["value"] > 0
