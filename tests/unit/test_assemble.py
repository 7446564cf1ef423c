# SPDX-License-Identifier: GPL-2.0-or-later
"""Building guest ELFs: same bytes anywhere, rebuilt exactly when an input changed, errors that say where."""

import os
import shutil
from pathlib import Path

import pytest

from toolchain import ToolchainError
from toolchain import assemble as assemble_module
from toolchain.assemble import assemble

SOURCE = """#include "shared.inc"
.globl _start
_start:
    li a0, VALUE
    call helper
1:  j 1b
"""
HELPER = """.globl helper
helper: ret
.section .rodata
blob: .incbin "blob.bin"
"""
SCRIPT = "SECTIONS { . = 0x80000000; .text : { *(.text*) } .rodata : { *(.rodata*) } }\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zig")


def make_tree(top: Path) -> list[Path]:
    (top / "inc").mkdir(parents=True)
    (top / "inc" / "shared.inc").write_text("#define VALUE 7\n")
    (top / "start.S").write_text(SOURCE)
    (top / "helper.S").write_text(HELPER)
    (top / "blob.bin").write_bytes(b"AAAA")
    (top / "link.ld").write_text(SCRIPT)
    return [top / "start.S", top / "helper.S"]


def build(top: Path, cache: Path, **options: object) -> bytes:
    out = assemble(
        [top / "start.S", top / "helper.S"], top / "out" / "a.elf", link_script=top / "link.ld",
        include=[top / "inc"], cache=cache, root=top, **options,  # type: ignore[arg-type]
    )  # fmt: skip
    return out.read_bytes()


def test_bytes_do_not_depend_on_the_place(tmp_path: Path, cache: Path) -> None:
    make_tree(tmp_path / "here")
    make_tree(tmp_path / "far" / "away")
    first = build(tmp_path / "here", cache)
    assert first == build(tmp_path / "far" / "away", cache / "other")
    assert str(tmp_path).encode() not in first
    shutil.rmtree(tmp_path / "here" / "out")
    assert build(tmp_path / "here", cache) == first


