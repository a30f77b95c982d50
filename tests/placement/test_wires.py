"""Synapses counted from kernels and rows, against the matrix of the whole projection, grouped by loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import integer_network

from snndeploy import targets
from snndeploy.network import Conv, Dense, Flatten, Format, Input, Network, Pool, Population, Projection, Registers
from snndeploy.network.maps import chain_matrix
from snndeploy.placement import axons as axons_module
from snndeploy.placement import place
from snndeploy.placement.addresses import tables
from snndeploy.placement.axons import check_equal, shared
from snndeploy.placement.windows import Windows
from snndeploy.placement.wires import Rows, wires

LOIHI = targets.load("loihi1")


def by_loops(matrix: np.ndarray) -> tuple[list[int], list[set[int]], list[int]]:
    """Sources, the sets of sources that share an axon, and synapses of each axon, of a dense (neurons, sources)."""
    columns: dict[bytes, list[int]] = {}
    for j in range(matrix.shape[1]):
        if matrix[:, j].any():
            columns.setdefault(matrix[:, j].tobytes(), []).append(j)
    groups = sorted(columns.values())
    return (
        sorted(j for g in groups for j in g),
        [set(g) for g in groups],
        [np.count_nonzero(matrix[:, g[0]]) for g in groups],
    )


def compare(network: Network, rng: np.random.Generator) -> None:
    for each in wires(network, LOIHI):
        p = each.projection
        whole = chain_matrix(p.maps, network.shapes[p.source]).toarray()
        assert each.held.neurons == len(whole)
        for _ in range(3):
            neurons = np.sort(rng.choice(len(whole), int(rng.integers(1, len(whole) + 1)), replace=False))
            sources, groups, counts = by_loops(whole[neurons])
            found = each.onto(neurons)
            assert found.sources.tolist() == sources
            made = [set(found.sources[found.axon == a].tolist()) for a in range(len(found.synapses))]
            assert made == groups
            assert found.synapses.tolist() == counts
            assert found.joined == np.count_nonzero(whole[neurons])
            plain, numbers = each.held.counts(neurons)
            assert plain.tolist() == sources
            assert numbers.tolist() == [np.count_nonzero(whole[neurons][:, j]) for j in sources]
            # as planned: never fewer axons, and together with others never more than the sum
            planned = each.planned(neurons)
            assert len(planned.synapses) >= len(groups)
            half = len(neurons) // 2
            if half:
                parts = each.planned(neurons[:half]), each.planned(neurons[half:])
                assert sum(len(part.synapses) for part in parts) >= len(planned.synapses)
            distinct = [len(set(row[row != 0].tolist())) for row in whole]
            assert each.alone().tolist() == distinct
            assert (each.alone(exact=False) >= distinct).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**20))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    compare(integer_network(rng, frozenset({"convolution", "recurrence", "skip", "delay"})), rng)


def convolved(conv: Conv, shape: tuple[int, ...], *front) -> Network:
    at = shape
    for each in (*front, conv):
        at = each.shape_out(at)
    return Network(
        1e-3,
        (Input("in", shape),),
        (Population("c", at, Registers(4095, 0, 50)),),
        (Projection("in", "c", (*front, conv), format=Format()),),
        ("c",),
    )


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 2), st.booleans())
def test_convolutions_of_every_form(seed, dims, pooled):
    """One and two dimensions, groups, strides, dilation, padding, zeros, equal weights, a pool in front."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 3))
    kernel = tuple(int(n) for n in rng.integers(1, 4, dims))
    values = (
        rng.choice([0, 2, 4], (2 * groups, 2, *kernel))
        if rng.random() < 0.5
        else 2 * rng.integers(-9, 9, (2 * groups, 2, *kernel))
    )

    def draw(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high, dims))

    padding = tuple(zip(draw(0, 3), draw(0, 3), strict=True))
    conv = Conv(values, draw(1, 3), padding, draw(1, 3), groups)
    front = (Pool((2,) * dims, (2,) * dims, (0,) * dims, "sum"),) if pooled and dims == 2 else ()
    try:
        network = convolved(conv, (2 * groups, *draw(6, 10)), *front)
    except ValueError:
        return
    compare(network, rng)


