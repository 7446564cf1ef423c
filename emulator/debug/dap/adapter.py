# SPDX-License-Identifier: GPL-2.0-or-later
"""What each request does: one table from its name to a handler.

A handler gets the request's arguments and gives the body of the response, or raises ReplugError. What lets
the machine run is left in `moves`, for the server to do once the response is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.arguments import Arguments, flag, text
from emulator.debug.dap.exceptions import FILTERS
from emulator.debug.dap.expressions import Expressions
from emulator.debug.dap.harts import Harts
from emulator.debug.dap.memory import Memory
from emulator.debug.dap.messages import Message
from emulator.debug.dap.moves import Moves
from emulator.debug.dap.places import Places
from emulator.debug.dap.progress import Progress
from emulator.debug.dap.registers import RegisterVariables
from emulator.debug.dap.stops import Stops
from emulator.debug.dap.values import Values
from emulator.debug.dap.variables import Variables
from emulator.debug.records import Stop, StopKind
from emulator.debug.sources import Sources, resolve
from emulator.errors import ReplugError

Handler = Callable[[Arguments], Message | None]
Event = Callable[[str, Message | None], None]

CAPABILITIES: Message = {
    "supportsConfigurationDoneRequest": True,
    "supportsFunctionBreakpoints": True,
    "supportsConditionalBreakpoints": True,
    "supportsHitConditionalBreakpoints": True,
    "supportsLogPoints": True,
    "exceptionBreakpointFilters": FILTERS,
    "supportsExceptionFilterOptions": True,
    "supportsExceptionInfoRequest": True,
    "supportsModulesRequest": True,
    "supportsDataBreakpoints": True,
    "supportsDataBreakpointBytes": True,
    "supportsInstructionBreakpoints": True,
    "supportsBreakpointLocationsRequest": True,
    "supportsStepBack": True,
    "supportsSteppingGranularity": True,
    "supportsSetVariable": True,
    "supportsSetExpression": True,
    "supportsEvaluateForHovers": True,
    "supportsClipboardContext": True,
    "supportsCompletionsRequest": True,
    "supportsReadMemoryRequest": True,
    "supportsWriteMemoryRequest": True,
    "supportsDisassembleRequest": True,
    "supportsGotoTargetsRequest": True,
    "supportsRestartFrame": True,
    "supportsRestartRequest": True,
    "supportsCancelRequest": True,
    "supportsLoadedSourcesRequest": True,
    "supportsTerminateRequest": True,
    "supportTerminateDebuggee": True,
    "supportSuspendDebuggee": True,
}
_REASONS = {
    StopKind.START: ("entry", "the start of the run"),
    StopKind.STEP: ("step", ""),
    StopKind.PAUSED: ("pause", ""),
    StopKind.IDLE: ("pause", "all harts wait for input"),
    StopKind.WILD: ("exception", "a hart does nothing but trap"),
    StopKind.END: ("pause", "the recorded run was cut here"),
}


class Adapter:
    """One client's view of a session: it keeps what that client has asked for and set."""

    def __init__(self, interpreter: Interpreter, event: Event, roots: list[Path] | None = None) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._event = event
        self._sources: Sources = interpreter.sources
        self._sources.roots = list(roots or [])
        self._roots = list(self._sources.roots)
        self._places = Places(interpreter)
        self.moves = Moves(interpreter, self._sources, self._places, self._ended)
        """What requests have asked to be run."""
        self.progress = Progress(event)
        self._harts = Harts(interpreter, self._sources, self._places)
        values, registers = Values(interpreter, self._places), RegisterVariables(interpreter, self._places)
        self._stops = Stops(interpreter, self._sources, self._places, values)
        self._expressions = Expressions(interpreter, values, registers, self._places)
        self._later: list[tuple[str, Message | None]] = []
        self._outside = interpreter.say
        interpreter.say = self._remark
        self._stop_on_entry = True
        self._stop_at_exit = True
        self._launched = False
        self._initialized = self._started = self._configured = False
        self._knows_invalidated = False
        self.running = False
        """The request comes while the machine runs."""
        self.gone = False
        """The client has left."""
        self.leaves_it_standing = False
        """... and does not want the machine to run without it."""
        self.killed = False
        """The client wants the machine to end."""
        self.table: dict[str, Handler] = {
            "initialize": self._initialize,
            "launch": self._launch,
            "attach": self._attach,
            "configurationDone": self._configuration_done,
            "disconnect": self._disconnect,
            "terminate": self._terminate,
            "restart": self._restart,
            "pause": self._pause,
            "threads": lambda _arguments: self._harts.threads(self.running),
            "goto": self._goto,
            "cancel": self._cancel,
            "evaluate": self._evaluate,
            **self.moves.table,
            **self._stops.table,
            **self._harts.table,
            **Variables(values, registers, self._places).table,
            **self._expressions.table,
            **Memory(interpreter, self._sources).table,
        }

    def close(self) -> None:
        """The client is gone: so are its breakpoints."""
        self._interpreter.say = self._outside
        self._stops.remove_all()

    def handle(self, request: Message) -> Message | None:
        """The body of the response to a request; ReplugError with the reason when it fails."""
        command, arguments = request.get("command"), request.get("arguments")
        if not isinstance(command, str) or command not in self.table:
            raise ReplugError(f"{command}: there is no such request here")
        if not self._initialized and command not in ("initialize", "disconnect"):
            raise ReplugError(f"{command}: the first request has to be `initialize`")
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict):
            raise ReplugError(f"{command}: `arguments` has to be an object")
        before, position = self._session.stop, self._session.position
        try:
            return self.table[command](arguments)
        finally:
            if self._session.stop is not before and self._session.position == position:
                self._edited(command)

    def after_response(self) -> None:
        """Send the events that belong behind the response."""
        later, self._later = self._later, []
        for name, body in later:
            self._event(name, body)

    def tell(self, stop: Stop) -> None:
        """The events that say why the machine stands."""
        if stop.kind is StopKind.EXIT and not self._stop_at_exit:
            self._ended(stop)
            self.after_response()
            return
        self._interpreter.hart = stop.hart
        reason, description = _REASONS.get(stop.kind, ("breakpoint", ""))
        body: Message = {}
        if stop.kind is StopKind.EXIT and stop.outcome is not None:
            reason, description = "exited", f"the guest has ended, status {stop.outcome.status}"
        elif stop.breakpoint is not None:
            reason, body = self._stops.reason(stop)
        if description:
            body |= {"description": description, "text": description}
        self._event(
            "stopped", {"reason": reason, "threadId": stop.hart + 1, "allThreadsStopped": True} | body
        )

    def _ended(self, stop: Stop) -> None:
        status = stop.outcome.status if stop.outcome is not None else 0
        self._later += [("exited", {"exitCode": status}), ("terminated", None)]

    def _stands(self, reason: str, hart: int, **more: str) -> None:
        """Tell, behind the response, that the machine stands."""
        body = {"reason": reason, "threadId": hart + 1, "allThreadsStopped": True} | more
        self._later.append(("stopped", body))

    def _edited(self, command: str) -> None:
        """The state was changed: all that the client shows may be another, such as the stack by a new sp."""
        if any(name == "stopped" for name, _ in self._later):
            return
        if self._knows_invalidated:
            self._later.append(("invalidated", {"areas": ["all"]}))
        elif command == "evaluate":
            self._stands("goto", self._interpreter.hart)

    def _remark(self, message: str) -> None:
        self._event("output", {"category": "console", "output": f"{message}\n"})

    # --- the life of a session ---

    def _initialize(self, arguments: Arguments) -> Message:
        if not (flag(arguments, "linesStartAt1", True) and flag(arguments, "columnsStartAt1", True)):
            raise ReplugError("lines and columns are counted from 1 here")
        if text(arguments, "pathFormat", "path") != "path":
            raise ReplugError("source files are named by paths here, not by URIs")
        if self._initialized:
            raise ReplugError("`initialize` has come already")
        self._initialized = True
        self._knows_invalidated = flag(arguments, "supportsInvalidatedEvent", False)
        self.progress.is_wanted = flag(arguments, "supportsProgressReporting", False)
        self._later.append(("initialized", None))
        return CAPABILITIES

    def _launch(self, arguments: Arguments) -> None:
        self._launched = True
        self._begin(arguments)

    def _attach(self, arguments: Arguments) -> None:
        self._begin(arguments)

    def _begin(self, arguments: Arguments) -> None:
        if self._started:
            raise ReplugError("the session has begun already")
        self._stop_on_entry = flag(arguments, "stopOnEntry", True)
        self._stop_at_exit = flag(arguments, "stopAtExit", True)
        roots, symbols = arguments.get("sourceRoots", []), arguments.get("symbolFiles", [])
        for given, name in ((roots, "sourceRoots"), (symbols, "symbolFiles")):
            if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
                raise ReplugError(f"`{name}` has to be a list of paths")
        known = {image.path.resolve() for image, _ in self._interpreter.symbols.files}
        for file in map(resolve, symbols):
            if file not in known:
                self._interpreter.symbols.add(file)
        self._sources.roots = [resolve(each) for each in roots] + self._roots
        self._sources.forget()
        self._started = True
        self._go_or_stand()

    def _configuration_done(self, _arguments: Arguments) -> None:
        self._configured = True
        self._go_or_stand()

    def _go_or_stand(self) -> None:
        """Both have come: that the session begins, and that all breakpoints are set."""
        if not (self._started and self._configured):
            return
        if self._stop_on_entry:
            self._stands("entry", self._session.stop.hart)
        else:
            self.moves.begin(self._session.run, waits=True)

    def _disconnect(self, arguments: Arguments) -> None:
        if flag(arguments, "terminateDebuggee", self._launched):
            self.killed = True
        self.leaves_it_standing = flag(arguments, "suspendDebuggee", False)
        self.gone = True

    def _terminate(self, _arguments: Arguments) -> None:
        self._later.append(("terminated", None))
        self.moves.pausing = True  # it stands, until the client disconnects
        self._launched = True

    def _restart(self, _arguments: Arguments) -> None:
        self._session.goto(0)
        if self._stop_on_entry:
            self._stands("entry", self._session.stop.hart)
        else:
            self.moves.begin(self._session.run, waits=True)

    def _pause(self, _arguments: Arguments) -> None:
        if self.running:
            self.moves.pausing = True
        else:
            self._stands("pause", self._interpreter.hart)

    def _cancel(self, arguments: Arguments) -> None:
        """What the client shows the progress of is paused; other requests are answered at once anyway."""
        if self.running and text(arguments, "progressId", "") == self.progress.identifier:
            self.moves.pausing = True

    def _goto(self, arguments: Arguments) -> None:
        self._stands("goto", self.moves.goto(arguments))

    # --- the console of the debugger ---

    def _evaluate(self, arguments: Arguments) -> Message:
        """In the debugger's console, all commands of `replug debug` are there, and expressions."""
        if text(arguments, "context", "") != "repl":
            return self._expressions.evaluate(arguments)
        line = text(arguments, "expression")
        self._places.select(arguments)
        if not self._interpreter.knows(line):
            return self._expressions.evaluate(arguments)
        position = self._session.position
        self.moves.pausing = False
        self.progress.begin(line)
        said = self._interpreter.captured(line)
        self.progress.end()
        self._sources.forget()
        if self._session.position != position:
            self._stands("goto", self._session.stop.hart, description=line)
        return {"result": said.rstrip("\n"), "variablesReference": 0}
