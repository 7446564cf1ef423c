# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug conform` on small suites of our own, and on riscv-tests where REPLUG_RISCV_TESTS says where."""

import importlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, Guest, Replug, one_line

WORDS = "\n.data\n.balign 8\n.globl tohost, fromhost\ntohost: .dword 0\nfromhost: .dword 0\n"
SIGNATURE = """
    .globl begin_signature, end_signature
    .balign 16
begin_signature: .word 0x12345678, 0xdeadbeef, 1
end_signature:
"""


def ends(value: int) -> str:
    return f"la t0, tohost\n1: li t1, {value}\nsw t1, 0(t0)\nsw zero, 4(t0)\nj 1b\n" + WORDS


@pytest.fixture
def suite(guest: Guest, tmp_path: Path) -> Path:
    """One test of each kind, in two folders, beside what is no test."""
    folder = tmp_path / "suite"
    (folder / "deep" / "er").mkdir(parents=True)
    texts = {
        "good": ends(1) + SIGNATURE,
        "third": ends(2 * 3 | 1),
        "deep/endless": "1: j 1b\n" + WORDS,
        "deep/wild": "csrw mtvec, zero\necall\n" + WORDS,
        "deep/er/other": "1: j 1b\n",
    }
    for name, text in texts.items():
        shutil.copy(guest(text), folder / name)
    (folder / "damaged").write_bytes(guest(ends(1)).read_bytes()[:200])
    (folder / "object.o").write_bytes(b"\x7fELF\2\1\1" + bytes(9) + b"\1\0")
    (folder / "README").write_text("not a test")
    return folder


LIMIT = ("--max-instructions", 20_000)


def test_every_kind_of_end(replug: Replug, suite: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = replug("conform", suite, *LIMIT, "--jobs", 2, "--json", report)
    assert done.returncode == 1, done.stderr
    result: dict[str, Any] = json.loads(report.read_text())
    tests = {row["name"]: row for row in result["tests"]}
    assert {name: (row["verdict"], row["number"]) for name, row in tests.items()} == {
        "good": ("pass", None),
        "third": ("fail", 3),
        "damaged": ("cannot run", None),
        "deep/endless": ("time-out", None),
        "deep/wild": ("fail", None),
    }
    assert result["counts"] == {"pass": 1, "fail": 2, "time-out": 1, "cannot run": 1}
    assert result["left_out"] == ["deep/er/other"]
    assert sorted(result["unexpected"]) == ["damaged", "deep/endless", "deep/wild", "third"]
    assert tests["deep/endless"]["instructions"] >= 20_000
    assert "_start" in tests["deep/endless"]["detail"]
    assert "does nothing but trap" in tests["deep/wild"]["detail"]
    lines = {line.split()[0]: line for line in done.stdout.decode().splitlines() if line.strip()}
    assert "fail 3" in lines["third"]
    assert lines["5"] == ("5 tests: 1 pass, 2 fail, 1 time-out, 1 cannot run; left out, without tohost: 1")


def test_permitted_failures_do_not_count(replug: Replug, suite: Path, tmp_path: Path) -> None:
    permitted = tmp_path / "permitted.txt"
    permitted.write_text(
        "# known\n\nthird  a reason of ours\ndamaged cut\ndeep/endless spins\nwild traps\ngood once failed\n"
    )
    done = replug("conform", suite, *LIMIT, "--permitted", permitted)
    output = done.stdout.decode()
    assert done.returncode == 0, output
    assert "permitted: a reason of ours" in output
    assert "may fail: once failed" in output
    assert "4 of the failures permitted" in output
    permitted.write_text("third a reason of ours\ndeep/endless spins\nwild traps\n")
    done = replug("conform", suite, *LIMIT, "--permitted", permitted, "--quiet")
    assert done.returncode == 1
    shown = done.stdout.decode()
    assert "damaged" in shown
    assert "third" not in shown


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a x\nlonely\n", ":2: lonely: a reason is needed"),
        ("a x\nb y\na z\n", ":3: a: is there twice"),
    ],
)
def test_bad_lists_of_permitted_failures(
    replug: Replug, suite: Path, tmp_path: Path, text: str, complaint: str
) -> None:
    permitted = tmp_path / "permitted.txt"
    permitted.write_text(text)
    assert f"{permitted}{complaint}" in one_line(replug("conform", suite, "--permitted", permitted))


