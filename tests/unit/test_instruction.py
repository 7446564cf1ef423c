# SPDX-License-Identifier: GPL-2.0-or-later
"""Text to bytes: every backend gives the known encodings, means the same by a target, refuses nonsense."""

import types
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain import ToolchainError, instruction
from toolchain.backend import DeclinedError
from toolchain.backend_single import KeystoneBackend, McasmBackend
from toolchain.disassemble import disassemble
from toolchain.instruction import assemble_text, backends
from toolchain.known_encodings import ADDRESS, KNOWN
from toolchain.statements import split

HERE = [status.name for status in backends() if status.usable]


def test_zig_is_always_usable_and_keystone_says_why_not() -> None:
    states = {status.name: status for status in backends()}
    assert list(states) == ["keystone", "mcasm", "zig"]
    assert states["zig"].usable and states["zig"].reason == ""
    if not states["keystone"].usable:
        assert "no RISC-V" in states["keystone"].reason or "self-test" in states["keystone"].reason


@pytest.mark.parametrize("backend", HERE)
@pytest.mark.parametrize("bits", [32, 64])
def test_known_encodings(backend: str, bits: int) -> None:
    cases = [case for case in KNOWN if case[1] in (0, bits)]
    for text, _, known in cases if backend != "zig" else cases[::5]:
        assert assemble_text(text, address=ADDRESS, bits=bits, backend=backend).hex() == known, text


@pytest.mark.parametrize("backend", HERE)
@pytest.mark.parametrize(
    ("text", "target"),
    [("beq a0, a1, 0x80000ff0", 0x80000FF0), ("bnez a0, 0x7ffffff0", 0x7FFFFFF0),
     ("j 0x80000ffe", 0x80000FFE), ("jal 0x80010000", 0x80010000),
     ("nop; nop; bgtu a0, a1, 0x80000004", 0x80000004), ("ld a0, 8(a1)\nblez s0, 2147483648", 0x80000000)],
)  # fmt: skip
def test_numeric_target_is_an_address(backend: str, text: str, target: int) -> None:
    code = assemble_text(text, address=0x80000002, backend=backend)
    assert list(disassemble(code, 0x80000002))[-1].target() == target


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(
        ["beq a0, s1, {}", "bgeu t0, t6, {}", "beqz a0, {}", "bnez t4, {}", "j {}", "jal {}", "jal s0, {}"]
    ),
    st.integers(0, (1 << 48) - 1).map(lambda n: 2 * n + (1 << 20)),
    st.integers(-2040, 2040).map(lambda n: 2 * n),
    st.integers(0, 3),
)
@pytest.mark.skipif("mcasm" not in HERE, reason="needs a quick backend")
def test_targets_decode_to_themselves(text: str, address: int, distance: int, before: int) -> None:
    target = address + distance
    code = assemble_text("add t0, t1, t2\n" * before + text.format(target), address=address, backend="mcasm")
    last = list(disassemble(code, address))[-1]
    if -4096 <= target - last.address < 4096:
        assert last.target() == target


def test_the_backends_agree_on_targets() -> None:
    if "mcasm" not in HERE:
        pytest.skip("only one backend here")
    text = "nop\nbeq a0, a1, 0x1234\nbnez s0, 0x1100\nj 0x1002\njal 0x2000\naddi a0, a0, 5\nc.j 0x1000"
    for bits in (32, 64):
        made = [assemble_text(text, address=0x1100, bits=bits, backend=name) for name in ("mcasm", "zig")]
        assert made[0] == made[1]


def test_labels_data_and_far_jumps_need_the_linker_and_get_it() -> None:
    text = (
        "loop: addi a0, a0, -1\nbnez a0, loop\nj 1f\n1: call 0x80001000\nla a1, table\nret\ntable: .quad loop"
    )
    code = assemble_text(text, address=0x80000000)
    decoded = list(disassemble(code[:-8], 0x80000000))
    assert [i.target() for i in decoded[1:3]] == [0x80000000, decoded[3].address]
    assert code[-8:] == (0x80000000).to_bytes(8, "little")
    assert [str(i) for i in decoded[3:5]] == [
        "auipc ra, 1",
        f"jalr ra, ra, {0x80000000 - decoded[3].address}",
    ]
    if "mcasm" in HERE:
        with pytest.raises(DeclinedError, match=r"line 1: mcasm cannot do labels: use the backend zig"):
            assemble_text(text, backend="mcasm")
        for declined in ("lw a0, symbol", "addi a0, a0, %lo(x)", "beqz a0, . + 8", "la a0, x", ".word 5"):
            with pytest.raises(DeclinedError, match="use the backend zig"):
                assemble_text(declined, backend="mcasm")


