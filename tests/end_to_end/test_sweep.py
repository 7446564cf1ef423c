# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug sweep`: a grid of runs becomes one table, on this computer or on a cluster, and is gone on with."""

import csv
import importlib.util
import json
from pathlib import Path

import pytest
from command import Replug, one_line
from programs import finish

from emulator.sweep.run import parts_folder
from emulator.sweep.spec import read_spec
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble

# Every hart works for as long as it has a number; hart 0 waits for all.
PROGRAM = f"""
#include "replug.inc"
    .globl _start
_start:
    addi s1, a0, 1
    slli s1, s1, 8
    PATH_BEGIN "work"
    PATH_VALUE "work", "hart", 10
    nop
1:  addi s1, s1, -1
    bnez s1, 1b
    PATH_END "work"
    bnez a0, 2f
    li s1, 20000
3:  addi s1, s1, -1
    bnez s1, 3b
{finish(0)}
2:  wfi
    j 2b
"""

SPEC = """
image = "program.elf"
[grid]
harts = [1, 2]
quantum = [50, 1000]
model = ["ideal", "in-order"]
[[plot]]
path = "work (hart 0)"
x = "quantum"
y = "in-order"
lines = "harts"
file = "work.svg"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.S").write_text(PROGRAM)
    assemble(
        [tmp_path / "program.S"], tmp_path / "program.elf", link_script=GUESTOS / "measure/link.ld",
        include=[INCLUDE], root=tmp_path,
    )  # fmt: skip
    (tmp_path / "spec.toml").write_text(SPEC)
    return tmp_path


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_grid_becomes_a_table(replug: Replug, folder: Path) -> None:
    done = replug("sweep", folder / "spec.toml", "--jobs", 2)
    assert done.returncode == 0, done.stderr
    table = rows(folder / "spec.csv")
    assert [(row["harts"], row["quantum"], row["path"]) for row in table] == [
        ("1", "50", "work (hart 0)"), ("1", "1000", "work (hart 0)"),
        ("2", "50", "work (hart 0)"), ("2", "50", "work (hart 1)"),
        ("2", "1000", "work (hart 0)"), ("2", "1000", "work (hart 1)"),
    ]  # fmt: skip
    for row in table:
        work = 1 + 2 * 256 * (1 + (row["path"] == "work (hart 1)"))
        assert row["instructions median"] == row["ideal cycles median"] == str(work)
        assert int(row["in-order cycles median"]) > work
        assert (row["exit"], row["status"]) == ("exit", "0")
    assert "</svg>" in (folder / "work.svg").read_text()


def test_what_is_done_is_not_done_again(replug: Replug, folder: Path) -> None:
    """A sweep goes on where it was; a point whose image has changed is run again."""
    assert replug("sweep", folder / "spec.toml", "-q").returncode == 0
    first = (folder / "spec.csv").read_text()
    kept = sorted(parts_folder(folder / "spec.csv").glob("*.json"))
    assert len(kept) == 4
    kept[0].unlink()
    marked = json.loads(kept[1].read_text())
    marked["rows"][0]["calls"] = 4711  # what is taken from there shows
    kept[1].write_text(json.dumps(marked))
    kept[2].write_text("{broken")
    assert replug("sweep", folder / "spec.toml", "-q").returncode == 0
    assert (folder / "spec.csv").read_text().count("4711") == 1
    assert replug("sweep", folder / "spec.toml", "-q", "--again").returncode == 0
    assert (folder / "spec.csv").read_text() == first
    (folder / "program.S").write_text(PROGRAM.replace("    nop\n", "    nop\n    nop\n", 1))
    assemble(
        [folder / "program.S"], folder / "program.elf", link_script=GUESTOS / "measure/link.ld",
        include=[INCLUDE], root=folder,
    )  # fmt: skip
    assert replug("sweep", folder / "spec.toml", "-q").returncode == 0
    assert {int(row["instructions median"]) for row in rows(folder / "spec.csv")} == {514, 1026}


def test_parquet(replug: Replug, folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    done = replug(
        "sweep", folder / "spec.toml", "-q", "-o", folder / "out.parquet", "--json", folder / "out.json"
    )
    assert done.returncode == 0, done.stderr
    table = parquet.read_table(folder / "out.parquet").to_pylist()
    assert table == json.loads((folder / "out.json").read_text())["rows"]
    assert table[0]["harts"] == 1 and table[0]["instructions median"] == 513


def test_on_a_cluster(replug: Replug, folder: Path) -> None:
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("dask.distributed is not installed (pip install 'replug[cluster]')")
    distributed = importlib.import_module("distributed")
    assert replug("sweep", folder / "spec.toml", "-q").returncode == 0
    local = (folder / "spec.csv").read_text()
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        done = replug("sweep", folder / "spec.toml", "-q", "--again", "--cluster", cluster.scheduler_address)
    assert done.returncode == 0, done.stderr
    assert (folder / "spec.csv").read_text() == local


def test_runs_that_fail(replug: Replug, folder: Path) -> None:
    """The rest is in the table, and the exit status says so."""
    (folder / "spec.toml").write_text('image = "program.elf"\n[grid]\nharts = 1\nmemory = ["8K", "64M"]\n')
    done = replug("sweep", folder / "spec.toml", "-q")
    assert done.returncode == 1 and b"memory 8192: ReplugError" in done.stderr
    assert [row["memory"] for row in rows(folder / "spec.csv")] == ["67108864"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[grid]\nhart = 1", "no 'hart'"),
        ("[grid]\nharts = []", "no value"),
        ("[grid]\nharts = [0]", "harts: 0"),
        ("[grid]\nharts = [1.5]", "harts: 1.5"),
        ('[grid]\nmemory = "64X"', "memory: '64X'"),
        ('image = "x.elf"\n[grid]\nfile_size = 5', "file_size goes with"),
        (
            "[grid]\nharts = 1\n[[plot]]\npath = 'a'\nx = 'quantum'\ny = 'ideal'\nfile = 'a.svg'",
            "x: 'quantum'",
        ),
        ("[grid]\nharts = 1\n[[plot]]\npath = 'a'\nx = 'harts'\ny = 'ideal'\nfile = 'a.pdf'", ".svg"),
        ("grid = 3", "no table"),
        ("[run]\nmax_instructions = 0", "max_instructions"),
        ("[", "not TOML"),
    ],
)
def test_specs_that_are_none(replug: Replug, tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    line = one_line(replug("sweep", tmp_path / "bad.toml"))
    assert complaint in line and "bad.toml" in line


def test_grids(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[grid]\nharts = [1, 2]\nquantum = 7\nmemory = ["64M", "1G"]\n')
    spec = read_spec(tmp_path / "s.toml")
    assert [dict(point) for point in spec.points][:2] == [
        {"image": "paper", "harts": 1, "quantum": 7, "memory": 64 << 20},
        {"image": "paper", "harts": 1, "quantum": 7, "memory": 1 << 30},
    ]
    assert len(spec.points) == 4 and spec.models == "ideal,in-order"


def test_where_no_table_can_go(replug: Replug, folder: Path) -> None:
    assert ".csv" in one_line(replug("sweep", folder / "spec.toml", "-o", folder / "x.txt"))
    assert "no such directory" in one_line(
        replug("sweep", folder / "spec.toml", "-o", folder / "no" / "x.csv")
    )
