"""Costs: closed forms on networks made by hand; synaptic operations against a count over the matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import float_network, integer_network, spikes_for

from snndeploy import targets
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers
from snndeploy.network.maps import chain_matrix
from snndeploy.placement import place
from snndeploy.placement import work as work_of
from snndeploy.placement.cost import cost
from snndeploy.placement.interval import Interval
from snndeploy.targets import Target

PARTS = frozenset({"convolution", "recurrence", "skip", "delay"})
RECORD = ("spikes", "u", "v")


def cramped(neurons: int) -> Target:
    """Loihi 1 with few neurons per core."""
    target = targets.load("loihi1")
    core = target.core.model_copy(update={"neurons": target.core.neurons.model_copy(update={"value": neurons})})
    return target.model_copy(update={"core": core})


def operations(network: Network, trace) -> int:
    """Every spike that arrives within the sample times its synapses, from the written-out matrices."""
    total = 0
    for p in network.projections:
        fan = (chain_matrix(p.maps, network.shapes[p.source]).toarray() != 0).sum(axis=0)
        events = trace.inputs[p.source] if p.source in trace.inputs else trace.spikes[p.source]
        arriving = np.asarray(events)[: trace.steps - p.delay] if p.delay else np.asarray(events)
        total += int(((arriving.reshape(-1, len(fan)) != 0).sum(axis=0) * fan).sum())
    return total


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**20), st.integers(2, 30), st.sampled_from(["binary", "counts"]))
def test_synaptic_operations_are_counted_synapse_by_synapse(seed, neurons, kind):
    rng = np.random.default_rng(seed)
    network = integer_network(rng, PARTS, kind=kind)
    trace = run(network, spikes_for(rng, network, 7, 3), record=RECORD)
    target = cramped(neurons).model_copy(update={"synapse": targets.load("loihi2").synapse})
    found = cost(place(network, target), network, trace, target)
    bins = 7 * 3
    assert found.events["synaptic operations"].low * bins == pytest.approx(operations(network, trace))
    spikes = sum(int(each.sum()) for each in trace.spikes.values())
    assert found.events["spikes"].low * bins == pytest.approx(spikes)
    assert found.events["updates"].low == sum(int(np.prod(p.shape)) for p in network.populations)
    for each in (*found.energy.values(), *found.events.values(), found.step_time, found.static):
        assert 0 <= each.low <= each.high


def near(value):
    """Joules and seconds are small numbers: no absolute tolerance."""
    return pytest.approx(value, rel=1e-9, abs=0)


def chain() -> Network:
    """3 inputs, 2 neurons that spike whenever anything arrives, 4 behind them that never do."""
    format_ = Format()
    populations = (
        Population("a", (2,), Registers(4095, 4095, 1)),
        Population("b", (4,), Registers(4095, 4095, 100_000)),
    )
    weights = np.full((2, 3), 100), np.full((4, 2), 10)
    return Network(
        1e-3,
        (Input("in", (3,)),),
        populations,
        (
            Projection("in", "a", (Dense(weights[0]),), format=format_),
            Projection("a", "b", (Dense(weights[1]),), format=format_),
        ),
        ("b",),
    )


def test_a_network_whose_every_event_is_known():
    """Two of three inputs spike in two of five steps: 2·2·2 synaptic operations onto a, whose 2 spikes reach b.

    du = dv = 4095: currents and membranes are gone after a step, so a neuron is active where something arrives.
    """
    network, target = chain(), cramped(2)
    x = np.zeros((5, 1, 3), np.int64)
    x[1, 0, :2] = x[3, 0, 1:] = 1
    plan = place(network, target, arrange="rows")
    assert len(plan.cores) == 3
    assert plan.sites.tolist() == [[0, 0, 0]] * 3
    found = cost(plan, network, run(network, x, record=RECORD), target)
    exact = {name: each.low * 5 for name, each in found.events.items()}
    assert exact == near(
        {
            "synaptic operations": 2 * 2 * 2 + 2 * 2 * 4,
            "active updates": 2 * 2 + 2 * 4,
            "updates": 5 * 6,
            "spikes": 2 * 2,
            # each of the spikes goes to both cores of b
            "messages": 2 * 2 * 2,
            "hops x": 0,
            "hops y": 0,
            "chip borders": 0,
            "events from outside": 2 * 2,
        }
    )
    pico = 1e-12 / 5
    assert found.energy["synaptic operations"].low == near(24 * 23.6 * pico)
    assert found.energy["synaptic operations"].high == near(24 * 35.5 * pico)
    assert found.energy["updates"].low == near((12 * 72.8 + 18 * 51.2) * pico)
    assert found.energy["updates"].high == near((12 * 81.0 + 18 * 52.0) * pico)
    assert found.energy["spikes"] == Interval(0, near(4 * 69.3 * pico))
    assert found.energy["messages"] == Interval(0, near(8 * (111 + 1.7) * pico))
    assert found.energy["hops"] == Interval(0, 0)
    assert found.inference_energy.low == near(sum(e.low for e in found.energy.values()) * 5)
    # a quiet step: two neurons at rest on each core. A busy one: each core takes in two messages, 4 operations, for
    # two neurons; that of a sends 2 spikes to 2 cores. At least the longest of these, at most all of them.
    quiet, busy = 2 * 5.3, 2 * 8.4
    low = (3 * quiet + 2 * busy) / 5 + 113
    assert found.step_time.low == near(low * 1e-9)
    quiet, busy = 2 * 6.0, 4 * 4.7 + 2 * 16.0 + 2 * 9.7 + 2 * 30 + 4 * 5.1
    high = (3 * quiet + 2 * busy) / 5 + 1800 + 2.1
    assert found.step_time.high == near(high * 1e-9)
    assert found.static == Interval(near(0.029 * low * 1e-9), near(0.104 * high * 1e-9))
    assert found.throughput.high == near(1e9 / low / 5)
    assert found.notes == ()
    said = str(found)
    assert "3 cores of loihi1 on 1 chip, 1 sample of 5 steps" in said
    assert "assumed" not in said
    assert max(map(len, said.splitlines())) <= 100


def test_hops_and_borders_are_those_of_the_sites():
    """One core per neuron and tile: the same spikes, each with its way."""
    network, target = chain(), cramped(1)
    values = {"tiles_x": 3, "tiles_y": 1, "cores_per_tile": 1, "chips_x": 2, "chips_y": 1, "boards": 1}
    mesh = target.mesh.model_copy(
        update={name: getattr(target.mesh, name).model_copy(update={"value": n}) for name, n in values.items()}
    )
    chip = target.chip.model_copy(update={"cores": target.chip.cores.model_copy(update={"value": 3})})
    target = target.model_copy(update={"mesh": mesh, "chip": chip})
    x = np.ones((1, 1, 3), np.int64)
    plan = place(network, target, arrange="rows")
    found = cost(plan, network, run(network, x, record=RECORD), target)
    # cores 0, 1 of a to cores 2..5 of b, in a row; the border lies between 2 and 3
    assert found.events["hops x"].low == sum(b - a for a in (0, 1) for b in (2, 3, 4, 5))
    assert found.events["chip borders"].low == 2 * 3
    assert found.chips == 2
    assert found.energy["hops"] == Interval(near(24 * 3e-12), near((24 * 3 + 6 * 640) * 1e-12))
    # several chips: another barrier; the farthest message passes five tiles and a border
    assert found.step_time.low == near((3 * 3.1 + 465) * 1e-9)


def test_without_u_and_v_the_active_updates_are_an_interval():
    network = chain()
    x = np.ones((4, 1, 3), np.int64)
    plan = place(network, "loihi1")
    bare, full = (cost(plan, network, run(network, x, record=r)) for r in (("spikes",), RECORD))
    assert bare.events["active updates"] == Interval(2, 6)
    assert full.events["active updates"] == Interval(6, 6)
    assert bare.dynamic.low < full.dynamic.low
    assert bare.dynamic.high >= full.dynamic.high
    assert "holds no u and v" in bare.notes[0]


def test_a_neuron_that_spikes_is_active_even_if_nothing_is_left_of_it():
    """Its bias alone makes it spike in every step, and the reset leaves u = v = 0."""
    network = chain()
    loud = Population("a", (2,), Registers(4095, 0, 1, bias_mant=4000, bias_exp=2))
    network = network.with_(populations=(loud, network.populations[1]))
    trace = run(network, np.zeros((3, 1, 3), np.int64), record=RECORD)
    assert trace.spikes["a"].all()
    assert not trace.u["a"].any()
    assert not trace.v["a"].any()
    found = cost(place(network, "loihi1"), network, trace)
    # b, to which both spikes go, keeps its current
    assert found.events["active updates"] == Interval(6, 6)


def test_many_samples_are_taken_some_at_a_time(monkeypatch):
    rng = np.random.default_rng(5)
    network = integer_network(rng, PARTS)
    trace = run(network, spikes_for(rng, network, 6, 9), record=RECORD)
    target = cramped(5)
    target = target.model_copy(update={"neuron": targets.load("loihi2").neuron})
    plan = place(network, target)
    whole = cost(plan, network, trace, target)
    monkeypatch.setattr(work_of, "CHUNK", 1)
    apart = cost(plan, network, trace, target)
    assert apart.step_time.low == near(whole.step_time.low)
    assert apart.dynamic.high == near(whole.dynamic.high)


def test_what_does_not_belong_together_is_refused():
    network = chain()
    plan = place(network, "loihi1")
    trace = run(network, np.ones((2, 1, 3), np.int64))
    with pytest.raises(SnnDeployError, match="SD260 placement: it is for 'loihi1', the target is 'loihi2'"):
        cost(plan, network, trace, "loihi2")
    bare = targets.load("loihi1").model_copy(update={"energy": None, "power": None})
    with pytest.raises(SnnDeployError, match=r"SD252 [\s\S]*no \[energy\][\s\S]*no \[power\]"):
        cost(plan, network, trace, bare)
    floats = float_network(np.random.default_rng(0))
    with pytest.raises(SnnDeployError, match="SD209"):
        cost(plan, floats, run(floats, spikes_for(np.random.default_rng(0), floats, 2, 1)))
    other = network.with_(populations=(network.populations[0], Population("b", (5,), network.populations[1].rule)))
    with pytest.raises(SnnDeployError, match="SD260"):
        cost(plan, other, trace)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (Interval(1.234e-9, 5e-9), "1.23..5 nJ"),
        (Interval(0, 2.5e-6), "0..2.5 µJ"),
        (Interval(0.5, 1234.0), "0.5..1,234 J"),
        (Interval(0, 0), "0 pJ"),
        (Interval(1e-3, 1e-3), "1 mJ"),
        (Interval(2, float("inf")), "2..∞ J"),
    ],
)
def test_intervals_as_text(interval, said):
    assert interval.text("J") == said
    assert interval.holds(interval.low)
    assert not interval.holds(interval.low - 1)


def test_quotients_of_intervals():
    assert Interval(1, 2).over(Interval(4, 8)) == Interval(1 / 8, 1 / 2)
    assert Interval(1, 1).over(Interval(0, 2)) == Interval(0.5, float("inf"))
    assert Interval(1, 1).over(Interval(0, 2)).as_dict() == {"low": 0.5, "high": None}
