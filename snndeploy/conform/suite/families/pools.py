"""SumPool2d and AvgPool2d in front of a LIF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snndeploy.conform.suite.sketch import Draft, chain, neuron, pool, spikes

STEPS, BATCH, SIDE = 12, 2, 5
CASES: dict[str, tuple[str, Any, Any, Any]] = {
    "square": ("windows of 2 × 2 side by side", 2, 2, 0),
    "rectangular": ("windows of 1 × 2", (1, 2), (1, 2), 0),
    "overlap": ("windows of 2 × 2 at every place", 2, 1, 0),
    "gaps": ("windows of 2 × 2, every third place: a row and a column are left out", 2, 3, 0),
    "padding": ("zeros around; an average counts them", 2, 2, 1),
}


def drafts() -> Iterator[Draft]:
    for kind, scale in (("SumPool2d", 1.25), ("AvgPool2d", 5.0)):
        for case, (about, kernel, stride, padding) in CASES.items():
            name = f"{kind.lower()}/standard/{case}"
            node = pool(kind, kernel, stride, padding)
            sides = zip(*(node.array(field) for field in ("kernel_size", "stride", "padding")), strict=True)
            size = [(SIDE + 2 * int(p) - int(k)) // int(s) + 1 for k, s, p in sides]
            graph = chain((2, SIDE, SIDE), [("pool", node), ("lif", neuron("LIF", (2, *size), ease=scale))])
            yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 2, SIDE, SIDE)})
    name = "sumpool2d/standard/readout"
    graph = chain((1, 4, 4), [("pool", pool("SumPool2d", 2))], (1, 2, 2))
    about = "a pool in front of the Output: what leaves are the sums of this step"
    yield Draft(name, about, graph, {"input": spikes(name, 6, BATCH, 1, 4, 4)})
