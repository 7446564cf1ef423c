# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are built, and when our guest is made again."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from emulator.cli import guest
from emulator.engine.build import build_directory, make_build_directory
from emulator.errors import ReplugError
from guestos import images


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A guest of one source, whose building only counts."""
    top = tmp_path / "sources"
    top.mkdir()
    (top / "kernel.S").write_text("nop\n")
    monkeypatch.setenv("REPLUG_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(guest, "SOURCES", top)
    monkeypatch.setattr(guest, "build_engine", lambda: tmp_path / "engine.so")
    monkeypatch.setattr(guest, "sample_text", lambda: b"")

    def build_all(output: Path, *_: object, **__: object) -> SimpleNamespace:
        with (tmp_path / "built").open("a") as log:
            log.write("x")
        for name in ("kernel.elf", "disk.img"):
            (output / name).write_text(name)
        return SimpleNamespace(kernel=output / "kernel.elf", disk=output / "disk.img")

    monkeypatch.setattr(images, "build_all", build_all)
    return top


def test_the_guest_is_made_again_when_its_sources_have_changed(sources: Path, tmp_path: Path) -> None:
    def built() -> int:
        kernel, disk = guest.our_guest(quiet=True)
        assert kernel.is_file() and disk.is_file()
        return len((tmp_path / "built").read_text())

    assert [built(), built()] == [1, 1]
    (sources / "kernel.S").write_text("nop\nnop\n")
    assert [built(), built()] == [2, 2]
    (sources / "more.inc").write_text("")
    assert [built(), built()] == [3, 3]
    guest.guest_directory().joinpath("disk.img").unlink()
    assert [built(), built()] == [4, 4]


def test_nothing_is_said_where_nothing_is_made(sources: Path, capfd: pytest.CaptureFixture[str]) -> None:
    guest.build_guest(None)
    assert "building the engine" in capfd.readouterr().err
    guest.build_guest(None)
    assert capfd.readouterr().err == ""


def test_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "file"
    place.write_text("")
    monkeypatch.setenv("REPLUG_BUILD", str(place))
    with pytest.raises(ReplugError, match=r"file/engine: Not a directory: .*REPLUG_BUILD=FOLDER"):
        make_build_directory("engine")


def test_the_cache_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an installed package; an empty XDG_CACHE_HOME is none, and with another one no home is needed."""
    monkeypatch.delenv("REPLUG_BUILD", raising=False)
    monkeypatch.setattr("emulator.engine.build._HERE", tmp_path / "site-packages" / "emulator" / "engine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert build_directory() == tmp_path / ".cache" / "replug"

    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert build_directory() == tmp_path / "elsewhere" / "replug"
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(ReplugError, match="no home directory is known: REPLUG_BUILD"):
        build_directory()
