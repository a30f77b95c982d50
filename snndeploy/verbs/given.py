"""What every verb is given: paths, targets by name, and data that a network with encodings turns into events."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snndeploy.network import Network
    from snndeploy.targets import Target

Path = str | os.PathLike[str]


def events_of(network: Network, data: Any) -> Any:
    """What the network itself takes, from what its encodings take."""
    if data is None or not network.encodings:
        return data
    from snndeploy.encoding import events as made

    return made(network, data)


def target_of(target: str | Target) -> Target:
    from snndeploy.targets import Target, load

    return target if isinstance(target, Target) else load(target)
