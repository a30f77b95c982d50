"""Blocks, chunks, tiles, threads and units of the torch engine change nothing but time and memory."""

import threading
import tracemalloc
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import EVERY, float_network, integer_network, spikes_for

from snndeploy.engines import run
from snndeploy.engines.torch import blocks, schedule
from snndeploy.engines.torch.products import bytes_are_exact
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Conv,
    Dense,
    Flatten,
    Format,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Registers,
    Reset,
    Reshape,
)

ALL = ("spikes", "u", "v")


def same(want, got, seed=""):
    for what in ALL:
        a, b = getattr(want, what), getattr(got, what)
        assert set(a) == set(b)
        for name in a:
            assert a[name].dtype == b[name].dtype
            assert np.array_equal(a[name], b[name]), (seed, what, name)


def cut_small(monkeypatch, rows, tile):
    monkeypatch.setattr(blocks, "ROWS", rows)
    monkeypatch.setattr(blocks, "LEAST", 1)
    monkeypatch.setattr(schedule, "TILE", tile)


@pytest.mark.parametrize("units", ["events,float", "int8,float", "float", "int8,events,float"])
def test_every_unit_gives_the_reference_however_it_is_cut(units, monkeypatch):
    for seed in range(40):
        rng = np.random.default_rng([11, seed])
        network = integer_network(rng, EVERY, seed % 3 == 0, str(rng.choice(["binary", "counts"])))
        steps, batch = int(rng.integers(1, 24)), int(rng.integers(1, 6))
        spikes = spikes_for(rng, network, steps, batch)
        want = run(network, spikes, "reference", ALL)
        with monkeypatch.context() as patch:
            cut_small(patch, int(rng.choice([1, 3, 7, 512])), int(rng.choice([1, 300, 2**20])))
            for threads in (1, 2):
                same(want, run(network, spikes, "torch", ALL, units=units, threads=threads), (seed, threads))


