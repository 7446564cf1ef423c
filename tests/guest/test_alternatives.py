# SPDX-License-Identifier: GPL-2.0-or-later
"""The measured ways to replace code: exact counts, no old code after a replacement, planted bugs found."""

from dataclasses import replace
from pathlib import Path

import pytest

from emulator.cycles.alternatives import (
    DEAR_SYNCHRONISATION,
    SCHEMES,
    Alternative,
    crossover,
    measure_scheme,
    models_of,
    problems,
)
from emulator.cycles.models import IDEAL, IN_ORDER
from emulator.cycles.scenario import run_image
from emulator.errors import ReplugError
from emulator.options import MachineOptions
from guestos.images import GUESTOS, INCLUDE, Image, alternative_images, build
from toolchain.assemble import assemble

# Instructions, atomics and fences of a call, `jal` to it and `ret` included: counted in the sources.
CALLS = {
    "direct": (2, 0, 0),
    "indirect": (4, 0, 0),
    "flag_fences": (10, 0, 2),
    "flag_amo": (10, 1, 1),
    "counter_amo": (10, 2, 0),
    "counter_lrsc": (14, 4, 0),
    "test_and_set": (10, 2, 0),
    "ticket": (14, 1, 2),
    "reader_writer": (12, 2, 0),
    "seqlock": (10, 0, 2),
    "qsbr": (7, 0, 1),
    "membarrier": (7, 0, 0),
    "patching": (6, 0, 0),
}
# A slice ends with a basic block: without the jump nobody could come between.
LOADED_FIRST = """    ld      t1, POINTER(a2)
    j       1f
1:  sw      t0, INSIDE(a2)
    fence   w, r
    jr      t1"""
LOCKED = "    addi    t2, a3, LOCK\n    SPIN_ACQUIRE t2\n"
SLICE = 1009  # instructions: a few calls
WAIT = 9_000  # instructions that the other hart retires, at least, while one waits inside for 20 us
IMAGES = {Path(image.name).stem: image for image in alternative_images()}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("alternatives")


def patched(scheme: str, edits: list[tuple[str, str, str]], directory: Path) -> Path:
    """Build a scheme with texts of its files replaced; each occurs exactly once."""
    image = IMAGES[scheme]
    (source,) = [path for path in image.sources if path.stem == scheme]
    for path in (*source.parent.glob("*.inc"), *image.sources):
        (directory / path.name).write_text(path.read_text())
    for name, old, new in edits:
        text = (directory / name).read_text()
        assert text.count(old) == 1, f"{name} has changed: {old!r}"
        (directory / name).write_text(text.replace(old, new))
    changed: Image = replace(image, sources=tuple(directory / path.name for path in image.sources))
    return assemble(
        changed.sources, directory / "out.elf", link_script=changed.link_script,
        include=[directory, INCLUDE], root=directory,
    )  # fmt: skip


def test_there_are_thirteen() -> None:
    assert set(IMAGES) == set(SCHEMES) == set(CALLS)
    assert len(SCHEMES) == 13


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scheme(scheme: str, out: Path) -> None:
    image = build(IMAGES[scheme], out)
    one = measure_scheme(image, scheme, 1, [IDEAL])
    two = measure_scheme(image, scheme, 2, [IDEAL, IN_ORDER])
    assert (one.instructions, one.atomics, one.fences) == CALLS[scheme]
    assert one.costs["ideal"].call.min == one.costs["ideal"].call.max == CALLS[scheme][0]
    assert problems([one, two]) == []
    cost = two.costs["ideal"]
    if scheme == "direct":
        assert cost.idle is None and cost.occupied is None and cost.in_io is None
        return
    assert cost.idle is not None and cost.occupied is not None and cost.in_io is not None
    assert two.calls > 400 and two.replacements == 270
    assert (two.violations > 0) == (scheme == "indirect")
    waits = scheme not in ("indirect", "seqlock")
    assert (cost.in_io.min > WAIT) == waits
    assert (cost.occupied.max > cost.idle.max) == waits
    assert two.interrupts == (2 if scheme in ("membarrier", "patching") else 0)
    assert two.costs["in-order"].call.min >= cost.call.min


