# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that a guest generates and declares: reports give its name and the lines of its template."""

from pathlib import Path

import pytest
from test_path_attribution import FINISH, HEAD

from emulator import MachineOptions
from emulator.cycles.models import IDEAL
from emulator.cycles.scenario import run_image
from emulator.engine.build import build_directory
from guestos import images
from guestos.images import GUESTOS, INCLUDE
from guestos.sample import sample_text
from toolchain.assemble import assemble

# Copies the template to three places, one after the other in the same loop, and calls each copy five times.
PROGRAM = """
    li s2, 3
    la s0, pool
again:
    la t0, template
    la t1, template_end
    mv t2, s0
1:  lw t3, 0(t0)
    sw t3, 0(t2)
    addi t0, t0, 4
    addi t2, t2, 4
    bltu t0, t1, 1b
    fence.i
    j ready
ready:
    mv a1, s0
    li a2, LENGTH
    CODE_GENERATED "adder", "TEMPLATE", 11
    TOLD
    li s1, 5
2:  jalr s0
    addi s1, s1, -1
    bnez s1, 2b
    addi s0, s0, 256
    addi s2, s2, -1
    bnez s2, again
    FINISH
    .balign 64
template:
    addi a0, a0, 1      # line one of the template
    addi a0, a0, 2
    ret
template_end:
    nop
    .section .bss
    .balign 256
pool: .skip 1024
"""


@pytest.mark.parametrize("template", ["template", ""])
def test_by_function_and_by_line(tmp_path: Path, template: str) -> None:
    source = tmp_path / "program.S"
    told = "" if template else 'CODE_VALUE "adder", "length", 12'
    source.write_text(
        HEAD + PROGRAM.replace("FINISH", FINISH).replace("TEMPLATE", template).replace("TOLD", told)
        .replace("LENGTH", "12")
    )  # fmt: skip
    image = assemble(
        [source], tmp_path / "program.elf", link_script=GUESTOS / "measure/link.ld", include=[INCLUDE],
        root=tmp_path,
    )  # fmt: skip
    done = run_image(image, MachineOptions(), [IDEAL], max_instructions=100_000, with_code=True)
    assert done.outcome.reason == "exit" and done.code is not None
    places = [cost for cost in done.code.functions() if cost.place.name == "adder [generated]"]
    assert sum(cost.instructions for cost in places) == 3 * 5 * 3
    assert sum(cost.executions for cost in places) == 3 * 5
    assert len(places) == (1 if template else 3)
    lines = {cost.line: cost.instructions for cost in done.code.lines() if "[generated]" in cost.place.name}
    if template:
        first = (
            source.read_text().splitlines().index("    addi a0, a0, 1      # line one of the template") + 1
        )
        assert {line[1]: count for line, count in lines.items() if line} == dict.fromkeys(
            range(first, first + 3), 15
        )
    else:
        assert set(lines) == {None}


def test_of_our_kernel() -> None:
    """Written in one place, run in another, under translation."""
    built = images.build_all(build_directory() / "guest", data=sample_text())
    options = MachineOptions(harts=2, disk=built.disk, bootargs=f"{images.SCENARIO} code=generated")
    done = run_image(built.kernel, options, [IDEAL], max_instructions=8_000_000, with_code=True)
    assert done.code is not None
    reads = sum(path.calls for path in done.costs if path.name.startswith("generated read"))
    [cost] = [cost for cost in done.code.functions() if cost.place.name == "is_read [generated]"]
    assert reads > 1000 and abs(cost.executions - reads) <= options.harts
