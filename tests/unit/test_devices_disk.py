# SPDX-License-Identifier: GPL-2.0-or-later
"""Disk images: copy on write, write-through, states, and files that cannot serve."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.devices.disk import SECTOR, Disk
from emulator.errors import ReplugError

SECTORS = 16
ORIGINAL = b"".join(bytes([number]) * SECTOR for number in range(SECTORS))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(ORIGINAL)
    return path


writes = st.lists(
    st.tuples(st.integers(0, SECTORS - 1), st.integers(0, 3), st.integers(0, SECTORS)), max_size=12
)


def apply(disk: Disk, model: bytearray, steps: list[tuple[int, int, int]]) -> None:
    for sector, wanted, fill in steps:
        count = min(wanted, SECTORS - sector)
        data = bytes([fill]) * (count * SECTOR)
        disk.write(sector, data)
        model[sector * SECTOR : (sector + count) * SECTOR] = data


@given(writes, writes, st.booleans())
def test_reads_what_was_written_and_goes_back(
    first: list[tuple[int, int, int]], second: list[tuple[int, int, int]], write: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "disk.img"
        path.write_bytes(ORIGINAL)
        with Disk(path, write=write) as disk:
            model = bytearray(ORIGINAL)
            apply(disk, model, first)
            state, then = disk.save(), bytes(model)
            apply(disk, model, second)
            assert disk.read(0, SECTORS) == model
            assert disk.read(3, 2) == model[3 * SECTOR : 5 * SECTOR]
            assert path.read_bytes() == (model if write else ORIGINAL)
            disk.restore(state)
            assert disk.read(0, SECTORS) == then
            assert disk.save() == state
            assert path.read_bytes() == (then if write else ORIGINAL)


@given(writes)
def test_state_tells_contents_apart_and_nothing_else(steps: list[tuple[int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "disk.img"
        path.write_bytes(ORIGINAL)
        model = bytearray(ORIGINAL)
        with Disk(path) as disk, Disk(path) as direct:
            clean = disk.save()
            apply(disk, model, steps)
            direct.write(0, bytes(model))
            assert disk.save() == direct.save()
            assert (disk.save() == clean) == (model == ORIGINAL)
            state = disk.save()
        path.write_bytes(ORIGINAL)
        with Disk(path, write=True) as through:
            apply(through, bytearray(ORIGINAL), steps)
            through.flush()
            assert through.save() == state


def test_one_changed_bit_changes_the_state(image: Path) -> None:
    with Disk(image) as disk:
        before = disk.save()
        sector = bytearray(disk.read(5, 1))
        sector[511] ^= 0x80
        disk.write(5, bytes(sector))
        assert disk.save() != before


def test_state_of_another_disk_is_refused(image: Path, tmp_path: Path) -> None:
    with Disk(image) as disk:
        disk.write(1, b"x" * SECTOR)
        state = disk.save()
        for wrong in (b"", state[:-1], state + b"\0", state[:41] + b"\xff" * 8 + state[49:]):
            with pytest.raises(ReplugError, match=r"disk\.img"):
                disk.restore(wrong)
        assert disk.save() == state
    other = tmp_path / "other.img"
    other.write_bytes(ORIGINAL[:-1] + b"?")
    with Disk(other) as disk, pytest.raises(ReplugError, match=r"other\.img: not the disk image"):
        disk.restore(state)


def test_original_that_changes_during_the_run_is_an_error(image: Path) -> None:
    with Disk(image) as disk:
        image.write_bytes(ORIGINAL[::-1])
        os.utime(image, ns=(1, 1))
        with pytest.raises(ReplugError, match="changed while"):
            disk.save()
    with Disk(image) as disk:
        os.truncate(image, SECTOR)
        with pytest.raises(ReplugError, match="became shorter"):
            disk.read(0, SECTORS)


@pytest.mark.parametrize("write", [False, True])
def test_files_that_are_no_disks(tmp_path: Path, write: bool) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "odd").write_bytes(b"x" * (SECTOR + 1))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "empty", "odd", "folder", "pipe"):
        with pytest.raises(ReplugError) as caught:
            Disk(tmp_path / name, write=write)
        assert name in str(caught.value) and "\n" not in str(caught.value)
        assert caught.value.status == 2
    with pytest.raises(ReplugError):
        Disk("nul\0character", write=write)


def test_read_only_file(image: Path) -> None:
    image.chmod(0o444)
    with pytest.raises(ReplugError, match=r"disk\.img.*(read-only|denied)"):
        Disk(image, write=True)
    with Disk(image) as disk:
        disk.write(0, b"x" * SECTOR)
        assert disk.read(0, 1) == b"x" * SECTOR


def test_a_writer_is_alone(image: Path) -> None:
    with Disk(image), Disk(image), pytest.raises(ReplugError, match="in use by another run"):
        Disk(image, write=True)
    with Disk(image, write=True), pytest.raises(ReplugError, match="being written"):
        Disk(image)
    Disk(image, write=True).close()


def test_write_through_stays_in_the_file(image: Path) -> None:
    with Disk(image, write=True) as disk:
        disk.write(2, b"kept" * 128)
    assert image.read_bytes()[2 * SECTOR : 3 * SECTOR] == b"kept" * 128
