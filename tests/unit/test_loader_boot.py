# SPDX-License-Identifier: GPL-2.0-or-later
"""What is put where in RAM when a machine starts, and what is refused."""

import gzip
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from test_loader_images import elf64
from test_loader_images import image as elf

from emulator.errors import ReplugError
from emulator.loader.boot import Start, open_bootable, prepare
from emulator.loader.devicetree import TreeOptions, complete_tree, device_tree
from emulator.loader.fdt import Node, cells, read_reservations, read_tree, strings, wide, write_tree
from emulator.options import MachineOptions
from toolchain.image import Image

BASE = 0x8000_0000
MEMORY = 16 << 20
MEGA = 1 << 20


def linux_image(size: int, data_size: int, *, flags: int = 0, offset: int = 2 * MEGA) -> bytes:
    """A Linux Image that takes `size` bytes of RAM, with `data_size` bytes in the file."""
    header = struct.pack(
        "<II QQQ II Q 8s 4s I", 0x13, 0x13, offset, size, flags, 2, 0, 0, b"RISCV", b"RSC\x05", 0
    )
    return header + bytes(data_size - len(header))


def file(directory: Path, name: str, data: bytes) -> Path:
    path = directory / name
    path.write_bytes(data)
    return path


def start(image: Image | Path | None, **options: object) -> Start:
    chosen = MachineOptions(**{"memory": MEMORY, **options})  # type: ignore[arg-type]
    return prepare(open_bootable(image) if isinstance(image, Path) else image, chosen)


def tree_of(started: Start) -> Node:
    return read_tree(next(piece.data for piece in started.placements if piece.address == started.tree))


class TestWhereThingsGo:
    def test_elf_starts_by_itself(self) -> None:
        started = start(elf(BASE + 4, (BASE, BASE, b"x" * 16, 16)))
        assert (started.bios, started.entry, started.next_stage) == ("none", BASE + 4, 0)
        assert started.tree >= BASE + 4 * MEGA and started.tree % (2 * MEGA) == 0

    def test_flat_file_without_firmware(self, tmp_path: Path) -> None:
        path = file(tmp_path, "flat", b"flat image")
        assert start(path, bios="none").entry == BASE
        assert start(path, bios="none", load_address=BASE + MEGA).entry == BASE + MEGA

    def test_flat_file_under_firmware(self, tmp_path: Path) -> None:
        path, bios = file(tmp_path, "flat", b"flat image"), file(tmp_path, "bios", b"firmware")
        started = start(path, bios=bios)
        assert (started.bios, started.entry) == ("file", BASE)
        assert started.image.entry == BASE + 2 * MEGA
        information = next(p for p in started.placements if p.address == started.next_stage)
        magic, _, following, mode, _, _ = struct.unpack("<6Q", information.data)
        assert (magic, following, mode) == (0x4942534F, BASE + 2 * MEGA, 1)
        moved = start(path, bios=bios, load_address=BASE + 3 * MEGA)
        assert moved.image.entry == BASE + 3 * MEGA

    def test_firmware_alone(self, tmp_path: Path) -> None:
        started = start(None, bios=file(tmp_path, "bios", b"firmware"))
        assert started.entry == BASE and started.image.path.name == "bios" and started.next_stage == 0

    def test_firmware_may_be_an_elf(self, tmp_path: Path) -> None:
        path = file(tmp_path, "flat", b"flat image")
        bios = tmp_path / "bios.elf"
        bios.write_bytes(elf64(BASE + 0x100, [(BASE, BASE, b"x" * 512, 1024)]))
        assert start(path, bios=bios).entry == BASE + 0x100

    def test_linux_image_takes_the_memory_it_asks_for(self, tmp_path: Path) -> None:
        path, bios = file(tmp_path, "Image", linux_image(3 * MEGA, 4096)), file(tmp_path, "bios", b"firmware")
        started = start(path, bios=bios)
        assert started.image.entry == BASE + 2 * MEGA
        assert started.image.segments[0].end == BASE + 5 * MEGA
        with pytest.raises(ReplugError, match="not inside RAM"):
            start(file(tmp_path, "big", linux_image(15 * MEGA, 4096)), bios=bios)

    def test_initrd_is_in_the_tree_and_in_nobodys_way(self, tmp_path: Path) -> None:
        disk = file(tmp_path, "initrd", b"r" * 100_000)
        started = start(elf(BASE, (BASE, BASE, b"x", 6 * MEGA)), initrd=disk, bootargs="quiet")
        chosen = tree_of(started).child("chosen")
        assert chosen is not None and chosen.properties["bootargs"] == b"quiet\0"
        (first,) = struct.unpack(">Q", chosen.properties["linux,initrd-start"])
        (end,) = struct.unpack(">Q", chosen.properties["linux,initrd-end"])
        assert end - first == 100_000 and first % 4096 == 0
        placed = next(piece for piece in started.placements if piece.address == first)
        assert placed.data == b"r" * 100_000
        edges = sorted((piece.address, piece.end) for piece in started.placements)
        assert all(one[1] <= other[0] for one, other in pairwise(edges))

    def test_packed_images(self, tmp_path: Path) -> None:
        plain = linux_image(MEGA, 5000)
        packed = gzip.compress(plain)
        zboot = (
            struct.pack("<8s II 8x 32s", b"MZ\0\0zimg", 64, len(packed), b"gzip").ljust(64, b"\0") + packed
        )
        for number, data in enumerate((packed, zboot)):
            image = open_bootable(file(tmp_path, f"packed{number}", data))
            assert image.segments[0].data == plain
        assert open_bootable(tmp_path / "packed0").sha256 != open_bootable(tmp_path / "packed1").sha256


