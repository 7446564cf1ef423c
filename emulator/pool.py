# SPDX-License-Identifier: GPL-2.0-or-later
"""Independent jobs in a pool of local processes, of which one may crash without taking the others along."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost:
    """What comes in place of a result when the job's process died, or the job raised an exception."""

    why: str


@dataclass
class _Worker(Generic[Job]):
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    number: int | None = None  # of the job that it has
    deadline: float = math.inf  # of that job, on the host's monotonic clock


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    function: Callable[[Job], Result], jobs: Sequence[Job], processes: int, seconds: float = math.inf
) -> Iterator[tuple[int, Result | Lost]]:
    """(index of the job, its result) as the jobs end, in the order in which they happen to.

    seconds: of the host, after which a job's process is ended and the job is lost.
    `function`, the jobs and the results go through pickle. When the caller stops iterating, or is
    interrupted, the processes are ended.
    """
    context = multiprocessing.get_context("spawn")  # no copies of our threads and machines
    workers: list[_Worker[Job]] = []

    def start() -> _Worker[Job]:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(function, theirs), daemon=True)
        process.start()
        theirs.close()  # so that the end of the process is the end of the file here
        return _Worker(process, ours)

    waiting = iter(enumerate(jobs))
    try:
        for _ in range(max(1, min(processes, len(jobs)))):
            workers.append(start())
        for worker in list(workers):
            _give(worker, waiting, seconds)
        while busy := [worker for worker in workers if worker.number is not None]:
            left = min(worker.deadline for worker in busy) - time.monotonic()
            ready = wait([worker.pipe for worker in busy], None if math.isinf(left) else max(left, 0))
            for worker in busy:
                late = time.monotonic() >= worker.deadline
                if worker.pipe not in ready and not late:
                    continue
                number = worker.number
                assert number is not None
                result: Result | Lost
                try:
                    if worker.pipe not in ready:
                        worker.process.kill()
                        raise TimeoutError(f"not done after {seconds:g} seconds")
                    result = worker.pipe.recv()
                except (EOFError, OSError) as error:
                    ending = _end_of(worker.process)
                    result = Lost(str(error) if isinstance(error, TimeoutError) else ending)
                    workers.remove(worker)
                    worker.pipe.close()
                    worker = start()  # noqa: PLW2901
                    workers.append(worker)
                _give(worker, waiting, seconds)
                yield number, result
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join()
            worker.pipe.close()


def _give(worker: _Worker[Job], waiting: Iterator[tuple[int, Job]], seconds: float) -> None:
    """The next job, if there is one."""
    worker.number = None
    for number, job in waiting:
        worker.number = number
        worker.deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):  # it has died already: noticed where its answer is read
            worker.pipe.send(job)
        return


def _end_of(process: multiprocessing.process.BaseProcess) -> str:
    process.join()
    code = process.exitcode
    if code is not None and code < 0:
        return f"its process died of {signal.Signals(-code).name}"
    return f"its process ended with status {code}"


def _work(function: Callable[[Job], Result], pipe: Connection) -> None:
    """A process of the pool: does one job after the other until nobody has more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us, who ends us then
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        answer: Result | Lost
        try:
            answer = function(job)
        except Exception as error:
            answer = Lost(f"{type(error).__name__}: {error}")
        try:
            pipe.send(answer)
        except OSError:
            return
