# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures that all kinds of tests share."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from toolchain.assemble import assemble

# Time is measured in benchmarks only: on a busy host a test may take as long as it takes.
# The same examples each time: what passes here passes there. `--hypothesis-profile explore` looks for others.
settings.register_profile("replug", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("replug")

Guest = Callable[[str], Path]

HostTool = Callable[[str, str], str]

HostFile = Callable[[str, str], Path]

_LINK_SCRIPT = """
ENTRY(_start)
PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); }
SECTIONS
{
    . = 0x80000000;
    .text : { *(.text .text.*) } :text
    . = ALIGN(4096);
    .data : { *(.rodata .rodata.* .data .data.* .sdata .sdata.*) } :data
    .bss : { *(.sbss .bss .bss.*) } :data
}
"""


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Makes a bare-metal ELF of assembly that starts at 0x80000000 in M-mode, on all harts at once.

    `guest(text)` gives its path; the text begins in `.text` at the entry. The same text is made once.
    """
    directory = tmp_path_factory.mktemp("guests")
    script = directory / "bare.ld"
    script.write_text(_LINK_SCRIPT)

    def make(text: str) -> Path:
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        source = directory / f"{name}.s"
        if not source.exists():
            source.write_text(f".text\n.globl _start\n_start:\n{text}\n")
        return assemble([source], directory / f"{name}.elf", link_script=script, root=directory)

    return make


@pytest.fixture(scope="session")
def host_tool() -> HostTool:
    """`host_tool(name, package)` gives the path of a Debian tool.

    Without it the test is skipped, or failed where CI promised to install it.
    """

    def find(name: str, package: str) -> str:
        path = shutil.which(name)
        if path is None:
            message = f"{name} is not installed (Debian package {package}; make tools)"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find


@pytest.fixture(scope="session")
def host_file() -> HostFile:
    """`host_file(path, package)` gives a file of a Debian package; without it as `host_tool`."""

    def find(path: str, package: str) -> Path:
        if not Path(path).is_file():
            message = f"{path} is not there (Debian package {package}; make tools)"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return Path(path)

    return find


@pytest.fixture(scope="session")
def qemu(host_tool: HostTool) -> str:
    """Path of QEMU, the reference for whole machines."""
    return host_tool("qemu-system-riscv64", "qemu-system-misc")