def test_nothing_runs_when_nothing_changed(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(tmp_path / "t")
    first = build(tmp_path / "t", cache)

    def refuse(*_: object, **__: object) -> tuple[int, str]:
        raise AssertionError("the compiler ran")

    monkeypatch.setattr(assemble_module, "run_zig_cc", refuse)
    for path in (tmp_path / "t").rglob("*.S"):
        os.utime(path)
    assert build(tmp_path / "t", cache) == first
    with pytest.raises(AssertionError):
        build(tmp_path / "t", cache, defines={"VALUE2": "1"})


@pytest.mark.parametrize("name", ["inc/shared.inc", "start.S", "blob.bin", "link.ld"])
def test_each_input_counts(tmp_path: Path, cache: Path, name: str) -> None:
    make_tree(tmp_path / "t")
    first = build(tmp_path / "t", cache)
    path = tmp_path / "t" / name
    replacements = {
        b"VALUE 7": b"VALUE 8",
        b"1:  j": b"nop\n1:  j",
        b"AAAA": b"BBBB",
        b"80000000": b"80001000",
    }
    text = path.read_bytes()
    for old, new in replacements.items():
        text = text.replace(old, new)
    path.write_bytes(text)
    changed = build(tmp_path / "t", cache)
    assert changed != first
    if name == "blob.bin":
        assert b"BBBB" in changed and b"AAAA" not in changed


def test_assembler_includes_and_link_script_includes_count(tmp_path: Path, cache: Path) -> None:
    top = tmp_path / "t"
    make_tree(top)
    (top / "helper.S").write_text('.globl helper\nhelper: ret; .include "inner.inc"\n')
    (top / "inc" / "inner.inc").write_text('.section .rodata; .incbin "blob.bin"\n')
    (top / "link.ld").write_text("INCLUDE place.ld\n" + SCRIPT.replace("0x80000000", "place"))
    (top / "place.ld").write_text("place = 0x80000000;\n")
    made = [build(top, cache)]
    (top / "blob.bin").write_bytes(b"DDDD")
    made.append(build(top, cache))
    (top / "inc" / "inner.inc").write_text('.section .rodata; .byte 9; .incbin "blob.bin"\n')
    made.append(build(top, cache))
    (top / "place.ld").write_text("place = 0x80002000;\n")
    made.append(build(top, cache))
    assert len(set(made)) == 4 and [b"DDDD" in data for data in made] == [False, True, True, True]


def test_default_root_does_not_show_where_the_tree_lies(tmp_path: Path, cache: Path) -> None:
    sources = make_tree(tmp_path / "t")
    out = assemble(
        sources, tmp_path / "a.elf", link_script=tmp_path / "t" / "link.ld",
        include=[tmp_path / "t" / "inc"], cache=cache,
    )  # fmt: skip
    assert str(tmp_path).encode() not in out.read_bytes()


def test_include_that_appears_later_is_noticed(tmp_path: Path, cache: Path) -> None:
    top = tmp_path / "t"
    make_tree(top)
    (top / "start.S").write_text('#if __has_include("extra.inc")\n#include "extra.inc"\n#endif\n' + SOURCE)
    first = build(top, cache)
    (top / "inc" / "extra.inc").write_text('.section .rodata\n.asciz "extra!"\n.text\n')
    assert b"extra!" not in first and b"extra!" in build(top, cache)


def test_file_name_from_a_macro_argument_rebuilds_always(tmp_path: Path, cache: Path) -> None:
    top = tmp_path / "t"
    make_tree(top)
    (top / "helper.S").write_text(
        '.macro embed file\n.incbin "\\file"\n.endm\nhelper: ret\n.globl helper\nembed blob.bin\n'
    )
    assert b"AAAA" in build(top, cache)
    (top / "blob.bin").write_bytes(b"CCCC")
    assert b"CCCC" in build(top, cache)


def test_damaged_output_is_made_again(tmp_path: Path, cache: Path) -> None:
    top = tmp_path / "t"
    make_tree(top)
    first = build(top, cache)
    (top / "out" / "a.elf").write_bytes(first[:-1])
    assert build(top, cache) == first


def test_compiler_messages_are_kept(tmp_path: Path, cache: Path) -> None:
    top = tmp_path / "t"
    make_tree(top)
    good = build(top, cache)
    (top / "helper.S").write_text(HELPER + "    bogus a0, a1\n")
    with pytest.raises(
        ToolchainError, match=r"(?s)a\.elf: cannot be built\n.*helper\.S:5:5: error: .*mnemonic"
    ):
        build(top, cache)
    assert (top / "out" / "a.elf").read_bytes() == good
    assert sorted(path.name for path in (top / "out").iterdir()) == ["a.elf", "a.elf.stamp"]
    (top / "helper.S").write_text(HELPER + ".text\n    call nowhere\n")
    with pytest.raises(ToolchainError, match=r"(?s)undefined symbol: nowhere.*helper\.S:6"):
        build(top, cache)


def test_bad_arguments(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ToolchainError, match=r"missing\.S: No such file"):
        assemble([tmp_path / "missing.S"], tmp_path / "o.elf", link_script=None, cache=cache)
    with pytest.raises(ToolchainError, match="no sources"):
        assemble([], tmp_path / "o.elf", link_script=None, cache=cache)
    with pytest.raises(ToolchainError, match="32 or 64"):
        assemble([tmp_path / "a.S"], tmp_path / "o.elf", link_script=None, bits=16, cache=cache)


def test_c_and_32_bits(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "a.S").write_text(".globl _start\n_start: j work\n")
    (tmp_path / "b.c").write_text("int value;\nvoid work(void) { for (;;) value += 3; }\n")
    out = assemble(
        [tmp_path / "a.S", tmp_path / "b.c"], tmp_path / "o.elf", link_script=None, bits=32, cache=cache
    )
    data = out.read_bytes()
    assert data[:5] == b"\x7fELF\x01" and data[18:20] == b"\xf3\x00"
    shutil.rmtree(tmp_path, ignore_errors=True)
