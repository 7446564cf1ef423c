# SPDX-License-Identifier: GPL-2.0-or-later
"""A report for speedscope (speedscope.app): one profile a hart with its paths over time, and one a run with
all its instructions by function.

Units: cycles of the ideal model (virtual time, one instruction each) and instructions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from emulator.cycles.code import CodeCosts
from emulator.cycles.timeline import Piece, Timeline

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


class _Frames:
    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names))


def speedscope(timelines: Sequence[tuple[str, Timeline]], codes: Sequence[CodeCosts], exporter: str) -> str:
    """The file's text.  timelines: by the run's name; exporter: the program and its version."""
    frames = _Frames()
    profiles: list[dict[str, object]] = []
    for run, timeline in timelines:
        for hart in range(timeline.harts):
            pieces = [piece for piece in timeline.pieces if piece.hart == hart]
            profiles.append(
                {
                    "type": "evented",
                    "name": f"{run}: hart {hart}, paths (cycles)",
                    "unit": "none",
                    "startValue": timeline.begin,
                    "endValue": timeline.end,
                    "events": _nested(pieces, frames),
                }
            )
    for code in codes:
        costs = code.functions()
        profiles.append(
            {
                "type": "sampled",
                "name": f"{code.run}: instructions by function",
                "unit": "none",
                "startValue": 0,
                "endValue": code.instructions,
                "samples": [[frames(cost.place.name)] for cost in costs],
                "weights": [cost.instructions for cost in costs],
            }
        )
    return json.dumps(
        {
            "$schema": SCHEMA,
            "exporter": exporter,
            "name": "replug",
            "shared": {"frames": [{"name": name} for name in frames.names]},
            "profiles": profiles,
        },
        separators=(",", ":"),
    )


def _nested(pieces: Sequence[Piece], frames: _Frames) -> list[dict[str, object]]:
    """Openings and closings, strictly nested: as pieces of a hart are."""
    events: list[dict[str, object]] = []
    stack: list[Piece] = []

    def close(until: int) -> None:
        while stack and stack[-1].end <= until:
            piece = stack.pop()
            events.append({"type": "C", "at": piece.end, "frame": frames(piece.activity.whole_name)})

    for piece in pieces:
        close(piece.begin)
        events.append({"type": "O", "at": piece.begin, "frame": frames(piece.activity.whole_name)})
        stack.append(piece)
    close(1 << 64)
    return events
