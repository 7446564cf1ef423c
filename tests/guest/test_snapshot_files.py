# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines in files: they go on as they would have, in any process; a file that does not fit is refused."""

import hashlib
import multiprocessing
import os
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshot_runner import hashes, on_from_here

from emulator import Machine, MachineOptions, ReplugError
from emulator.devices.options import DeviceOptions
from emulator.devices.virtio_block import VirtioBlock
from emulator.isa import Isa
from emulator.snapshot import VERSION, SavedMachine
from emulator.token import Token
from guestos.images import SCENARIO, Built, build_all

Guest = Callable[[str], Path]
HEADER = 44  # bytes: magic, version, digest
HARTS = 4


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


def kernel(built: Built) -> Machine:
    return Machine(built.kernel, MachineOptions(harts=HARTS, quantum=200, disk=built.disk, bootargs=SCENARIO))


class Elsewhere:
    """Another process, which has nothing of ours but the files."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        assert self._pool.submit(os.getpid).result() != os.getpid()

    def __call__(self, file: Path, image: Path, disk: Path | None, *lengths: int) -> list[str]:
        return self._pool.submit(hashes, file, image, disk, list(lengths)).result()

    def close(self) -> None:
        self._pool.shutdown()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    made = Elsewhere()
    yield made
    made.close()


# --- the same future ---


def test_the_kernel_goes_on_in_another_process(built: Built, elsewhere: Elsewhere, tmp_path: Path) -> None:
    """With requests to the disk under way, among other things."""
    with kernel(built) as machine:
        block = next(device for device in machine.bus.devices if isinstance(device, VirtioBlock))
        while not block._under_way:
            assert machine.run(5_000).reason == "limit"
        machine.save(tmp_path / "disk.snapshot")
        first = on_from_here(machine, 100_000, 1)
        machine.run(3_000_000)
        machine.save(tmp_path / "later.snapshot")
        later = on_from_here(machine, 12_345, 1_000_000)
    assert elsewhere(tmp_path / "disk.snapshot", built.kernel, built.disk, 100_000, 1) == first
    assert elsewhere(tmp_path / "later.snapshot", built.kernel, built.disk, 12_345, 1_000_000) == later


@settings(max_examples=15)
@given(data=st.data())
def test_wherever_it_is_cut(
    built: Built, elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Saving changes nothing; what is loaded runs alike, and so does what is loaded from what was loaded."""
    file = tmp_path_factory.mktemp("files") / "machine"
    lengths = data.draw(st.lists(st.integers(1, 300_000), min_size=1, max_size=4))
    with kernel(built) as machine:
        machine.run(data.draw(st.integers(0, 6_000_000)))
        if data.draw(st.booleans()):
            machine.type(data.draw(st.binary(max_size=40)))
        wanted = machine.state_hash()
        machine.save(file)
        assert machine.state_hash() == wanted
        future = on_from_here(machine, *lengths)
        token = Token.of(machine).encode()
    assert elsewhere(file, built.kernel, built.disk, *lengths) == future
    with Machine.load(file, built.kernel, built.disk) as loaded:
        loaded.save(file)
        assert on_from_here(loaded, *lengths) == future
        assert Token.of(loaded).encode() == token
    with Machine.load(file, built.kernel, built.disk) as loaded:
        snapshot = loaded.snapshot()
        assert on_from_here(loaded, *lengths) == future
        loaded.restore(snapshot)
        assert on_from_here(loaded, *lengths) == future


# Stores code and goes on with what was there until fence.i.
STALE = """
    la t0, patch
    li t1, 0x00700513       # li a0, 7
    jal patch               # it is code now
    sw t1, 0(t0)
    li s0, 100
1:  jal patch
    add s1, s1, a0
    addi s0, s0, -1
    bnez s0, 1b
    fence.i
    jal patch
    add s2, s2, a0
2:  j 2b
    .balign 4096
patch:
    .option push
    .option norvc
    li a0, 1
    .option pop
    ret
"""

# An LR whose SC follows behind the cut; another hart waits for a timer; the third computes with floats.
PIECES = """
    .option arch, +f, +d
    li t0, 1 << 13
    csrs mstatus, t0        # FS is Initial
    li t0, 1
    beq a0, t0, sleeper
    bgtz a0, floats
    la t0, cell
1:  lr.d t1, (t0)
    addi t1, t1, 1
    sc.d t2, t1, (t0)
    add s0, s0, t2
    j 1b
sleeper:
    li s1, 0x2004008        # mtimecmp of hart 1
    li t0, 1 << 7
    csrw mie, t0
1:  rdtime t0
    addi t0, t0, 3
    sd t0, 0(s1)
    wfi
    addi s2, s2, 1
    j 1b
floats:
    li t0, 3
    fcvt.d.l fa1, t0
1:  fadd.d fa0, fa0, fa1
    fdiv.d fa2, fa1, fa0
    fsrmi 2
    fdiv.d fa3, fa1, fa0
    fsrmi 0
    j 1b
    .data
    .balign 8
cell: .dword 0
"""


