# SPDX-License-Identifier: GPL-2.0-or-later
"""Independent jobs on a cluster of dask.distributed, as `emulator.pool` runs them on this computer.

The workers need Replug, and must see the files that jobs name at the same places.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from emulator.errors import ReplugError
from emulator.pool import Lost

Job = TypeVar("Job")
Result = TypeVar("Result")

_CONNECT = 10.0  # seconds
_LOOK = 0.2  # seconds between two looks at who has had too long


def run_on_cluster(
    function: Callable[[Job], Result], jobs: Sequence[Job], address: str, seconds: float
) -> Iterator[tuple[int, Result | Lost]]:
    """(index of the job, its result) as the jobs end, in the order in which they happen to.

    address: of the scheduler, such as tcp://host:8786. seconds: of the host; when for so long no job has
    ended, those that are left are lost. ReplugError when there is no scheduler, no worker, or no dask.
    """
    with _connect(address) as client:
        if not client.scheduler_info()["workers"]:
            raise ReplugError(f"--cluster: {address}: has no workers")
        numbers = {client.submit(function, job, pure=False, retries=0): n for n, job in enumerate(jobs)}
        latest = time.monotonic()
        while numbers:
            done = [future for future in numbers if future.done()]
            for future in done:
                latest = time.monotonic()
                yield numbers.pop(future), _result(future)
            if not done and time.monotonic() - latest > seconds:
                client.cancel(list(numbers), force=True)
                for number in numbers.values():
                    yield number, Lost(f"nothing was done for {seconds:g} seconds")
                return
            if not done:
                time.sleep(_LOOK)


def _connect(address: str) -> Any:
    try:
        distributed: Any = importlib.import_module("distributed")  # an optional dependency
    except ImportError:
        raise ReplugError("--cluster: needs dask.distributed: pip install 'replug[cluster]'") from None
    try:
        return distributed.Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no answer"
        raise ReplugError(f"--cluster: {address}: {reason}") from None


def _result(future: Any) -> Any:
    error = future.exception()
    return future.result() if error is None else Lost(f"{type(error).__name__}: {error}")
