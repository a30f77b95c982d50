"""Recordings of others: which reading of NIR they follow is found by trying all, and is what their code does."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

from snndeploy.conform.suite import Contract, cases
from snndeploy.conform.suite.expected import Recorded, expected
from snndeploy.conform.suite.plain import plain
from snndeploy.conform.suite.readings import all_readings, reproducing
from snndeploy.frontends.nir.graph import Graph, Node

DATA = Path(__file__).parents[4] / "shared" / "data"
recordings = pytest.mark.skipif(not DATA.is_dir(), reason=f"recordings are not at {DATA}")
# no membrane of the single neuron meets its threshold; residual is now where a spike resets to a value
RESETS = {"standard", "residual", "ge", "residual-ge"}
SUBTRACTS = {"impulse-subtract", "impulse-subtract-residual", "impulse-subtract-ge", "impulse-subtract-residual-ge"}


@pytest.fixture(scope="module")
def single():
    """Spikes and membrane of the single neuron, by reading."""
    graph = plain(nir.read(DATA / "nir" / "lif_norse.nir"))
    x = np.loadtxt(DATA / "traces" / "lif_norse.csv", delimiter=",")[:, :1] > 0
    found = {}
    for each in all_readings(graph, Contract(1e-4), ("reset", "when", "comparator", "scheme")):
        answer, _ = expected(graph, each, {"input": x[:, None].astype(int)})
        found[each.reading] = (answer.outputs["output"][:, 0, 0], answer.v["1"][:, 0, 0])
    return found


@recordings
@pytest.mark.parametrize(
    ("name", "scale", "late", "tolerance", "readings"),
    [
        ("norse", 1, 0, 1e-6, RESETS),
        ("snntorch", 25, 0, 1e-6, RESETS),
        ("spinnaker2", 24.995, 0, 1e-6, RESETS),
        ("lava_cpu_float", 1, 1, 2e-4, RESETS),
        ("rockpool", 1, 0, 1e-6, SUBTRACTS),
        ("sinabs", 1, 0, 1e-6, SUBTRACTS),
    ],
)
def test_the_reading_of_a_single_neuron(single, name, scale, late, tolerance, readings):
    trace = np.loadtxt(DATA / "traces" / f"lif_{name}.csv", delimiter=",")
    kept = len(trace) - late
    spikes, membrane = trace[late:, 2] > 0, trace[late:, 1] / scale
    found = {
        reading
        for reading, (s, v) in single.items()
        if np.array_equal(s[:kept], spikes) and np.abs(v[:kept] - membrane).max() < tolerance
    }
    assert found == readings


@pytest.fixture(scope="module")
def braille():
    """Spikes of the recurrent layer, by reading."""
    graph = plain(nir.read(DATA / "nir" / "braille_noDelay_bias_zero.nir"))
    size = graph.nodes["lif1.lif"].array("v_threshold").shape
    nodes = {**graph.nodes, "hidden": Node("Output", {"shape": np.array(size)})}
    graph = Graph(nodes, (*graph.edges, ("lif1.lif", "hidden")))
    x = np.load(DATA / "braille" / "test_sample0.npy")[:, None].astype(int)
    readings = all_readings(graph, Contract(1e-4), ("reset", "when", "loop"))
    return {each.reading: expected(graph, each, {"input": x})[0].outputs["hidden"][:, 0] for each in readings}


@recordings
@pytest.mark.parametrize(
    ("name", "late", "readings"),
    [
        ("snntorch", 0, {"standard", "residual"}),
        ("norse", 0, {"late-current", "residual-late-current"}),
        ("spyx", -1, {"subtract"}),
    ],
)
def test_the_reading_of_a_recurrent_layer(braille, name, late, readings):
    """snnTorch: the standard one. Norse: the recurrent bias is missing in step 0. Spyx: subtracts, recorded early."""
    seen = np.load(DATA / "traces" / f"{name}_activity_noDelay_bias_zero.npy") != 0
    steps = len(seen)
    ours = {each: spikes[: steps + late] for each, spikes in braille.items()}
    assert {each for each, spikes in ours.items() if np.array_equal(spikes, seen[-late:])} == readings


@pytest.mark.parametrize("kind", ["if", "lif", "cubalif"])
def test_every_reading_is_found_again(kind):
    """On the vectors of edges: the readings that give the same spikes and states as one of them, itself among them."""
    found = cases([f"{kind}/*/edges"])
    for case in found:
        seen = Recorded(case.expected.outputs, case.expected.v, case.expected.i)
        graph = plain(case.graph())
        only = ("reset", "when", "comparator", "synapse")
        fitting = reproducing(graph, case.inputs, seen, Contract(case.dt), only=only)
        assert case.contract in fitting
        # the corrected reset is the one at once, unless a membrane stays above its threshold
        assert {each.when for each in fitting} <= {case.contract.when, "now", "residual"}
        assert case.contract.when != "next" or fitting == (case.contract,)
        for name in ("reset", "comparator", "synapse"):
            assert {getattr(each, name) for each in fitting} == {getattr(case.contract, name)}