@pytest.mark.parametrize("quantum", [33, 1000])
@pytest.mark.parametrize(("program", "harts"), [(STALE, 1), (PIECES, 3)], ids=["stale code", "pieces"])
def test_pieces_of_state(guest: Guest, tmp_path: Path, program: str, harts: int, quantum: int) -> None:
    """Saved at every block border of a stretch: the same future as without."""
    image = guest(program)
    file = tmp_path / "machine"
    options = MachineOptions(harts=harts, quantum=quantum, memory=4 << 20)
    with Machine(image, options) as machine:
        for _ in range(100):
            machine.run(1)
            machine.save(file)
            snapshot = machine.snapshot()
            future = on_from_here(machine, 7, 500)
            machine.restore(snapshot)
            machine.engine.drop_snapshots()
            with Machine.load(file, image) as loaded:
                assert on_from_here(loaded, 7, 500) == future
        machine.run(5000)
        if program == STALE:
            assert (machine.engine.get_x(0, 9), machine.engine.get_x(0, 18)) == (100, 7)


def test_by_block_and_by_instruction(guest: Guest, tmp_path: Path) -> None:
    """What a machine counts by is no part of its state."""
    image = guest(STALE)
    with Machine(image) as machine:
        machine.run(60)
        machine.save(tmp_path / "machine")
        machine.run(1000)
        wanted = [machine.engine.get_x(0, register) for register in range(32)]
    with Machine.load(tmp_path / "machine", image, per_instruction=True) as loaded:
        loaded.run(1000)
        assert [loaded.engine.get_x(0, register) for register in range(32)] == wanted


def test_what_was_typed_is_part_of_the_run(guest: Guest, tmp_path: Path) -> None:
    image = guest("1: j 1b")
    with Machine(image) as machine:
        machine.run(10)
        machine.type(b"ab")
        machine.run(10)
        machine.type(b"c")
        machine.save(tmp_path / "machine")
        inputs = machine.inputs
    with Machine.load(tmp_path / "machine", image) as loaded:
        assert loaded.inputs == inputs
        assert loaded.uart.unread == 3


def test_written_disk(built: Built, tmp_path: Path) -> None:
    """The overlay of a disk is in the file; the disk image stays as it was."""
    original = built.disk.read_bytes()
    with kernel(built) as machine:
        block = next(device for device in machine.bus.devices if isinstance(device, VirtioBlock))
        block.disk.write(3, b"\x5a" * 1024)
        machine.save(tmp_path / "machine")
    with Machine.load(tmp_path / "machine", built.kernel, built.disk) as loaded:
        block = next(device for device in loaded.bus.devices if isinstance(device, VirtioBlock))
        assert block.disk.read(3, 2) == b"\x5a" * 1024
    assert built.disk.read_bytes() == original


def test_everything_that_can_be_put_into_a_machine(tmp_path: Path) -> None:
    """A flat image under our firmware at a place of its own, an initrd, all devices."""
    flat, initrd, file = tmp_path / "image.bin", tmp_path / "initrd", tmp_path / "machine"
    flat.write_bytes(struct.pack("<2I", 0x0015_0513, 0xFFDF_F06F))  # addi a0, a0, 1; j back to it
    initrd.write_bytes(b"initrd" * 1000)
    options = MachineOptions(
        harts=2, quantum=77, bootargs="quiet", bios="builtin", load_address=0x8060_0000, initrd=initrd,
        isa=Isa.parse("rv64gc_zba"), strict_nan_boxing=True,
        devices=DeviceOptions(rtc=1_000_000, seed=7, net="echo", console="virtio"),
    )  # fmt: skip
    with Machine(flat, options) as machine:
        machine.run(200_000)
        machine.type(b"typed")
        machine.save(file)
        future = on_from_here(machine, 1000, 100_000)
    with Machine.load(file, flat, initrd=initrd) as loaded:
        assert loaded.options == options
        assert on_from_here(loaded, 1000, 100_000) == future
    refused("machine: the run was ", Machine.load, file, flat)
    initrd.write_bytes(b"another")
    with pytest.raises(ReplugError, match="machine: the run was with another --initrd"):
        Machine.load(file, flat, initrd=initrd)


# --- what does not fit ---


@pytest.fixture
def small(guest: Guest, tmp_path: Path) -> tuple[Path, Path]:
    """(image, snapshot) of a machine with 2 harts and 4 MiB of RAM."""
    image, file = guest(PIECES), tmp_path / "small.snapshot"
    with Machine(image, MachineOptions(harts=2, memory=4 << 20, quantum=50)) as machine:
        machine.run(1000)
        machine.save(file)
    return image, file


def refused(match: str, function: Callable[..., object], *arguments: object) -> None:
    with pytest.raises(ReplugError, match=match) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)


def resealed(data: bytes) -> bytes:
    """With a checksum that is right."""
    return data[:12] + hashlib.blake2b(data[HEADER:], digest_size=32).digest() + data[HEADER:]


def test_other_image(guest: Guest, small: tuple[Path, Path]) -> None:
    refused(r"small\.snapshot: the run was of another image", Machine.load, small[1], guest("1: j 1b"))