class TestTrees:
    def test_tree_from_a_file_stays_as_it_is(self, tmp_path: Path) -> None:
        data = write_tree(Node("", {"model": strings("mine")}), [(BASE, 4096)])
        started = start(elf(BASE, (BASE, BASE, b"x", 1)), dtb=file(tmp_path, "dtb", data))
        assert next(p.data for p in started.placements if p.address == started.tree) == data

    def test_what_the_run_adds_to_a_tree(self, tmp_path: Path) -> None:
        data = write_tree(Node("", {"model": strings("mine")}), [(BASE, 4096), (BASE + 8192, 1)])
        path, initrd = file(tmp_path, "dtb", data), file(tmp_path, "initrd", b"r")
        started = start(elf(BASE, (BASE, BASE, b"x", 1)), dtb=path, initrd=initrd, bootargs="a=b")
        tree = tree_of(started)
        assert tree.properties["model"] == b"mine\0"
        chosen = tree.child("chosen")
        assert chosen is not None and chosen.properties["bootargs"] == b"a=b\0"
        assert "linux,initrd-start" in chosen.properties
        bytes_there = next(p.data for p in started.placements if p.address == started.tree)
        assert read_reservations(bytes_there) == [(BASE, 4096), (BASE + 8192, 1)]

    def test_reserved_memory(self) -> None:
        tree = read_tree(device_tree(TreeOptions(reserved=(BASE, 65536))))
        memory = tree.child("reserved-memory")
        assert memory is not None
        node = memory.children[0]
        assert node.name == "firmware@80000000"
        assert node.properties == {"reg": wide(BASE, 65536), "no-map": b""}

    def test_reserved_memory_in_other_cells(self) -> None:
        narrow = Node("reserved-memory", {"#address-cells": cells(1), "#size-cells": cells(1)})
        data = write_tree(Node("", {}, [narrow]))
        with pytest.raises(ReplugError, match="cells of 64 bits"):
            complete_tree(data, "x.dtb", "", None, (BASE, 65536))

    @pytest.mark.parametrize(
        ("damage", "what"),
        [
            (lambda data: data[:20], "cut short"),
            (lambda data: b"\0" + data[1:], "magic"),
            (lambda data: data[:-16], "cut short"),
            (lambda data: data[:20] + struct.pack(">I", 9) + data[24:], "version"),
            (lambda data: data[:16] + struct.pack(">I", 1 << 20) + data[20:], "cut short or damaged"),
        ],
    )
    def test_malformed(self, tmp_path: Path, damage: object, what: str) -> None:
        assert callable(damage)
        path = file(tmp_path, "bad.dtb", damage(device_tree(TreeOptions())))
        with pytest.raises(ReplugError, match=what) as caught:
            start(elf(BASE, (BASE, BASE, b"x", 1)), dtb=path)
        assert str(caught.value).startswith(str(path))


