"""Exchange files of lava-dl (.net): integer networks that SLAYER trained for Loihi."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snndeploy.frontends.nir.loading import Limits
    from snndeploy.network.network import InputKind, Network

__all__ = ["read"]


def read(
    path: str | os.PathLike[str], dt: float | None = None, kind: InputKind = "binary", limits: Limits | None = None
) -> Network:
    """The integer network in an exchange file; see `reading.read`."""
    from snndeploy.frontends.lavadl import reading

    return reading.read(path, dt, kind, limits)