def test_other_options(small: tuple[Path, Path]) -> None:
    image, file = small
    saved = SavedMachine.read(file)
    for options, what in (
        (MachineOptions(harts=1, memory=4 << 20, quantum=50), "with harts 2, not 1"),
        (MachineOptions(harts=2, memory=8 << 20, quantum=50), "with memory 4194304, not 8388608"),
        (MachineOptions(harts=2, memory=4 << 20, quantum=51), "with quantum 50, not 51"),
        (MachineOptions(harts=2, memory=4 << 20, quantum=50, bootargs="x"), "with bootargs '', not 'x'"),
    ):
        with Machine(image, options) as machine:
            refused(f"small.snapshot: the run was {what}", saved.restore, machine)


def test_disks(built: Built, small: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.img"
    other.write_bytes(bytes(4096))
    with kernel(built) as machine:
        machine.save(tmp_path / "kernel.snapshot")
    load = Machine.load
    refused(
        "the run was with a disk .* name it with --disk", load, tmp_path / "kernel.snapshot", built.kernel
    )
    refused("the run was with another disk", load, tmp_path / "kernel.snapshot", built.kernel, other)
    refused("the run was without a disk", load, small[1], small[0], other)


def test_only_into_a_fresh_machine(small: tuple[Path, Path]) -> None:
    saved = SavedMachine.read(small[1])
    with Machine(small[0], MachineOptions(harts=2, memory=4 << 20, quantum=50)) as machine:
        machine.run(1)
        refused("only for a machine that has not run", saved.restore, machine)


def test_other_version(small: tuple[Path, Path]) -> None:
    file = small[1]
    data = file.read_bytes()
    file.write_bytes(data[:8] + struct.pack("<I", VERSION + 1) + data[12:])
    refused(f"a snapshot of format {VERSION + 1}; this version of Replug knows format {VERSION}",
            SavedMachine.read, file)  # fmt: skip
    file.write_bytes(resealed(data.replace(b"UNIC\x05\0\0\0\0\0\0\0", b"UNIC\x05\0\0\0\0\0\0\0" + b"1", 1)))
    refused("damaged", SavedMachine.read, file)
    place = data.index(b"UNIC") + 12
    file.write_bytes(resealed(data[:place] + b"9" + data[place + 1 :]))
    refused(r"made with Unicorn 9\.", SavedMachine.read, file)


def test_no_snapshot_at_all(tmp_path: Path) -> None:
    file = tmp_path / "file"
    refused("No such file", SavedMachine.read, file)
    refused("Is a directory", SavedMachine.read, tmp_path)
    for data in (b"", b"RPLG", b"\x7fELF" + bytes(100)):
        file.write_bytes(data)
        refused("file: not a snapshot of a machine", SavedMachine.read, file)


def test_places_where_none_can_be(guest: Guest, tmp_path: Path) -> None:
    with Machine(guest("1: j 1b")) as machine:
        refused("not a file", machine.save, tmp_path)
        refused("not a file", machine.save, "/dev/null")
        refused("no such directory", machine.save, tmp_path / "nowhere" / "file")


def test_a_failed_write_leaves_what_was_there(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "machine"
    file.write_bytes(b"precious")
    with Machine(guest("1: j 1b")) as machine:
        monkeypatch.setattr("emulator.snapshot._write", full)
        refused("machine: No space left on device", machine.save, file)
    assert file.read_bytes() == b"precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["machine"]


def test_every_damage_is_noticed(small: tuple[Path, Path]) -> None:
    """Any bit turned, any byte missing: refused, by the checksum at the latest."""
    image, file = small
    data = file.read_bytes()
    rng = Random(1)
    bits = [*range(8 * 200), *(rng.randrange(8 * len(data)) for _ in range(300))]
    for bit in bits:
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        refused("small.snapshot: ", Machine.load, file, image)
    for length in [*range(200), *(rng.randrange(len(data)) for _ in range(100)), len(data) - 1]:
        file.write_bytes(data[:length])
        refused("small.snapshot: ", Machine.load, file, image)
    file.write_bytes(data + b"\0")
    refused("checksum", Machine.load, file, image)
    file.write_bytes(data)
    Machine.load(file, image).close()


def test_forged_files_do_no_harm(small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the checksum and the state hash put right, too: refused, or a machine that runs."""
    image, file = small
    data = file.read_bytes()
    assert len(data) > 2000
    rng = Random(2)
    ran = 0
    for _ in range(600):
        forged = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 10))):
            place = HEADER + rng.randrange(len(data) - HEADER)
            forged[place] = rng.choice((forged[place] ^ 1 << rng.randrange(8), 0, 255, rng.randrange(256)))
        if rng.random() < 0.2:
            del forged[rng.randrange(HEADER, len(data)) :]
        file.write_bytes(resealed(bytes(forged)))
        try:
            saved = SavedMachine.read(file)
            monkeypatch.setattr(Machine, "state_hash", lambda _machine, saved=saved: saved.state_hash)
            with Machine.load(file, image) as machine:
                machine.run(2000)
                ran += 1
        except ReplugError as error:
            assert "\n" not in str(error)
        finally:
            monkeypatch.undo()
    assert ran > 20
