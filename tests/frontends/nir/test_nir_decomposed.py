"""Soft resets by NIR's primitives alone: the plain fields have the same spikes, here and in nirtorch."""

from __future__ import annotations

import warnings
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from random_networks import float_network, integer_network, single, spikes_for

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import inspect, read, write
from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Refractory, Reset, Rule
from snndeploy.network.arrays import equal
from snndeploy.report.exporters import played

pytestmark = pytest.mark.usefixtures("in_process")
FEATURES = frozenset({"reset", "current", "bias", "convolution", "recurrence", "skip", "delay", "readout", "receptors"})


def test_plain_fields_alone_have_the_same_spikes(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(5), tmp_path / "x.nir"
    written = spikes = soft = 0
    kinds = set()
    for _ in range(160):
        network = float_network(rng, FEATURES - ({"receptors"} if rng.random() < 0.7 else set()))
        try:
            assert write(network, path, "decomposed") == ()
        except SnnDeployError as problem:
            assert {f.code for f in problem.findings} == {"SD415"}
            assert "style='standard'" in str(problem)
            continue
        assert equal(read(path), network)
        plain = read(path, network.dt, ignore_block=True)
        x = spikes_for(rng, network, 30, 2)
        ours, theirs = run(network, x), run(plain, x)
        for each in network.populations:
            if each.rule.spiking:
                expected = ours.spikes[each.name]
                assert np.array_equal(theirs.spikes[each.name].reshape(expected.shape), expected), each.name
                spikes += int(expected.sum())
                soft += each.rule.reset.kind == "by"
                kinds.add((each.rule.reset.kind, each.rule.reset.when))
        written += 1
    assert written >= 50
    assert spikes > 1000
    assert soft >= 25
    assert kinds == {("none", "now"), ("to", "now"), ("by", "now"), ("by", "next"), ("by", "residual")}


def soft(rule: Rule) -> Network:
    weight = np.random.default_rng(1).normal(0.3, 0.8, (5, 4))
    return Network(
        1e-3, (Input("in", (4,)),), (Population("p", (5,), rule),), (Projection("in", "p", (Dense(weight),)),), ("p",)
    )


def test_the_default_of_snntorch_is_five_nodes(tmp_path: Path) -> None:
    network = soft(Rule(single(0.9), single(0.8), reset=Reset("by", single(0.8), "next")))
    write(network, tmp_path / "x.nir", "decomposed")
    graph = nir.read(tmp_path / "x.nir")
    types = {name: type(node).__name__ for name, node in graph.nodes.items()}
    assert types == {
        "in": "Input",
        "in_to_p": "Linear",
        "p_v": "LI",
        "p": "Threshold",
        "p_to_p_v": "Linear",
        "output": "Output",
    }
    assert np.array_equal(graph.nodes["p_to_p_v"].weight, -np.eye(5) * single(0.8))
    report = inspect(tmp_path / "x.nir", 1e-3, ignore_block=True)
    assert any("a threshold feeds the membrane in front of it one step later" in line for line in report.repairs)
    # and in nirtorch, with the two nodes that it does not know
    import nirtorch

    class Leak(torch.nn.Module):
        def __init__(self, node: nir.LI):
            super().__init__()
            self.k = torch.as_tensor(1e-3 / node.tau, dtype=torch.float64)
            self.r = torch.as_tensor(node.r)

        def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
            v = torch.zeros_like(x * self.k) if state is None else state
            v = v + self.k * (self.r * x - v)
            return v, v

    class Fire(torch.nn.Module):
        def __init__(self, node: nir.Threshold):
            super().__init__()
            self.threshold = torch.as_tensor(node.threshold)

        def forward(self, v: torch.Tensor) -> torch.Tensor:
            return (v > self.threshold).double()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = nirtorch.nir_to_torch(graph, {nir.LI: Leak, nir.Threshold: Fire}).double()
    x = (np.random.default_rng(2).random((60, 3, 4)) < 0.5).astype(np.float64)
    original = torch.Tensor.float
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    try:
        out = played(module, x)
    finally:
        torch.Tensor.float = original  # type: ignore[method-assign]
    expected = run(network, x).spikes["p"]
    assert expected.sum() > 50
    assert np.array_equal(out.astype(bool), expected)


REFUSED = {
    "refractory": (Rule(0.9, 1.0, refractory=Refractory(1)), "no primitive for a refractory period"),
    "start": (Rule(0.9, 1.0, initial=0.5), "NIR has no initial state"),
    "next": (Rule(0.9, 1.0, reset=Reset("to", 0.0, "next")), "drops input"),
    "late": (Rule(0.9, 1.0, bias=0.1, bias_onset=2), "sets in later"),
    "below": (Rule(0.9, -0.5, reset=Reset("by", 1.0, "next")), "below the initial state"),
    "synchronous": (Rule(0.9, 1.0, (Receptor(0.5),), synapse="synchronous"), "takes its current a step late"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_plain_form_is_said(tmp_path: Path, name: str) -> None:
    rule, text = REFUSED[name]
    with pytest.raises(SnnDeployError, match=f"SD415 population 'p': .*{text}"):
        write(soft(rule), tmp_path / "x.nir", "decomposed")
    with pytest.raises(SnnDeployError, match="SD415 network: registers truncate"):
        write(integer_network(np.random.default_rng(0)), tmp_path / "x.nir", "decomposed")
    assert not list(tmp_path.iterdir())
