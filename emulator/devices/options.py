# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be chosen about the devices of a machine, as part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass, fields

from emulator.errors import ReplugError

NETWORKS = ("none", "echo", "loopback", "link")
CONSOLES = ("uart", "virtio")
DEFAULT_EPOCH = 1_577_836_800  # 2020-01-01 00:00:00 UTC
_EPOCHS = 1 << 33  # more seconds do not fit the clock, which counts ns in 64 bits


@dataclass(frozen=True)
class DeviceOptions:
    """Options of devices.

    rtc: what the real-time clock shows at the start, in seconds since 1970 UTC; seed: of the entropy device;
    net: what the network card's cable leads to, none: there is no card (see network.py; link: somebody
    outside, whose frames are inputs of the run); console: the device that gets what is typed.
    """

    rtc: int = DEFAULT_EPOCH
    seed: int = 0
    net: str = "none"
    console: str = "uart"

    def __post_init__(self) -> None:
        if not 0 <= self.rtc < _EPOCHS:
            raise ReplugError(f"--rtc: {self.rtc}: seconds since 1970, less than 2^33, are possible")
        if not 0 <= self.seed < 1 << 64:
            raise ReplugError(f"--seed: {self.seed}: a number of 64 bits is possible")
        if self.net not in NETWORKS:
            raise ReplugError(f"--net: {self.net!r}: {', '.join(NETWORKS)} are possible")
        if self.console not in CONSOLES:
            raise ReplugError(f"--console: {self.console!r}: {' and '.join(CONSOLES)} are possible")

    def text(self) -> str:
        """What differs from the defaults: `seed=7 net=echo`."""
        chosen = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        return " ".join(f"{name}={value}" for name, value, default in chosen if value != default)

    @staticmethod
    def of_text(text: str) -> DeviceOptions:
        """The options that `text` gives; ReplugError for anything else."""
        values: dict[str, int | str] = {}
        kinds = {field.name: int if field.type == "int" else str for field in fields(DeviceOptions)}
        for word in text.split():
            name, _, value = word.partition("=")
            if name not in kinds or name in values:
                raise ReplugError(f"device options: {word!r} is not known to this Replug")
            try:
                values[name] = kinds[name](value)
            except ValueError:
                raise ReplugError(f"device options: {word!r}: not a number") from None
        return DeviceOptions(**values)  # type: ignore[arg-type]