def test_four_harts_find_old_code_only_where_it_is_unsafe(out: Path) -> None:
    for scheme in ("indirect", "flag_fences", "counter_lrsc", "qsbr", "patching"):
        row = measure_scheme(build(IMAGES[scheme], out), scheme, 4, [IDEAL])
        assert (row.violations > 0) == (scheme == "indirect"), scheme


@pytest.mark.parametrize(
    ("scheme", "edits"),
    [
        ("flag_fences", [("flag.inc", "    bnez    t0, 1b\n    fence   r, rw\n    fence   rw, w", "")]),
        ("flag_fences", [("flag.inc", "    sd      a5, POINTER(a3)             // step 3\n", "")]),
        (
            "flag_fences",  # M3: the pointer is loaded before the flag is set
            [
                ("flag_fences.S", "    sw      t0, INSIDE(a2)\n", ""),
                ("flag_fences.S", "    ld      t0, POINTER(a2)\n    jr      t0", LOADED_FIRST),
            ],
        ),
        (
            "counter_amo",  # M10: the counter is not atomic
            [
                ("counter_amo.S", "    amoadd.w.aq zero, t0, (t1)          // before the pointer is loaded",
                 "    lw t2, 0(t1)\n    j 1f\n1:  add t2, t2, t0\n    sw t2, 0(t1)"),
            ],
        ),
        ("flag_fences", [("flag_fences.S", "SCHEME_TRAITS 0", "SCHEME_TRAITS TRAIT_SHARED")]),  # M9: one flag
        (
            "flag_amo",
            [
                ("flag_amo.S", "    amoswap.w.aq zero, t0, (t1)", "    ld      t2, POINTER(a2)\n"
                 "    j       1f\n1:  amoswap.w.aq zero, t0, (t1)"),
                ("flag_amo.S", "    ld      t0, POINTER(a2)\n    jr      t0", "    jr      t2"),
            ],
        ),
        (
            "counter_lrsc",
            [
                ("counter_lrsc.S", "1:  lr.w.aq t0, (t1)\n", "    lw      t0, 0(t1)\n    j       1f\n1:"),
                ("counter_lrsc.S", "    sc.w.aqrl t2, t0, (t1)\n    bnez    t2, 1b\n",
                 "    sw      t0, 0(t1)\n"),
            ],
        ),
        ("ticket", [("ticket.S", "    bne     t0, t1, .Lturn_\\@\n", "")]),
        ("test_and_set", [("test_and_set.S", LOCKED, "    addi    t2, a3, LOCK\n")]),
        ("reader_writer", [("reader_writer.S", "    bnez    t0, 2b\n", "")]),
        ("seqlock", [("seqlock.S", "    bne     t0, t2, \\restart\n", "")]),
        ("qsbr", [("qsbr.S", "1:  ld      t0, SCHEME_HART_EPOCH(a4)\n    bne     t0, t3, 1b\n", "1:\n")]),
        ("membarrier", [("asymmetric.inc", "    bne     t0, t1, .Ldrain_\\@\n", "")]),
        ("patching", [("asymmetric.inc", "    bne     t0, t1, .Ldrain_\\@\n", "")]),
        ("patching", [("patching.S", f"{end}\n    fence.i\n", f"{end}\n") for end in ("rw", "all")]),
    ],
)  # fmt: skip
def test_planted_bug_is_found(scheme: str, edits: list[tuple[str, str, str]], tmp_path: Path) -> None:
    """Old code runs after its replacement, or the run does not end."""
    with pytest.raises(
        ReplugError, match=rf"{scheme} on 4 harts: ended by (exit: .* [1-9]\d* violations|limit|idle)"
    ):
        measure_scheme(patched(scheme, edits, tmp_path), scheme, 4, [IDEAL])


