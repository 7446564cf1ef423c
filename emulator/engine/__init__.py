# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: compiled, exact, deterministic.  The only part of Replug that knows of Unicorn."""

from emulator.engine.native import Engine, EngineConfig, Event, PathRow, Pipeline, StopReason

__all__ = ["Engine", "EngineConfig", "Event", "PathRow", "Pipeline", "StopReason"]
