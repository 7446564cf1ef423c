# SPDX-License-Identifier: GPL-2.0-or-later
"""Driving the real GDB through its machine interface, against our server."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

_PATIENCE = 60.0  # seconds; never reached when all is well


class Server:
    """`replug debug --gdb 0` with these arguments, in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emulator.cli.main", "debug", *arguments, "--gdb", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        while match := self.process.stderr.readline():
            found = re.search(r"target remote \S+:(\d+)", match)
            if found is not None:
                self.port = int(found[1])
                return
        raise AssertionError(f"the server did not start: {self.process.stderr.read()}")

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=_PATIENCE)


class Gdb:
    """One GDB. `run` gives what a console command printed; `resume` waits until the target has stopped."""

    def __init__(self, program: str, port: int | None = None, image: Path | None = None) -> None:
        arguments = [program, "-nx", "-q", "--interpreter=mi2"] + ([str(image)] if image is not None else [])
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"LC_ALL": "C"},
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._pump, daemon=True).start()
        self._number = 0
        for line in ("set confirm off", "set pagination off", "set width 0"):
            self.run(line)
        if port is not None:
            self.run(f"target remote 127.0.0.1:{port}")

    def __enter__(self) -> "Gdb":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """It vanishes, without a word."""
        self._process.kill()
        self._process.communicate()

    def _pump(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def _next(self, end: float) -> str:
        return self._lines.get(timeout=max(end - time.monotonic(), 0.01))

    def send(self, line: str) -> int:
        """An MI command, without waiting for anything; its number."""
        self._number += 1
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self._number}{line}\n")
        self._process.stdin.flush()
        return self._number

    def _result(self, number: int) -> tuple[str, str]:
        said: list[str] = []
        end = time.monotonic() + _PATIENCE
        while True:
            line = self._next(end)
            if line.startswith(("~", "@")):
                said.append(_unquoted(line[1:]))
            elif line.startswith(f"{number}^"):
                return line.partition("^")[2], "".join(said)

    def run(self, command: str) -> str:
        """What a console command printed; AssertionError when GDB calls it an error."""
        result, said = self._result(self.send(f'-interpreter-exec console "{_quoted(command)}"'))
        assert not result.startswith("error"), (command, result)
        return said

    def error(self, command: str) -> str:
        """The error that a console command gives."""
        result, _ = self._result(self.send(f'-interpreter-exec console "{_quoted(command)}"'))
        assert result.startswith("error"), (command, result)
        return result

    def interrupt(self) -> str:
        """Ctrl-C while the target runs, which it must do already, and the record of its stop."""
        end = time.monotonic() + _PATIENCE
        while not self._next(end).startswith("*running"):
            pass
        time.sleep(0.2)
        self._process.send_signal(signal.SIGINT)
        return self.stopped()

    def stopped(self) -> str:
        """Wait until the target stands: the MI record that says why."""
        end = time.monotonic() + _PATIENCE
        while True:
            line = self._next(end)
            if line.startswith("*stopped"):
                return line

    def resume(self, command: str) -> str:
        """A console command that lets the target run: what is printed, and the record of its stop."""
        number = self.send(f'-interpreter-exec console "{_quoted(command)}"')
        said = ""
        end = time.monotonic() + _PATIENCE
        while True:
            line = self._next(end)
            if line.startswith(("~", "@")):
                said += _unquoted(line[1:])
            if line.startswith("*stopped"):
                return said + line
            assert not line.startswith(f"{number}^error"), (command, line)

    def value(self, expression: str) -> int:
        """Of an expression, as a number."""
        return int(self.run(f"p/x {expression}").rpartition("= ")[2], 16)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unquoted(text: str) -> str:
    return text.strip('"').replace("\\n", "\n").replace('\\"', '"').replace("\\t", "\t").replace("\\\\", "\\")
