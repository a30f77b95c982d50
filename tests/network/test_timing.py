import numpy as np
import pytest
from random_networks import EVERY, float_network

from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule
from snndeploy.network.timing import latencies, update_order


def chain(edges, names="abc"):
    one = (Dense(np.ones((1, 1))),)
    populations = tuple(Population(n, (1,), Rule(0.5)) for n in names)
    projections = tuple(Projection(a, b, one, delay) for a, b, delay in edges)
    return Network(1e-3, (Input("in", (1,)),), populations, projections, (names[-1],))


def test_a_feedforward_chain_is_late_by_its_length():
    net = chain([("in", "a", 0), ("a", "b", 0), ("b", "c", 0)])
    assert latencies(net) == {"in": 0, "a": 1, "b": 2, "c": 3}
    assert latencies(net, cost=2)["c"] == 6


def test_delays_pay_for_the_cost_of_projections():
    assert latencies(chain([("in", "a", 1), ("a", "b", 2), ("b", "c", 0)]))["c"] == 1


def test_the_longest_way_counts():
    net = chain([("in", "a", 0), ("a", "b", 0), ("b", "c", 0), ("in", "c", 0), ("c", "c", 1)])
    assert latencies(net)["c"] == 3


def test_a_loop_that_is_too_short_is_named_with_what_is_missing():
    net = chain([("in", "a", 0), ("a", "b", 0), ("b", "c", 0), ("c", "a", 1)])
    with pytest.raises(SnnDeployError, match="SD106") as problem:
        latencies(net)
    text = str(problem.value)
    assert all(f"{name}" in text for name in "abc")
    assert "add up to 1 steps (< 3" in text
    assert "by 2" in text
    itself = chain([("in", "a", 0), ("a", "a", 1)], "a")
    with pytest.raises(SnnDeployError, match="loop a: its delays add up to 1 steps [(]< 2"):
        latencies(itself, cost=2)


def test_a_loop_without_delay_is_refused():
    with pytest.raises(SnnDeployError, match=r"SD106 loop .*no projection of it has a delay"):
        update_order(chain([("in", "a", 0), ("a", "b", 0), ("b", "a", 0), ("b", "c", 0)]))


def test_sources_come_first_and_order_does_not_depend_on_lists():
    net = chain([("in", "c", 0), ("c", "b", 0), ("b", "a", 0)], "cba")
    turned = net.with_(populations=net.populations[::-1], projections=net.projections[::-1])
    assert update_order(net) == update_order(turned) == (("c",), ("b",), ("a",))


def test_feedback_makes_a_group():
    net = chain([("in", "a", 0), ("a", "b", 0), ("b", "a", 1), ("b", "c", 0)])
    assert update_order(net) == (("a", "b"), ("c",))


@pytest.mark.parametrize("seed", range(50))
def test_every_projection_has_its_step_in_random_networks(seed):
    net = float_network(np.random.default_rng(seed), EVERY)
    late = latencies(net)
    assert all(late[p.target] + p.delay - late[p.source] >= 1 for p in net.projections)
    rank = {name: i for i, group in enumerate(update_order(net)) for name in group}
    assert all(rank[p.source] <= rank[p.target] for p in net.projections if p.source in rank)
