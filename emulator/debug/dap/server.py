# SPDX-License-Identifier: GPL-2.0-or-later
"""Listening for editors, one client after the other.

The machine stands until a client lets it run. Behind a client that disconnects and wants it to live on it
runs; behind one that just vanishes it stops and waits for the next; who comes while one is here is turned
away. All is done by one thread: while the machine runs, the session looks in here now and then
(DebugSession.look).
"""

from __future__ import annotations

import codecs
import select
import socket
from collections.abc import Callable
from dataclasses import replace

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.dap.adapter import Adapter
from emulator.debug.dap.messages import Garbage, Message, Reader, frame
from emulator.debug.gdb.server import listen
from emulator.debug.records import StopKind
from emulator.errors import ReplugError

_TICK = 0.1  # seconds between two looks at what cannot be waited for
_PATIENCE = 10.0  # seconds for a client to take what is sent
_ANY_TIME = ("pause", "cancel", "threads", "disconnect", "terminate")
_WHILE_LIVE = (
    "setBreakpoints",
    "setFunctionBreakpoints",
    "setInstructionBreakpoints",
    "setDataBreakpoints",
    "setExceptionBreakpoints",
    "breakpointLocations",
)


class DapServer:
    """check: called often, raises an exception to end it all; say: gets remarks for the user."""

    def __init__(
        self,
        interpreter: Interpreter,
        address: tuple[str, int],
        check: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._check = check
        self._say = say
        self._listener = listen(address)
        self.port: int = self._listener.getsockname()[1]
        """Where it listens; chosen by the host if 0 was asked for."""
        self._client: socket.socket | None = None
        self._adapter: Adapter | None = None
        self._reader = Reader()
        self._waiting: list[Message] = []
        self._vanished = False
        self._sequence = 0
        self._is_idle = False  # it is to run, but all harts wait for input
        self._console = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def close(self) -> None:
        """Listen no more."""
        if self._client is not None:
            self._client.close()
        self._listener.close()

    def console(self, data: bytes) -> None:
        """Console output of the guest: goes to the client, if there is one."""
        if self._client is not None:
            self._console += data

    def serve(self) -> None:
        """Until a client ends the machine (or `check` raises)."""
        running = False  # without a client
        while True:
            client = self._accept(running)
            self._client, self._reader, self._vanished = client, Reader(), False
            self._waiting.clear()
            self._sequence = 0
            self._console = b""
            self._decoder.reset()
            adapter = self._adapter = Adapter(self._interpreter, self._event)
            self._session.look = self._look
            try:
                self._converse(adapter)
            finally:
                adapter.close()
                self._session.look = self._check
                client.close()
                self._client = None
            if adapter.killed:
                return
            running = adapter.gone and not adapter.leaves_it_standing
            self._say("the client has left: the machine runs on" if running else "the client is gone")

    def _accept(self, running: bool) -> socket.socket:
        def look() -> None:
            self._check()
            if select.select([self._listener], [], [], 0)[0]:
                self._session.pause()

        self._session.look = look
        while True:
            self._check()
            if select.select([self._listener], [], [], 0 if running else _TICK)[0]:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.settimeout(_PATIENCE)
                return client
            if running:
                kind = self._session.run().kind
                running = kind in (StopKind.PAUSED, StopKind.IDLE)
                if kind is StopKind.IDLE:
                    select.select([self._listener], [], [], _TICK)

    # --- requests ---

    def _converse(self, adapter: Adapter) -> None:
        while not (adapter.gone or adapter.killed or self._vanished):
            if not self._waiting:
                self._receive(_TICK)
                self._turn_away()
                self._check()
                continue
            self._answer(adapter, self._waiting.pop(0))
            if adapter.moves.resume is not None:
                self._run(adapter)

    def _answer(self, adapter: Adapter, request: Message, refusal: str | None = None) -> None:
        """Do what is asked for, and send the response, and behind it the events that belong to it."""
        try:
            if refusal is not None:
                raise ReplugError(refusal)
            body = adapter.handle(request)
        except ReplugError as error:
            response = _refused(request, str(error))
        else:
            response = _response(request, success=True) | ({} if body is None else {"body": body})
        self._flush_console()
        self._send(response)
        adapter.after_response()

    def _run(self, adapter: Adapter) -> None:
        """Let the machine run as it was asked for, and tell why it stopped."""
        moves = adapter.moves
        resume, moves.resume = moves.resume, None
        assert resume is not None
        adapter.progress.begin(moves.title)
        try:
            stop = resume()
            while stop.kind is StopKind.IDLE and moves.waits_for_input and not self._is_to_stop(adapter):
                self._flush_console()
                self._receive(_TICK)  # nothing can happen but input, or that somebody wants to look
                self._is_idle = True
                self._look()
                self._is_idle = False
                if not self._is_to_stop(adapter):
                    stop = resume()
        except ReplugError as error:
            self._event("output", {"category": "stderr", "output": f"{error}\n"})
            stop = replace(self._session.stop, kind=StopKind.PAUSED)
        adapter.progress.end()
        self._flush_console()
        if stop.kind is StopKind.IDLE and moves.pausing:
            stop = replace(stop, kind=StopKind.PAUSED)
        moves.pausing = False
        if not (adapter.gone or adapter.killed or self._vanished):
            adapter.tell(stop)

    def _is_to_stop(self, adapter: Adapter) -> bool:
        return adapter.moves.pausing or adapter.gone or adapter.killed or self._vanished

    def _look(self) -> None:
        """While the machine runs: has the client something to say?"""
        adapter = self._adapter
        assert adapter is not None
        self._check()
        self._flush_console()
        adapter.progress.tick(f"at instruction {self._session.position.instructions:,}")
        self._receive(0)
        self._turn_away()
        kept: list[Message] = []
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            command = request.get("command")
            if command in _ANY_TIME or _is_typing(request):
                adapter.running = True
                self._answer(adapter, request)
                adapter.running = False
            elif command in _WHILE_LIVE:
                if self._session.is_live or self._is_idle:
                    self._answer(adapter, request)
                    self._session.rearm()
                else:
                    kept.append(request)  # the past is being searched for those that there were
            else:
                self._answer(adapter, request, "the machine runs: pause it first")
        self._waiting = kept + self._waiting
        if self._is_to_stop(adapter):
            self._session.pause()

    def _turn_away(self) -> None:
        """Another client that comes while one is here gets its first request refused, with the reason."""
        if not select.select([self._listener], [], [], 0)[0] or self._has_left():
            return  # the next one waits for `serve`
        other, _ = self._listener.accept()
        with other:
            other.settimeout(_TICK)
            try:
                for item in Reader().feed(other.recv(1 << 16))[:1]:
                    request = {} if isinstance(item, Garbage) else item
                    other.sendall(frame({"seq": 1} | _refused(request, "another client is here")))
            except OSError:
                return

    def _has_left(self) -> bool:
        """Whether nothing will come from the client any more, though that has not been read yet."""
        assert self._client is not None
        try:
            waits = bool(select.select([self._client], [], [], 0)[0])
            return self._vanished or (waits and not self._client.recv(1, socket.MSG_PEEK))
        except OSError:
            return True

    # --- bytes ---

    def _receive(self, timeout: float) -> None:
        assert self._client is not None
        if self._vanished or not select.select([self._client], [], [], timeout)[0]:
            return
        try:
            data = self._client.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._vanished = True
            return
        for item in self._reader.feed(data):
            if isinstance(item, Garbage):
                self._event("output", {"category": "stderr", "output": f"replug: {item.why}\n"})
            elif item.get("type") == "request":
                self._waiting.append(item)

    def _flush_console(self) -> None:
        data, self._console = self._console, b""
        text = self._decoder.decode(data)
        if text:
            self._event("output", {"category": "stdout", "output": text})

    def _event(self, name: str, body: Message | None = None) -> None:
        self._send({"type": "event", "event": name} | ({} if body is None else {"body": body}))

    def _send(self, message: Message) -> None:
        assert self._client is not None
        self._sequence += 1
        try:
            self._client.sendall(frame({"seq": self._sequence} | message))
        except OSError:
            self._vanished = True  # found out while the machine may be running: no exception goes through it


def _response(request: Message, *, success: bool) -> Message:
    return {
        "type": "response",
        "request_seq": request.get("seq", 0),
        "command": request.get("command", ""),
        "success": success,
    }


def _refused(request: Message, why: str) -> Message:
    """`message` is for programs, the format for people: this is both."""
    told = {"id": 1, "format": why.replace("{", "(").replace("}", ")")}
    return _response(request, success=False) | {"message": why, "body": {"error": told}}


def _is_typing(request: Message) -> bool:
    """Whether it is the command `type`, which is meant for a machine that runs."""
    arguments = request.get("arguments")
    if request.get("command") != "evaluate" or not isinstance(arguments, dict):
        return False
    line = arguments.get("expression")
    return arguments.get("context") == "repl" and isinstance(line, str) and line.lstrip().startswith("type ")
