# SPDX-License-Identifier: GPL-2.0-or-later
"""Code of programs that a guest loads: told by function and line, also where one takes the other's page."""

from pathlib import Path

from emulator import Machine
from emulator.cycles.code import CodeCosts, executed_instructions
from emulator.cycles.programs import executed_pages
from guestos.images import GUESTOS
from toolchain.assemble import assemble
from toolchain.image import Image

# A program: `count` times round, and back. It lies at another address than where it runs.
PROGRAM = """
    .globl _start
    .type _start, @function
_start:
    li t0, COUNT
    jal t1, NAME
    ret
    .size _start, . - _start
    .type NAME, @function
NAME:
    addi t0, t0, -1
    bnez t0, NAME
    jr t1
    .size NAME, . - NAME
"""
LINK = """
ENTRY(_start)
PHDRS { text PT_LOAD FLAGS(5); }
SECTIONS { . = 0x40000000; .text : { *(.text) } :text }
"""
# Copies one program after the other to the same page and calls it; then writes data over the page.
LOADER = """
    .globl _start
_start:
    li sp, 0x80100000
    la s1, programs
    li s2, 3
1:  li t0, 0x80200000
    li t1, 64
2:  ld t2, 0(s1)
    sd t2, 0(t0)
    addi s1, s1, 8
    addi t0, t0, 8
    addi t1, t1, -8
    bnez t1, 2b
    fence.i
    li t0, 0x80200000
    jalr t0
    addi s2, s2, -1
    bnez s2, 1b
    li t0, 0x80200000
    sd zero, 0(t0)
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b
    .data
    .balign 8
programs:
"""


def program(folder: Path, name: str, count: int) -> Image:
    source, script = folder / f"{name}.S", folder / "program.ld"
    source.write_text(PROGRAM.replace("NAME", name).replace("COUNT", str(count)))
    script.write_text(LINK)
    return Image.open(assemble([source], folder / f"{name}.elf", link_script=script, root=folder))


def test_programs_one_after_the_other(tmp_path: Path) -> None:
    first, second = program(tmp_path, "first", 100), program(tmp_path, "second", 7)
    unknown = program(tmp_path, "unknown", 20)
    (data,) = [segment.data for segment in first.segments]
    blobs = [image.segments[0].data.ljust(64, b"\0") for image in (first, second, unknown)]
    assert len(data) <= 64
    text = LOADER + "".join(f"    .byte {', '.join(map(str, blob))}\n" for blob in blobs)
    (tmp_path / "loader.S").write_text(text)
    loader = assemble(
        [tmp_path / "loader.S"],
        tmp_path / "loader.elf",
        link_script=GUESTOS / "measure/link.ld",
        root=tmp_path,
    )
    with Machine(loader) as machine:
        assert machine.run(1_000_000).reason == "exit"
        assert machine.image is not None
        code = CodeCosts("loader", machine.image, executed_instructions(machine), (), [first, second],
                         executed_pages(machine))  # fmt: skip
        assert code.instructions == machine.instret(0)
    costs = {cost.place.name: (cost.instructions, cost.executions) for cost in code.functions()}
    assert costs["first: _start"] == (3, 1) and costs["second: _start"] == (3, 1)
    assert costs["first: first"] == (201, 100) and costs["second: second"] == (15, 7)
    (other,) = [cost for name, cost in costs.items() if name.startswith("other code 0x80200000")]
    assert other[0] == 3 + 41
    assert sum(instructions for instructions, _ in costs.values()) == code.instructions
    lines = {(cost.place.name, cost.line): cost.instructions for cost in code.lines() if cost.line}
    assert lines["first: first", ("first.S", 11)] == 100 and lines["second: second", ("second.S", 12)] == 7


def test_equal_programs_are_not_told_apart(tmp_path: Path) -> None:
    """Where two programs would do, the code is told by its address: no guess is made."""
    folder = tmp_path / "other"
    folder.mkdir()
    first, same = program(tmp_path, "first", 100), program(folder, "first", 100)
    blob = first.segments[0].data.ljust(64, b"\0")
    text = LOADER.replace("li s2, 3", "li s2, 1") + f"    .byte {', '.join(map(str, blob))}\n"
    (tmp_path / "loader.S").write_text(text)
    loader = assemble(
        [tmp_path / "loader.S"],
        tmp_path / "loader.elf",
        link_script=GUESTOS / "measure/link.ld",
        root=tmp_path,
    )
    with Machine(loader) as machine:
        machine.run(1_000_000)
        assert machine.image is not None
        code = CodeCosts("loader", machine.image, executed_instructions(machine), (), [first, same],
                         executed_pages(machine))  # fmt: skip
    names = [cost.place.name for cost in code.functions()]
    assert any(name.startswith("other code") for name in names) and not any("first" in name for name in names)
