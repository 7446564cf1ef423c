# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles --save` and `--baseline`: a regression gate that names exactly what changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from command import Guest, Replug, one_line
from programs import finish

from guestos.images import INCLUDE, Image, build, measure_images
from toolchain.assemble import assemble

NOPS = 3
_PAPER = Path(__file__).parents[1] / "baselines/paper.json"


def measuring_program() -> Image:
    (image,) = [image for image in measure_images() if image.name.endswith("invocation.elf")]
    return image


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(measuring_program(), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of the same name, with nops in the body that is called directly."""
    directory = tmp_path_factory.mktemp("padded")
    image = measuring_program()
    source = next(path for path in image.sources if path.name == "invocation.S")
    patched = directory / "invocation.S"
    patched.write_text(source.read_text().replace("\nempty:\n", "\nempty:\n" + "    nop\n" * NOPS, 1))
    changed = replace(image, sources=tuple(patched if path == source else path for path in image.sources))
    return assemble(
        changed.sources, directory / "invocation.elf", link_script=changed.link_script,
        include=[INCLUDE, source.parent], root=directory,
    )  # fmt: skip


@pytest.fixture(scope="module")
def saved(replug: Replug, plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("saved") / "costs.json"
    done = replug("cycles", plain, "--quiet", "--save", file)
    assert done.returncode == 0, done.stderr
    return file


def test_the_same_program_has_not_changed(replug: Replug, plain: Path, saved: Path) -> None:
    for _ in range(2):
        done = replug("cycles", plain, "--quiet", "--baseline", saved)
        assert (done.returncode, done.stderr) == (0, b"")


def test_each_changed_row_is_named(replug: Replug, plain: Path, padded: Path, saved: Path) -> None:
    """The nops cost one instruction each in every one of 1000 calls; no other row is named."""
    done = replug("cycles", padded, "--quiet", "--baseline", saved)
    assert done.returncode == 1
    (before,) = [
        row["instructions"]
        for row in json.loads(replug("cycles", plain, "-q", "--json", "-").stdout)["paths"]
        if row["name"] == "invocation, direct"
    ]
    lines = done.stderr.decode().splitlines()
    assert [line for line in lines if ", direct" not in line] == []
    (line,) = lines
    assert line.startswith(f"replug: {saved}: invocation, direct: instructions min ")
    for figure, raised in (("min", NOPS), ("median", NOPS), ("max", NOPS), ("total", NOPS * 1000)):
        change = f"{before[figure]:,} -> {before[figure] + raised:,}"
        assert f"{figure} {change}" in line
    assert "in-order median" in line and "calls" not in line


def test_rows_that_appear_and_vanish(replug: Replug, plain: Path, saved: Path, tmp_path: Path) -> None:
    value = json.loads(saved.read_text())
    del value["paths"]["invocation, direct"]
    value["paths"]["go\nne"] = {"calls": 7, "instructions median": 1234}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(value))
    done = replug("cycles", plain, "--quiet", "--baseline", other)
    assert done.returncode == 1
    gone, came = done.stderr.decode().splitlines()
    assert gone.endswith("go?ne: vanished (calls 7, instructions median 1,234)")
    assert "invocation, direct: appeared (calls 1,000, " in came


def test_save_and_compare_at_once(replug: Replug, plain: Path, padded: Path, tmp_path: Path) -> None:
    """The old costs are read before the new ones are kept in the same file."""
    file = tmp_path / "costs.json"
    assert replug("cycles", plain, "-q", "--save", file).returncode == 0
    assert replug("cycles", padded, "-q", "--save", file, "--baseline", file).returncode == 1
    assert replug("cycles", padded, "-q", "--baseline", file).returncode == 0


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--harts", "2"], "harts 1, this one has 2"),
        (["--quantum", "77"], "quantum 1000, this one has 77"),
        (["--model", "ideal"], "model in-order"),
        (["--max-instructions", "9"], "max instructions none, this one has 9"),
    ],
)
def test_another_run_is_refused(
    replug: Replug, plain: Path, saved: Path, options: list[str], what: str
) -> None:
    line = one_line(replug("cycles", plain, "--baseline", saved, *options))
    assert str(saved) in line and what in line


def test_another_image_or_scenario_is_refused(replug: Replug, guest: Guest, saved: Path) -> None:
    line = one_line(replug("cycles", guest(finish(0)), "--baseline", saved))
    assert "a baseline of invocation.elf, not of " in line
    assert "not of paper" in one_line(replug("cycles", "--baseline", saved))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("\udcff", "no JSON"),
        ("[]", "not a baseline"),
        ('{"kind": "replug baseline", "version": 2}', "another version"),
        ('{"kind": "replug baseline", "version": 1}', "damaged"),
        ('{"kind": "replug baseline", "version": 1, "subject": {"name": "x"}, "paths": {"a": 1}}', "'a'"),
    ],
)
def test_what_is_no_baseline(replug: Replug, plain: Path, tmp_path: Path, content: str, what: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content.encode(errors="surrogateescape"))
    line = one_line(replug("cycles", plain, "--baseline", file))
    assert str(file) in line and what in line


def test_files_that_cannot_be(replug: Replug, plain: Path, tmp_path: Path) -> None:
    assert "No such file" in one_line(replug("cycles", plain, "--baseline", tmp_path / "none"))
    assert "no such directory" in one_line(replug("cycles", plain, "--save", tmp_path / "none" / "x"))
    assert "not to stdout" in one_line(replug("cycles", plain, "--save", "-"))


def test_the_papers_scenario_is_of_one_file(replug: Replug, tmp_path: Path) -> None:
    """Another file makes another subject, which is said before anything runs.

    That the figures are the same in each run and on each machine, .ci/run sees, with this very baseline.
    """
    rows = json.loads(_PAPER.read_text())["paths"]
    assert rows["specialised read (bytes 1)"]["calls"] > 0 and "replug, uncontended: 2 per-file lock" in rows
    text = tmp_path / "text"
    text.write_bytes(b"another line\n" * 20_000)
    assert "file " in one_line(replug("cycles", "-q", "--file", text, "--baseline", _PAPER))
