# SPDX-License-Identifier: GPL-2.0-or-later
"""Framing of the Debug Adapter Protocol."""

import json

from hypothesis import given
from hypothesis import strategies as st

from emulator.debug.dap.messages import LONGEST, Garbage, Reader, frame

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_MESSAGES = st.lists(st.dictionaries(st.text(), _VALUES, max_size=4), max_size=5)


@given(_MESSAGES, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_messages_come_whole_however_the_stream_is_cut(
    messages: list[dict[str, object]], cuts: list[int]
) -> None:
    data = b"".join(frame(message) for message in messages)
    reader = Reader()
    found: list[object] = []
    position = number = 0
    while position < len(data):
        size = cuts[number % len(cuts)]
        found += reader.feed(data[position : position + size])
        position, number = position + size, number + 1
    assert found == messages


@given(st.lists(st.binary(max_size=200)))
def test_garbage_is_told_apart_and_ends(pieces: list[bytes]) -> None:
    reader = Reader()
    for piece in pieces:
        for item in reader.feed(piece):
            assert isinstance(item, dict | Garbage)


def test_the_next_message_behind_garbage_is_understood() -> None:
    good = {"type": "request", "command": "threads"}
    bad = [
        b"GET / HTTP/1.1\r\nHost: replug\r\n\r\n",
        b"Content-Length: 3\r\n\r\n{,}",
        b"Content-Length: 4\r\n\r\n1234",
        b"Content-Length: x\r\n\r\n",
        b"\xff\x00\r\n\r\n",
        b"Content-Length: 2\r\n\r\n\xff\xff",
        b"Content-Length: 60000\r\n\r\n" + b"[" * 60000,  # deeper than a parser goes
    ]
    for data in bad:
        found = Reader().feed(data + frame(good))
        assert isinstance(found[0], Garbage) and found[-1] == good and len(found) == 2, data[:40]


def test_a_message_that_is_too_long_is_passed_over() -> None:
    reader = Reader()
    (first,) = reader.feed(b"Content-Length: %d\r\n\r\n" % (LONGEST + 1))
    assert isinstance(first, Garbage)
    assert reader.feed(b"x" * LONGEST) == []
    assert reader.feed(b"x" + frame({"a": 1})) == [{"a": 1}]


def test_the_length_counts_bytes_and_other_headers_are_ignored() -> None:
    body = json.dumps({"text": "\u00fc\u20ac"}, ensure_ascii=False).encode()
    data = b"Content-Type: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    assert Reader().feed(data) == [{"text": "\u00fc\u20ac"}]


def test_a_stream_without_headers_stays_bounded() -> None:
    reader = Reader()
    for _ in range(100):
        reader.feed(b"x" * 1000)
    assert len(reader._data) < 10_000
