# SPDX-License-Identifier: GPL-2.0-or-later
"""Which version of a package is installed, found quickly."""

from importlib.util import find_spec
from pathlib import Path


def installed_version(package: str) -> str | None:
    """Version of an installed package whose module has the same name; None: it is not installed.

    It is in the name of the folder that pip keeps for the package. `importlib.metadata` is asked only where
    that leaves a doubt: to load it takes longer than to load our engine.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    folders = list(Path(spec.origin).parent.parent.glob(f"{package}-*.dist-info"))
    if len(folders) == 1:
        return folders[0].name.removesuffix(".dist-info").removeprefix(f"{package}-")
    import importlib.metadata  # noqa: PLC0415 (see above)

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
