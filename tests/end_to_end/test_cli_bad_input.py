# SPDX-License-Identifier: GPL-2.0-or-later
"""What cannot be run ends with one clear line and exit status 2, never with a traceback."""

import struct
from pathlib import Path

import pytest
from command import Guest, Replug, one_line

from toolchain.assemble import assemble
from toolchain.disk import create_image

POWER_OFF = """
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
1:  j 1b
    .data
    .dword 1
"""
PROGRAM_HEADERS = (
    64  # offset of the first; 56 bytes each: type, flags, offset, vaddr, paddr, filesz, memsz, align
)
PROGRAM_HEADER = 56


def headers(data: bytes) -> list[tuple[int, ...]]:
    (count,) = struct.unpack_from("<H", data, 56)
    places = range(PROGRAM_HEADERS, PROGRAM_HEADERS + count * PROGRAM_HEADER, PROGRAM_HEADER)
    return [struct.unpack_from("<2I6Q", data, place) for place in places]


def with_addresses(data: bytes, index: int, address: int) -> bytes:
    """The image with another address for one of its loaded segments."""
    changed = bytearray(data)
    loads = [number for number, header in enumerate(headers(data)) if header[0] == 1]
    struct.pack_into("<2Q", changed, PROGRAM_HEADERS + loads[index] * PROGRAM_HEADER + 16, address, address)
    return bytes(changed)


def damaged(kind: str, data: bytes) -> bytes:
    if kind == "empty":
        return b""
    if kind == "cut in the header":
        return data[:40]
    if kind == "cut in the program headers":
        return data[: PROGRAM_HEADERS + 30]
    if kind == "cut in a segment":
        return data[:0x1001]
    if kind == "wrong machine":
        return data[:18] + struct.pack("<H", 62) + data[20:]
    if kind == "wrong class":
        return data[:4] + b"\1" + data[5:]
    if kind == "no class":
        return data[:4] + b"\7" + data[5:]
    if kind == "big-endian":
        return data[:5] + b"\2" + data[6:]
    if kind == "outside RAM":
        return with_addresses(data, 1, 0x1000)
    if kind == "beyond RAM":
        return with_addresses(data, 1, 0x8800_0000)
    if kind == "around the end of memory":
        return with_addresses(data, 1, (1 << 64) - 4)
    assert kind == "overlapping"
    return with_addresses(data, 1, 0x8000_0000)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("empty", "is empty"),
        ("cut in the header", "cut short"),
        ("cut in the program headers", "cut short"),
        ("cut in a segment", "beyond the file"),
        ("wrong machine", "not RISC-V"),
        ("wrong class", ""),
        ("no class", "class"),
        ("big-endian", "endian"),
        ("outside RAM", "not inside RAM"),
        ("beyond RAM", "not inside RAM"),
        ("around the end of memory", ""),
        ("overlapping", "overlap"),
    ],
)
def test_damaged_images(replug: Replug, guest: Guest, tmp_path: Path, kind: str, what: str) -> None:
    image = tmp_path / "bad.elf"
    image.write_bytes(damaged(kind, guest(POWER_OFF).read_bytes()))
    line = one_line(replug("boot", image))
    assert str(image) in line
    assert what in line


