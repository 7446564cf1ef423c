# SPDX-License-Identifier: GPL-2.0-or-later
"""What a boot does before its first instruction: not more than it needs."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.engine.build import bindings_of, build_engine
from emulator.errors import ReplugError
from toolchain.errors import ToolchainError
from toolchain.installed import installed_version
from toolchain.zig import zig_version

SLOW_TO_LOAD = ("capstone", "pycparser", "importlib.metadata", "rich", "toolchain.assemble", "elftools")
BOOT = f"""
import sys
from emulator.cli.commands import run
try:
    status = run(["boot", sys.argv[1], "--load-address", "0x80000000", "--bios", "none", "--quiet"])
finally:
    print(*(name for name in {SLOW_TO_LOAD} if name in sys.modules))
sys.exit(status)
"""
FINISH = bytes.fromhex("b7021000 37530000 13035355 23a06200")  # lui t0, 0x100; lui t1, 5; addi; sw t1, (t0)


def test_a_boot_loads_none_of_what_others_need(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(FINISH)
    build_engine()
    done = subprocess.run(
        [sys.executable, "-c", BOOT, str(image)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")


def test_bindings_are_made_with_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that somebody who may not write there can use what somebody else has built."""
    library = build_engine()
    monkeypatch.setenv("REPLUG_BUILD", str(tmp_path))
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / library.name).write_bytes(b"")
    bindings = bindings_of(build_engine())
    assert bindings.parent == tmp_path / "engine"
    assert bindings.read_text() == bindings_of(library).read_text()


def test_bindings_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = build_engine()
    monkeypatch.setenv("REPLUG_BUILD", str(tmp_path))
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / library.name).write_bytes(b"")

    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(ReplugError, match="engine: No space left on device: nothing can be built there"):
        build_engine()


@pytest.mark.parametrize("package", ["unicorn", "ziglang", "capstone", "cffi", "hypothesis"])
def test_versions_are_those_that_are_installed(package: str) -> None:
    assert installed_version(package) == importlib.metadata.version(package)


def test_two_folders_that_claim_to_be_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an update that was broken off leaves them: whom Python asks is asked."""
    (tmp_path / "somepackage").mkdir()
    (tmp_path / "somepackage" / "__init__.py").write_text("")
    for version in ("1.0", "2.0"):
        (tmp_path / f"somepackage-{version}.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("importlib.metadata.version", lambda package: f"{package}, asked")
    assert installed_version("somepackage") == "somepackage, asked"
    assert installed_version("no_such_package") is None


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    zig_version.cache_clear()
    monkeypatch.setattr("toolchain.zig.installed_version", lambda _name: None)
    with pytest.raises(ToolchainError, match="pip install ziglang"):
        zig_version()
