"""Everything that reads or writes somebody else's model. Frameworks are imported when a function is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snndeploy.frontends.said import Kinds, Times
    from snndeploy.network.arrays import Array
    from snndeploy.network.network import Decision, Network

__all__ = ["capture", "read_sample"]


def capture(
    module: Any,
    sample: Any,
    dt: float,
    *,
    decision: Decision | str | None = None,
    input_kind: Kinds = None,
    time: Times = None,
) -> Network:
    """The network that a snnTorch or Norse module computes. See `snndeploy.frontends.capturing.capture`."""
    from snndeploy.frontends import capturing

    return capturing.capture(module, sample, dt, decision=decision, input_kind=input_kind, time=time)


def read_sample(module: Any, sample: Any) -> dict[str, Array]:
    """The sample as arrays by name of input. See `snndeploy.frontends.samples.read_sample`."""
    from snndeploy.frontends import samples

    return samples.read_sample(module, sample)[1]
