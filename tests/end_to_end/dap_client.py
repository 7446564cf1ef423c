# SPDX-License-Identifier: GPL-2.0-or-later
"""A small client of the Debug Adapter Protocol, and `replug debug --dap` in a process of its own.

With the environment variable REPLUG_DAP_SCHEMA=debugAdapterProtocol.json (the protocol's own schema, of its
public repository) and the package jsonschema, each message that comes is checked against it.
"""

import importlib
import json
import os
import re
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from command import COMMAND, environment

_PATIENCE = 60  # seconds, until something is taken to hang

Message = dict[str, Any]


class Server:
    """The process; its port and its remarks."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "debug", *arguments, "--dap", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert self.process.stderr is not None
        while line := self.process.stderr.readline():
            found = re.search(r"Protocol\): (\S+):(\d+)", line)
            if found is not None:
                self.host, self.port = found[1], int(found[2])
                return
        raise AssertionError("the server did not start")

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=_PATIENCE)


class Refused(Exception):
    """A response that says that the request failed, with its message."""


class Client:
    """One connection. Events that come are kept in `events`."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._file = self.socket.makefile("rb")
        self._sequence = 0
        self.events: list[Message] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self.socket.close()

    def begin(self, **arguments: object) -> Message:
        """The usual start, until the machine stands at its entry (or elsewhere); gives the capabilities."""
        capabilities = self.ask("initialize", adapterID="replug")
        self.event("initialized")
        self.ask("attach", **arguments)
        self.ask("configurationDone")
        return capabilities

    def send(self, command: str, **arguments: object) -> int:
        """A request, without waiting; gives its number."""
        self._sequence += 1
        request = {
            "seq": self._sequence,
            "type": "request",
            "command": command,
            "arguments": arguments,
        }
        body = json.dumps(request).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self._sequence

    def receive(self) -> Message:
        """The next message, whatever it is."""
        length = 0
        while (line := self._file.readline()) != b"\r\n":
            if not line:
                raise EOFError
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message: Message = json.loads(self._file.read(length))
        if "REPLUG_DAP_SCHEMA" in os.environ:
            _check(message, json.loads(Path(os.environ["REPLUG_DAP_SCHEMA"]).read_text()))
        return message

    def answer(self, number: int) -> Message:
        """The body of the response to a request; Refused if it failed."""
        while True:
            message = self.receive()
            if message["type"] == "event":
                self.events.append(message)
            elif message["request_seq"] == number:
                if not message["success"]:
                    raise Refused(message["message"])
                body: Message = message.get("body", {})
                return body

    def ask(self, command: str, **arguments: object) -> Message:
        """A request and the body of its response."""
        return self.answer(self.send(command, **arguments))

    def event(self, name: str) -> Message:
        """The body of the next event of that name that has not been looked at; others stay."""
        for index, message in enumerate(self.events):
            if message["event"] == name:
                del self.events[index]
                return dict(message.get("body", {}))
        while True:
            message = self.receive()
            assert message["type"] == "event", message
            if message["event"] == name:
                return dict(message.get("body", {}))
            self.events.append(message)

    def go(self, command: str, thread: int = 1, **arguments: object) -> Message:
        """A request that lets the machine run; gives the body of the stop that follows."""
        self.ask(command, threadId=thread, **arguments)
        return self.event("stopped")

    # --- looking ---

    def value(self, expression: str, thread: int = 1) -> int:
        """Of an expression, as a hart sees it."""
        frame = self.frame(thread)["id"]
        result = self.ask("evaluate", expression=expression, frameId=frame)["result"]
        return int(result.split()[0], 0)

    def frame(self, thread: int = 1) -> Message:
        """Where a hart is."""
        frame: Message = self.ask("stackTrace", threadId=thread)["stackFrames"][0]
        return frame


def _check(message: Message, schema: Message) -> None:
    """By the protocol's definition of this event or response, which may leave nothing out."""
    name = message["event"] if message["type"] == "event" else message["command"]
    kind = f"{name[0].upper()}{name[1:]}{message['type'].capitalize()}"
    if not message.get("success", True):
        kind = "ErrorResponse"
    schema["$ref"] = f"#/definitions/{kind}"
    importlib.import_module("jsonschema").Draft4Validator(schema).validate(message)