def test_a_pool_shares_axons():
    """The four neurons of a window are one axon, for a convolution and for a dense layer behind the pool."""
    pool = Pool((2, 2), (2, 2), (0, 0), "sum")
    rng = np.random.default_rng(0)
    network = convolved(Conv(2 * rng.integers(1, 90, (3, 2, 3, 3))), (2, 12, 12), pool)
    (into,) = wires(network, LOIHI)
    every = np.arange(3 * 4 * 4)
    assert isinstance(into.held, Windows)
    assert (len(into.onto(every).sources), len(into.onto(every).synapses)) == (2 * 144, 2 * 36)
    assert len(into.planned(every).synapses) == 2 * 36
    dense = Dense(2 * rng.integers(1, 90, (5, 72)))
    flat = network.with_(
        populations=(Population("c", (5,), Registers(4095, 0, 50)),),
        projections=(Projection("in", "c", (pool, Flatten(0, -1, 3), dense), format=Format()),),
    )
    (into,) = wires(flat, LOIHI)
    assert (len(into.onto(np.arange(5)).sources), len(into.planned(np.arange(5)).synapses)) == (288, 72)


def test_keys_that_collide_are_found_out():
    """Two different columns of one key do not share an axon, and equal ones still do."""
    from scipy import sparse

    matrix = sparse.csr_array(np.array([[2, 2, 4, 0], [0, 0, 2, 6]]))
    rows = Rows(matrix)
    sources, counts, _ = rows.keys(np.arange(2))
    wrong = shared(sources, counts, np.zeros(4, np.uint64))
    right = check_equal(wrong, matrix)
    assert right.axon.tolist() == [0, 0, 1, 2]
    assert right.synapses.tolist() == [1, 2, 1]


def test_the_kernel_of_a_convolution_is_stored_once_where_the_target_can():
    conv = Conv(2 * np.random.default_rng(0).integers(1, 90, (8, 4, 3, 3)))
    network = convolved(conv, (4, 20, 20))
    two = targets.load("loihi2")
    (into,) = wires(network, two)
    every = np.arange(8 * 18 * 18)
    # 36 lists of 8 synapses of 8 + 13 bits and 10 bits: 3 words of 64
    assert into.memory(into.onto(every), every) == 36 * 3 * 64
    one_channel = np.arange(18 * 18)
    assert into.memory(into.onto(one_channel), one_channel) == 36 * 64
    (each,) = wires(network, LOIHI)
    assert each.memory(each.onto(every), every) > 100 * 36 * 3 * 64
    place = np.arange(8) * 18 * 18
    assert into.memory(into.onto(place), place) == 36 * 3 * 64


@pytest.mark.parametrize(("bits", "field"), [(8, 8), (7, 8), (6, 6), (5, 5), (1, 1)])
def test_a_weight_takes_the_next_field(bits, field):
    assert axons_module.synapse_bits(bits, False, LOIHI) == field + 10
    assert axons_module.synapse_bits(bits, True, LOIHI) == field + 16


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 12))
def test_the_address_tables_of_a_placed_network_have_as_many_axons_and_synapses(seed, neurons):
    """They are made from matrices, by other code; and they run, bit for bit."""
    network = integer_network(np.random.default_rng(seed), frozenset({"convolution", "recurrence", "skip", "delay"}))
    held = LOIHI.core.model_copy(update={"neurons": LOIHI.core.neurons.model_copy(update={"value": neurons})})
    plan = place(network, LOIHI.model_copy(update={"core": held}), arrange="rows")
    made = tables(network, plan.core_of, shared=True)
    assert np.diff(made.axon_start).tolist() == [core.input_axons for core in plan.cores]
    assert np.diff(made.synapse_start[made.axon_start]).tolist() == [core.stored for core in plan.cores]
