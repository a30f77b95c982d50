"""What `compare` reports: counts, first differences, lags, forms, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest
from random_networks import integer_network, spikes_for
from tie_networks import layers, spikes

from snndeploy.conform import compare, state_equal
from snndeploy.conform.align import align
from snndeploy.conform.margin import margin_at
from snndeploy.engines import run
from snndeploy.engines.trace import Trace
from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers, Reset, Rule

ALL = ("spikes", "u", "v")


def small(**changes):
    rng = np.random.default_rng(0)
    network = layers([rng.normal(0.3, 0.5, (4, 3)), rng.normal(0.3, 0.5, (2, 4))], Rule(beta=0.875, **changes))
    x = spikes(rng, 20, 5, 3, 0.5)
    return network, x, run(network, x, "reference", ALL)


def codes(a, b, **options):
    with pytest.raises(SnnDeployError) as caught:
        compare(a, b, **options)
    return [finding.code for finding in caught.value.findings]


def test_counts_are_those_of_the_arrays():
    _network, _x, a = small()
    moved = {name: s.copy() for name, s in a.spikes.items()}
    for at in ((7, 2, 3), (7, 3, 0), (9, 0, 1)):
        moved["p0"][at] ^= True
    same = compare(a, replace(a, engine="other", dtype="float32", spikes=moved))
    first, second = same.table
    assert (first.population, second.population) == ("p0", "p1")
    assert first.bins == 20 * 5 * 4
    assert first.spikes_a == a.spikes["p0"].sum()
    assert first.spikes_b == moved["p0"].sum()
    assert (first.differing, second.differing) == (3, 0)
    assert first.max_dv == 0
    assert (same.first.step, same.first.batch, same.first.index) == (7, 2, (3,))
    assert same.first.v_a == a.v["p0"][7, 2, 3]


def test_the_order_of_update_decides_which_difference_is_first():
    _network, _x, a = small()
    moved = {name: s.copy() for name, s in a.spikes.items()}
    moved["p1"][5, 0, 0] ^= True
    moved["p0"][5, 4, 3] ^= True
    assert compare(a, replace(a, spikes=moved)).first.population == "p0"
    moved["p1"][4, 4, 1] ^= True
    assert compare(a, replace(a, spikes=moved)).first.population == "p1"


def test_the_report_reads_as_a_table_and_as_json():
    _network, _x, a = small()
    same = compare(a, a)
    assert same.verdict == "identical"
    assert same.first is None
    assert same.lag == 0
    assert str(same).splitlines()[0] == "identical: a = reference, b = reference"
    moved = {**a.spikes, "p0": ~a.spikes["p0"]}
    other = compare(a, replace(a, spikes=moved))
    text = str(other)
    assert "first difference: step 0, p0[0], sample 0: spikes" in text
    assert len({len(line) for line in text.splitlines()[1:4]}) == 1
    told = json.loads(json.dumps(other.as_dict()))
    assert told["verdict"] == "different"
    assert told["first"]["population"] == "p0"
    assert [row["population"] for row in told["table"]] == ["p0", "p1"]


def test_integers_are_identical_or_not_in_spikes_u_and_v():
    rng = np.random.default_rng(3)
    network = integer_network(rng)
    x = spikes_for(rng, network, 15, 2)
    a, b = run(network, x, "reference", ALL), run(network, x, "torch", ALL)
    assert compare(a, b).identical
    assert state_equal(a, b)
    assert not state_equal(a, replace(b, u={}))
    assert not state_equal(replace(a, u={}), b)
    name = network.outputs[0]
    for what in ("u", "v"):
        moved = getattr(b, what)[name].copy()
        moved[9, 1, ...] += 1
        other = replace(b, **{what: {**getattr(b, what), name: moved}})
        same = compare(a, other)
        assert not state_equal(a, other)
        assert same.verdict == "different"
        assert (same.first.step, same.first.batch, same.first.what) == (9, 1, what)
        assert same.ties == 0


def one_neuron(rule, weight, form):
    projection = Projection("in", "n", (Dense(weight),), format=form)
    return Network(1e-3, (Input("in", (1,)),), (Population("n", (1,), rule),), (projection,), ("n",))


def test_forms_are_compared_in_units_of_the_float_membrane():
    """0.5 per step to a threshold of 1.1; the integer form rounds the weight up, to 0.55, and spikes a step early."""
    scale = 64 * 100.0
    real = one_neuron(Rule(beta=1.0, threshold=1.09), np.array([[0.5]]), None)
    whole = one_neuron(
        Registers(du=4095, dv=0, vth=109, reset=Reset("to", 0), scale=scale),
        np.array([[55]]),
        Format(0, 8, "excitatory"),
    )
    x = np.ones((4, 1, 1))
    same = compare(run(real, x, "reference", ALL), run(whole, x, "reference", ALL))
    assert same.verdict == "different"
    assert same.first.step == 1
    assert (same.first.spike_a, same.first.spike_b) == (False, True)
    assert same.first.v_a == 1.0
    assert same.first.v_b == 0.0
    assert same.first.margin == pytest.approx(-0.09)
    assert same.first.bound is None
    assert same.table[0].max_dv == pytest.approx(1.0)
    back = compare(run(whole, x, "reference", ALL), run(real, x, "reference", ALL))
    assert back.first.margin == pytest.approx(0.01)


def test_the_margin_is_that_of_the_definition_in_every_bin():
    """Without a reset p is the stored membrane; spikes are graded, and every sample has its own."""
    _network, _x, a = small(reset=Reset("none"), value=0.5)
    _, view, _ = align(a, a, "find")
    for name in ("p0", "p1"):
        for at in ((0, 0, 0), (7, 4, 1), (19, 2, 1)):
            assert margin_at(view, name, at) == pytest.approx(a.v[name][at] - 1.0, abs=1e-12)


def raw(trace, late):
    """The trace in an engine's own time, `late` steps per population."""
    most = max(late.values())
    rows = {}
    for name, s in trace.spikes.items():
        empty = np.zeros((most, *s.shape[1:]), bool)
        rows[name] = np.concatenate([empty[: late[name]], s, empty[late[name] :]])
    return replace(trace, spikes=rows, u={}, v={}, latency=late, raw=True)


