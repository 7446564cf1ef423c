# SPDX-License-Identifier: GPL-2.0-or-later
"""Where results may go."""

from pathlib import Path

from toolchain.errors import ToolchainError


def check_output(output: Path) -> None:
    """ToolchainError for what is there and no file. Results are written beside `output` and then put in its
    place: a device such as /dev/null, or somebody's disk, would be gone for everyone.
    """
    if output.is_dir():
        raise ToolchainError(f"{output}: is a directory")
    if output.exists() and not output.is_file():
        raise ToolchainError(f"{output}: not a file, and would be replaced by one")
