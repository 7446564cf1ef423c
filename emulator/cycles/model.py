# SPDX-License-Identifier: GPL-2.0-or-later
"""What a cost model is."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.engine import Caches, Pipeline


@dataclass(frozen=True)
class Model:
    """A cost model: its name, where its figures are from, what it leaves out.  pipeline is None for
    `ideal`; caches: in front of it, if it has any.
    """

    name: str
    source: str
    limits: str
    pipeline: Pipeline | None
    caches: Caches | None = None
