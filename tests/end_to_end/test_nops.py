# SPDX-License-Identifier: GPL-2.0-or-later
"""A figure proves itself: k nops put into a path raise exactly its rows by k, for each execution."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.cycles.models import IDEAL
from emulator.cycles.paths import PathCost
from emulator.cycles.scenario import run_image
from guestos.images import (
    INCLUDE,
    SCENARIO,
    Image,
    build,
    disk_files,
    kernel_image,
    measure_images,
    user_images,
)
from toolchain.assemble import assemble
from toolchain.disk import create_image

NOPS = 5
DATA = bytes(range(256)) * 60


def with_nops(image: Image, source: str, before: str, directory: Path) -> Path:
    """Build an image with nops in front of a line of one of its sources, which must occur exactly once."""
    (original,) = [path for path in image.sources if path.name == source]
    lines = original.read_text().splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines) if line.strip() == before]
    lines.insert(place, f"    .rept {NOPS}\n    nop\n    .endr\n")
    patched = directory / source
    patched.write_text("".join(lines))
    changed = replace(image, sources=tuple(patched if path == original else path for path in image.sources))
    return assemble(
        changed.sources, directory / "out.elf", link_script=changed.link_script,
        include=[INCLUDE, original.parent], root=directory,
    )  # fmt: skip


def costs_of(image: Path, **options: object) -> Mapping[tuple[str, str, int | None], PathCost]:
    run = run_image(image, MachineOptions(**options), [IDEAL])  # type: ignore[arg-type]
    assert (run.outcome.reason, run.outcome.status) == ("exit", 0), run.console
    return {(cost.name, cost.step, cost.parameters.get("bytes")): cost for cost in run.costs}


def test_bare_metal_invocation(tmp_path: Path) -> None:
    """Every single call of the body that got the nops costs so much more."""
    (image,) = [image for image in measure_images() if image.name.endswith("invocation.elf")]
    plain = costs_of(build(image, tmp_path / "plain"))
    source = next(path for path in image.sources if path.name == "invocation.S")
    lines = source.read_text().splitlines()
    body = next(number for number, line in enumerate(lines) if line.startswith("empty:"))
    patched = tmp_path / "invocation.S"
    patched.write_text("\n".join([*lines[: body + 1], *["    nop"] * NOPS, *lines[body + 1 :]]) + "\n")
    changed = replace(image, sources=tuple(patched if path == source else path for path in image.sources))
    padded = costs_of(
        assemble(changed.sources, tmp_path / "padded.elf", link_script=changed.link_script,
                 include=[INCLUDE, source.parent], root=tmp_path)
    )  # fmt: skip
    direct, flagged = ("invocation, direct", "", None), ("invocation, through the flag", "", None)
    assert padded[direct].calls == plain[direct].calls == 1000
    assert padded[direct].instructions.min == plain[direct].instructions.min + NOPS
    assert padded[direct].instructions.max == plain[direct].instructions.max + NOPS
    assert padded[flagged].instructions == plain[flagged].instructions


@pytest.mark.parametrize(
    ("source", "before", "raised", "untouched"),
    [
        (
            "is_read.S",
            "ld      t0, RECORD_OFFSET(t2)",
            [("specialised read", "", 1)],
            [("generic read", "", 1), ("replug, uncontended", "2 per-file lock", None)],
        ),
        (
            "read.S",
            "ld      s0, DESCRIPTOR_FILE(a0)",
            [("generic read", "", 1)],
            [("specialised read", "", 1), ("invocation", "", None)],
        ),
        (
            "specialise.S",
            "sw      zero, INODE_CHANCE(s1)",
            [("specialise again", "", None)],
            [("specialise", "", None), ("guard, not taken", "", None)],
        ),
        (
            "levels.S",
            "la      a2, levels",
            [("specialise", "", None), ("specialise again", "", None)],
            [("replug, uncontended", "5 specialise", None)],
        ),
        (
            "guards.S",
            "ld      t2, INODE_SPECIALISED(s0)",
            [("guard, not taken", "", None)],
            [("guard of one descriptor, not taken", "", None), ("specialised read", "", 1)],
        ),
        (
            "replug.S",
            "la      t0, holding_tank_path",
            [(f"replug, {kind}", "3 pointer to the tank", None) for kind in ("uncontended", "contended")],
            [("replug, uncontended", "6 descriptor update", None), ("specialised read", "", 1)],
        ),
    ],
)
def test_kernel_paths(
    tmp_path: Path,
    plain_kernel: Callable[[], tuple[Path, Mapping[tuple[str, str, int | None], PathCost]]],
    source: str,
    before: str,
    raised: list[tuple[str, str, int | None]],
    untouched: list[tuple[str, str, int | None]],
) -> None:
    """In the kernel other harts interfere with some calls; the least cost of a call is free of that."""
    disk, plain = plain_kernel()
    padded = costs_of(
        with_nops(kernel_image(), source, before, tmp_path),
        harts=4,
        quantum=200,
        disk=disk,
        bootargs=SCENARIO,
    )
    for row in raised:
        assert padded[row].instructions.min == plain[row].instructions.min + NOPS, row
    for row in untouched:
        assert padded[row].instructions.min == plain[row].instructions.min, row


@pytest.fixture(scope="module")
def plain_kernel(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], tuple[Path, Mapping[tuple[str, str, int | None], PathCost]]]:
    out = tmp_path_factory.mktemp("plain")
    kernel = build(kernel_image(), out)
    programs = {f"/{Path(image.name).stem}": build(image, out) for image in user_images()}
    disk = create_image(out / "disk.img", disk_files(programs, DATA))
    costs = costs_of(kernel, harts=4, quantum=200, disk=disk, bootargs=SCENARIO)
    return lambda: (disk, costs)
