# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes to instructions: nothing lost, branches as addresses, what was assembled comes back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain import ToolchainError
from toolchain.assemble import assemble
from toolchain.disassemble import disassemble, disassemble_image, listing, symbol_range
from toolchain.image import Image
from toolchain.instruction import assemble_text
from toolchain.known_encodings import ADDRESS, KNOWN

SOURCE = """.globl _start
_start:
    li a0, 5
_start_loop:
    addi a0, a0, -1
    bnez a0, _start_loop
    call helper
    j _start
    .balign 4
    .word 0x12345678
    .half 0xabcd
.type helper, @function
helper:
    csrr a0, mhartid
    ret
.size helper, . - helper
.bss
buffer: .space 64
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    top = tmp_path_factory.mktemp("elf")
    (top / "a.S").write_text(SOURCE)
    (top / "link.ld").write_text(
        "SECTIONS { . = 0x80000000; .text : { *(.text) } . = ALIGN(4096); .bss : { *(.bss) } }"
    )
    return Image.open(
        assemble([top / "a.S"], top / "a.elf", link_script=top / "link.ld", cache=top / "zig", root=top)
    )


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 1 << 40).map(lambda n: 2 * n), st.sampled_from([32, 64]))
def test_every_byte_comes_out_once(code: bytes, address: int, bits: int) -> None:
    found = list(disassemble(code, address, bits=bits))
    assert b"".join(i.bytes for i in found) == code
    for instruction in found:
        assert instruction.address == address
        address += len(instruction.bytes)


def test_undecodable_and_odd_bytes() -> None:
    found = [str(i) for i in disassemble(bytes.fromhex("ffff13000000ffffff"), 0)]
    assert found == [".half 0xffff", "nop", ".half 0xffff", ".byte 0xff"]
    many = list(disassemble(b"\xff" * 20001, 0))
    assert len(many) == 10001


def test_pieces_do_not_cut_instructions() -> None:
    code = b"\x01\x00" + bytes.fromhex("b7523412") * 3000
    assert {str(i) for i in list(disassemble(code, 0))[1:]} == {"lui t0, 0x12345"}


@pytest.mark.parametrize("bits", [32, 64])
def test_what_is_decoded_assembles_to_the_same_bytes(bits: int) -> None:
    code = b"".join(bytes.fromhex(known) for _, only, known in KNOWN if only in (0, bits))
    text = "\n".join(str(i) for i in disassemble(code, ADDRESS, bits=bits))
    assert assemble_text(text, address=ADDRESS, bits=bits, backend="zig") == code


def test_listing_of_a_symbol(image: Image) -> None:
    lines = list(listing(image, symbol="_start"))
    assert lines[0] == "0000000080000000 <_start>:"
    assert "80000002 <_start_loop>:" in "\n".join(lines)
    branch = next(line for line in lines if "bnez" in line)
    assert branch.split() == ["80000004:", "fd7d", "c.bnez", "a0,", "0x80000002", "<_start_loop>"]
    assert [line.split()[2:] for line in lines if ".word" in line or ".half" in line][:2] == [
        [".word", "0x12345678"],
        [".half", "0xabcd"],
    ]
    assert not any("helper>:" in line for line in lines)
    assert [line.split()[2] for line in list(listing(image, symbol="helper"))[1:]] == ["csrr", "c.jr"]


def test_listing_with_source(image: Image) -> None:
    assert image.path.parent.name
    lines = list(listing(image, source=True, source_roots=[image.path.parent]))
    where = lines.index("; a.S:5: addi a0, a0, -1")
    assert "c.addi" in lines[where + 1]
    nowhere = list(listing(image, source=True, source_roots=[Path("/nonexistent")]))
    assert "; a.S:5:" in nowhere


def test_ranges(image: Image) -> None:
    assert symbol_range(image, "helper")[1] - symbol_range(image, "helper")[0] == 6
    first = next(disassemble_image(image, 0x80000000, 0x80000002))
    assert str(first) == "c.li a0, 5"
    assert len(list(listing(image, start=0x80000000, end=0x80000006))) == 5
    for bad in (
        {"start": 0x1000},
        {"start": 0x80000000, "end": 0x90000000},
        {"symbol": "absent"},
        {"symbol": "buffer"},
    ):
        with pytest.raises(ToolchainError, match=r"a\.elf: "):
            list(listing(image, **bad))
    with pytest.raises(ToolchainError, match="32 or 64"):
        list(disassemble(b"", 0, bits=16))
