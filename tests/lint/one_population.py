"""One population behind one dense projection: what most rules need to fire, or to stay silent."""

from __future__ import annotations

import numpy as np

from snndeploy.errors import Finding
from snndeploy.lint import lint
from snndeploy.network import Decision, Dense, Format, Input, Network, Population, Projection, Registers, Rule


def net(
    rule: Rule | Registers,
    weight=((0.4137, 0.3391), (0.5773, 0.2718)),
    dt: float = 1e-3,
    kind: str = "binary",
    delay: int = 0,
) -> Network:
    weight = np.asarray(weight)
    form = Format() if isinstance(rule, Registers) else None
    feed = Projection("in", "p", (Dense(weight),), delay, 0, form)
    inputs = (Input("in", weight.shape[1:], kind),)
    return Network(dt, inputs, (Population("p", weight.shape[:1], rule),), (feed,), ("p",), Decision("p"))


def found(code: str, network: Network, target=None, data=None) -> list[Finding]:
    return [each for each in lint(network, target, data) if each.code == code]
