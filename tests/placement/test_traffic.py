"""Spikes from core to core: counted here spike by spike and synapse by synapse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import integer_network, spikes_for

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import Conv, Dense, Flatten, Format, Input, Network, Population, Projection, Registers
from snndeploy.network.maps import chain_matrix
from snndeploy.placement.rates import rates
from snndeploy.placement.traffic import traffic

PARTS = frozenset({"convolution", "recurrence", "skip", "delay"})


def assignment(network: Network, rng, cores: int = 4):
    """Any neuron anywhere; the last core is never empty."""
    found = {p.name: rng.integers(0, cores, int(np.prod(p.shape))) for p in network.populations}
    next(iter(found.values()))[0] = cores - 1
    return found


def sent(network: Network, core_of, trace, cores: int = 4):
    """Messages between cores and from outside in the whole trace, by a loop over spikes."""
    between, outside = np.zeros((cores, cores), np.int64), np.zeros(cores, np.int64)
    for p in network.projections:
        matrix = chain_matrix(p.maps, network.shapes[p.source]).toarray()
        events = trace.inputs[p.source] if p.source in trace.inputs else trace.spikes[p.source]
        for at in zip(*np.nonzero(events), strict=True):
            source = np.ravel_multi_index(at[2:], network.shapes[p.source])
            for target in {int(core_of[p.target][i]) for i in np.flatnonzero(matrix[:, source])}:
                if p.source in core_of:
                    between[core_of[p.source][source], target] += 1
                else:
                    outside[target] += 1
    return between, outside


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**20), st.sampled_from(["binary", "counts"]))
def test_every_message_of_a_trace(seed, kind):
    rng = np.random.default_rng(seed)
    network = integer_network(rng, PARTS, kind=kind)
    trace = run(network, spikes_for(rng, network, 6, 2))
    core_of = assignment(network, rng)
    found = traffic(network, core_of, trace)
    between, outside = sent(network, core_of, trace)
    np.testing.assert_allclose(found.between.toarray() * 12, between, atol=1e-9)
    np.testing.assert_allclose(found.outside * 12, outside, atol=1e-9)
    assert found.said == "measured in 2 samples of 6 steps"


def strip() -> Network:
    """Eight places in a row, a kernel of three, then a dense layer of two."""

    def feed(source, target, *maps):
        return Projection(source, target, maps, format=Format())

    convolution = feed("in", "a", Conv(np.full((1, 1, 1, 3), 2), padding=((0, 0), (1, 1))))
    again = feed("a", "b", Conv(np.array([[[[2, 2, 0]]]]), padding=((0, 0), (1, 1))))
    dense = feed("b", "c", Flatten(0, -1, 3), Dense(np.full((2, 8), 2)))
    populations = [
        Population(n, s, Registers(4095, 0, 1)) for n, s in (("a", (1, 1, 8)), ("b", (1, 1, 8)), ("c", (2,)))
    ]
    return Network(1e-3, (Input("in", (1, 1, 8)),), tuple(populations), (convolution, again, dense), ("c",))


def test_borders_and_weights_of_zero_send_nothing():
    """a: places 0-3 on core 0, 4-7 on 1; b alike on 2 and 3. Of [2, 2, 0] place i feeds places i and i + 1 only."""
    half = np.repeat([0, 1], 4)
    core_of = {"a": half, "b": half + 2, "c": np.array([4, 4])}
    found = traffic(strip(), core_of, 0.5).between.toarray() * 2
    expected = np.zeros((5, 5))
    expected[0, 2], expected[0, 3], expected[1, 3] = 4, 1, 4
    expected[2, 4] = expected[3, 4] = 4
    assert np.array_equal(found, expected)


def test_rates_by_population_and_by_neuron():
    network = strip()
    one = np.repeat([0, 1], 4)
    core_of = {"a": one, "b": one + 2, "c": np.array([4, 5])}
    rate = np.arange(8).reshape(1, 1, 8)
    found = traffic(network, core_of, {"in": 1, "a": rate, "b": 0.25})
    assert found.between.toarray()[0, 2] == 0 + 1 + 2 + 3
    assert found.between.toarray()[0, 3] == 3
    assert found.between.toarray()[2, 4] == found.between.toarray()[2, 5] == 1
    assert found.outside.tolist() == [5, 5, 0, 0, 0, 0]


def test_where_rates_come_from_is_said():
    network = strip()
    assert rates(network).said.startswith("unknown")
    assert rates(network, 0.1).said == "expected: 0.1 spikes per neuron and step"
    assert rates(network, {"in": 1, "a": 1, "b": 0}).said == "expected, by population"


def test_an_input_that_is_always_on_sends_in_every_step():
    network = strip()
    always = Input("one", (1,), "constant")
    bias = Projection("one", "c", (Dense(np.full((2, 1), 2)),), format=Format())
    network = network.with_(inputs=(*network.inputs, always), projections=(*network.projections, bias))
    core_of = {"a": np.zeros(8, int), "b": np.zeros(8, int), "c": np.array([0, 1])}
    assert traffic(network, core_of, 0.0).outside.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (-1, "negative"),
        (float("nan"), "no finite"),
        ("often", "is no number"),
        ({"a": 1, "b": 1}, "'in'.*missing"),
        ({"in": 1, "a": 1, "b": 1, "d": 1}, "'d'.*no such input or population"),
        ({"in": [1, 2], "a": 1, "b": [[[-1] * 8]]}, r"\(2,\) does not fit \(1, 1, 8\)[\s\S]*'b'.*negative"),
    ],
)
def test_rates_that_do_not_fit(given, said):
    with pytest.raises(SnnDeployError, match=f"SD250 [\\s\\S]*{said}"):
        rates(strip(), given)


def test_a_trace_without_all_spikes_is_refused():
    network = strip()
    x = np.ones((3, 1, 1, 1, 8), np.int64)
    with pytest.raises(SnnDeployError, match="SD250 rates of 'a'.*does not hold its spikes"):
        rates(network, run(network, x, only=["b", "c"]))
    with pytest.raises(SnnDeployError, match="SD250 rates: the trace is in the time of an engine"):
        rates(network, run(network, x, raw=True))