def test_what_does_not_fit_or_is_malformed(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    image, large, text = guest(POWER_OFF), tmp_path / "large", tmp_path / "text"
    large.write_bytes(bytes(9 << 20))
    text.write_bytes(b"no device tree" * 10)
    line = one_line(replug("boot", image, "--memory", "8M", "--initrd", large))
    assert f"no room in RAM for the initial RAM disk {large} (9437184 bytes)" in line
    assert "text: the magic number is wrong" in one_line(replug("boot", image, "--dtb", text))
    assert "is not inside RAM" in one_line(replug("boot", large, "--memory", "8M"))
    assert "overlap" in one_line(replug("boot", image, "--bios", large))


def test_image_of_32_bits(replug: Replug, tmp_path: Path) -> None:
    source = tmp_path / "narrow.s"
    source.write_text(".globl _start\n_start: j _start\n")
    image = assemble([source], tmp_path / "narrow.elf", link_script=None, bits=32)
    assert "bit" in one_line(replug("boot", image))


def test_image_that_is_not_there(replug: Replug, tmp_path: Path) -> None:
    assert "No such file" in one_line(replug("boot", tmp_path / "none.elf"))
    assert "directory" in one_line(replug("boot", tmp_path))


def test_too_little_memory(replug: Replug, guest: Guest) -> None:
    assert "memory" in one_line(replug("boot", guest(POWER_OFF), "--memory", "64K"))
    assert replug("boot", guest(POWER_OFF), "--memory", "1M").returncode == 0
    full = POWER_OFF + "\n.bss\n.skip (1 << 20) - 6144\n"
    assert "no room in RAM for the device tree" in one_line(replug("boot", guest(full), "--memory", "1M"))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--harts", "0"], "harts: 0"),
        (["--harts", "65"], "harts: 65"),
        (["--harts", "-1"], "harts: -1"),
        (["--harts", "many"], "'many' is not a number"),
        (["--harts"], "requires an argument"),
        (["--memory", "0"], "memory"),
        (["--memory", "-1"], "not a size"),
        (["--memory", "1T"], "not a size"),
        (["--memory", "5000000"], "pages of 4096"),
        (["--memory", "99999999G"], "memory"),
        (["--quantum", "0"], "quantum"),
        (["--quantum", "1e3"], "not a number"),
        (["--isa", "rv128"], "rv128"),
        (["--bios", "other"], "--bios"),
        (["--bios", "/"], "directory"),
        (["--bios", "builtin"], "overlap"),
        (["--load-address", "0x80200000"], "--load-address is for flat files"),
        (["--load-address", "here"], "'here' is not a number"),
        (["--initrd", "/nonexistent"], "/nonexistent: No such file"),
        (["--dtb", "/nonexistent"], "/nonexistent: No such file"),
        (["--dtb", "/proc/self/cmdline"], "/proc/self/cmdline"),
        (["--max-instructions", "-5"], "negative"),
        (["--disk-write"], "no disk"),
        (["--frobnicate"], "--frobnicate"),
        (["another.elf"], "another.elf"),
        (["--replay", "nonsense"], "token"),
        (["--replay", "r1.AAAAAAAA"], "checksum"),
        (["--replay", "@/nonexistent"], "/nonexistent"),
        (["--json", "/nonexistent/directory/x.json"], "no such directory"),
        (["--json", "/"], "directory"),
    ],
)
def test_nonsense_options(replug: Replug, guest: Guest, options: list[str], what: str) -> None:
    assert what in one_line(replug("boot", guest(POWER_OFF), *options))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["bot"], "bot"),
        (["--frobnicate"], "--frobnicate"),
        (["asm"], "nothing to assemble"),
        (["asm", "frobnicate a0"], "line 1"),
        (["asm", "nop", "addi a0, a0"], "line 2"),
        (["asm", "--backend", "none", "nop"], "none"),
        (["asm", "--bits", "16", "nop"], "16"),
        (["asm", "--address", "1", "nop"], "address"),
        (["disasm"], "argument"),
        (["disasm", "123"], "odd number"),
        (["disasm", "none.elf"], "none.elf"),
        (["disasm", "1305", "x"], "neither"),
        (["disasm", "13051500", "--symbol", "x"], "need an ELF"),
        (["disk", "list", "none.img"], "none.img"),
        (["disk", "check", "none.img"], "none.img"),
        (["disk", "extract", "none.img", "out"], "none.img"),
        (["disk", "create", "out.img", "none.txt"], "none.txt"),
        (["disk", "create", "out.img", "--blocks", "0"], "--blocks"),
        (["disk", "frobnicate"], "frobnicate"),
        (["build", "--file", "none.txt"], "none.txt"),
    ],
)
def test_other_commands(replug: Replug, tmp_path: Path, arguments: list[str], what: str) -> None:
    assert what in one_line(replug(*arguments, cwd=tmp_path))
    assert not (tmp_path / "out.img").exists()


def test_ranges_and_symbols_that_are_not(replug: Replug, guest: Guest) -> None:
    image = guest(POWER_OFF)
    assert "no symbol" in one_line(replug("disasm", image, "--symbol", "none"))
    assert "not in one segment" in one_line(replug("disasm", image, "--range", "0:4"))
    for span in ("5", "x:y", "8:4", "0x80000000:", "0x80000000:+0", "-4:4"):
        assert "--range" in one_line(replug("disasm", image, f"--range={span}"))
    assert "exclude" in one_line(replug("disasm", image, "--symbol", "_start", "--range", "0:4"))


class TestDisks:
    def test_missing(self, replug: Replug, guest: Guest, tmp_path: Path) -> None:
        line = one_line(replug("boot", guest(POWER_OFF), "--disk", tmp_path / "none.img"))
        assert "none.img" in line and "No such file" in line

    def test_directory(self, replug: Replug, guest: Guest, tmp_path: Path) -> None:
        assert "neither a file" in one_line(replug("boot", guest(POWER_OFF), "--disk", tmp_path))

    def test_no_whole_sectors(self, replug: Replug, guest: Guest, tmp_path: Path) -> None:
        image = tmp_path / "odd.img"
        image.write_bytes(bytes(700))
        assert "multiple of 512" in one_line(replug("boot", guest(POWER_OFF), "--disk", image))

    def test_write_to_a_read_only_one(self, replug: Replug, guest: Guest, tmp_path: Path) -> None:
        image = create_image(tmp_path / "disk.img", {"/a": b"a"})
        image.chmod(0o444)
        line = one_line(replug("boot", guest(POWER_OFF), "--disk", image, "--disk-write"))
        assert "disk.img" in line and "read-only" in line
        assert replug("boot", guest(POWER_OFF), "--disk", image).returncode == 0

    def test_a_damaged_file_system_is_told(self, replug: Replug, tmp_path: Path) -> None:
        image = tmp_path / "bad.img"
        image.write_bytes(b"\xff" * 8192)
        one_line(replug("disk", "list", image))
        done = replug("disk", "check", image)
        assert done.returncode == 1 and b"bad.img: " in done.stdout


def test_too_much_input(replug: Replug, guest: Guest) -> None:
    assert "64 MiB" in one_line(replug("boot", guest(POWER_OFF), stdin=bytes((64 << 20) + 1)))
