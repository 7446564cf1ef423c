# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a machine can repeat the run that a token names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import ReplugError
from emulator.isa import Isa
from emulator.token.beside import HASH, Beside

if TYPE_CHECKING:
    from emulator.machine import Machine
    from emulator.token.run import Token
    from toolchain.image import Image


def beside_of(machine: Machine) -> Beside:
    """What a machine has in RAM beside its image."""
    start = machine.start
    files = tuple(
        (name, start.files[name][:HASH]) for name in ("bios", "initrd", "dtb") if name in start.files
    )
    return Beside(start.bios, machine.options.load_address, files)


def check_image(token: Token, image: Image) -> None:
    """ReplugError unless this is the image of the run."""
    if bytes.fromhex(image.sha256)[:HASH] != token.image:
        raise ReplugError(
            f"token: the run was of another image ({token.image.hex()}...), "
            f"{image.path} is {image.sha256[: 2 * HASH]}..."
        )


def check_machine(token: Token, machine: Machine) -> None:
    """ReplugError, with the reason, unless the machine is one that can repeat the run."""
    check_image(token, machine.image)
    wanted, given = token.machine_options(None), machine.options
    for name in ("harts", "memory", "quantum", "strict_nan_boxing", "bootargs"):
        want, have = getattr(wanted, name), getattr(given, name)
        if want != have:
            raise ReplugError(f"token: the run was with {name} {want!r}, not {have!r}")
    token.beside.check(beside_of(machine))
    if (token.isa or Isa.default(machine.isa.xlen)) != machine.isa:
        name = "the image's own" if token.isa is None else token.isa.name
        raise ReplugError(f"token: the run was with the instruction set {name}, not {machine.isa.name}")
    if token.devices != given.devices:
        want, have = token.devices.text() or "defaults", given.devices.text() or "defaults"
        raise ReplugError(f"token: the run was with other device options: {want}, not {have}")
    if token.of_session and machine.engine.config.per_instruction:
        # Its slices would end at other places, and with them every step be another one.
        raise ReplugError("token: of a debugger's session, which cannot be repeated counting by instruction")
    _check_disk(token, machine)


def _check_disk(token: Token, machine: Machine) -> None:
    disk = machine.disk_hash
    if token.disk is None and disk is not None:
        raise ReplugError("token: the run was without a disk")
    if token.disk is not None and disk is None:
        raise ReplugError(f"token: the run was with a disk ({token.disk.hex()}...): name it with --disk")
    if token.disk is not None and disk is not None and disk[:HASH] != token.disk:
        raise ReplugError(
            f"token: the run was with another disk ({token.disk.hex()}...), "
            f"{machine.options.disk} is {disk[:HASH].hex()}..."
        )