class TestRefused:
    def refused(self, what: str, image: Image | Path | None, **options: object) -> None:
        with pytest.raises(ReplugError, match=what) as caught:
            start(image, **options)
        assert "\n" not in str(caught.value)

    def test_initrd(self, tmp_path: Path) -> None:
        image = elf(BASE, (BASE, BASE, b"x", 1))
        self.refused(
            "no room in RAM for the initial RAM disk", image, initrd=file(tmp_path, "r", bytes(MEMORY))
        )
        self.refused("is empty", image, initrd=file(tmp_path, "empty", b""))
        self.refused("No such file", image, initrd=tmp_path / "none")
        self.refused("is a directory", image, initrd=tmp_path)

    def test_firmware_and_image_overlap(self, tmp_path: Path) -> None:
        bios = file(tmp_path, "bios", bytes(2 * MEGA + 1))
        self.refused("overlap", file(tmp_path, "flat", b"x"), bios=bios)
        self.refused("overlap", elf(BASE, (BASE, BASE, b"x", 1)), bios=bios)

    def test_load_address(self, tmp_path: Path) -> None:
        self.refused("--load-address is for flat files", elf(BASE, (BASE, BASE, b"x", 1)), load_address=BASE)
        flat = file(tmp_path, "flat", b"xx")
        for address in (0, BASE - 1, BASE + MEMORY - 1, (1 << 64) - 1):
            self.refused("not inside RAM", flat, bios="none", load_address=address)

    def test_nothing_to_boot(self) -> None:
        self.refused("nothing to boot", None)

    def test_damaged_linux_images(self, tmp_path: Path) -> None:
        self.refused("cut short in its header", file(tmp_path, "a", linux_image(MEGA, 64)[:61]), bios="none")
        self.refused("big-endian", file(tmp_path, "b", linux_image(MEGA, 100, flags=1)), bios="none")
        efi = bytearray(linux_image(MEGA, 4096))
        efi[:2] = b"MZ"
        struct.pack_into("<I", efi, 60, 64)
        struct.pack_into("<4sHH", efi, 64, b"PE\0\0", 0x5064, 1)
        struct.pack_into("<II", efi, 64 + 24 + 16, 4096, 1024)  # raw size and place of the only section
        self.refused(
            "of 5120 bytes that is cut short after 4096", file(tmp_path, "c", bytes(efi)), bios="none"
        )
        struct.pack_into("<II", efi, 64 + 24 + 16, 3072, 1024)
        start(file(tmp_path, "d", bytes(efi)), bios="none")

    def test_damaged_packed_images(self, tmp_path: Path) -> None:
        packed = gzip.compress(b"x" * 10_000)
        self.refused("cut short", file(tmp_path, "a", packed[:-9]))
        self.refused("damaged gzip", file(tmp_path, "b", packed[:12] + b"\xff" * 20))
        header = struct.pack("<8s II 8x 32s", b"MZ\0\0zimg", 64, 10, b"zstd").ljust(64, b"\0")
        self.refused("packed by 'zstd'", file(tmp_path, "c", header + bytes(10)))
        self.refused("payload ends beyond the file", file(tmp_path, "d", header + bytes(9)))
