# SPDX-License-Identifier: GPL-2.0-or-later
"""The packet layer of the GDB server, its bytecode, and expressions of the debugger."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.debug.gdb.agent import AgentError, evaluate
from emulator.debug.gdb.dprintf import formatted
from emulator.debug.gdb.packets import ACK, BAD, INTERRUPT, NACK, Reader, escape, frame, unescape
from emulator.debug.gdb.server import parse_address
from emulator.errors import ReplugError


@given(st.binary(max_size=300))
def test_what_is_escaped_comes_back(data: bytes) -> None:
    escaped = escape(data)
    assert unescape(escaped) == data
    assert not set(escaped) & set(b"#$*")
    assert Reader().feed(frame(escaped)) == [escaped]


@given(st.lists(st.binary(max_size=20), max_size=8), st.lists(st.integers(1, 9), min_size=1))
def test_packets_in_any_pieces(payloads: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(frame(escape(payload)) for payload in payloads)
    reader, found, position = Reader(), [], 0
    while position < len(stream):
        size = sizes[position % len(sizes)]
        found += reader.feed(stream[position : position + size])
        position += size
    assert found == [escape(payload) for payload in payloads]


def test_what_stands_between_packets() -> None:
    assert Reader().feed(b"+$?#3f-\x03noise$g#67") == [ACK, b"?", NACK, INTERRUPT, b"g"]
    assert Reader().feed(b"$g#00$g#zz$g#67") == [BAD, BAD, b"g"]
    assert Reader().feed(b"$m80000000,1$g#67") == [b"g"]  # the first was cut off


@given(st.binary(max_size=2000))
def test_garbage_harms_nothing(data: bytes) -> None:
    reader = Reader()
    reader.feed(data)
    assert reader.feed(b"#00#00$g#67")[-1] == b"g"


def test_a_packet_without_an_end_does_not_grow_for_ever() -> None:
    reader = Reader()
    results = reader.feed(b"$" + b"x" * 1_000_000)
    assert results == [BAD]


def _evaluated(code: bytes) -> int:
    return evaluate(code, lambda number: number * 10, lambda address, size: bytes((address & 0xFF,)) * size)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (bytes((0x22, 5, 0x22, 3, 0x03, 0x27)), 2),
        (bytes((0x22, 3, 0x22, 5, 0x03, 0x27)), (1 << 64) - 2),
        (bytes((0x26, 0, 7, 0x27)), 70),
        (bytes((0x22, 0x11, 0x19, 0x27)), 0x11111111),
        (bytes((0x22, 0xFF, 0x16, 8, 0x22, 0, 0x14, 0x27)), 1),  # -1 < 0
        (bytes((0x22, 1, 0x20, 0, 8, 0x22, 9, 0x27, 0x22, 4, 0x27)), 4),  # if_goto
        (bytes((0x22, 6, 0x28, 0x04, 0x27)), 36),
        (bytes((0x22, 6, 0x0E, 0x27)), 0),
    ],
)
def test_bytecode(code: bytes, value: int) -> None:
    assert _evaluated(code) == value


@pytest.mark.parametrize(
    "code", [b"", b"\x02\x27", b"\xff", b"\x22\x01\x22\x00\x05\x27", b"\x21\x00\x00", b"\x26\x00"]
)
def test_bad_bytecode_is_refused(code: bytes) -> None:
    with pytest.raises(AgentError):
        _evaluated(code)


@given(st.binary(max_size=60))
def test_any_bytecode_ends(code: bytes) -> None:
    with contextlib.suppress(AgentError):
        _evaluated(code)


@pytest.mark.parametrize(
    ("form", "arguments", "text"),
    [
        (r"a=%d, %u\n", [0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF], "a=-1, 4294967295\n"),
        (r"%ld %lu %hhd %x", [1 << 63, 1 << 63, 0x180, 0x1234_5678_9ABC], "-9223372036854775808 "
         "9223372036854775808 -128 56789abc"),
        (r"[%-6i][%06x][%#lx][%+d]", [5, 255, 1 << 40, 7], "[5     ][0000ff][0x10000000000][+7]"),
        (r"%s|%6.2s|%c%%", [0x1000, 0x1000, 65], "text|    te|A%"),
        (r"%p \"\101\t\\\" %q %d", [0x8000_0000], '0x80000000 "A\t\\" %q %d'),
        (r"%99999999999d", [1], "%99999999999d"),
    ],
)  # fmt: skip
def test_what_dprintf_prints(form: str, arguments: list[int], text: str) -> None:
    memory = {0x1000 + i: bytes((byte,)) for i, byte in enumerate(b"text")}
    assert formatted(form, arguments, 64, lambda address, _size: memory.get(address)) == text


@given(
    st.text(alphabet="%\\0123456789.-+ #hljztdiouxXcpsnq", max_size=30),
    st.lists(st.integers(0, (1 << 64) - 1)),
)
def test_any_format_prints_something(form: str, arguments: list[int]) -> None:
    assert isinstance(formatted(form, arguments, 64, lambda _address, _size: None), str)


def test_addresses_to_listen_at() -> None:
    assert parse_address("1234") == ("127.0.0.1", 1234)
    assert parse_address("0.0.0.0:0") == ("0.0.0.0", 0)
    assert parse_address("[::1]:70") == ("::1", 70)
    for bad in ("", "x", "1.2.3.4", "99999", "host:", "-1"):
        with pytest.raises(ReplugError):
            parse_address(bad)
