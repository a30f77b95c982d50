"""Files for Norse and snnTorch, imported by these libraries and compared with the captured network bin by bin."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from importers import first_difference, opened
from random_modules import random_module, random_sample
from random_networks import single

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.frontends import capture
from snndeploy.frontends.nir import read, write
from snndeploy.network import (
    Conv,
    Dense,
    Flatten,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Receptor,
    Refractory,
    Reset,
    Rule,
    Scale,
)
from snndeploy.network.arrays import equal
from snndeploy.report.exporters import played

pytestmark = pytest.mark.usefixtures("in_process")
TIE = 1e-5
# 50 of each were tried; the random chains below are the wider net
COUNT = int(os.environ.get("SNNDEPLOY_NETWORKS", "8"))


def agrees(network: Network, x: np.ndarray, path: Path, reader: str, closely: bool = True) -> bool:
    """The importer's spikes are the network's, but for ties of float32; False if the writer refuses.

    `closely`: the file read here gives the network back, and its plain fields alone have the same spikes.
    """
    try:
        notes = write(network, path, for_=reader)
    except SnnDeployError as problem:
        assert {f.code for f in problem.findings} == {"SD416"}
        assert not path.exists()
        return False
    graph = nir.read(path)
    theirs = played(opened(graph, reader, network, notes), x)
    found = first_difference(network, x, theirs)
    assert found is None or found[1] < TIE, found
    if closely:
        assert equal(read(path), network.with_(source=None))
        # Norse alone starts a membrane at v_leak, and resets by an argument
        leaks = any(np.any(getattr(node, "v_leak", 0)) for node in graph.nodes.values())
        if not leaks and "reset_subtract" not in notes[0]:
            plain = read(path, 1e-4 if reader == "snntorch" else network.dt, ignore_block=True)
            found = first_difference(network, x, run(plain, x).spikes[plain.outputs[0]])
            assert found is None or found[1] < TIE, found
    path.unlink()
    return True


CASES = [
    # reader, framework, neuron, reset, least number of 50 that its importer can hold
    ("norse", "snntorch", "leaky", ("zero", True), 38),
    ("norse", "snntorch", "leaky", ("zero", False), 38),
    ("norse", "snntorch", "synaptic", ("zero", False), 38),
    ("norse", "norse", "lifbox", ("zero", False), 35),
    ("norse", "norse", "iaf", ("zero", False), 50),
    ("snntorch", "snntorch", "leaky", ("zero", True), 50),
    ("snntorch", "snntorch", "leaky", ("zero", False), 50),
    ("snntorch", "snntorch", "synaptic", ("zero", False), 50),
    ("snntorch", "norse", "iaf", ("zero", False), 50),
]


@pytest.mark.parametrize(("reader", "framework", "kind", "reset", "least"), CASES)
def test_captured_modules(
    tmp_path: Path, reader: str, framework: str, kind: str, reset: tuple[str, bool], least: int
) -> None:
    held = 0
    for seed in range(COUNT):
        module, shape = random_module(seed, framework, kind, reset)
        x = random_sample(seed, shape, 25, 2)
        held += agrees(capture(module, x, 1e-3), x, tmp_path / "x.nir", reader, seed < 5)
    assert held >= least * COUNT // 50 - 1


def lif(rng: np.random.Generator, shape: tuple[int, ...], reader: str, integrates: bool) -> Rule:
    """Everything that an importer can hold, at random."""

    def draw(low: float, high: float) -> np.ndarray:
        return single(rng.uniform(low, high, shape if rng.random() < 0.5 else ()))

    filters = rng.random() < 0.4
    to = draw(-0.3, 0.3) if rng.random() < 0.4 else np.zeros(())
    beta = draw(0.3, 0.98)
    bias = (1 - beta) * to if filters else draw(-0.1, 0.2)
    if integrates and not filters:
        beta = np.ones(())
    starts_there = filters or reader == "snntorch" or bool(np.all(beta == 1))
    return Rule(
        beta,
        draw(0.5, 1.2),
        (Receptor(draw(0.2, 0.9) if filters else 0.0, draw(0.3, 2.0), draw(-0.1, 0.2)),),
        bias,
        reset=Reset("to", to),
        initial=to if starts_there else draw(-0.2, 0.2),
        value=float(rng.choice([1.0, 0.5])) if rng.random() < 0.3 else 1.0,
    )


def random_chain(rng: np.random.Generator, reader: str) -> Network:
    """Layers one behind the other, some with a loop; for snnTorch also with a way around a layer."""
    shape: tuple[int, ...] = (2, 7, 6) if rng.random() < 0.5 else (int(rng.integers(3, 8)),)
    shapes, ways, populations = {"in": shape}, [], []
    for i in range(int(rng.integers(1, 4))):
        before, name = list(shapes)[-1], f"weird name {i}.x"
        maps: list[Any] = []
        if len(shape) == 3 and rng.random() < 0.7 and min(shape[1:]) > 3:
            kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
            maps.append(Conv(rng.normal(0.1, 0.8, (4, shape[0], *kernel)), padding=((1, 1), (0, 1))))
            if rng.random() < 0.6:
                maps.append(Pool((2, 2), (2, 2), (0, 0), str(rng.choice(["sum", "average"]))))
        else:
            if rng.random() < 0.3:
                maps.append(Scale(rng.uniform(0.5, 1.5, shape)))
            maps += [Flatten(0, -1, len(shape))] if len(shape) > 1 else []
            size = (int(rng.integers(3, 7)), int(np.prod(shape)))
            maps.append(Dense(2 * rng.normal(0.2, 1.2, size) / np.sqrt(size[1])))
        for each in maps:
            shape = each.shape_out(shape)
        if reader == "snntorch" and i and len(shape) == 1 and rng.random() < 0.5:
            around = list(shapes)[-2]
            flat = [Flatten(0, -1, len(shapes[around]))] if len(shapes[around]) > 1 else []
            weight = Dense(rng.normal(0.1, 0.5, (shape[0], int(np.prod(shapes[around])))))
            ways.append(Projection(around, name, (*flat, weight)))
        shapes[name] = shape
        ways.append(Projection(before, name, tuple(maps)))
        if rng.random() < 0.4 and len(shape) == 1:
            ways.append(Projection(name, name, (Dense(rng.normal(0, 0.5, (shape[0],) * 2)),), 1))
        populations.append(Population(name, shape, lif(rng, shape, reader, rng.random() < 0.2)))
    last = populations[-1]
    populations[-1] = replace(last, rule=replace(last.rule, value=1.0))
    return Network(1e-3, (Input("in", shapes["in"]),), tuple(populations), tuple(ways), (last.name,))


@pytest.mark.parametrize("reader", ["norse", "snntorch"])
def test_random_chains_with_loops(tmp_path: Path, reader: str) -> None:
    rng = np.random.default_rng(3)
    spikes = loops = 0
    for i in range(50):
        network = random_chain(rng, reader)
        x = (rng.random((25, 2, *network.inputs[0].shape)) < 0.4).astype(np.float64)
        assert agrees(network, x, tmp_path / "x.nir", reader, i < 20), network
        spikes += int(run(network, x).spikes[network.outputs[0]].sum())
        loops += sum(p.delay for p in network.projections) > 1
    assert spikes > 1000
    assert loops > 4


def one_layer(rule: Rule, size: int = 5, loop: bool = False) -> Network:
    rng = np.random.default_rng(1)
    ways = [Projection("in", "p", (Dense(rng.normal(0.2, 0.8, (size, 4))),))]
    ways += [Projection("p", "p", (Dense(rng.normal(0, 0.6, (size, size))),), 1)] if loop else []
    return Network(1e-3, (Input("in", (4,)),), (Population("p", (size,), rule),), tuple(ways), ("p",))


X = (np.random.default_rng(2).random((60, 3, 4)) < 0.5).astype(np.float64)
HARD = Rule(0.75, 1.0)


REFUSED: dict[str, tuple[str, Rule, str]] = {
    "soft in snnTorch": ("snntorch", Rule(0.75, 1.0, reset=Reset("by", 1.0)), "builds neurons that reset to zero"),
    "soft, next": ("norse", Rule(0.75, 1.0, reset=Reset("by", 1.0, "next")), "reset in the step of the spike"),
    "none": ("norse", Rule(0.75, 1.0, reset=Reset("none")), "a spike resets nothing"),
    "readout": ("norse", Rule(0.75, None, reset=Reset("none")), "knows spiking neurons alone"),
    "refractory": ("snntorch", Rule(0.75, 1.0, refractory=Refractory(2)), "no neuron with a refractory period"),
    "start": ("snntorch", Rule(0.75, 1.0, initial=0.5), "starts elsewhere"),
    "start with a current": ("norse", Rule(0.75, 1.0, (Receptor(0.5),), initial=0.5), "starts membrane and current"),
    "graded": ("norse", Rule(0.75, 1.0, value=2.0), "a spike of another value than 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_importer_cannot_hold_is_said(tmp_path: Path, name: str) -> None:
    reader, rule, text = REFUSED[name]
    with pytest.raises(SnnDeployError, match=rf"SD416 population 'p': .*{text}"):
        write(one_layer(rule), tmp_path / "x.nir", for_=reader)
    assert not list(tmp_path.iterdir())


def test_structures_an_importer_cannot_hold(tmp_path: Path) -> None:
    base = one_layer(HARD)
    late = base.with_(projections=(replace(base.projections[0], delay=2),))
    two = base.with_(populations=(*base.populations, Population("q", (5,), HARD)))
    two = two.with_(
        projections=(*base.projections, Projection("in", "q", (Dense(np.ones((5, 4))),))), outputs=("p", "q")
    )
    for reader in ("norse", "snntorch"):
        with pytest.raises(SnnDeployError, match="has no delays, and this one takes 2 steps"):
            write(late, tmp_path / "x.nir", for_=reader)
        with pytest.raises(SnnDeployError, match="gives one output, not p, q"):
            write(two, tmp_path / "x.nir", for_=reader)
    around = two.with_(projections=(*two.projections, Projection("p", "q", (Dense(np.ones((5, 5))),))), outputs=("q",))
    with pytest.raises(SnnDeployError, match="computes a neuron before all of the 2 layers that feed it"):
        write(around, tmp_path / "x.nir", for_="norse")
    for options in ({"for_": "nobody"}, {"style": "odd"}, {"style": "decomposed", "for_": "norse"}):
        with pytest.raises(SnnDeployError, match="SD417"):
            write(base, tmp_path / "x.nir", **options)
