# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console in the terminal debugger: its text, without what would move our cursor."""

import pytest

from emulator.debug.tui.lower import CONSOLE, LowerPane

SAID = (
    "日本 é \x1b[1;31mred\x1b[0m\ttab\r\n\x1b7saved\x1b8 \x1b]0;title\x07t\x1b]2;x\x1b\\u\x1b(B\x07\x9b\nlast"
)
SHOWN = ["日本 é red\ttab", "saved tu", "last"]


def _texts(pieces: list[bytes]) -> list[str]:
    pane = LowerPane()
    for piece in pieces:
        pane.print(piece)
    pane.chosen = CONSOLE
    return [pane.text(index) for index in range(pane.count())]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_it_is_the_same_however_it_comes(size: int) -> None:
    data = SAID.encode()
    assert _texts([data[at : at + size] for at in range(0, len(data), size)]) == SHOWN


def test_bytes_that_are_no_text_and_sequences_that_never_end() -> None:
    assert _texts([b"a\xff\xfeb\n\x1b[", b"1" * 50, b"mc\n"]) == ["a��b", "c"]
    assert _texts([b"\x1b]" + b"x" * 1000 + b"\nafter\n"])[-1] == "after"
