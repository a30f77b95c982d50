"""Everything that reads or writes somebody else's model. Frameworks are imported when a function is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Time
    from snndeploy.network.network import Decision, InputKind, Network

__all__ = ["capture"]


def capture(
    module: Any,
    sample: Any,
    dt: float,
    *,
    decision: Decision | str | None = None,
    input_kind: InputKind | None = None,
    time: Time | None = None,
) -> Network:
    """The network that a snnTorch or Norse module computes. See `snndeploy.frontends.capturing.capture`."""
    from snndeploy.frontends import capturing

    return capturing.capture(module, sample, dt, decision=decision, input_kind=input_kind, time=time)
