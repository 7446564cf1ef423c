# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the end-to-end tests."""

import subprocess
from pathlib import Path

import pytest
from command import COMMAND, Replug, environment


@pytest.fixture(scope="session")
def replug() -> Replug:
    """`replug(*arguments, stdin=b"", cwd=None, timeout=120)` runs the command; a hang is a failure."""

    def run(
        *arguments: object, stdin: bytes = b"", cwd: Path | None = None, timeout: float = 120
    ) -> "subprocess.CompletedProcess[bytes]":
        command = [*COMMAND, *map(str, arguments)]
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            cwd=cwd,
            env=environment(),
            check=False,
        )

    return run
