# SPDX-License-Identifier: GPL-2.0-or-later
"""Tokens: what goes in comes out, and what is no token is refused in one line."""

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import ReplugError
from emulator.isa import Isa
from emulator.options import MAX_HARTS
from emulator.token import PREFIX, Beside, Token, Typed, merge

PLAIN = Token(bytes(range(8)), 4, 128 << 20, 1000, "", None)

hashes = st.binary(min_size=8, max_size=8)
counts = st.integers(0, 1 << 40)


@st.composite
def inputs(draw: st.DrawFn) -> tuple[Typed, ...]:
    found = []
    instructions = time = 0
    for _ in range(draw(st.integers(0, 5))):
        instructions += draw(counts)
        time += draw(counts)
        found.append(Typed(instructions, time, draw(st.binary(min_size=1, max_size=200))))
    return tuple(found)


besides = st.builds(
    Beside,
    bios=st.just("none"),
    load_address=st.none() | st.integers(0, (1 << 64) - 1),
    files=st.sampled_from([(), ("initrd",), ("dtb",), ("initrd", "dtb")]).flatmap(
        lambda names: st.tuples(*(st.tuples(st.just(name), hashes) for name in names))
    ),
) | st.builds(
    Beside,
    bios=st.sampled_from(["builtin", "file"]),
    load_address=st.none(),
    files=st.tuples(st.tuples(st.just("bios"), hashes)),
)
tokens = st.builds(
    Token,
    image=hashes,
    harts=st.integers(1, MAX_HARTS),
    memory=st.integers(256, 1 << 22).map(lambda pages: 4096 * pages),
    quantum=st.integers(1, (1 << 40) - 1),
    isa=st.none() | st.sampled_from(["rv32", "rv64gc_zba", "rv64_svade"]).map(Isa.parse),
    strict_nan_boxing=st.booleans(),
    bootargs=st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    disk=st.none() | hashes,
    inputs=inputs(),
    end=st.none() | st.integers(0, (1 << 64) - 1),
    beside=besides,
)


@given(tokens)
def test_round_trip(token: Token) -> None:
    text = token.encode()
    assert Token.decode(text) == token
    assert Token.decode(f"  {text}\n") == token


@given(tokens)
def test_safe_in_shells_and_urls(token: Token) -> None:
    text = token.encode()
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert not text.startswith("-")


def test_short() -> None:
    assert len(PLAIN.encode()) < 40


@given(tokens, st.data())
def test_one_wrong_character_is_noticed(token: Token, data: st.DataObject) -> None:
    text = token.encode()
    place = data.draw(st.integers(len(PREFIX), len(text) - 1))
    other = data.draw(st.sampled_from("ABCabc019-_").filter(lambda character: character != text[place]))
    damaged = text[:place] + other + text[place + 1 :]
    # The last character may hold bits that no byte needs: the same token in other words.
    try:
        assert Token.decode(damaged) == token and place == len(text) - 1
    except ReplugError as error:
        assert str(error).startswith("token: ")


@given(tokens, st.data())
def test_cut_short_is_noticed(token: Token, data: st.DataObject) -> None:
    text = token.encode()
    with pytest.raises(ReplugError, match=r"^token: "):
        Token.decode(text[: data.draw(st.integers(0, len(text) - 2))])


@given(st.text())
def test_garbage(text: str) -> None:
    with pytest.raises(ReplugError, match=r"^token: ") as caught:
        Token.decode(text)
    assert "\n" not in str(caught.value)


def sealed(payload: bytes) -> str:
    """A token whose checksum is right, whatever is in it."""
    payload += zlib.crc32(payload).to_bytes(4, "little")
    return PREFIX + base64.urlsafe_b64encode(payload).decode().rstrip("=")


@given(st.binary(max_size=60))
def test_garbage_with_a_right_checksum(payload: bytes) -> None:
    try:
        token = Token.decode(sealed(payload))
    except ReplugError as error:
        assert "\n" not in str(error)
    else:
        assert Token.decode(token.encode()) == token


HEAD = bytes(8)
MACHINE = b"\x04" + b"\x80\x80\x02" + b"\xe8\x07"


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (HEAD, "ends too early"),
        (HEAD + b"\x80" + MACHINE + b"\x05ink=1", "not known"),
        (HEAD + b"\x80" + MACHINE + b"\x06seed=x", "not a number"),
        (HEAD + b"\x80" + MACHINE + b"\x0dseed=1 seed=2", "not known"),
        (HEAD + b"\x20" + MACHINE + b"\x03", "does not know"),
        (HEAD + b"\x20" + MACHINE + b"\x09" + bytes(15), "ends too early"),
        (HEAD + b"\x00" + b"\xff" * 12, "no end"),
        (HEAD + b"\x00" + b"\x00" + MACHINE[1:], "harts"),
        (HEAD + b"\x00" + MACHINE[:1] + b"\x01" + MACHINE[4:], "memory"),
        (HEAD + b"\x00" + MACHINE + b"x", "follows its end"),
        (HEAD + b"\x04" + MACHINE + b"\x01\xff", "UTF-8"),
        (HEAD + b"\x40" + MACHINE + b"\x05rv128", "instruction set"),
        (HEAD + b"\x40" + MACHINE + b"\x02\xff\xff", "UTF-8"),
        (HEAD + b"\x04" + MACHINE + b"\x05abc", "ends too early"),
        (HEAD + b"\x10" + MACHINE + b"nonsense", "unpacked"),
        (HEAD + b"\x10" + MACHINE + zlib.compress(b"\x00\x00\x05abc"), "ends too early"),
        (HEAD + b"\x10" + MACHINE + zlib.compress(b"\x00\x00\x01a")[:-1], "cut short"),
        (HEAD + b"\x10" + MACHINE + zlib.compress(b"\x00\x00\x01a") + b"x", "followed"),
    ],
)
def test_each_kind_of_damage_has_its_words(payload: bytes, what: str) -> None:
    with pytest.raises(ReplugError, match=what):
        Token.decode(sealed(payload))


def test_a_small_token_cannot_fill_the_memory() -> None:
    bomb = zlib.compress(bytes(300 << 20))
    with pytest.raises(ReplugError, match="too long"):
        Token.decode(sealed(HEAD + b"\x10" + MACHINE + bomb))


def test_another_version() -> None:
    with pytest.raises(ReplugError, match="version 3 is not known"):
        Token.decode("r3.AAAA")


def test_neighbours_at_one_place_are_one() -> None:
    apart = [Typed(0, 0, b"a"), Typed(0, 0, b"b"), Typed(0, 5, b"c"), Typed(7, 5, b"d")]
    assert merge(apart) == (Typed(0, 0, b"ab"), Typed(0, 5, b"c"), Typed(7, 5, b"d"))


def test_what_was_beside_the_image_has_to_be_there_again() -> None:
    firmware, other = ("bios", b"firmware"), ("bios", b"software")
    run = Beside("file", None, (firmware,))
    run.check(Beside("file", None, (firmware,)))
    for other_run, what in (
        (Beside(), "with firmware 'file', not 'none'"),
        (Beside("file", None, (other,)), "another --bios"),
        (Beside("file", 0x8000_0000, (firmware,)), "another --load-address"),
        (Beside("file", None, (firmware, ("initrd", bytes(8)))), "without --initrd"),
    ):
        with pytest.raises(ReplugError, match=what):
            run.check(other_run)
    with pytest.raises(ReplugError, match="was with --dtb"):
        Beside(files=(("dtb", bytes(8)),)).check(Beside())