def test_engine_time_is_taken_out():
    _network, _x, a = small()
    one, two = raw(a, {"p0": 1, "p1": 2}), raw(a, {"p0": 1, "p1": 4})
    assert compare(a, one).identical
    assert compare(a, one).lag == 0
    same = compare(one, two)
    assert same.identical
    assert same.lag == {"p0": 0, "p1": 2}
    assert compare(two, a).identical


@pytest.mark.parametrize("lag", [-3, -1, 1, 2])
def test_a_lag_that_is_given_is_taken_out(lag):
    _network, _x, a = small()
    late = {name: np.roll(s, lag, axis=0) for name, s in a.spikes.items()}
    same = compare(a, replace(a, spikes=late, v={}, u={}), lag=lag)
    assert same.identical
    assert same.lag == lag
    assert same.table[0].bins == (20 - abs(lag)) * 5 * 4


def test_what_cannot_be_compared_is_refused():
    network, x, a = small()
    assert codes(a, replace(a, spikes={}, v={})) == ["SD701"]
    assert codes(a, run(network, x[:10], "reference")) == ["SD702"]
    assert codes(a, run(network, x[:, :2], "reference")) == ["SD702"]
    assert codes(a, run(network, 1 - x, "reference")) == ["SD703"]
    assert codes(a, replace(a, spikes={name: s[:-1] for name, s in a.spikes.items()})) == ["SD702"] * 2
    wider = layers([np.ones((5, 3)), np.ones((2, 5))], Rule(beta=0.5))
    assert codes(a, run(wider, x, "reference")) == ["SD702"]
    for lag in (20, -20, "none", 1.5):
        assert codes(a, a, lag=lag) == ["SD704"]
    other = Network(1e-3, (Input("other", (3,)),), *small_parts(network))
    assert "SD703" in codes(a, run(other, x, "reference"))


def small_parts(network):
    """Populations, projections and outputs with the input renamed."""
    projections = tuple(replace(p, source="other") if p.source == "in" else p for p in network.projections)
    return network.populations, projections, network.outputs


def test_populations_that_one_trace_lacks_are_named():
    _network, _x, a = small()
    same = compare(a, replace(a, spikes={"p1": a.spikes["p1"]}, u={}, v={}))
    assert same.identical
    assert [row.population for row in same.table] == ["p1"]
    assert same.notes == ("only a recorded p0: not compared",)


def test_a_trace_is_not_changed():
    network, x, a = small()
    for array in (*a.spikes.values(), *a.v.values(), *a.inputs.values()):
        array.setflags(write=False)
    assert isinstance(a, Trace)
    compare(a, run(network, x, "torch", ALL))
