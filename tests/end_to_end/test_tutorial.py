# SPDX-License-Identifier: GPL-2.0-or-later
"""The tutorial as it stands: its sources are taken from the page, its commands run, its output compared."""

import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import ROOT

PAGE = ROOT / "guestos" / "TUTORIAL.md"
_BLOCK = re.compile(r"(?:`([\w.]+)`:\n\n)?```(\w+)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A command, and what it shows: `...` in a line is anything, a line of that alone any lines."""

    command: str
    shown: list[str]


def page() -> tuple[dict[str, str], list[Step]]:
    """The files of the page by name, and its commands in order."""
    files: dict[str, str] = {}
    steps: list[Step] = []
    text = PAGE.read_text()
    for name, language, body in _BLOCK.findall(text):
        if language == "console":
            for line in body.splitlines():
                if line.startswith("$ "):
                    steps.append(Step(line[2:], []))
                else:
                    steps[-1].shown.append(line)
        else:
            # The name may end a sentence that introduces the file.
            files[name or named_before(text, body)] = body
    return files, steps


def named_before(text: str, body: str) -> str:
    found = re.findall(r"`([\w.]+)`:\n", text[: text.index(body)])
    return str(found[-1])


def pattern(shown: list[str]) -> str:
    """A regular expression for output, blanks and empty lines aside."""
    parts = []
    for line in shown:
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        elif line.strip():
            words = [
                ".*" if word == "..." else re.escape(word).replace(r"\.\.\.", ".*") for word in line.split()
            ]
            parts.append(r"\s*".join(words) + r" *\n")
    return "".join(parts)


def commands(directory: Path) -> dict[str, str]:
    """An environment in which `replug` and `pytest` are these of the checkout."""
    directory.mkdir()
    installed = any(entry.name == "replug" for entry in importlib.metadata.entry_points(group="pytest11"))
    plugin = "" if installed else " -p emulator.pytest_plugin"
    for name, module in (("replug", "emulator.cli.main"), ("pytest", f"pytest -p no:cacheprovider{plugin}")):
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        script.chmod(0o755)
    path = os.pathsep.join([str(directory), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "118"}


def test_the_page_as_it_stands(tmp_path: Path) -> None:
    files, steps = page()
    assert set(files) == {"kernel.c", "bare.S", "test_kernel.py"} and len(steps) >= 8
    environment = commands(tmp_path / "bin")
    for name, body in files.items():
        (tmp_path / name).write_text(body)
    for step in steps:
        done = subprocess.run(
            step.command, shell=True, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{step.command}\n{done.stdout}"
        lines = "".join(f"{line.strip()}\n" for line in done.stdout.splitlines() if line.strip())
        assert re.fullmatch(pattern(step.shown), lines), f"{step.command}\n{done.stdout}"


def test_a_baseline_notices_a_changed_path(tmp_path: Path) -> None:
    """What the page says of baselines: exit status 1, and the path's name."""
    files, _ = page()
    environment = commands(tmp_path / "bin")

    def run(command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    (tmp_path / "kernel.c").write_text(files["kernel.c"])
    assert run("replug build kernel.c && replug cycles kernel.elf -q --save costs.json").returncode == 0
    slower = files["kernel.c"].replace("*uart = text[bytes++];", "*uart = 0, *uart = text[bytes++];")
    (tmp_path / "kernel.c").write_text(slower)
    assert run("replug build kernel.c").returncode == 0
    done = run("replug cycles kernel.elf -q --baseline costs.json")
    assert done.returncode == 1 and "print (bytes 4)" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("nowhere.c", "no such file"),
        ("text.txt", "C (.c) and assembly"),
        ("good.c -o .", "is a directory"),
        ("good.c -D 1=2", "NAME=VALUE"),
        ("good.c --file good.c", "leave it out"),
        ("-o x.elf", "need sources"),
        ("bad.c", "error"),
        ("good.c --link-script nowhere.ld", "nowhere.ld"),
    ],
)
def test_what_cannot_be_built(tmp_path: Path, arguments: str, what: str) -> None:
    (tmp_path / "good.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "bad.c").write_text("int main(void) { return x; }\n")
    (tmp_path / "text.txt").write_text("hello\n")
    done = subprocess.run(
        f"replug build {arguments}", shell=True, cwd=tmp_path, env=commands(tmp_path / "bin"),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and what in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