@pytest.mark.parametrize("backend", [None, *HERE])
@pytest.mark.parametrize(
    ("text", "message"),
    [("nop\n bogus a0", "line 2: .*unrecognized"), ("addi a0, a0, 5000", "line 1: .*2047"),
     ("nop; j -4", "distance"), ("beq a0, a1, 4+4", "one number or a label"), ("j 7", "odd address"),
     ("", "nothing to assemble"), (" # nothing\n// here /* */", "nothing to assemble"),
     ("j 09", "not a number"), ("nop \0", "only ASCII"), ("nop é", "only ASCII"),
     ("sub a0, a1, 7", "line 1: ")],
)  # fmt: skip
def test_bad_text(backend: str | None, text: str, message: str) -> None:
    with pytest.raises(ToolchainError, match=message):
        assemble_text(text, backend=backend)


def test_other_bad_input() -> None:
    with pytest.raises(ToolchainError, match="undefined symbol: nowhere"):
        assemble_text("j nowhere")
    with pytest.raises(ToolchainError, match=r"section \.data"):
        assemble_text(".data\n.word 1")
    with pytest.raises(ToolchainError, match="makes no bytes"):
        assemble_text(".equ A, 5")
    with pytest.raises(ToolchainError, match="out of range"):
        assemble_text("j 0x40000000", address=0x80000000)
    with pytest.raises(ToolchainError, match="not one of keystone, mcasm, zig"):
        assemble_text("nop", backend="gas")
    for address in (-2, 1, 1 << 32):
        with pytest.raises(ToolchainError, match="address"):
            assemble_text("nop", address=address, bits=32)
    with pytest.raises(ToolchainError, match="32 or 64"):
        assemble_text("nop", bits=16)
    with pytest.raises(ToolchainError, match="line 1"):
        assemble_text("ld a0, 0(a0)", bits=32)


@settings(deadline=None)
@given(st.text(alphabet="ab1f:.;#/*\"'\n\\, ()+-x0", max_size=60))
def test_splitting_any_text_ends(text: str) -> None:
    for statement in split(text):
        assert 1 <= statement.line <= text.count("\n") + 1


def test_splitting() -> None:
    text = 'a: b1: Nop # x ; y\n/* one\n two */ li a0, \',\'; .ascii "a;#,b//", "c"\n  2: j 2b // end'
    found = [(s.line, s.labels, s.mnemonic, s.operands) for s in split(text)]
    assert found == [
        (1, "a:b1:", "nop", ()),
        (3, "", "li", ("a0", "','")),
        (3, "", ".ascii", ('"a;#,b//"', '"c"')),
        (4, "2:", "j", ("2b",)),
    ]


class FakeKeystone(types.ModuleType):
    """A Keystone with RISC-V, as the real one may be one day: `answer` decides how good it is."""

    KS_ARCH_RISCV = 10
    KS_MODE_RISCV32 = 4
    KS_MODE_RISCV64 = 8

    class KsError(Exception):
        pass

    def __init__(self, good: bool) -> None:
        super().__init__("keystone")
        self.good = good

    def ks_arch_supported(self, architecture: int) -> bool:
        return architecture == 10

    def Ks(self, architecture: int, mode: int) -> "FakeKeystone":
        self.bits = 8 * mode
        return self

    def asm(self, text: str) -> tuple[list[int] | None, int]:
        try:
            code = McasmBackend().encode(text.removeprefix(".option rvc\n"), self.bits)
        except ToolchainError as error:
            if not self.good:
                return None, 0
            raise self.KsError(str(error)) from None
        if not self.good and text.rpartition("\n")[2].startswith("beq"):
            code = b"\xff\xff\xff\xff"
        return list(code), 1


@pytest.fixture
def fresh_states() -> Iterator[None]:
    instruction._unusable.cache_clear()
    yield
    instruction._unusable.cache_clear()


@pytest.mark.skipif("mcasm" not in HERE, reason="the stand-in for Keystone uses it")
@pytest.mark.parametrize("good", [True, False])
def test_keystone_is_used_only_if_it_passes(
    good: bool, monkeypatch: pytest.MonkeyPatch, fresh_states: None
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "keystone", FakeKeystone(good))
    state = backends()[0]
    assert state.name == "keystone" and state.usable == good
    if good:
        assert assemble_text("addi a0, a0, 1", backend="keystone") == b"\x05\x05"
    else:
        assert "self-test: `beq a0, a1, 0x80000010` gives ffffffff instead of 6308b500" in state.reason
        with pytest.raises(ToolchainError, match="backend keystone cannot be used: fails the self-test"):
            assemble_text("nop", backend="keystone")
    with pytest.raises(ToolchainError, match=r"gives no bytes|keystone: "):
        KeystoneBackend().assemble("addi a0, a0, 5000", 0, 64)
