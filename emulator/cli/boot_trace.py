# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug boot --trace`: a timeline of the run beside it."""

from __future__ import annotations

from pathlib import Path

from emulator.cli.common import write_text
from emulator.cli.version import version
from emulator.cycles.paths import PathWatch
from emulator.cycles.recorder import Recorder, Window
from emulator.cycles.speedscope import speedscope
from emulator.cycles.trace_event import trace_event
from emulator.machine import Machine

LIMIT = 1_000_000  # events: a file of some 150 MB


class BootTrace:
    """Records a machine, from before its run, and writes what it did to a file: Trace Event JSON, or, where
    the name ends in .speedscope.json, a file for speedscope.
    """

    def __init__(self, machine: Machine, file: str) -> None:
        self._file = file
        notes = () if machine.image is None else machine.image.notes
        watch = PathWatch(machine, [])
        self._recorder = Recorder(machine, notes, Window(limit=LIMIT), watch.calls)

    def write(self, name: str) -> str:
        """What there is to say of it.  ReplugError when the file cannot be written."""
        timeline = self._recorder.timeline()
        if Path(self._file).name.endswith(".speedscope.json"):
            text = speedscope([(name, timeline)], [], f"replug {version()}")
        else:
            text = trace_event(timeline, name)
        write_text(self._file, text + "\n")
        left_out = "" if timeline.complete else f": the first {timeline.events:,} events of the run"
        return f"timeline in {self._file}{left_out}"
