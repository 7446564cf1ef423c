# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that a guest generates while it runs: which, where and from what, as the guest itself declares it.

The declaration is CODE_GENERATED of replug.inc (REPLUG_CODE_GENERATED of replug.h), a mark that costs no
instruction.  Where the code was copied from a template, its instructions are told by the template's lines.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.engine import Engine, Generated
from emulator.errors import ReplugError
from toolchain.image import CODE_GENERATED, Image, PathMark

LENGTH = "length"


@dataclass(frozen=True)
class GeneratedCode:
    """physical: where it lies in RAM, so many bytes; address: where harts fetch it, by the hart that said so;
    template: address in the image, None where it has none; step: of the run, at which it was declared.

    parameters: what else the guest has told, such as whom the code is for.
    """

    name: str
    physical: int
    length: int
    template: int | None
    address: int = field(default=0, compare=False)
    step: int = field(default=0, compare=False)
    parameters: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def label(self) -> str:
        """How reports call it: all code of one name together, wherever it lies."""
        return f"{self.name} [generated]"


def _length(image: Image, template: int) -> int:
    """Of a symbol that may not say its size: up to the next one."""
    sizes = [symbol.size for symbol in image.symbols if symbol.address == template]
    following = [symbol.address - template for symbol in image.symbols if symbol.address > template]
    return max(sizes, default=0) or min(following, default=0)


def generated_code(image: Image, found: list[Generated], notes: dict[int, PathMark]) -> list[GeneratedCode]:
    """The latest of each place.  notes: by the number of the mark.  What has no length is left out."""
    result: dict[int, GeneratedCode] = {}
    for each in found:
        note = notes[each.mark]
        assert note.kind == CODE_GENERATED
        symbol = image.symbol(note.detail) if note.detail else None
        template = None if symbol is None else symbol.address
        parameters = {notes[mark].detail: value for mark, value in each.values.items()}
        length = parameters.pop(LENGTH, 0) or (0 if template is None else _length(image, template))
        if length:
            result.pop(each.physical, None)  # the latest comes last
            result[each.physical] = GeneratedCode(
                note.name, each.physical, length, template, each.address, each.step, parameters
            )
    return list(result.values())


class GeneratedNames:
    """Watches what the guest declares on an engine; make it before the machine runs."""

    def __init__(self, engine: Engine, image: Image, name_number: Callable[[str], int]) -> None:
        """name_number: what the engine is to call a name. Notes on what is not in RAM tell nothing."""
        self._engine, self._image = engine, image
        self._notes: dict[int, PathMark] = {}
        for note in image.code_notes:
            place, name = image.physical(note.address), name_number(note.name)
            with contextlib.suppress(ReplugError):
                self._notes[engine.mark(place, note.kind, name, 0, note.register)] = note
        self._known: tuple[list[Generated], list[GeneratedCode]] = ([], [])

    def __call__(self) -> list[GeneratedCode]:
        """The code that there is in the present state, the latest last."""
        if not self._notes:
            return []
        found = self._engine.generated()
        if found is not self._known[0]:
            self._known = found, generated_code(self._image, found, self._notes)
        return self._known[1]
