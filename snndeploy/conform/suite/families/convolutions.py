"""Conv1d and Conv2d in front of a LIF. Kernels are those of torch: they are not flipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from snndeploy.conform.suite.sketch import Draft, chain, conv, neuron, spikes, weights

STEPS, BATCH = 12, 2
# case: about, (channels out, channels in / groups), kernel, size, settings
LINES: dict[str, tuple[str, tuple[int, int], tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ("no padding, stride 1; a flipped kernel is wrong", (2, 2), (3,), (8,), {}),
    "stride": ("every second place", (2, 2), (3,), (9,), {"stride": 2}),
    "padding": ("zeros on both sides", (2, 1), (3,), (6,), {"padding": 1}),
    "same": ("padding 'same' with an even kernel: the extra zero is behind", (2, 1), (4,), (7,), {"padding": "same"}),
    "dilation": ("a kernel with holes", (1, 2), (3,), (9,), {"dilation": 2}),
    "groups": ("two groups of channels", (4, 1), (3,), (6,), {"groups": 2}),
    "bias": ("a bias per channel", (3, 1), (2,), (6,), {"bias": [0.5, -0.25, 1]}),
    "all": ("everything at once", (4, 1), (3,), (11,), {"stride": 2, "padding": 2, "dilation": 2, "groups": 2}),
}
PLANES: dict[str, tuple[str, tuple[int, int], tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ("no padding, stride 1", (2, 1), (3, 3), (5, 6), {}),
    "channels": ("as many channels out as in: swapped channels fit and are wrong", (2, 2), (2, 2), (4, 4), {}),
    "stride": ("every second place", (2, 1), (3, 3), (7, 5), {"stride": 2}),
    "stride-rectangular": ("every second row, every third column", (1, 1), (2, 2), (6, 8), {"stride": (2, 3)}),
    "padding": ("zeros around", (2, 1), (3, 3), (4, 4), {"padding": 1}),
    "padding-rectangular": ("two rows of zeros, no columns", (1, 1), (3, 3), (4, 5), {"padding": (2, 0)}),
    "same": ("padding 'same' with an odd kernel", (1, 2), (3, 3), (4, 4), {"padding": "same"}),
    "same-even": ("'same', even kernel: extra zeros are behind and below", (1, 1), (2, 2), (4, 4), {"padding": "same"}),
    "dilation": ("holes between rows, none between columns", (1, 1), (2, 2), (5, 4), {"dilation": (3, 1)}),
    "groups": ("two groups of channels", (4, 1), (2, 2), (4, 4), {"groups": 2}),
    "depthwise": ("as many groups as channels", (3, 1), (2, 2), (4, 4), {"groups": 3}),
    "rectangular": ("a kernel of 1 row and 3 columns", (2, 1), (1, 3), (3, 6), {}),
    "bias": ("a bias per channel", (3, 1), (2, 2), (3, 4), {"bias": [0.5, -0.25, 1]}),
    "one-by-one": ("a kernel of 1 × 1 mixes channels", (3, 2), (1, 1), (2, 3), {}),
}


def drafts() -> Iterator[Draft]:
    for kind, cases in (("Conv1d", LINES), ("Conv2d", PLANES)):
        for case, (about, channels, kernel, size, settings) in cases.items():
            name = f"{kind.lower()}/standard/{case}"
            weight = weights(name, *channels, *kernel, low=-6, high=18)
            weight *= 2 if weight[0].size > 6 else 4
            node = conv(kind, weight, size, **settings)
            shape = (channels[1] * settings.get("groups", 1), *size)
            out = _out(node.fields, shape)
            graph = chain(shape, [("conv", node), ("lif", neuron("LIF", out))])
            yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, *shape)})


def _out(fields: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """By the formula of torch's documentation."""
    kernel = fields["weight"].shape[2:]
    found = [fields["weight"].shape[0]]
    for i, k in enumerate(kernel):
        stride, dilation = (int(np.ravel(fields[f])[i]) for f in ("stride", "dilation"))
        if isinstance(fields["padding"], str):
            both = dilation * (k - 1) if fields["padding"] == "same" else 0
        else:
            both = 2 * int(np.ravel(fields["padding"])[i])
        found.append((shape[i + 1] + both - dilation * (k - 1) - 1) // stride + 1)
    return tuple(found)
