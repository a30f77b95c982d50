"""NIR files: read, write, inspect. The nir package is loaded by `write` alone, HDF5 by a child process alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snndeploy.frontends.nir.reading import Report
    from snndeploy.network.network import Network

__all__ = ["inspect", "read", "write"]


def read(path: str | os.PathLike[str], dt: float | None = None, reset: str | None = None, **options: Any) -> Network:
    """The network in a NIR file; see `reading.read` for the options and for what is raised."""
    from snndeploy.frontends.nir import reading

    return reading.read(path, dt, reset, **options)


def write(
    network: Network, path: str | os.PathLike[str], style: str = "standard", for_: str | None = None
) -> tuple[str, ...]:
    """Writes a network as a NIR file that `read` gives back bit for bit; see `writing.write`."""
    from snndeploy.frontends.nir import writing

    return writing.write(network, path, style, for_)


def inspect(path: str | os.PathLike[str], dt: float | None = None, reset: str | None = None, **options: Any) -> Report:
    """What a NIR file holds, what had to be repaired and what is wrong with it; see `reading.inspect`."""
    from snndeploy.frontends.nir import reading

    return reading.inspect(path, dt, reset, **options)
