# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTML page as a browser shows it: from a file, without any network."""

import json
import re
import struct
import subprocess
import zlib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from command import Replug, one_line
from test_trace_formats import PROTOCOL

from emulator.cycles.html_page import binned, embedded
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble

WIDTH, HEIGHT = 1000, 1400


class Page(HTMLParser):
    """What is on a page: its texts by the id of the innermost element that has one, and all elements."""

    VOID = frozenset({"meta", "input", "br", "img", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._ids: list[str] = [""]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        if tag not in self.VOID:
            self._ids.append(found.get("id") or self._ids[-1])

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and len(self._ids) > 1:
            self._ids.pop()

    def handle_data(self, data: str) -> None:
        self.texts[self._ids[-1]] = self.texts.get(self._ids[-1], "") + data + "\n"

    def with_class(self, name: str) -> list[dict[str, str | None]]:
        return [found for _, found in self.elements if name in (found.get("class") or "").split()]


@pytest.fixture
def browser(
    host_tool: Callable[[str, str], str], tmp_path: Path
) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    tool = host_tool("chromium", "chromium")

    def run(page: Path, *options: str, fragment: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [tool, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
             "--virtual-time-budget=5000", f"--window-size={WIDTH},{HEIGHT}", *options, f"file://{page}{fragment}"],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip

    return run


@pytest.fixture
def page(replug: Replug, tmp_path: Path) -> Path:
    """Of a guest that goes through the protocol once, compared with itself without some nops."""
    out, report = tmp_path / "page.html", tmp_path / "before.json"
    images = []
    for name, program in (("before", PROTOCOL), ("now", PROTOCOL.replace("    nop\n", "    nop\n" * 5, 1))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "program.S").write_text(program)
        images.append(
            assemble([folder / "program.S"], folder / "program.elf", link_script=GUESTOS / "measure/link.ld",
                     include=[INCLUDE], root=folder)
        )  # fmt: skip
    assert (
        replug("cycles", images[0], "--harts", 2, "-q", "--json", report, "-o", tmp_path / "x").returncode
        == 0
    )
    done = replug("cycles", images[1], "--harts", 2, "-q", "--format", "html", "--compare", report, "-o", out)
    assert (done.returncode, done.stderr) == (0, b"")
    return out


def test_what_the_page_shows(page: Path, browser: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    shown = Page(browser(page, "--dump-dom").stdout)
    (root,) = [found for tag, found in shown.elements if tag == "html"]
    assert root.get("data-ready") == "yes"  # the script came to its end
    assert "What program.elf costs" in "".join(shown.texts.values())
    # Paths, with their steps and a distribution each.
    table = shown.texts["path-table"]
    for text in (
        "replug, contended",
        "1 per-process lock",
        "holding tank",
        "flag clear",
        "read",
        "bytes 1",
        "own",
    ):
        assert text in table, text
    assert (
        len(shown.with_class("spark")) == len(shown.with_class("path")) + len(shown.with_class("step")) >= 8
    )
    # The timeline: harts, the tank, the pointer, and arrows.
    lanes = shown.texts["lanes"]
    for text in (
        "hart 0",
        "hart 1",
        "pointer",
        "held in tank",
        "holding tank",
        "4 spin on the inside",
        "asleep",
    ):
        assert text in lanes, text
    fills = {found.get("fill") for tag, found in shown.elements if tag == "rect"}
    assert {"var(--tank)", "var(--spin)", "var(--replug)", "var(--asleep)"} <= fills
    assert {found.get("data-flow") for found in shown.with_class("flow")} >= {"wake-up", "drained"}
    # The source, with its counts.
    code = shown.texts["code"]
    assert re.search(r"\n1\n\d+\n +wfi\n", code), code[:2000]
    assert "#include" in code and "PATH_BEGIN" in code
    # The comparison: four nops more in one step, and so in the path.
    comparison = shown.texts["comparison-table"]
    assert re.search(r"replug, contended: 1 per-process lock\n1\n1\n1\n5\n1\n5\n\+4", comparison)


def test_pixels(
    page: Path, browser: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """Light and dark: the ground, and the colours of the lanes."""
    for theme, ground, colours in (
        ("light", (0xFB, 0xFA, 0xF7), [(0xE0, 0x8A, 0x1E), (0x84, 0x50, 0xD8), (0xD8, 0x3A, 0x3A)]),
        ("dark", (0x12, 0x15, 0x1B), [(0xD9, 0x8A, 0x2B), (0x9A, 0x6B, 0xEA), (0xE2, 0x55, 0x55)]),
    ):
        picture = tmp_path / f"{theme}.png"
        browser(page, f"--screenshot={picture}", fragment=f"#theme={theme}")
        counts = pixels(picture.read_bytes())
        assert sum(counts.values()) == WIDTH * HEIGHT
        assert max(counts, key=lambda colour: counts[colour]) in (
            ground,
            (0xFF, 0xFF, 0xFF),
            (0x1A, 0x1F, 0x27),
        )
        assert counts[ground] > WIDTH * HEIGHT // 10
        for colour in colours:
            assert counts.get(colour, 0) > 50, (theme, colour)


def pixels(png: bytes) -> dict[tuple[int, int, int], int]:
    """How many pixels of each colour an 8-bit RGB(A) PNG has."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed, width, channels = 8, b"", 0, 0
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, _, depth, colour = struct.unpack_from(">IIBB", body)
            assert depth == 8 and colour in (2, 6)
            channels = 3 if colour == 2 else 4
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    data, stride = zlib.decompress(packed), width * channels
    above = bytearray(stride)
    counts: dict[tuple[int, int, int], int] = {}
    for start in range(0, len(data), stride + 1):
        row = bytearray(data[start + 1 : start + 1 + stride])
        unfilter(data[start], row, above, channels)
        above = row
        for i in range(0, stride, channels):
            colour_here = (row[i], row[i + 1], row[i + 2])
            counts[colour_here] = counts.get(colour_here, 0) + 1
    return counts


def unfilter(kind: int, row: bytearray, above: bytearray, channels: int) -> None:
    """Undo one of PNG's five filters in place."""
    if kind == 0:
        return
    for i in range(len(row)):
        left = row[i - channels] if i >= channels else 0
        corner = above[i - channels] if i >= channels else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[i]
        elif kind == 3:
            guess = (left + above[i]) // 2
        else:
            estimate = left + above[i] - corner
            guess = min((left, above[i], corner), key=lambda value: abs(estimate - value))
        row[i] = (row[i] + guess) & 0xFF


def test_nothing_from_elsewhere(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", text)
    outside = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert outside <= {"http://www.w3.org/2000/svg"}  # a name, not a place


def test_names_cannot_get_out_of_their_element() -> None:
    hostile = {"name": "</script><script>alert(1)</script>", "other": "\u2028<!--"}
    text = embedded(hostile)
    assert "<" not in text and "\u2028" not in text
    assert json.loads(text) == hostile


def test_binned_distributions() -> None:
    values = {value: 2 for value in range(0, 10_000, 3)}
    found = binned(values, 100)
    assert len(found) <= 101 and sum(count for _, count in found) == sum(values.values())
    assert (found[0][0], found[-1][0]) == (0, 9_999)
    assert binned({5: 1, 2: 3}, 100) == [(2, 3), (5, 1)]


def test_reports_that_are_none(replug: Replug, page: Path, tmp_path: Path) -> None:
    image = tmp_path / "now" / "program.elf"
    for name, content, complaint in (
        ("text.json", "no", "no JSON"), ("list.json", "[]", "not a report"),
        ("odd.json", '{"paths": [{"name": 3}]}', "damaged"),
    ):  # fmt: skip
        (tmp_path / name).write_text(content)
        done = replug("cycles", image, "--format", "html", "--compare", tmp_path / name)
        assert complaint in one_line(done) and name in one_line(done)
    assert "html" in one_line(replug("cycles", image, "--compare", tmp_path / "before.json"))
