"""A placed network computes the bits of the whole one: in pieces on every engine, and from its address tables alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import EVERY, integer_network, spikes_for

import snndeploy as sd
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError, VerdictError
from snndeploy.network import Dense, Flatten, Format, Input, Network, Pool, Population, Projection, Registers
from snndeploy.network.maps import chain_matrix
from snndeploy.network.timing import latencies
from snndeploy.placement import place
from snndeploy.placement.addresses import tables
from snndeploy.placement.placed import run_placed, split
from snndeploy.placement.simulate import simulate

sys.path.append(str(Path(__file__).parent))
from test_place import axon_bits, small

KINDS = ("spikes", "u", "v")


def scattered(rng: np.random.Generator, network: Network, cores: int) -> dict[str, np.ndarray]:
    """Every neuron on any core."""
    return {each.name: rng.integers(0, cores, int(np.prod(each.shape))) for each in network.populations}


def same_bits(a, b) -> None:
    for what in KINDS:
        ours, theirs = getattr(a, what), getattr(b, what)
        assert list(ours) == list(theirs)
        for name, rows in ours.items():
            assert rows.dtype == theirs[name].dtype, (what, name)
            np.testing.assert_array_equal(rows, theirs[name], f"{what} of {name}")


def needs_whole_sums(problem: SnnDeployError) -> bool:
    return {f.code for f in problem.findings} == {"SD262"}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 7), st.booleans(), st.sampled_from(["binary", "counts"]))
def test_any_assignment_gives_the_same_bits(seed, cores, extreme, kind):
    rng = np.random.default_rng(seed)
    network = integer_network(rng, EVERY, extreme, kind)
    x, core_of = spikes_for(rng, network, 10, 2), scattered(rng, network, cores)
    truth = run(network, x, "reference", KINDS)
    for shared in (False, True):
        same_bits(truth, simulate(network, core_of, x, KINDS, shared=shared))
    try:
        same_bits(truth, run_placed(network, core_of, x, "reference", KINDS))
    except SnnDeployError as problem:
        assert needs_whole_sums(problem)
        assert any(p.format.exponent < 0 for p in network.projections)


@pytest.mark.parametrize("engine", ["lava", "torch"])
@pytest.mark.parametrize("seed", range(4))
def test_other_engines_run_the_cores_too(engine, seed):
    rng = np.random.default_rng(seed)
    network = integer_network(rng, EVERY)
    x, core_of = spikes_for(rng, network, 8, 1), scattered(rng, network, 3)
    same_bits(run(network, x, "reference", KINDS), run_placed(network, core_of, x, engine, KINDS))


def layers(exponent: int = 0, weights=None, kind: str = "binary") -> Network:
    rng = np.random.default_rng(1)

    def feed(source, target, shape, e=0):
        weight = rng.integers(-40, 60, shape) * 2 if weights is None else np.full(shape, weights)
        return Projection(source, target, (Dense(weight),), format=Format(e))

    rule = Registers(3000, 100, 200, scale=64.0)
    populations = (Population("a", (8,), rule), Population("b", (5,), rule))
    projections = (feed("in", "a", (8, 6)), feed("a", "b", (5, 8), exponent))
    return Network(1e-3, (Input("in", (6,), kind),), populations, projections, ("b",))


HALVES = {"a": np.arange(8) % 2, "b": np.full(5, 1)}


def test_a_rounded_sum_of_several_cores_is_refused_and_runs_from_tables():
    network = layers(-3)
    x = (np.random.default_rng(0).random((20, 3, 6)) < 0.5).astype(int)
    with pytest.raises(SnnDeployError, match="SD262 projection 'a->b': its exponent is -3.* from 2 cores"):
        run_placed(network, HALVES, x)
    same_bits(run(network, x, "reference", KINDS), simulate(network, HALVES, x, KINDS))
    whole = {"a": np.zeros(8, int), "b": np.arange(5) % 2}
    same_bits(run(network, x, "reference", KINDS), run_placed(network, whole, x, "reference", KINDS))
    # multiples of 8 leave nothing to round
    even = layers(-3, weights=16)
    same_bits(run(even, x, "reference", KINDS), run_placed(even, HALVES, x, "reference", KINDS))


def test_messages_go_only_where_synapses_cross():
    network = layers()
    placed = split(network, HALVES)
    assert placed.cores == 2
    assert set(placed.pieces) == {"a@0", "a@1", "b@1"}
    assert placed.crossing == 1  # a@0 -> b@1
    synapses = sum(chain_matrix(p.maps, placed.parts.shapes[p.source]).nnz for p in placed.parts.projections)
    assert synapses == sum(chain_matrix(p.maps, network.shapes[p.source]).nnz for p in network.projections)


def test_a_bias_per_sample_reaches_the_cores_of_its_population():
    network = layers()
    network = network.with_(inputs=(*network.inputs, Input("more", (8,), "bias", population="a")))
    rng = np.random.default_rng(2)
    bias = np.broadcast_to(rng.integers(0, 40, (1, 3, 8)).astype(float), (12, 3, 8))
    x = {"in": (rng.random((12, 3, 6)) < 0.4).astype(int), "more": bias}
    truth = run(network, x, "reference", KINDS)
    same_bits(truth, run_placed(network, HALVES, x, "reference", KINDS))
    same_bits(truth, simulate(network, HALVES, x, KINDS))


def test_neurons_without_a_synapse_have_a_core_too():
    network = layers()
    weight = np.zeros((5, 8), int)
    weight[0] = 2
    lone = replace(network.projections[1], maps=(Dense(weight),))
    network = network.with_(projections=(network.projections[0], lone))
    x = np.ones((5, 1, 6), int)
    core_of = {"a": np.zeros(8, int), "b": np.arange(5)}
    same_bits(run(network, x, "reference", KINDS), run_placed(network, core_of, x, "reference", KINDS))


def test_a_placement_runs_by_the_verb_and_keeps_the_decision():
    network, x = layers(), np.ones((9, 2, 6), int)
    plan = sd.place(network, "loihi1")
    for engine in ("reference", "cores"):
        trace = sd.run(network, x, engine, KINDS, placement=plan)
        same_bits(sd.run(network, x, record=KINDS), trace)
        assert trace.network is network
        only = sd.run(network, x, engine, KINDS, placement=plan, only=("b",))
        assert list(only.v) == ["b"]
    assert sd.run(network, x, placement=plan).engine == "reference on 1 core"
    with pytest.raises(SnnDeployError, match="SD501"):
        sd.run(network, x, "cores")
    with pytest.raises(SnnDeployError, match="SD261"):
        sd.run(network, x, "cores", raw=True, placement=plan)
    with pytest.raises(SnnDeployError, match="SD503"):
        sd.run(network, x, "cores", placement=plan, device="cpu")


def test_engine_time_is_given_where_all_cores_of_a_population_share_it():
    network, x = layers(), np.ones((6, 1, 6), int)
    raw = run_placed(network, HALVES, x, "lava", KINDS, raw=True)
    same_bits(run(network, x, "lava", KINDS, raw=True), raw)
    # b's neurons 1..4 hear nothing of a, but the input itself
    near = np.zeros((5, 6), int)
    near[1:] = 2
    far = np.zeros((5, 8), int)
    far[0] = 2
    skip = Projection("in", "b", (Dense(near),), format=Format(), name="skip")
    network = network.with_(
        projections=(network.projections[0], replace(network.projections[1], maps=(Dense(far),)), skip)
    )
    core_of = {"a": np.zeros(8, int), "b": np.array([0, 1, 1, 1, 1])}
    same_bits(run(network, x, "lava", KINDS), run_placed(network, core_of, x, "lava", KINDS))
    with pytest.raises(SnnDeployError, match="SD261 population 'b': its cores are 1 and 2 steps late"):
        run_placed(network, core_of, x, "lava", raw=True)


def test_a_foreign_assignment_is_refused_at_once():
    with pytest.raises(SnnDeployError) as caught:
        split(layers(), {"a": np.zeros(7, int), "c": np.zeros(2, int)})
    assert [f.code for f in caught.value.findings] == ["SD260"] * 3
    assert "the placement has 7 neurons of it, the network 8" in str(caught.value)
    with pytest.raises(SnnDeployError, match="not whole numbers from 0 on"):
        split(layers(), {"a": np.full(8, -1), "b": np.zeros(5, int)})


def test_names_with_the_mark_of_pieces_are_kept_apart():
    network = layers()
    x = np.ones((6, 1, 6), int)
    renamed = network.with_(
        populations=(replace(network.populations[0], name="b@0"), network.populations[1]),
        projections=(
            replace(network.projections[0], target="b@0"),
            replace(network.projections[1], source="b@0"),
        ),
    )
    trace = run_placed(renamed, {"b@0": HALVES["a"], "b": np.array([0, 1, 0, 1, 0])}, x, "reference", KINDS)
    np.testing.assert_array_equal(trace.v["b"], run(network, x, "reference", KINDS).v["b"])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 6), st.booleans())
def test_tables_hold_every_neuron_and_every_synapse_once(seed, cores, shared):
    """Walked entry by entry, from routes to compartments, and compared with the dense matrices."""
    rng = np.random.default_rng(seed)
    network = integer_network(rng)
    core_of = scattered(rng, network, cores)
    held = tables(network, core_of, shared)
    seen = set()
    for core, size in enumerate(np.diff(held.compartment_start)):
        for compartment in range(size):
            name, neuron = held.neuron(core, compartment)
            assert core_of[name][neuron] == core
            assert held.address(name, neuron) == (core, compartment)
            seen.add((name, neuron))
    assert len(seen) == sum(int(np.prod(p.shape)) for p in network.populations)
    with pytest.raises(IndexError):
        held.neuron(0, int(held.compartment_start[1]))

    built = {p.name: np.zeros(chain_matrix(p.maps, network.shapes[p.source]).shape, int) for p in network.projections}
    cores_of_axons = held.axon_core
    for source, routes in held.routes.items():
        for i in range(len(routes.start) - 1):
            for axon in routes.axon[routes.start[i] : routes.start[i + 1]]:
                p = network.projections[held.axon_projection[axon]]
                assert p.source == source
                for s in range(held.synapse_start[axon], held.synapse_start[axon + 1]):
                    name, neuron = held.neuron(int(cores_of_axons[axon]), int(held.compartment[s]))
                    assert name == p.target
                    built[p.name][neuron, i] += held.mantissa[s]
    for p in network.projections:
        np.testing.assert_array_equal(built[p.name], chain_matrix(p.maps, network.shapes[p.source]).toarray())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**20), st.integers(3, 30), st.integers(30, 90), st.integers(60, 300), st.booleans())
def test_tables_count_what_the_plan_says(seed, neurons, axons, words, shared):
    """Two counts of one plan that share no code: the tables hold what the plan counts, and no core more than it may."""
    network = integer_network(np.random.default_rng(seed), frozenset({"convolution", "recurrence", "skip", "delay"}))
    limits = {"neurons": neurons, "input_axons": axons, "synaptic_memory_bits": 64 * words, "axons_are_shared": shared}
    try:
        plan = place(network, small(**limits))
    except VerdictError:
        return
    held = tables(network, plan.core_of, shared)
    late, memory = latencies(network), np.zeros(held.cores, int)
    for axon, core in enumerate(held.axon_core):
        p = network.projections[held.axon_projection[axon]]
        waits = p.delay + late[p.target] - late[p.source] > 1
        field = next(w for w in (1, 2, 3, 4, 5, 6, 8) if w >= p.format.bits)
        count = int(held.synapse_start[axon + 1] - held.synapse_start[axon])
        memory[core] += axon_bits(count, field + 10 + (6 if waits else 0))
    sent = np.zeros(held.cores, int)
    for name, on in plan.core_of.items():
        np.add.at(sent, on, np.diff(held.routes[name].start))
    stored = np.bincount(np.repeat(held.axon_core, np.diff(held.synapse_start)), minlength=held.cores)
    for c, size, came in zip(plan.cores, np.diff(held.compartment_start), np.diff(held.axon_start), strict=True):
        assert (c.neurons, c.input_axons, c.output_axons) == (size, came, sent[c.index])
        assert (c.stored, c.memory_bits) == (stored[c.index], memory[c.index])
        assert size <= neurons
        assert came <= axons
        assert memory[c.index] <= 64 * words
    again = place(network, small(**limits))
    assert again.as_dict() == plan.as_dict()


def test_neurons_of_a_pooling_window_share_an_axon():
    maps = (Pool((2, 2), (2, 2), kind="sum"), Flatten(0, -1, 3), Dense(2 * np.arange(1, 13).reshape(3, 4)))
    network = Network(
        1e-3,
        (Input("in", (1, 4, 4)),),
        (Population("out", (3,), Registers(4095, 0, 50)),),
        (Projection("in", "out", maps, format=Format()),),
        ("out",),
    )
    core_of = {"out": np.array([0, 0, 1])}
    assert np.diff(tables(network, core_of, shared=False).axon_start).tolist() == [16, 16]
    held = tables(network, core_of)
    assert np.diff(held.axon_start).tolist() == [4, 4]
    assert len(held.mantissa) == 4 * 3
    assert len(held.routes["in"].axon) == 16 * 2  # every source neuron still sends to both cores
