# SPDX-License-Identifier: GPL-2.0-or-later
"""The references that differential tests compare with, found on the host."""

import os
import shutil

import pytest


def tool(name: str, package: str) -> str:
    """Path of a Debian tool; without it the test is skipped, or failed where CI promised to install it."""
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed (Debian package {package}; make tools)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def qemu() -> str:
    return tool("qemu-system-riscv64", "qemu-system-misc")
