"""Names and order of nodes never change a spike, not even where a membrane meets its threshold exactly."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import read

pytestmark = pytest.mark.usefixtures("in_process")
DT, N = 1e-3, 3
WORDS = [
    "a",
    "b",
    "z",
    "A",
    "0",
    "1",
    "10",
    "9",
    "ä",
    "x y",
    "lif",
    "input_",
    "output_",
    "n.1",
    "n-1",
    "_",
    "~",
    "é",
    "q",
]
WORDS += [f"k{i}" for i in range(60)]

Nodes = dict[str, Any]
Edges = list[tuple[str, str]]


def neuron(rng: np.random.Generator) -> Any:
    def full(low: float, high: float) -> np.ndarray:
        # tenths: their sums meet the threshold, and not in every order
        return np.round(rng.uniform(low, high, N), 1)

    tau = DT / (1 - rng.choice([0.5, 0.75, 0.9], N))
    kind = int(rng.integers(4))
    if kind == 0:
        return nir.LIF(tau, tau / DT, np.zeros(N), full(0.3, 1), np.zeros(N))
    if kind == 1:
        return nir.CubaLIF(tau, tau, tau / DT, np.zeros(N), full(0.3, 1), np.zeros(N), tau / DT)
    if kind == 2:
        return nir.IF(np.full(N, 1 / DT), full(0.3, 1), np.zeros(N))
    return nir.Threshold(full(0.3, 1))


def graph(rng: np.random.Generator) -> tuple[Nodes, Edges, dict[tuple[str, str], int]]:
    """Neurons with several ways between them, forward, back and round; and which of the ways back are late."""
    count = int(rng.integers(2, 6))
    names = [f"p{i}" for i in range(count)]
    nodes: Nodes = {"input": nir.Input(np.array([N])), "output": nir.Output(np.array([N]))}
    nodes |= {name: neuron(rng) for name in names}
    edges: Edges = [(names[-1], "output")]
    late: dict[tuple[str, str], int] = {}

    def way(a: str, b: str, delay: int = 0) -> None:
        chain = []
        kind = int(rng.integers(4))
        weight = np.round(rng.uniform(-0.2, 0.5, (N, N)), 1)
        if kind == 0:
            chain.append(nir.Affine(weight, np.round(rng.uniform(0, 0.2, N), 1)))
        elif kind == 1:
            chain.append(nir.Linear(weight))
        elif kind == 2:
            chain += [nir.Scale(np.round(rng.uniform(0.1, 0.5, N), 1)), nir.Linear(weight)]
        else:
            chain.append(nir.Scale(np.round(rng.uniform(0.1, 0.5, N), 1)))
        if delay:
            chain.append(nir.Delay(np.full(N, delay * DT)))
        before = a
        for each in chain:
            name = f"w{len(nodes)}"
            nodes[name] = each
            edges.append((before, name))
            before = name
        edges.append((before, b))

    way("input", names[0])
    for i, a in enumerate(names):
        if i:
            way(names[i - 1], a)
            way("input", a)
        for b in names[i + 1 :]:
            for _ in range(int(rng.integers(0, 3))):
                way(a, b, int(rng.integers(0, 2)))
        if rng.random() < 0.5:
            way(a, a)
        for b in names[:i]:
            if rng.random() < 0.4:
                said = rng.random() < 0.5
                way(a, b, 0 if said else int(rng.integers(1, 3)))
                if said:
                    late[a, b] = 1
    return nodes, edges, late


def renamed(rng: np.random.Generator, nodes: Nodes, edges: Edges) -> tuple[Nodes, Edges, dict[str, str]]:
    names = dict(zip(nodes, rng.permutation(WORDS), strict=False))
    order = [str(each) for each in rng.permutation(list(nodes))]
    ways = [edges[i] for i in rng.permutation(len(edges))]
    return (
        {str(names[each]): nodes[each] for each in order},
        [(str(names[a]), str(names[b])) for a, b in ways],
        {old: str(new) for old, new in names.items()},
    )


def network(path: Path, nodes: Nodes, edges: Edges, late: dict[tuple[str, str], int]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    return read(path, DT, delays=late)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1))
def test_names_and_order(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes, edges, late = graph(rng)
    x = (rng.random((30, 2, N)) < 0.6) * 1.0
    one = run(network(tmp_path / "a.nir", nodes, edges, late), x, record=("spikes", "v"))
    for _ in range(2):
        others, ways, names = renamed(rng, nodes, edges)
        moved = {(names[a], names[b]): steps for (a, b), steps in late.items()}
        two = run(network(tmp_path / "b.nir", others, ways, moved), x, record=("spikes", "v"))
        for name, v in one.v.items():
            np.testing.assert_array_equal(two.v[names[name]], v)
        for name, spikes in one.spikes.items():
            np.testing.assert_array_equal(two.spikes[names[name]], spikes)


def test_three_ways_meet_a_threshold(tmp_path: Path) -> None:
    """0.1 + 0.2 + 0.3 is 0.6 in one order and more in another."""
    fired = set()
    for names in (("a", "b", "c"), ("c", "b", "a"), ("b", "a", "c"), ("b", "c", "a")):
        nodes: Nodes = {"input": nir.Input(np.array([1])), "output": nir.Output(np.array([1]))}
        nodes["n"] = nir.Threshold(np.array([0.6]))
        nodes |= {name: nir.Scale(np.array([value])) for name, value in zip(names, (0.1, 0.2, 0.3), strict=True)}
        edges = [("input", name) for name in names] + [(name, "n") for name in names] + [("n", "output")]
        fired.add(bool(run(network(tmp_path / "x.nir", nodes, edges, {}), np.ones((1, 1, 1))).spikes["n"].any()))
    assert len(fired) == 1


def test_three_biases_meet_a_threshold(tmp_path: Path) -> None:
    fired = set()
    for names in (("a", "b", "c"), ("c", "b", "a"), ("b", "a", "c"), ("b", "c", "a")):
        nodes: Nodes = {"input": nir.Input(np.array([1])), "output": nir.Output(np.array([1]))}
        nodes["n"] = nir.Threshold(np.array([0.6]))
        for name, value in zip(names, (0.1, 0.2, 0.3), strict=True):
            nodes[name] = nir.Affine(np.zeros((1, 1)), np.array([value]))
        edges = [("input", name) for name in names] + [(name, "n") for name in names] + [("n", "output")]
        fired.add(bool(run(network(tmp_path / "x.nir", nodes, edges, {}), np.ones((1, 1, 1))).spikes["n"].any()))
    assert len(fired) == 1


def test_a_loop_has_the_same_choices_under_every_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    nodes: Nodes = {"input": nir.Input(np.array([N])), "output": nir.Output(np.array([N]))}
    nodes |= {name: nir.IF(np.full(N, 1 / DT), np.full(N, 1.0), np.zeros(N)) for name in ("p", "q", "r")}
    nodes |= {f"w{i}": nir.Linear(np.eye(N)) for i in range(3)}
    ring = ["p", "w0", "q", "w1", "r", "w2", "p"]
    edges = [("input", "p"), ("r", "output"), *pairwise(ring)]
    for _ in range(5):
        others, ways, names = renamed(rng, nodes, edges)
        with pytest.raises(SnnDeployError) as caught:
            network(tmp_path / "x.nir", others, ways, {})
        (finding,) = caught.value.findings
        assert finding.code == "SD410"
        for a, b in (("p", "q"), ("q", "r"), ("r", "p")):
            assert f"delays={{({names[a]!r}, {names[b]!r}): 1}}" in finding.fix
            read(tmp_path / "x.nir", DT, delays={(names[a], names[b]): 1})
