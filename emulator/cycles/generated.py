# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that a guest generates while it runs: which, where and from what, as the guest itself declares it.

The declaration is CODE_GENERATED of replug.inc (REPLUG_CODE_GENERATED of replug.h), a mark that costs no
instruction.  Where the code was copied from a template, its instructions are told by the template's lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator.engine import Generated
from toolchain.image import CODE_GENERATED, Image, PathMark

LENGTH = "length"


@dataclass(frozen=True)
class GeneratedCode:
    """physical: where it lies in RAM, so many bytes; template: address in the image, None where it has none.

    parameters: what else the guest has told, such as whom the code is for.
    """

    name: str
    physical: int
    length: int
    template: int | None
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
            result[each.physical] = GeneratedCode(note.name, each.physical, length, template, parameters)
    return list(result.values())
