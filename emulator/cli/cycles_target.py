# SPDX-License-Identifier: GPL-2.0-or-later
"""What `replug cycles` can measure: the scenario of the paper, or an image on any machine."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from emulator.cli.cycles_display import Display
from emulator.cli.guest import Guest, build_guest, guest_directory
from emulator.cycles.baseline import file_hash
from emulator.cycles.claims import Claim, claims, missing
from emulator.cycles.declare import declare
from emulator.cycles.models import Model, where_all_hits
from emulator.cycles.paths import PathCost
from emulator.cycles.protocol import run_protocol
from emulator.cycles.protocol_claims import protocol_claims
from emulator.cycles.recorder import Window
from emulator.cycles.repeat import Recipe
from emulator.cycles.scenario import PaperImages, PaperRun, Run, run_image, run_paper
from emulator.engine import MAX_MODELS
from emulator.loader.boot import default_bios, open_bootable
from emulator.loader.elf import open_image
from emulator.options import MachineOptions
from emulator.token import Token
from guestos.images import SCENARIO
from guestos.sample import sample_text

PAPER = "paper"


@dataclass(frozen=True)
class Watched:
    """What a run is watched for beside its paths: all code, calls between functions, part of it over time."""

    models: Sequence[Model]
    code: bool
    calls: bool
    window: Window | None


@dataclass(frozen=True)
class Measured:
    """What came of the runs.  problems: a line for all that went wrong; paper: of that scenario."""

    costs: list[PathCost]
    runs: list[Run]
    problems: list[str]
    claims: list[Claim] = field(default_factory=list)
    paper: PaperRun | None = None


class Target(ABC):
    """What is measured.  name: as a baseline calls it; token: the run that it repeats, if any."""

    name: str
    token: Token | None = None

    @property
    @abstractmethod
    def recipe(self) -> Recipe:
        """The run whose paths are looked at by instruction; ReplugError when it cannot be."""

    @abstractmethod
    def identity(self) -> dict[str, str]:
        """All that was chosen, by name: baselines are of runs in which it is the same."""

    @abstractmethod
    def measure(self, watched: Watched, display: Display) -> Measured:
        """Run it."""


class PaperTarget(Target):
    """Our kernel with the programs of the paper's figures.  file: what they read instead of our text."""

    name = PAPER

    def __init__(self, file: Path | None, harts: int, quantum: int, quiet: bool) -> None:
        self._file = file
        self._harts = harts
        self._quantum = quantum
        self._quiet = quiet

    @cached_property
    def _made(self) -> Guest:
        return build_guest(self._file, self._quiet)

    @property
    def _images(self) -> PaperImages:
        made = self._made
        files = (sample_text(),) if self._file is None else (self._file.read_bytes(), sample_text())
        return PaperImages(made.images.kernel, made.disk, files, made.images.measure["invocation"], SCENARIO)

    @property
    def recipe(self) -> Recipe:
        made = self._made
        options = MachineOptions(harts=self._harts, quantum=self._quantum, disk=made.disk, bootargs=SCENARIO)
        return Recipe(open_image(made.images.kernel), options)

    def identity(self) -> dict[str, str]:
        return {
            "harts": str(self._harts),
            "quantum": str(self._quantum),
            "file": file_hash(self._file),
            "disk": "none",
            "max instructions": "none",
        }

    def measure(self, watched: Watched, display: Display) -> Measured:
        built, models = self._made.images, watched.models
        hits = {model.name: twin for model in models if (twin := where_all_hits(model)) is not None}
        if sum(model.pipeline is not None for model in models) + len(hits) > MAX_MODELS:
            hits = {}
        with display.shown():
            paper = run_paper(
                self._images,
                [*models, *hits.values()],
                harts=self._harts,
                quantum=self._quantum,
                console=display.guest,
                progress=display.instructions,
                unfinished=display.unfinished,
                with_code=watched.code,
                with_calls=watched.calls,
                window=watched.window,
                programs=[open_image(path) for path in built.user.values()] if watched.code else [],
            )
            protocol = run_protocol(built, guest_directory(), models, display.doing)
        costs, names = paper.costs, [model.name for model in models]
        judged = claims(costs, names, {name: twin.name for name, twin in hits.items()})
        judged += protocol_claims(costs, names, protocol)
        problems = [*paper.problems(), *(f"no calls: {row}" for row in missing(costs))]
        problems += [f"claim {claim.id} does not hold" for claim in judged if not claim.holds]
        costs = [cost.of_models(names) for cost in costs]
        return Measured(costs, [paper.kernel, paper.invocation], problems, judged, paper)


class ImageTarget(Target):
    """Any image.  token: the run to repeat; declarations: a file of paths by symbols; programs: ELFs that it
    loads; limit: instructions after which the run is cut."""

    def __init__(
        self,
        image: Path,
        options: MachineOptions,
        token: Token | None,
        declarations: Path | None,
        programs: Sequence[Path],
        limit: int | None,
    ) -> None:
        self.name = image.name
        self._image = image
        self._options = options
        self.token = token
        self._declarations = declarations
        self._programs = programs
        self._limit = limit

    @cached_property
    def recipe(self) -> Recipe:
        image = open_bootable(self._image)
        if self.token is not None:
            self.token.check_image(image)
        if self._declarations is not None:
            image = declare(image, self._declarations)
        return Recipe(image, self._options, self.token)

    def identity(self) -> dict[str, str]:
        return {
            "harts": str(self._options.harts),
            "quantum": str(self._options.quantum),
            "file": "none",
            "disk": file_hash(self._options.disk),
            "max instructions": str(self._limit).lower(),
            **_differing(self._options, default_bios(self.recipe.image)),
            **({} if self.token is None else {"replayed run": _text_hash(self.token.encode())}),
            **({} if self._declarations is None else {"declared paths": file_hash(self._declarations)}),
        }

    def measure(self, watched: Watched, display: Display) -> Measured:
        recipe = self.recipe
        with display.shown():
            run = run_image(
                recipe.image,
                recipe.options,
                watched.models,
                console=display.guest,
                progress=display.instructions,
                unfinished=display.unfinished,
                with_code=watched.code,
                with_calls=watched.calls,
                window=watched.window,
                programs=[open_image(path) for path in self._programs],
                max_instructions=self._limit,
                token=recipe.token,
            )
        problems = run.problems()
        if not run.costs and not watched.code:
            problems.append(f"{self._image}: no declared path was taken to its end")
        return Measured(run.costs, [run], problems)


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _differing(options: MachineOptions, bios: str) -> Mapping[str, str]:
    """What is not as it is by default, of all that has a default.  bios: that of the firmware."""
    usual = MachineOptions()
    chosen = {
        "memory": (options.memory, usual.memory),
        "boot arguments": (options.bootargs, usual.bootargs),
        "instruction set": (options.isa and options.isa.name, None),
        "strict NaN boxing": (options.strict_nan_boxing, False),
        "firmware": (
            file_hash(options.bios) if isinstance(options.bios, Path) else options.bios or bios,
            bios,
        ),
        "load address": (options.load_address, None),
        "initial RAM disk": (options.initrd and file_hash(options.initrd), None),
        "device tree": (options.dtb and file_hash(options.dtb), None),
        "devices": (options.devices.text(), ""),
    }
    return {name: str(value) for name, (value, default) in chosen.items() if value != default}
