"""Cores on the mesh: never worse than greedy, the best there is on tiny machines, the same for any names."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import integer_network
from scipy import sparse

from snndeploy import targets
from snndeploy.errors import SnnDeployError
from snndeploy.network import Network
from snndeploy.placement import place
from snndeploy.placement.arrange import METHODS, arrange, hops
from snndeploy.placement.partition import parts
from snndeploy.placement.sites import distance, sites
from snndeploy.placement.swaps import improved
from snndeploy.placement.traffic import traffic
from snndeploy.targets import Target


def machine(cores: int, per_tile: int, x: int, y: int) -> Target:
    """Loihi 1 with other chips: 2 by 2 of them on a board."""
    target = targets.load("loihi1")
    values = {"tiles_x": x, "tiles_y": y, "cores_per_tile": per_tile, "chips_x": 2, "chips_y": 2, "boards": 8}
    mesh = target.mesh.model_copy(
        update={name: getattr(target.mesh, name).model_copy(update={"value": n}) for name, n in values.items()}
    )
    chip = target.chip.model_copy(update={"cores": target.chip.cores.model_copy(update={"value": cores})})
    return target.model_copy(update={"mesh": mesh, "chip": chip})


def flows(rng: np.random.Generator, cores: int, density: float = 0.4):
    return sparse.csr_array(rng.random((cores, cores)) * (rng.random((cores, cores)) < density))


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**20),
    st.integers(1, 40),
    st.sampled_from([(8, 2, 2, 2), (7, 2, 2, 2), (12, 4, 3, 1), (40, 4, 4, 3)]),
)
def test_every_core_has_a_site_and_metis_is_never_worse_than_greedy(seed, cores, form):
    target, between = machine(*form), flows(np.random.default_rng(seed), cores)
    costs = {}
    for method in METHODS:
        where = arrange(between, target, method, seed)
        assert where.shape == (cores, 3)
        assert where.dtype == np.int64
        tile, held = np.unique(where, axis=0, return_counts=True)
        assert held.max() <= target.mesh.cores_per_tile.value
        assert (tile[:, 1:] < (target.mesh.tiles_x.value, target.mesh.tiles_y.value)).all()
        assert np.bincount(where[:, 0]).max() <= target.chip.cores.value
        assert len(np.unique(where[:, 0])) == -(-cores // target.chip.cores.value)
        costs[method] = hops(between, where, target)
        again = arrange(between, target, method, seed)
        assert np.array_equal(again, where)
        board, x = np.divmod(where[:, 0], 4)[0], where[:, 0] % 2
        if len(set(board)) == 1:
            # where one board is enough, it begins in its corner
            assert board[0] == 0
            assert x.min() == (where[:, 0] // 2).min() == 0
    assert costs["metis"] <= costs["greedy"] * (1 + 1e-9)


def test_the_cost_is_counted_pair_by_pair():
    target, rng = machine(8, 2, 2, 2), np.random.default_rng(0)
    between, where = flows(rng, 20), sites(rng.permutation(24)[:20], target)
    total = sum(between[[a], [b]][0] * distance(where[a], where[b], target) for a in range(20) for b in range(20))
    assert hops(between, where, target) == pytest.approx(total)


def test_tiny_machines_against_all_arrangements():
    """Six cores on one chip, then on two: the best of all ways is found nearly always."""
    rng = np.random.default_rng(1)
    orders = np.array(list(permutations(range(6))))
    best = []
    # three sites per chip: the second chip lies beside the first or below it
    for form, choices in (((6, 1, 3, 2), [range(6)]), ((3, 1, 3, 1), [range(6), (0, 1, 2, 6, 7, 8)])):
        target = machine(*form)
        where = [sites(np.array(choice), target) for choice in choices]
        apart = [distance(each[:, None], each[None], target) for each in where]
        for _ in range(20):
            between = flows(rng, 6)
            flow = between.toarray()
            least = min(np.einsum("ij,kij->k", flow, d[orders[:, :, None], orders[:, None]]).min() for d in apart)
            found = hops(between, arrange(between, target), target)
            assert found >= least - 1e-9
            best.append(found <= least + 1e-9)
    assert np.mean(best) >= 0.8


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**20), st.integers(2, 9), st.integers(0, 3))
def test_no_swap_and_no_move_improves_what_is_left(seed, cores, free):
    rng = np.random.default_rng(seed)
    places = cores + free
    flow, apart = (np.triu(rng.random((n, n)), 1) for n in (cores, places))
    flow, apart, fixed = flow + flow.T, apart + apart.T, rng.random((cores, places))

    def cost(at) -> float:
        return float((flow * apart[np.ix_(at, at)]).sum() / 2 + fixed[np.arange(cores), at].sum())

    start = rng.permutation(places)[:cores]
    at = improved(flow, apart, fixed, start)
    assert len(set(at.tolist())) == cores
    assert cost(at) <= cost(start) + 1e-9
    for i in range(cores):
        for place_ in range(places):
            other = at.copy()
            other[at == place_] = at[i]
            other[i] = place_
            assert cost(other) >= cost(at) - 1e-6


def test_parts_hold_no_more_than_they_may():
    rng = np.random.default_rng(0)
    between = flows(rng, 37, 0.2)
    both = sparse.csr_array(between + between.T)
    sizes = np.array([10, 1, 20, 6])
    assert np.bincount(parts(both, sizes, 3), minlength=4).tolist() == sizes.tolist()


def test_chips_lie_beside_each_other():
    """Four chips of a board in a square, whose traffic runs 0-2-1-3: neighbours on the board follow it."""
    target, rng = machine(4, 4, 1, 1), np.random.default_rng(0)
    between = np.zeros((16, 16))
    for a, b in ((0, 2), (2, 1), (1, 3)):
        between[a * 4 : a * 4 + 4, b * 4 : b * 4 + 4] = rng.uniform(1, 2, (4, 4))
    for c in range(4):
        between[c * 4 : c * 4 + 4, c * 4 : c * 4 + 4] = 50
    between = sparse.csr_array(between)
    where = arrange(between, target)
    far = [distance(where[4 * a], where[4 * b], target) for a, b in ((0, 2), (2, 1), (1, 3))]
    assert far == [11, 11, 11]


def renamed(network: Network) -> Network:
    """Other names, which sort the other way round."""
    new = {name: f"z{99 - i}" for i, name in enumerate(network.shapes)}
    return network.with_(
        inputs=tuple(replace(i, name=new[i.name]) for i in network.inputs),
        populations=tuple(replace(p, name=new[p.name]) for p in network.populations),
        projections=tuple(replace(p, source=new[p.source], target=new[p.target]) for p in network.projections),
        outputs=tuple(new[name] for name in network.outputs),
        decision=None,
    )


@pytest.mark.parametrize("seed", range(6))
def test_names_change_nothing(seed):
    network = integer_network(np.random.default_rng(seed), frozenset({"convolution", "skip"}))
    target = targets.load("loihi1")
    core = target.core.model_copy(update={"neurons": target.core.neurons.model_copy(update={"value": 4})})
    target = target.model_copy(update={"core": core})
    plan, other = place(network, target), place(renamed(network), target)
    assert np.array_equal(plan.sites, other.sites)
    moved = traffic(network, plan.core_of)
    assert hops(moved.between, plan.sites, target) <= hops(
        moved.between, place(network, target, arrange="greedy").sites, target
    )


def test_what_is_not_offered_is_refused():
    with pytest.raises(SnnDeployError, match="SD251 arrange 'best': there is no such method.*rows, greedy, metis"):
        arrange(sparse.csr_array((2, 2)), targets.load("loihi1"), "best")
