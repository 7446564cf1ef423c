# SPDX-License-Identifier: GPL-2.0-or-later
"""The command as its users run it, and what its complaints have to look like."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "emulator.cli.main")

Guest = Callable[[str], Path]
Replug = Callable[..., "subprocess.CompletedProcess[bytes]"]


def environment() -> dict[str, str]:
    """The test's own, with the project importable from anywhere; what is typed is not kept."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "REPLUG_HISTORY": ""}


def one_line(done: "subprocess.CompletedProcess[bytes]") -> str:
    """The one line of a run that could not be: exit status 2, nothing on stdout, no traceback."""
    text = done.stderr.decode()
    assert done.returncode == 2, (done.returncode, text)
    assert done.stdout == b""
    assert text.startswith("replug: ") and text.count("\n") == 1 and text.endswith("\n"), text
    assert "Traceback" not in text and "internal error" not in text
    return text
