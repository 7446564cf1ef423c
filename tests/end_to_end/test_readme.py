# SPDX-License-Identifier: GPL-2.0-or-later
"""What the README shows works as it is shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from guestos.images import build_all

TOP = Path(__file__).resolve().parents[2]
README = (TOP / "README.md").read_text()


def test_python_example(tmp_path: Path) -> None:
    """Run in a folder whose build/guest holds the images, as in a checkout after `make run`."""
    build_all(tmp_path / "build" / "guest", data=b"text\n" * 1000)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *harts, state = done.stdout.splitlines()
    assert len(harts) == 4
    assert sum(int(line.split()[1]) for line in harts) >= 1_000_000
    assert re.fullmatch(r"[0-9a-f]{32}", state)


@pytest.mark.parametrize("target", ["run", "test", "install", "clean", "tools"])
def test_make_targets_exist(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_commands_that_are_named_exist() -> None:
    named = set(re.findall(r"\breplug (\w+)\b", README)) & {
        "boot", "cycles", "build", "asm", "disasm", "disk", "bench", "debug", "sweep", "conform",
    }  # fmt: skip
    for command in named:
        done = subprocess.run(
            [sys.executable, "-m", "emulator.cli.main", command, "--help"],
            cwd=TOP,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, command
    assert {"boot", "cycles", "build"} <= named


def shown_commands() -> list[list[str]]:
    """The command lines of code blocks that call replug, without comments; continued lines put together."""
    text = "\n".join(README.split("```")[1::2]).replace("\\\n", " ")
    lines = [line.partition(" #")[0] for line in text.splitlines() if not line.startswith("#")]
    found = [line[line.index("replug ") :] for line in lines if re.search(r"(^|\| |' \| )replug \w", line)]
    return [line.partition(" &&")[0].split() for line in found]


def test_options_that_are_shown_exist() -> None:
    helps: dict[str, str] = {}
    commands = shown_commands()
    assert len(commands) > 30
    for _, command, *rest in commands:
        if command not in helps:
            helps[command] = subprocess.run(
                [sys.executable, "-m", "emulator.cli.main", command, "--help"],
                cwd=TOP, capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
        for option in (word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)):
            assert re.search(rf"(^|\s|, ){option}\b", helps[command]), (command, option)
    assert {"boot", "cycles", "debug", "conform", "sweep"} <= set(helps)