def test_signatures(replug: Replug, suite: Path, tmp_path: Path) -> None:
    signatures = tmp_path / "signatures"
    report = tmp_path / "report.json"
    replug("conform", suite, *LIMIT, "--signature-dir", signatures, "--json", report)
    assert (signatures / "good.signature").read_text() == "12345678\ndeadbeef\n00000001\n"
    assert [path.name for path in signatures.iterdir()] == ["good.signature"]
    tests = {row["name"]: row for row in json.loads(report.read_text())["tests"]}
    assert tests["third"]["verdict"] == "cannot run"
    assert tests["third"]["detail"] == "no signature: begin_signature is missing"
    replug("conform", suite, *LIMIT, "--signature")
    assert (suite / "good.signature").read_text() == (signatures / "good.signature").read_text()


def test_given_up_after_seconds(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    """Also the tests after one that was given up are run."""
    names = ("a", "b", "c")
    for name, text in zip(names, ("1: j 1b\n" + WORDS, "1: j 1b\n" + WORDS, ends(1)), strict=True):
        shutil.copy(guest(text), tmp_path / name)
    arguments = ("--jobs", 1, "--seconds", 5, "--max-instructions", 1 << 50, "--json", "-")
    done = replug("conform", tmp_path, *arguments)
    tests = json.loads(done.stdout)["tests"]
    assert [row["verdict"] for row in tests] == ["cannot run", "cannot run", "pass"]
    assert tests[0]["detail"] == "not done after 5 seconds"


def test_on_a_cluster(replug: Replug, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same results from the workers of a dask scheduler; and what is said when there is none."""
    if "CI" not in os.environ:
        pytest.importorskip("distributed", reason="pip install 'replug[cluster]'")
    distributed = importlib.import_module("distributed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    replug("conform", suite, *LIMIT, "--json", here)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        address = cluster.scheduler_address
        signatures = tmp_path / "signatures"
        arguments = ("--cluster", address, "--json", there, "--signature-dir", signatures)
        done = replug("conform", suite, *LIMIT, *arguments, timeout=120)
        assert done.returncode == 1, done.stderr
    results = [json.loads(report.read_text()) for report in (here, there)]
    for result in results:
        for row in result["tests"]:
            del row["seconds"], row["detail"]
    assert [row for row in results[0]["tests"] if row["name"] != "third"] == [
        row for row in results[1]["tests"] if row["name"] != "third"
    ]  # `third` has no signature to write
    assert (signatures / "good.signature").read_text().split()[0] == "12345678"
    gone = replug("conform", suite, "--cluster", address, timeout=60)
    assert gone.returncode == 2
    assert "--cluster" in one_line(gone)
    assert replug("conform", suite, "--cluster", address, "--jobs", 2).returncode == 2


def test_nothing_to_run(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    assert "no such folder" in one_line(replug("conform", tmp_path / "none"))
    assert "no ELF files" in one_line(replug("conform", tmp_path))
    shutil.copy(guest("1: j 1b\n"), tmp_path / "other")
    assert "not a folder" in one_line(replug("conform", tmp_path / "other"))
    assert "none of them with the symbol tohost" in one_line(replug("conform", tmp_path))
    assert "--jobs: 0: at least 1" in one_line(replug("conform", tmp_path, "--jobs", 0))


@pytest.mark.skipif(
    "REPLUG_RISCV_TESTS" not in os.environ, reason="REPLUG_RISCV_TESTS names no folder of built riscv-tests"
)
@pytest.mark.timeout(1800)
def test_riscv_tests(replug: Replug) -> None:
    permitted = Path(__file__).parents[1] / "differential" / "riscv_tests_permitted.txt"
    folder = os.environ["REPLUG_RISCV_TESTS"]
    for options in (("--permitted", permitted), ("--strict-nan-boxing",)):
        done = replug("conform", folder, *options, "--quiet", timeout=1700)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