@pytest.mark.parametrize("scheme", ["membarrier", "patching"])
def test_the_drain_waits_for_no_later_call(scheme: str, tmp_path: Path) -> None:
    """Harts that are inside nearly always, each as long as the last: a replacement takes as long as a few
    of them. A drain that waits to see each flag clear waits longer, if it is lucky.
    """
    busy = [
        ("phases.S", "    andi    a0, a0, 63\n2:", "    li      a0, 60\n2:"),
        ("phases.S", "    andi    a0, a0, 127\n3:", "    li      a0, 0\n3:"),
    ]
    plain = "    bne     t0, t1, .Ldrain_\\@\n"
    clear = [("asymmetric.inc", plain, plain.replace("bne     t0, t1", "bnez    t0"))]
    longest = {}
    for name, edits in (("numbered", busy), ("clear", busy + clear)):
        directory = tmp_path / name
        directory.mkdir()
        options = MachineOptions(harts=4, quantum=SLICE)  # a slice in which nobody else moves
        run = run_image(patched(scheme, edits, directory), options, [IDEAL], max_instructions=100_000_000)
        assert run.problems() == []
        (cost,) = [cost for cost in run.costs if cost.name == "replace, occupied"]
        longest[name] = cost.instructions.max
    assert longest["numbered"] < 4 * SLICE < longest["clear"]


def test_nops_raise_their_rows(tmp_path: Path, out: Path) -> None:
    """In the call, in the replacement, and in what an interrupt does on the other hart."""
    plain = measure_scheme(build(IMAGES["membarrier"], out), "membarrier", 2, [IDEAL]).costs["ideal"]
    nops = "    nop\n" * 5
    for edit, raised in (
        ("    ASYMMETRIC_ENTER a2\n", "call"),
        ("    mv      a7, ra\n", "idle"),
        ("ENTRY scheme_barrier\n", "interruption"),
    ):
        directory = tmp_path / raised
        directory.mkdir()
        image = patched("membarrier", [("membarrier.S", edit, edit + nops)], directory)
        found = measure_scheme(image, "membarrier", 2, [IDEAL]).costs["ideal"]
        assert plain.idle is not None and found.idle is not None
        assert found.call.median - plain.call.median == (5 if raised == "call" else 0)
        assert found.interruption - plain.interruption == (5 if raised == "interruption" else 0)
        if raised != "interruption":  # whom it interrupts, the replacement waits for
            assert found.idle.median - plain.idle.median == (5 if raised == "idle" else 0)


def row(scheme: str, call: int, idle: int) -> Alternative:
    from emulator.cycles.alternatives import Cost  # noqa: PLC0415
    from emulator.cycles.histogram import Spread  # noqa: PLC0415

    def spread(value: int) -> Spread:
        return Spread.of({value: 1})

    return Alternative(
        scheme, 2, call, 0, 0, {"m": Cost(spread(call), spread(idle), None, None, 0)}, 0, 0, 1, 1
    )


def test_crossover() -> None:
    paper = row("flag_fences", 10, 100)
    assert crossover(row("qsbr", 8, 140), paper, "m") == ("above", 20.0)
    assert crossover(row("qsbr", 12, 60), paper, "m") == ("below", 20.0)
    assert crossover(row("qsbr", 8, 60), paper, "m") == ("always", None)
    assert crossover(row("qsbr", 12, 140), paper, "m") == ("never", None)
    assert crossover(paper, paper, "m") == ("-", None)
    above = row("qsbr", 8, 140)
    for calls, cheaper in ((19, False), (21, True)):
        mine, theirs = above.total("m", calls), paper.total("m", calls)
        assert mine is not None and theirs is not None
        assert (mine < theirs) == cheaper


def test_models() -> None:
    assert len(models_of(None)) >= 3
    assert models_of("ideal,dear-sync,ideal") == [IDEAL, DEAR_SYNCHRONISATION]
    with pytest.raises(ReplugError, match="there are ideal"):
        models_of("ideal,nonsense")


def test_each_scheme_says_what_it_is() -> None:
    for image in IMAGES.values():
        (source,) = [path for path in image.sources if path.parent == GUESTOS / "measure/alternatives"]
        assert "SCHEME_TRAITS" in source.read_text()
