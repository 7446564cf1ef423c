# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests of the Debug Adapter Protocol with arguments that no client sends: refused, and nothing else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.adapter import CAPABILITIES, Adapter
from emulator.debug.dap.progress import Progress
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from emulator.options import MachineOptions

Guest = Callable[[str], Path]

_WORDS = st.sampled_from(
    ["", "leaf", "$a0", "0x80000000", "*leaf", "memory 0 0x80000000 8", "register 0 5 t0", "write", "a0",
     "\0", "\ud800", "x" * 5000, "-1", "1", "instruction", "repl", "hover", "u8(", "0x", "..", "/", "AAAA",
     "9" * 5000, "0x_", "1__0", "~0", "1/0", "-*", "(" * 3000]
)  # fmt: skip
_SIMPLE = (
    st.none()
    | st.booleans()
    | st.integers(-3, 20)
    | st.sampled_from([1 << 31, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 70)])
    | st.floats()
    | _WORDS
)
_NAMES = st.sampled_from(
    ["threadId", "frameId", "variablesReference", "name", "value", "expression", "context", "memoryReference",
     "offset", "count", "data", "instructionOffset", "instructionCount", "source", "breakpoints", "path",
     "line", "instructionReference", "condition", "hitCondition", "dataId", "accessType", "granularity",
     "start",
     "levels", "startFrame", "text", "column", "bytes", "sourceRoots", "stopOnEntry", "symbolFiles",
     "endLine", "targetId", "progressId", "filter", "logMessage", "startModule", "moduleCount"]
)  # fmt: skip
_GOOD: dict[str, dict[str, object]] = {
    "stackTrace": {"threadId": 1, "startFrame": 0, "levels": 1},
    "scopes": {"frameId": 1},
    "variables": {"variablesReference": 2, "start": 0, "count": 5},
    "setVariable": {"variablesReference": 1, "name": "a3", "value": "1"},
    "evaluate": {"expression": "$a0", "frameId": 1, "context": "watch"},
    "setExpression": {"expression": "u8(leaf)", "value": "1", "frameId": 1},
    "readMemory": {"memoryReference": "0x80000000", "offset": 0, "count": 8},
    "writeMemory": {"memoryReference": "0x80000000", "offset": 64, "data": "AAAA"},
    "disassemble": {"memoryReference": "0x80000000", "instructionOffset": -2, "instructionCount": 4},
    "setBreakpoints": {"source": {"path": "x.s"}, "breakpoints": [{"line": 4, "condition": "1"}]},
    "setFunctionBreakpoints": {"breakpoints": [{"name": "leaf", "hitCondition": "2"}]},
    "setInstructionBreakpoints": {"breakpoints": [{"instructionReference": "0x80000000", "offset": 4}]},
    "setDataBreakpoints": {"breakpoints": [{"dataId": "memory 0 0x80000000 8", "accessType": "read"}]},
    "modules": {"startModule": 0, "moduleCount": 1},
    "exceptionInfo": {"threadId": 1},
    "dataBreakpointInfo": {"name": "leaf", "frameId": 1, "bytes": 4},
    "breakpointLocations": {"source": {"path": "x.s"}, "line": 1, "endLine": 9},
    "next": {"threadId": 1, "granularity": "line"},
    "stepBack": {"threadId": 2, "granularity": "instruction"},
    "completions": {"text": "p lea", "column": 6},
    "gotoTargets": {"source": {"path": "x.s"}, "line": 2},
    "restartFrame": {"frameId": 1},
    "cancel": {"progressId": "progress 1"},
}
_ARGUMENTS = st.recursive(
    st.dictionaries(_NAMES, _SIMPLE, max_size=6),
    lambda inner: st.dictionaries(_NAMES, _SIMPLE | inner | st.lists(inner, max_size=3), max_size=6),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def adapter(guest: Guest) -> Iterator[Adapter]:
    image = open_image(guest("again:\ncall leaf\nj again\n.globl leaf\nleaf: ret\n"))
    with DebugSession(image, MachineOptions(harts=2)) as session:
        interpreter = Interpreter(session, Symbols(image), lambda _line: None)
        made = Adapter(interpreter, lambda _name, body: json.dumps(body) and None)
        made.handle({"command": "initialize"})
        yield made


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_request_is_answered_or_refused(adapter: Adapter, data: st.DataObject) -> None:
    command = data.draw(st.sampled_from(sorted(adapter.table)))
    arguments: Any = data.draw(_ARGUMENTS | _SIMPLE)
    good = _GOOD.get(command)
    if good is not None and data.draw(st.booleans()):  # all is as it should be, but for one argument
        arguments = json.loads(json.dumps(good))
        inner = (
            arguments["breakpoints"][0] if "breakpoints" in good and data.draw(st.booleans()) else arguments
        )
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(_WORDS | _SIMPLE | _ARGUMENTS)
    try:
        body = adapter.handle({"command": command, "arguments": arguments})
    except ReplugError as error:
        assert "\n" not in str(error) and len(str(error)) < 20_000
    else:
        json.dumps(body)
    adapter.after_response()
    adapter.moves.resume = None


def test_the_good_ones_are_good(adapter: Adapter) -> None:
    for command, arguments in _GOOD.items():
        if "source" not in arguments:
            adapter.handle({"command": command, "arguments": arguments})
            adapter.moves.resume = None


def test_what_is_announced_is_there(adapter: Adapter) -> None:
    needed = {
        "supportsConfigurationDoneRequest": "configurationDone",
        "supportsFunctionBreakpoints": "setFunctionBreakpoints",
        "supportsDataBreakpoints": "setDataBreakpoints",
        "supportsInstructionBreakpoints": "setInstructionBreakpoints",
        "supportsBreakpointLocationsRequest": "breakpointLocations",
        "supportsStepBack": "reverseContinue",
        "supportsSetVariable": "setVariable",
        "supportsSetExpression": "setExpression",
        "supportsCompletionsRequest": "completions",
        "supportsReadMemoryRequest": "readMemory",
        "supportsWriteMemoryRequest": "writeMemory",
        "supportsDisassembleRequest": "disassemble",
        "supportsRestartRequest": "restart",
        "supportsTerminateRequest": "terminate",
        "supportsGotoTargetsRequest": "goto",
        "supportsRestartFrame": "restartFrame",
        "supportsCancelRequest": "cancel",
        "supportsLoadedSourcesRequest": "loadedSources",
        "supportsExceptionInfoRequest": "exceptionInfo",
        "supportsModulesRequest": "modules",
    }
    for capability, command in needed.items():
        assert CAPABILITIES.get(capability) is True and command in adapter.table


def test_what_takes_long_is_shown_and_can_be_cancelled() -> None:
    told: list[tuple[str, Any]] = []
    now = 0.0
    progress = Progress(lambda name, body: told.append((name, body)), lambda: now)
    progress.is_wanted = True
    progress.begin("Going back")
    progress.tick("here")
    progress.end()
    assert not told  # it was quick
    progress.begin("Going back")
    for now in (0.5, 2.0, 2.5, 3.5):
        progress.tick(f"at {now}")
    progress.end()
    progress.tick("at the end")
    progress.end()
    assert [name for name, _ in told] == ["progressStart", "progressUpdate", "progressEnd"]
    assert told[0][1] == {
        "progressId": progress.identifier, "message": "at 2.0", "title": "Going back", "cancellable": True
    }  # fmt: skip
    assert all(body["progressId"] == progress.identifier for _, body in told)
    progress.is_wanted = False
    progress.begin("Going back")
    now = 9.0
    progress.tick("here")
    assert len(told) == 3


def test_only_what_runs_is_cancelled(adapter: Adapter) -> None:
    for running, identifier, pauses in (
        (False, adapter.progress.identifier, False),
        (True, "another", False),
        (True, adapter.progress.identifier, True),
    ):
        adapter.running, adapter.moves.pausing = running, False
        adapter.handle({"command": "cancel", "arguments": {"progressId": identifier}})
        assert adapter.moves.pausing is pauses
    adapter.running = adapter.moves.pausing = False
