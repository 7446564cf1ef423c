# SPDX-License-Identifier: GPL-2.0-or-later
"""The in-order model against LLVM's scheduling model of a core of the same family, block by block."""

from collections.abc import Callable

import pytest

from emulator.bench import mca

# Ours over llvm-mca's, at least and at most, for each single block. Where the two models take the same
# latencies they agree; a product takes 5 cycles by SiFive's manual and 4 by LLVM, which lets later results
# wait for it as well; a quotient takes 65 in our worst case and 33 by LLVM.
TOLERANCE = {
    "integer": (0.99, 1.01),
    "loads": (0.95, 1.05),
    "stores": (0.99, 1.01),
    "multiply": (0.6, 1.26),
    "divide": (0.99, 2.0),
    "mixed": (0.6, 1.26),
}


@pytest.mark.parametrize("kind", mca.KINDS)
def test_blocks(host_tool: Callable[[str, str], str], kind: str) -> None:
    host_tool("llvm-mca", "llvm")
    least, most = TOLERANCE[kind]
    for seed in (1, 2):
        for number, (ours, theirs) in enumerate(mca.differences(kind, 6, seed)):
            assert least <= ours / theirs <= most, (kind, seed, number, ours, theirs)


@pytest.mark.parametrize(
    ("lines", "ours", "theirs"),
    [
        (["ld a0, 0(s0)", "add a0, a0, a0"], 3, 3),
        (["ld a0, 0(s0)", "nop", "add a0, a0, a0"], 3, 3),
        (["mul a0, a0, a0"], 5, 4),
        (["mul a0, a1, a1", "nop", "nop", "nop", "add a2, a0, a0"], 6, 7),
        (["divu a0, a0, a1"], 65, 33),
    ],
)
def test_latencies(
    host_tool: Callable[[str, str], str], lines: list[str], ours: float, theirs: float
) -> None:
    """Where they differ, and by how much."""
    host_tool("llvm-mca", "llvm")
    assert mca.analysed(lines) == pytest.approx(theirs, abs=0.2)
    assert mca.modelled([lines]) == [ours]
