# SPDX-License-Identifier: GPL-2.0-or-later
"""The options that say what runs, the same for all commands that make a machine of an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from emulator.cli.common import NUMBER, SIZE, isa_options
from emulator.cli.device_options import chosen_devices, device_options
from emulator.errors import ReplugError
from emulator.isa import Isa
from emulator.options import BUILTIN, FROM_FILE, NO_FIRMWARE, MachineOptions
from emulator.token import Token

Function = TypeVar("Function", bound=Callable[..., Any])


def machine_options(harts: str, quantum: str, *, disk_write: bool = False) -> Callable[[Function], Function]:
    """The machine, and the files that go into it.  harts, quantum: their defaults, in words."""
    file = click.Path(path_type=Path)
    written = click.option("--disk-write", is_flag=True, help="What the guest writes goes to the disk image.")
    options: list[Callable[[Any], Any]] = [
        click.option("--harts", type=NUMBER, metavar="N", help=f"Number of harts.  [default: {harts}]"),
        click.option("--memory", type=SIZE, metavar="SIZE", help="RAM, such as 64M or 1G.  [default: 128M]"),
        isa_options,
        click.option(
            "--bios",
            metavar="none|builtin|FILE",
            help="Firmware in M-mode under the image.  [default: none for an ELF, else builtin]",
        ),
        click.option(
            "--load-address", type=NUMBER, metavar="A", help="Where a flat IMAGE goes.  [default: RAM + 2M]"
        ),
        click.option("--initrd", type=file, metavar="FILE", help="Initial RAM disk for the guest."),
        click.option("--dtb", type=file, metavar="FILE", help="Device tree instead of ours."),
        click.option("--append", metavar="ARGS", help="Boot arguments for the device tree."),
        click.option(
            "--disk", type=file, metavar="FILE", help="Disk image for virtio slot 0; stays as it is."
        ),
        *([written] if disk_write else []),
        device_options,
        click.option(
            "--quantum",
            type=NUMBER,
            metavar="N",
            help=f"Instructions in a hart's slice.  [default: {quantum}]",
        ),
        click.option(
            "--max-instructions",
            type=NUMBER,
            metavar="N",
            help="Stop at the first block border after so many, over all harts.",
        ),
        click.option(
            "--replay", "token", metavar="TOKEN", help="Repeat the run that TOKEN (or @FILE) names."
        ),
    ]

    def add(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


NAMES = (
    "harts", "memory", "isa", "strict_nan_boxing", "bios", "load_address", "initrd", "dtb", "append", "disk",
    "net", "console_device", "rtc", "seed", "quantum", "max_instructions", "token",
)  # fmt: skip
"""What the options above are called where a command gets them."""


def chosen_options(
    given: dict[str, Any], isa: Isa | None, named: Token | None, default: MachineOptions
) -> MachineOptions:
    """What the command line says; where it does not, what the run that it names had, or else `default`.

    ReplugError for what cannot be.
    """
    known: Token | MachineOptions = default if named is None else named
    beside = None if named is None else named.beside.load_address
    return MachineOptions(
        harts=_first(given["harts"], known.harts),
        memory=_first(given["memory"], known.memory),
        quantum=_first(given["quantum"], known.quantum),
        bootargs=_first(given["append"], known.bootargs),
        isa=known.isa if isa is None else isa,
        strict_nan_boxing=given["strict_nan_boxing"] or known.strict_nan_boxing,
        disk=given["disk"],
        disk_write=given.get("disk_write", False),
        bios=_bios(given["bios"], named),
        load_address=_first(given["load_address"], beside),
        initrd=given["initrd"],
        dtb=given["dtb"],
        devices=chosen_devices(given, known.devices),
    )


def chosen_limit(given: dict[str, Any]) -> int | None:
    """Instructions after which the run is cut, if any; ReplugError when that cannot be."""
    limit: int | None = given["max_instructions"]
    if limit is not None and limit < 0:
        raise ReplugError(f"--max-instructions: {limit}: cannot be negative")
    return limit


def chosen_token(given: dict[str, Any]) -> Token | None:
    """The run to repeat, if one is named; ReplugError when the text names none."""
    return None if given["token"] is None else Token.decode(_token_text(given["token"]))


def _bios(given: str | None, named: Token | None) -> Path | str | None:
    if given is None:
        return named.beside.bios if named is not None and named.beside.bios != FROM_FILE else None
    return given if given in (NO_FIRMWARE, BUILTIN) else Path(given)


def _token_text(text: str) -> str:
    """The token itself, or the one in the file that @FILE names: long input makes long tokens."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text()
    except (OSError, ValueError) as error:
        raise ReplugError(
            f"{text[1:]}: {getattr(error, 'strerror', None) or 'not the text of a token'}"
        ) from None


def _first(chosen: Any, default: Any) -> Any:
    return default if chosen is None else chosen
