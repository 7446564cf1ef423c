# SPDX-License-Identifier: GPL-2.0-or-later
"""Which version of Replug this is."""

from __future__ import annotations

from pathlib import Path


def version() -> str:
    """Of the installed package, or of the checkout that this file is in."""
    import importlib.metadata  # noqa: PLC0415 (both take long to load, and few ask)
    import tomllib  # noqa: PLC0415

    try:
        return importlib.metadata.version("replug")
    except importlib.metadata.PackageNotFoundError:
        pass
    try:
        with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return "of unknown version"
