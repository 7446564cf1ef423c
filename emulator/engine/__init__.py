# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: compiled, exact, deterministic.  The only part of Replug that knows of Unicorn."""

from emulator.engine.native import MAX_MODELS, NO_LIMIT, PAGE_SIZE, PAGE_TOUCHED, Engine, unicorn_version
from emulator.engine.records import (
    EXTENSIONS,
    KINDS,
    Access,
    Caches,
    CallEdge,
    EngineConfig,
    Event,
    EventKind,
    Generated,
    Hit,
    OldPage,
    PathPart,
    PathRow,
    Pipeline,
    StopReason,
    WatchHit,
    WildHart,
)

__all__ = [
    "EXTENSIONS",
    "KINDS",
    "MAX_MODELS",
    "NO_LIMIT",
    "PAGE_SIZE",
    "PAGE_TOUCHED",
    "Access",
    "Caches",
    "CallEdge",
    "Engine",
    "EngineConfig",
    "Event",
    "EventKind",
    "Generated",
    "Hit",
    "OldPage",
    "PathPart",
    "PathRow",
    "Pipeline",
    "StopReason",
    "WatchHit",
    "WildHart",
    "unicorn_version",
]
