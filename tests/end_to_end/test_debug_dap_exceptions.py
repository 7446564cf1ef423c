# SPDX-License-Identifier: GPL-2.0-or-later
"""Traps as an editor lets them stop the machine: exception filters."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dap_client import Client, Refused, Server

from tests.guest.trap_program import STACK, TRAPS

Guest = Callable[[str], Path]


@pytest.fixture
def client(guest: Guest) -> Iterator[Client]:
    with Server(str(guest(TRAPS + STACK)), "--quantum", "13") as server, Client(server.port) as made:
        capabilities = made.begin()
        assert capabilities["supportsExceptionFilterOptions"]
        names = [each["filter"] for each in capabilities["exceptionBreakpointFilters"]]
        assert {"faults", "syscall", "interrupts"} <= set(names)
        made.event("stopped")
        yield made
        made.ask("disconnect", terminateDebuggee=True)


def test_they_stop_in_both_directions(client: Client) -> None:
    told = client.ask("setExceptionBreakpoints", filters=["syscall", "faults"])["breakpoints"]
    assert [each["verified"] for each in told] == [True, True]
    stop = client.go("continue")
    assert stop["reason"] == "exception" and stop["hitBreakpointIds"] == [told[0]["id"]]
    assert stop["text"].startswith("hart 0 has taken: environment call from user mode at 0x")
    assert client.value("$pc") == client.value("$mtvec") and client.value("$mcause") == 8
    assert client.ask("exceptionInfo", threadId=1)["exceptionId"] == "environment call from user mode"
    at = client.value("$mepc")
    stop = client.go("reverseContinue")
    assert stop["reason"] == "exception" and "takes next: environment call" in stop["text"]
    assert client.value("$pc") == at and client.value("$priv") == 0
    assert client.go("reverseContinue")["reason"] == "entry"


def test_with_conditions_and_replaced(client: Client) -> None:
    options = [
        {"filterId": "interrupts", "condition": "$s1 >= 8"},
        {"filterId": "syscall", "condition": "("},
        {"filterId": "nonsense"},
    ]
    told = client.ask("setExceptionBreakpoints", filters=[], filterOptions=options)["breakpoints"]
    assert [each["verified"] for each in told] == [True, False, False]
    assert "there is no such exception filter" in told[2]["message"]
    stop = client.go("continue")
    assert "machine timer interrupt" in stop["text"] and client.value("$s1") >= 8
    client.ask("setExceptionBreakpoints", filters=["faults"])
    client.ask("continue", threadId=1)
    client.ask("pause", threadId=1)  # nothing stops it now
    assert client.event("stopped")["reason"] == "pause"
    with pytest.raises(Refused, match="filters"):
        client.ask("setExceptionBreakpoints", filters="faults")