def convolutional(rng, sign, exponent, groups=1, stride=1, dilation=1, padding=1, pool="none", counts=False):
    """Two convolutions and a dense layer; densities between nothing and all."""
    form = Format(exponent, 8, sign)
    low, high = form.limits

    def weights(*size):
        return rng.integers(low // form.step, high // form.step + 1, size) * form.step

    pools = {"none": (), "sum": (Pool((2, 2), (2, 2), (0, 0), "sum"),)}[pool]
    first = Conv(weights(6, 2, 3, 3), padding=((1, 1), (1, 1)))
    second = Conv(weights(4, 6 // groups, 3, 2), (stride,) * 2, ((padding, 0), (0, padding)), (dilation,) * 2, groups)
    shapes = {"in": (2, 9, 8), "a": (6, 9, 8)}
    shape = shapes["a"]
    for each in (*pools, second):
        shape = each.shape_out(shape)
    shapes |= {"b": shape, "c": (5,)}
    dense = (Flatten(0, -1, 3), Dense(weights(5, int(np.prod(shape)))))
    projections = (
        Projection("in", "a", (first,), format=form),
        Projection("a", "b", (*pools, second), 1, format=form),
        Projection("b", "c", dense, format=form),
        Projection("in", "c", (Flatten(0, -1, 3), Dense(weights(5, 144))), 2, format=form),
    )
    vth = max(1, min(2**17 - 1, int(600 * 2.0**exponent)))
    populations = tuple(
        Population(n, shapes[n], Registers(1000, rng.integers(0, 900, shapes[n]), vth, 300, 3)) for n in ("a", "b", "c")
    )
    inputs = (Input("in", shapes["in"], "counts" if counts else "binary"),)
    return Network(1e-3, inputs, populations, projections, ("c", "a"))


SHAPES = [
    {},
    {"groups": 2},
    {"stride": 2, "padding": 3},
    {"dilation": 2, "stride": 2},
    {"pool": "sum"},
    {"pool": "sum", "groups": 2, "stride": 3, "padding": 0},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sign", ["mixed", "excitatory", "inhibitory"])
def test_each_unit_alone_gives_the_reference_on_convolutions(shape, sign):
    rng = np.random.default_rng(3)
    for counts, exponent, density in product((0, 30, 300), (0, -3, 5), (0.02, 0.5)):
        network = convolutional(rng, sign, exponent, counts=counts > 0, **shape)
        x = (rng.random((11, 3, 2, 9, 8)) < density) * rng.integers(1, max(2, counts), (11, 3, 2, 9, 8))
        want = run(network, x, "reference", ALL)
        for units in ("int8", "events", "float"):
            try:
                got = run(network, x, "torch", ALL, units=units, threads=2)
            except SnnDeployError as refused:
                assert refused.findings[0].code == "SD524"
                assert counts == 300 or (units == "int8" and ("groups" in shape or counts)) or not bytes_are_exact()
            else:
                same(want, got, (units, counts, exponent, density))
                label = {"int8": "int8 products", "float": "float32 products"}.get(units, units)
                assert all(note.endswith(label) for note in got.notes)
                assert len(got.notes) == 4


@given(
    st.integers(1, 400), st.integers(1, 70), st.integers(1, 10**5), st.integers(0, 10**5), st.integers(0, 10**5),
    st.none() | st.integers(1, 50), st.integers(1, 8), st.sampled_from([10**6, 10**8]),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_a_cut_covers_every_sample_and_stays_within_memory(steps, batch, row, fixed, tile, together, threads, memory):
    needs = blocks.Needs(row, fixed, tile, together)
    at_once = min(threads, batch) if together else 1
    try:
        way = blocks.cut(steps, batch, needs, memory, threads)
    except SnnDeployError as refused:
        assert refused.findings[0].code == "SD525"
        assert at_once * (tile + (row + fixed) * (1 if together else batch)) > memory
        return
    assert [i for each in way.blocks for i in range(batch)[each]] == list(range(batch))
    assert 1 <= way.chunk <= steps
    largest = max(each.stop - each.start for each in way.blocks)
    assert largest <= (together or batch)
    assert min(at_once, len(way.blocks)) * (tile + largest * (fixed + way.chunk * row)) <= memory


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_is_told_in_order_in_the_callers_thread(threads, monkeypatch):
    rng = np.random.default_rng(0)
    network = integer_network(rng, frozenset({"convolution"}))
    cut_small(monkeypatch, 6, 2**20)
    told = []

    def progress(done, total):
        told.append((done, total, threading.current_thread()))

    run(network, spikes_for(rng, network, 23, 5), "torch", progress=progress, threads=threads)
    assert [done for done, *_ in told] == sorted(done for done, *_ in told)
    assert told[-1][:2] == (23, 23)
    assert {(total, thread) for _, total, thread in told} == {(23, threading.main_thread())}
    assert len(told) > 5


@pytest.mark.parametrize("threads", [1, 2])
def test_what_goes_wrong_in_a_block_is_raised(threads, monkeypatch):
    rng = np.random.default_rng(0)
    network = integer_network(rng, frozenset({"convolution"}))
    cut_small(monkeypatch, 1, 2**20)
    before = torch.get_num_threads()
    run_block, calls = schedule.run_block, []

    def failing(plan, samples, *rest):
        calls.append(samples)
        if len(calls) == 3:
            raise MemoryError("no more")
        run_block(plan, samples, *rest)

    monkeypatch.setattr(schedule, "run_block", failing)
    with pytest.raises(MemoryError, match="no more"):
        run(network, spikes_for(rng, network, 40, 30), "torch", threads=threads)
    assert len(calls) < 30
    assert torch.get_num_threads() == before

    def interrupted(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(network, spikes_for(rng, network, 4, 3), "torch", progress=interrupted, threads=threads)
    assert torch.get_num_threads() == before


def test_memory_bounds_what_is_held():
    """10,000 steps of 4 samples: what is emitted takes 35 MB, the drive of one population 70 MB."""
    rng = np.random.default_rng(1)
    network = convolutional(rng, "mixed", 0)
    x = (rng.random((10000, 4, 2, 9, 8)) < 0.1).astype(np.uint8)
    peaks, found = {}, {}
    for memory in ("1MB", "40MB"):
        run(network, x[:10], "torch", only=("c",), memory=memory, threads=1)  # kernels are loaded
        tracemalloc.start()
        try:
            found[memory] = run(network, x, "torch", only=("c",), memory=memory, threads=1)
            peaks[memory] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert np.array_equal(found["1MB"].spikes["c"], found["40MB"].spikes["c"])
    assert 0 < found["1MB"].spikes["c"].mean() < 1
    # looking at the input takes some MB at a time
    assert peaks["1MB"] < 4e6


def test_float_form_in_chunks_is_the_float_form():
    for seed in range(20):
        rng = np.random.default_rng([12, seed])
        network = float_network(rng, EVERY)
        spikes = spikes_for(rng, network, 23, 2)
        whole = run(network, spikes, "torch", ALL, dtype="float64")
        sizes = sum(int(np.prod(shape)) for shape in network.shapes.values())
        parts = run(network, spikes, "torch", ALL, dtype="float64", memory=2 * 64 * 40 * sizes, threads=2)
        for name in whole.v:
            np.testing.assert_allclose(parts.v[name], whole.v[name], rtol=0, atol=1e-9)
        assert all(np.array_equal(parts.spikes[n], whole.spikes[n]) for n in whole.spikes)


def test_a_chain_of_another_form_is_computed_in_floating_point_and_says_so():
    rng = np.random.default_rng(0)
    maps = (Reshape((12,), (3, 2, 2)), Conv(2 * rng.integers(-20, 20, (4, 3, 1, 1))))
    rule = Registers(1000, 300, 60, reset=Reset("to", 0))
    ahead = Projection("x", "n", maps, format=Format(0))
    net = Network(1e-3, (Input("x", (12,)),), (Population("n", (4, 2, 2), rule),), (ahead,), ("n",))
    x = (rng.random((40, 5, 12)) < 0.5).astype(np.int64)
    got = run(net, x, "torch", ALL)
    same(run(net, x, "reference", ALL), got)
    assert got.notes == ("projection 'x->n': float32 products",)
    with pytest.raises(SnnDeployError, match="SD524"):
        run(net, x, "torch", units="int8,events")
