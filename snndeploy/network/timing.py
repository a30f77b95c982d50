"""Order within a step, and the latency that an engine adds when every projection costs it a step."""

from __future__ import annotations

from snndeploy.errors import error
from snndeploy.network.network import Network, Projection


def update_order(network: Network) -> tuple[tuple[str, ...], ...]:
    """Groups of populations in the order of computation.

    Populations that depend on each other (over projections of any delay) form one group; within a group the order is
    that of the projections without delay. A group of one population without a projection onto itself can be computed
    for all steps at once. The order does not depend on the order of the network's own lists.

    Raises:
        SnnDeployError SD106: a loop of projections has no delay.
    """
    import networkx as nx

    names = sorted(network.population)
    edges = [(p.source, p.target, p.delay) for p in network.projections if p.source in network.population]
    whole: nx.DiGraph = nx.DiGraph()
    instant: nx.DiGraph = nx.DiGraph()
    for graph in (whole, instant):
        graph.add_nodes_from(names)
    whole.add_edges_from((a, b) for a, b, _ in edges)
    instant.add_edges_from((a, b) for a, b, delay in edges if delay == 0)
    if not nx.is_directed_acyclic_graph(instant):
        loop = " -> ".join([a for a, *_ in nx.find_cycle(instant)])
        raise error("SD106", f"loop {loop}", "no projection of it has a delay", "give one projection a delay of 1")
    rank = {name: i for i, name in enumerate(nx.lexicographical_topological_sort(instant))}
    condensed = nx.condensation(whole)
    groups = [tuple(sorted(condensed.nodes[n]["members"], key=rank.__getitem__)) for n in condensed]
    place = {n: min(groups[n]) for n in condensed}
    return tuple(groups[n] for n in nx.lexicographical_topological_sort(condensed, key=place.__getitem__))


def latencies(network: Network, cost: int = 1) -> dict[str, int]:
    """The least latency of each population, in steps, if every projection takes at least `cost` steps.

    With latency L, what the network computes in step t happens in step t + L of the engine. Inputs have latency 0
    (an engine may present an input at any step). A projection then takes delay + L(target) - L(source) >= cost steps.

    Raises:
        SnnDeployError SD106: the delays of a loop of k projections add up to less than k·cost.
    """
    late = dict.fromkeys(network.shapes, 0)
    order = sorted(network.projections, key=lambda p: p.name)
    came: dict[str, Projection] = {}
    for _ in range(len(late) + 1):
        moved = ""
        for p in order:
            least = late[p.source] + cost - p.delay
            if least > late[p.target]:
                late[p.target], came[p.target], moved = least, p, p.target
        if not moved:
            return late
    for _ in late:
        moved = came[moved].source
    loop = [came[moved]]
    while loop[-1].source != moved:
        loop.append(came[loop[-1].source])
    total = sum(p.delay for p in loop)
    raise error(
        "SD106",
        "loop " + " -> ".join(p.source for p in reversed(loop)),
        f"its delays add up to {total} steps (< {len(loop) * cost}: each of its {len(loop)} projections costs {cost})",
        f"raise the delays of this loop by {len(loop) * cost - total} and train with them",
    )
