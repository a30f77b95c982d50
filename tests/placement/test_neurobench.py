"""NeuroBench's measures against closed forms, and against the package itself where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from snndeploy.engines import run
from snndeploy.network import Conv, Dense, Flatten, Format, Input, Network, Pool, Population, Projection, Registers
from snndeploy.placement.neurobench import neurobench


def network(kind: str = "binary", pool: bool = False) -> Network:
    """A convolution of 3 x 3 with padding on 1 x 4 x 4, and 32 (8 behind a pool) onto 5. A third of weights is 0."""
    rng = np.random.default_rng(0)
    front = (Pool((2, 2), (2, 2), (0, 0), "sum"),) if pool else ()
    maps = (*front, Flatten(0, -1, 3), Dense(rng.integers(-1, 2, (5, 8 if pool else 32)) * 40))
    return Network(
        1e-3,
        (Input("in", (1, 4, 4), kind),),
        (Population("a", (2, 4, 4), Registers(4095, 500, 60)), Population("b", (5,), Registers(4095, 0, 60))),
        (
            Projection(
                "in", "a", (Conv(rng.integers(-1, 2, (2, 1, 3, 3)) * 40, padding=((1, 1), (1, 1))),), format=Format()
            ),
            Projection("a", "b", maps, format=Format()),
        ),
        ("b",),
    )


def traced(net: Network, steps: int = 6, batch: int = 3, high: int = 2):
    rng = np.random.default_rng(1)
    return run(net, rng.integers(0, high, (steps, batch, 1, 4, 4)))


def test_closed_forms():
    net = network()
    trace = traced(net)
    found = neurobench(net, trace)
    weights = [net.projections[0].maps[0].weight, net.projections[1].maps[-1].weight]
    # 9-bit weights; du, dv, vth, bias mantissa and exponent of either population once; u and v of 37 neurons
    assert found.footprint == ((18 + 160) * 9 + 2 * (12 + 12 + 17 + 13 + 3) + 37 * 48) / 8
    assert found.connection_sparsity == sum((w == 0).sum() for w in weights) / 178
    spikes = sum(s.sum() for s in trace.spikes.values())
    assert found.activation_sparsity == pytest.approx(1 - spikes / (37 * 6 * 3))
    # a kernel of 3 on 4 places with padding: 2 + 3 + 3 + 2 pairs along each axis
    assert found.dense == 6 * (2 * 10 * 10 + 32 * 5)
    x, a = trace.inputs["in"], trace.spikes["a"]
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1), (1, 1)))
    effective = 0
    for o, i, j, dy, dx in np.ndindex(2, 4, 4, 3, 3):
        effective += int((padded[:, :, 0, i + dy, j + dx] != 0).sum()) * int(weights[0][o, 0, dy, dx] != 0)
    effective += int((a.reshape(-1, 32).astype(int) @ (weights[1] != 0).T).sum())
    assert found.effective_acs == pytest.approx(effective / 3)
    assert found.effective_macs == 0
    assert set(found.as_dict()) == {"footprint", "connection_sparsity", "activation_sparsity", "synaptic_operations"}
    assert set(found.as_dict()["synaptic_operations"]) == {"Effective_MACs", "Effective_ACs", "Dense"}


def test_a_layer_into_which_numbers_come_multiplies():
    """In a step in which all inputs are 0 or 1 it adds up, for all samples alike."""
    net = network("counts")
    x = np.zeros((3, 2, 1, 4, 4), np.int64)
    x[0, 0, 0, 1, 1] = 1
    x[1, 0, 0, 1, 1], x[1, 1, 0, 2, 2] = 1, 2
    trace = run(net, x)
    kernel = net.projections[0].maps[0].weight
    # both places have all nine taps inside
    taps = int((kernel != 0).sum())
    onward = trace.spikes["a"].reshape(-1, 32).astype(int) @ (net.projections[1].maps[-1].weight != 0).T
    found = neurobench(net, trace)
    assert found.effective_macs == 2 * taps / 2
    assert found.effective_acs == pytest.approx((taps + onward.sum()) / 2)


@pytest.mark.parametrize(("kind", "pool", "high"), [("binary", False, 2), ("counts", False, 4), ("binary", True, 2)])
def test_the_package_itself_counts_the_same(kind, pool, high):
    layers = pytest.importorskip("neurobench.metrics.utils.layers", reason="neurobench is not installed")
    torch = pytest.importorskip("torch")
    net = network(kind, pool)
    trace = traced(net, high=high)
    found = neurobench(net, trace)
    macs = acs = dense = 0
    convolution = torch.nn.Conv2d(1, 2, 3, padding=1, bias=False)
    linear = torch.nn.Linear(8 if pool else 32, 5, bias=False)
    with torch.no_grad():
        convolution.weight[:] = torch.tensor(net.projections[0].maps[0].weight)
        linear.weight[:] = torch.tensor(net.projections[1].maps[-1].weight)
        for t in range(trace.steps):
            x = torch.tensor(trace.inputs["in"][t]).float()
            a = torch.tensor(trace.spikes["a"][t]).float()
            a = torch.nn.functional.avg_pool2d(a, 2) * 4 if pool else a
            for given, layer in ((x, convolution), (a.flatten(1), linear)):
                done, spiking = layers.single_layer_MACs(given, layer)
                acs, macs = (acs + done, macs) if spiking else (acs, macs + done)
                dense += layers.single_layer_MACs(given, layer, total=True)[0]
    assert (found.effective_macs * 3, found.effective_acs * 3, found.dense * 3) == pytest.approx((macs, acs, dense))
    assert (macs > 0) == (pool or kind == "counts")
