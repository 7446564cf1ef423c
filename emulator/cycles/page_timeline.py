# SPDX-License-Identifier: GPL-2.0-or-later
"""The timeline of the HTML page: pieces in rows, where the pointer led, who was held, and what to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emulator.cycles.timeline import Activity, Timeline

KINDS = (
    "inside", "generic", "tank", "replug", "spin", "asleep", "interrupt", "exception", "other", "step",
)  # fmt: skip
_LEGEND = (
    ("inside", "inside the specialised read"),
    ("generic", "generic read"),
    ("tank", "holding tank"),
    ("replug", "replug"),
    ("spin", "spins on the inside-flag"),
    ("asleep", "hart asleep"),
    ("interrupt", "interrupt"),
    ("exception", "exception, system call"),
    ("other", "other paths"),
)
_NOTE = (
    "Virtual time in cycles of the ideal model. Each hart with what was open on it, the outermost on top. "
    "Arrows: from the switch of the pointer to the reader's leaving that the replugger waited for (drain), "
    "from there to its end of spinning (drained), and from the release of the file to the reader that left "
    "the tank (wake-up). Drag to move, Ctrl and the wheel to zoom."
)
_WORDS = (
    ("replug", "replug"), ("holding tank", "tank"), ("specialised read", "inside"), ("flag clear", "inside"),
    ("generic", "generic"),
)  # fmt: skip
"""What paths of these names are shown as."""
MOST_MOMENTS = 200

Row = list[tuple[int, int, int, int, str]]
"""Pieces: begin, end, number of the name, number of the kind, thread."""


def _kind(activity: Activity) -> str:
    name = activity.name
    if activity.kind in ("asleep", "interrupt", "exception"):
        return activity.kind
    if activity.kind == "step":
        return "spin" if "spin" in name else "step"
    for word, kind in _WORDS:
        if word in name:
            return kind
    return "other"


def timeline_data(timeline: Timeline) -> dict[str, object]:
    """What page.js draws."""
    names: dict[str, int] = {}

    def number(name: str) -> int:
        return names.setdefault(name, len(names))

    rows: list[list[Row]] = [[] for _ in range(timeline.harts)]
    for piece in timeline.pieces:
        lane = rows[piece.hart]
        while len(lane) <= piece.depth:
            lane.append([])
        activity = piece.activity
        lane[piece.depth].append(
            (
                piece.begin,
                piece.end,
                number(activity.whole_name),
                KINDS.index(_kind(activity)),
                f"{activity.thread:#x}",
            )
        )
    activities = timeline.activities
    moments = _moments(activities)
    return {
        "harts": timeline.harts,
        "begin": timeline.begin,
        "end": timeline.end,
        "note": _NOTE
        + ("" if timeline.complete else " Part of the run: --window and --around choose which."),
        "legend": _LEGEND,
        "kinds": KINDS,
        "rows": rows,
        "pointer": _pointer(activities, timeline, number),
        "held": _held(activities, number),
        "flows": [[flow.name, *flow.source, *flow.target] for flow in timeline.flows],
        "moments": moments,
        "first": _first(moments),
        "names": list(names),
    }


def _moments(activities: Sequence[Activity]) -> list[dict[str, object]]:
    """What is worth jumping to: replugs and stays in the tank; where there are none, the longest paths."""
    chosen = [each for each in activities if each.own_name in ("replug", "holding tank") and each.ended]
    if not chosen:
        ended = [each for each in activities if each.kind == "path" and each.ended]
        chosen = sorted(ended, key=lambda each: each.begin - each.end)[:20]
    return [{"name": each.whole_name, "begin": each.begin, "end": each.end} for each in chosen[:MOST_MOMENTS]]


def _first(moments: Sequence[dict[str, object]]) -> int:
    """The first stay in the tank, if there is one."""
    for index, moment in enumerate(moments):
        if moment["name"] == "holding tank":
            return index
    return 0


def _pointer(activities: Sequence[Activity], timeline: Timeline, number: Callable[[str], int]) -> Row:
    """Where the pointer that was changed last leads: by steps 3 and 6 of replugs and ends of specialising."""
    changes: list[tuple[int, str]] = []
    for activity in activities:
        if activity.kind == "step" and activity.path is not None and activity.path.own_name == "replug":
            if activity.own_name.startswith("3"):
                changes.append((activity.end, "holding tank"))
            elif activity.own_name.startswith("6"):
                changes.append((activity.end, "generic read"))
        elif activity.kind == "path" and activity.name == "specialise" and activity.ended:
            changes.append((activity.end, "specialised read"))
    changes.sort()
    kinds = {"holding tank": "tank", "generic read": "generic", "specialised read": "inside"}
    result: Row = []
    for index, (time, where) in enumerate(changes):
        end = changes[index + 1][0] if index + 1 < len(changes) else timeline.end
        if end > time:
            result.append((time, end, number(f"leads to: {where}"), KINDS.index(kinds[where]), ""))
    return result


def _held(activities: Sequence[Activity], number: Callable[[str], int]) -> list[Row]:
    """Stays in the holding tank from entering to leaving, whether the reader had a hart or slept."""
    rows: list[Row] = []
    for activity in activities:
        if activity.own_name != "holding tank" or activity.end <= activity.begin:
            continue
        entry = (
            activity.begin, activity.end, number(f"thread {activity.thread:#x}"), KINDS.index("tank"),
            f"{activity.thread:#x}",
        )  # fmt: skip
        for row in rows:
            if row[-1][1] <= activity.begin:
                row.append(entry)
                break
        else:
            rows.append([entry])
    return rows
