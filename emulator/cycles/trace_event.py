# SPDX-License-Identifier: GPL-2.0-or-later
"""A timeline in the Trace Event format, which Perfetto (ui.perfetto.dev) and chrome://tracing read.

One process "harts" with one track a hart.  `ts` and `dur` are in cycles of the ideal model: virtual time, of
which one instruction takes one nanosecond.  Perfetto shows them as if they were microseconds.
"""

from __future__ import annotations

import json

from emulator.cycles.timeline import CALLS, Piece, Timeline

HARTS = 1
_COLOURS = {"interrupt": "terrible", "exception": "bad", "asleep": "grey"}


def trace_event(timeline: Timeline, name: str) -> str:
    """The file's text."""
    events: list[dict[str, object]] = [
        {"ph": "M", "pid": HARTS, "name": "process_name", "args": {"name": f"{name}: harts"}}
    ]
    for hart in range(timeline.harts):
        where = {"pid": HARTS, "tid": hart}
        events.append({"ph": "M", **where, "name": "thread_name", "args": {"name": f"hart {hart}"}})
        events.append({"ph": "M", **where, "name": "thread_sort_index", "args": {"sort_index": hart}})
    events += [_slice(piece) for piece in timeline.pieces]
    for number, flow in enumerate(timeline.flows):
        for phase, (hart, time), more in (
            ("s", flow.source, {}), ("f", flow.target, {"bp": "e"}),
        ):  # fmt: skip
            events.append(
                {"ph": phase, "pid": HARTS, "tid": hart, "ts": time, "id": number, "name": flow.name,
                 "cat": "replug", **more}
            )  # fmt: skip
    return json.dumps(
        {
            "traceEvents": events,
            "displayTimeUnit": "ns",
            "otherData": {
                "unit of ts and dur": "cycles of the ideal model (one instruction each; virtual nanoseconds)",
                "complete": timeline.complete,
                "from": timeline.begin,
                "to": timeline.end,
            },
        },
        separators=(",", ":"),
    )


def _slice(piece: Piece) -> dict[str, object]:
    activity = piece.activity
    args: dict[str, object] = {"thread": f"{activity.thread:#x}", **activity.values}
    if activity.path is not None:
        args["path"] = activity.path.whole_name
    if len(activity.pieces) > 1:
        args["piece"] = f"{activity.pieces.index(piece) + 1} of {len(activity.pieces)}"
    found: dict[str, object] = {
        "ph": "X", "pid": HARTS, "tid": piece.hart, "ts": piece.begin, "dur": piece.end - piece.begin,
        "name": activity.whole_name, "cat": activity.kind, "args": args,
    }  # fmt: skip
    if activity.kind in _COLOURS and activity.name not in CALLS:
        found["cname"] = _COLOURS[activity.kind]
    return found
