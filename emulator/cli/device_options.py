# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of devices on the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from emulator.cli.common import NUMBER, parse_number
from emulator.cli.link import UdpLink
from emulator.devices.options import CONSOLES, NETWORKS, DeviceOptions
from emulator.errors import ReplugError

Function = TypeVar("Function", bound=Callable[..., Any])

_CABLES = tuple(net for net in NETWORKS if net != "link")  # which is how a run names udp:...


class Epoch(click.ParamType[int, str]):
    """Seconds since 1970, or a date and time (UTC when it says no zone)."""

    name = "epoch"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_number(value)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is neither seconds since 1970 nor a date such as 2024-01-31T12:00", param, ctx
            )
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def device_options(function: Function) -> Function:
    """--net, --console, --rtc and --seed."""
    for option in (
        click.option("--seed", type=NUMBER, metavar="N", help="Of the entropy device.  [default: 0]"),
        click.option(
            "--rtc",
            type=Epoch(),
            metavar="EPOCH",
            help="What the clock shows at the start: seconds since 1970, or a date.  [default: 2020-01-01]",
        ),
        click.option(
            "--console",
            "console_device",
            type=click.Choice(CONSOLES),
            help="The device that gets what is typed.  [default: uart]",
        ),
        click.option(
            "--net",
            metavar="none|echo|loopback|udp:PORT:HOST:PORT",
            help="A network card, and what its cable leads to; echo: a host, 10.0.2.2, that answers ARP, "
            "DHCP, ping and UDP; udp: frames in datagrams from a local port to another's.  [default: none]",
        ),
    ):
        function = option(function)
    return function


def chosen_devices(given: dict[str, Any], default: DeviceOptions) -> DeviceOptions:
    """What the command line says, and `default` for what it does not; ReplugError for what cannot be."""
    net: str | None = given["net"]
    if net is not None and net.startswith("udp:"):
        net = "link"
    elif net is not None and net not in _CABLES:
        raise ReplugError(f"--net: {net!r}: {', '.join(_CABLES)} and udp:PORT:HOST:PORT are possible")
    return DeviceOptions(
        rtc=default.rtc if given["rtc"] is None else given["rtc"],
        seed=default.seed if given["seed"] is None else given["seed"],
        net=default.net if net is None else net,
        console=given["console_device"] or default.console,
    )


def chosen_link(given: dict[str, Any]) -> UdpLink | None:
    """The link that --net asks for, open; ReplugError when it cannot be had."""
    net: str | None = given["net"]
    return UdpLink(net) if net is not None and net.startswith("udp:") else None
