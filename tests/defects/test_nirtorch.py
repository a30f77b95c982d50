"""What nirtorch does wrong between NIR and torch (T1-T9), and that the same modules and files are right here.

Neurons of the files are snnTorch's or Norse's, since nirtorch has none of its own.
"""

import subprocess
import sys
import textwrap

import nir
import nirtorch
import numpy as np
import pytest
import snntorch as snn
import torch
from defects import DT, binary, fails, gone, kept, loud
from torch import nn

import snndeploy as sd
from snndeploy.frontends import capture
from snndeploy.frontends.layers import LAYERS
from snndeploy.frontends.value import Affine
from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Rule
from snndeploy.report.exporters import imported, played

pytestmark = pytest.mark.usefixtures("in_process")
X = binary((60, 3, 4))


def graph(nodes, edges, size=4, out=4, check=True):
    """With an input and an output; edges as text: "input fc, fc output"."""
    ends = {"input": nir.Input(np.array([size])), "output": nir.Output(np.array([out]))}
    pairs = [tuple(edge.split()) for edge in edges.split(",")]
    return nir.NIRGraph({"input": ends["input"], **nodes, "output": ends["output"]}, pairs, type_check=check)


def lif(n=4, tau=4e-4):
    """Of dt = 1e-4, which snnTorch's importer takes, with gain 1."""
    return nir.LIF(
        tau=np.full(n, tau), r=np.full(n, tau / 1e-4), v_leak=np.zeros(n), v_threshold=np.ones(n), v_reset=np.zeros(n)
    )


def decays(drive, beta=0.75):
    """What an LIF of `lif` does with its input current, (time, batch, n), by NumPy alone."""
    v, spikes = np.zeros(drive.shape[1:]), []
    for step in drive:
        v = beta * v + step
        spikes.append(v > 1)
        v = np.where(spikes[-1], 0.0, v)
    return np.stack(spikes)


def read_spikes(path, g, **options):
    """Written with nir, read and run here."""
    nir.write(path, g)
    network = sd.read(path, 1e-4, **options)
    return sd.run(network, X).spikes[network.outputs[0]]


def test_t1_the_bias_of_an_affine_is_random(tmp_path):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(0.3, 0.5, (4, 4)), rng.normal(0, 0.3, 4)
    g = graph({"fc": nir.Affine(weight, bias), "p": lif()}, "input fc, fc p, p output")
    layers = [nirtorch.nir_to_torch(g, {nir.LIF: lambda node: nn.Identity()}).fc for _ in range(2)]
    wrong = [not np.allclose(layer.bias.detach().numpy(), bias, atol=1e-3) for layer in layers]
    assert all(wrong), gone("nirtorch", "the default import of Affine has another bias")
    assert not torch.equal(layers[0].bias, layers[1].bias), gone("nirtorch", "and another one each time")
    assert np.array_equal(read_spikes(tmp_path / "x.nir", g), decays(X @ weight.T + bias))


def test_t2_a_map_of_the_user_is_overridden(monkeypatch):
    asked = []

    def doubled(module):
        asked.append(module)
        return nir.Linear(2 * module.weight.detach().numpy())

    module = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    nirtorch.torch_to_nir(module, {nn.Linear: doubled})
    assert not asked, gone("nirtorch", "its own entry for Linear wins over the caller's")
    # here a class has one entry, and the one that is registered last is asked
    neuron = snn.Leaky(0.8, init_hidden=True)
    layer = loud(nn.Linear(4, 4, bias=False))
    plain = capture(nn.Sequential(layer, neuron).eval(), X, DT)
    monkeypatch.setitem(LAYERS, nn.Linear, lambda m, where, shape: Affine((Dense(2 * m.weight.detach().numpy()),)))
    changed = capture(nn.Sequential(layer, neuron).eval(), X, DT)
    weights = [np.asarray(each.projections[0].maps[0].weight) for each in (plain, changed)]
    assert np.array_equal(weights[1], 2 * weights[0])


class Shifted(nn.Module):
    """A constant between layer and neuron."""

    def __init__(self):
        super().__init__()
        self.fc, self.neuron = loud(nn.Linear(4, 4)), snn.Leaky(0.8, init_hidden=True, reset_mechanism="zero")

    def forward(self, x):
        return self.neuron(self.fc(x) + 0.25)


def test_t3_constants_are_dropped(tmp_path):
    def made(shift):
        class Layers(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

            def forward(self, x):
                return self.two(self.one(x) + shift if shift else self.one(x))

        torch.manual_seed(0)
        return nirtorch.torch_to_nir(Layers(), {})

    with_constant, without = made(1.0), made(0.0)
    assert set(with_constant.nodes) == set(without.nodes), gone("nirtorch", "a constant leaves no node")
    for name in ("one", "two"):
        biases = [np.asarray(each.nodes[name].bias) for each in (with_constant, without)]
        assert np.array_equal(*biases), gone("nirtorch", "a constant changes nothing")
    module = Shifted().eval()
    network = kept(module, X, tmp_path / "ours.nir", "snntorch")
    bias = module.fc.bias.detach().double().numpy() + 0.25
    assert np.allclose(network.populations[0].rule.receptors[0].constant, bias, atol=1e-7)


def two_outputs():
    weight = np.array([[1.5, 0, 0, 0], [0, 1.5, 0, 0], [0, 0, 0.7, 0], [0.4, 0.4, 0.4, 0.4]])
    nodes = {"input": nir.Input(np.array([4])), "fc": nir.Linear(weight), "p": lif(), "q": lif(tau=2e-4)}
    nodes |= {"one": nir.Output(np.array([4])), "two": nir.Output(np.array([4]))}
    edges = [("input", "fc"), ("fc", "p"), ("fc", "q"), ("p", "one"), ("q", "two")]
    return nir.NIRGraph(nodes, edges), weight


HANGS = """
    import signal, sys, torch, nir, nirtorch
    graph = nir.read(sys.argv[1])
    print("started", flush=True)
    signal.alarm(2)
    nirtorch.nir_to_torch(graph, {nir.LIF: lambda node: torch.nn.Identity()})
"""


def test_t4_two_outputs_never_end(tmp_path):
    g, weight = two_outputs()
    nir.write(tmp_path / "x.nir", g)
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(HANGS), str(tmp_path / "x.nir")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "started" in done.stdout, done.stderr
    # -14: SIGALRM, after two seconds
    assert done.returncode == -14, gone("nirtorch", "two outputs are an endless loop")
    network = sd.read(tmp_path / "x.nir", 1e-4)
    spikes = sd.run(network, X).spikes
    assert set(network.outputs) == {"p", "q"}
    assert np.array_equal(spikes["p"], decays(X @ weight.T))
    assert np.array_equal(spikes["q"], decays(X @ weight.T, 0.5))


def test_t5_the_bias_of_a_loop_is_missing_at_first(tmp_path):
    rng = np.random.default_rng(1)
    ways = (
        Projection("in", "p", (Dense(rng.normal(0.2, 0.8, (5, 4))),)),
        Projection("p", "p", (Dense(rng.normal(0, 0.6, (5, 5))),), 1),
    )
    rule = Rule(0.75, 1.0, (Receptor(constant=0.8),))
    network = Network(DT, (Input("in", (4,)),), (Population("p", (5,), rule),), ways, ("p",))
    spikes = sd.run(network, X).spikes["p"]
    # the same with the bias in the recurrent layer, r = 1: everything else Norse reads right
    tau = np.full(5, 4 * DT)
    lifs = nir.LIF(tau=tau, r=np.ones(5), v_leak=np.zeros(5), v_threshold=np.ones(5), v_reset=np.zeros(5))
    nodes = {
        "fc": nir.Linear(4 * np.asarray(ways[0].maps[0].weight)),
        "p": lifs,
        "rec": nir.Affine(4 * np.asarray(ways[1].maps[0].weight), np.full(5, 3.2)),
    }
    g = graph(nodes, "input fc, fc p, p rec, rec p, p output", out=5)
    nir.write(tmp_path / "theirs.nir", g)
    there = played(imported("norse", nir.read(tmp_path / "theirs.nir"), DT), X).astype(bool)
    assert (there != spikes)[0].any(), gone("nirtorch", "the bias of a loop is missing in the first step")
    read = sd.read(tmp_path / "theirs.nir", DT)
    assert np.array_equal(sd.run(read, X).spikes["p"], spikes)
    sd.write(network, tmp_path / "for.nir", for_="norse")
    there = played(imported("norse", nir.read(tmp_path / "for.nir"), DT), X)
    assert np.array_equal(there.astype(bool), spikes)


def pair(order, names=("a", "b")):
    """Two populations that feed each other, both with input; nodes listed in the given order."""
    rng = np.random.default_rng(5)
    one, two = names
    nodes = {
        one: lif(),
        two: lif(tau=2e-4),
        "ab": nir.Linear(rng.normal(0.3, 0.6, (4, 4))),
        "ba": nir.Linear(rng.normal(0.3, 0.6, (4, 4))),
        "ia": nir.Linear(rng.normal(0.3, 0.6, (4, 4))),
        "ib": nir.Linear(rng.normal(0.3, 0.6, (4, 4))),
    }
    edges = f"input ia, input ib, ia {one}, ib {two}, {one} ab, ab {two}, {two} ba, ba {one}, {two} output"
    return graph(
        {
            (one if n == "a" else two if n == "b" else n): nodes[one if n == "a" else two if n == "b" else n]
            for n in order
        },
        edges,
    )


def test_t6_the_order_of_nodes_changes_spikes(tmp_path):
    first, second = pair(("ia", "ib", "a", "ab", "b", "ba")), pair(("ia", "ib", "b", "ba", "a", "ab"))
    theirs = [played(imported("snntorch", g), X) for g in (first, second)]
    assert (theirs[0] != theirs[1]).mean() > 0.01, gone("nirtorch", "the order of nodes changes the spikes of a cycle")
    renamed = pair(("ia", "ib", "a", "ab", "b", "ba"), ("z", "b"))
    ours = [
        read_spikes(tmp_path / "x.nir", g, delays={("b", name): 1})
        for g, name in ((first, "a"), (second, "a"), (renamed, "z"))
    ]
    assert ours[0].any()
    assert np.array_equal(ours[0], ours[1])
    assert np.array_equal(ours[0], ours[2])
    with pytest.raises(sd.errors.SnnDeployError, match="SD410"):
        read_spikes(tmp_path / "x.nir", first)


def test_t7_a_nested_graph_before_its_predecessor_crashes(tmp_path):
    rng = np.random.default_rng(3)
    weight, loop = rng.normal(0.3, 0.6, (4, 4)), rng.normal(0, 0.5, (4, 4))
    inner = graph({"lif": lif(), "w_rec": nir.Linear(loop)}, "input lif, lif w_rec, w_rec lif, lif output")
    # names come back in alphabetical order
    g = graph({"a": inner, "fc": nir.Linear(weight)}, "input fc, fc a, a output")
    nir.write(tmp_path / "x.nir", g)
    with fails("nirtorch", "a nested graph that waits crashes", AttributeError, "has no attribute 'items'"):
        played(imported("snntorch", nir.read(tmp_path / "x.nir")), X)
    v, s, spikes = np.zeros((3, 4)), np.zeros((3, 4)), []
    for step in X:
        v = 0.75 * v + step @ weight.T + s @ loop.T
        s = (v > 1).astype(float)
        spikes.append(s.astype(bool))
        v = np.where(s > 0, 0.0, v)
    assert np.array_equal(read_spikes(tmp_path / "x.nir", g), np.stack(spikes))


def test_t8_names_clash_behind_a_dot(tmp_path):
    one, two = np.full((4, 4), 0.3), np.eye(4)
    nodes = {"a.b": nir.Linear(one), "a_b": nir.Linear(two), "p": lif()}
    g = graph(nodes, "input a.b, a.b a_b, a_b p, p output")
    expected = decays(X @ one.T @ two.T)
    try:
        there = played(imported("snntorch", g), X).astype(bool)
        assert (there != expected).any(), gone("nirtorch", "a.b and a_b are one node")
    except (RuntimeError, KeyError) as problem:
        pytest.fail(f"another failure than a wrong result: {problem}")
    assert np.array_equal(read_spikes(tmp_path / "x.nir", g), expected)


def test_t9_groups_and_shared_memory(tmp_path):
    rng = np.random.default_rng(4)
    weight, bias = rng.normal(0.4, 0.5, (4, 1, 2, 2)).astype(np.float32), np.zeros(4, np.float32)
    conv = nir.Conv2d((5, 5), weight, 1, 0, 1, 2, bias)
    with fails("nirtorch", "a convolution with groups is refused", ValueError, "divisible by groups"):
        nirtorch.nir_to_torch(conv, {})
    wide = nir.Conv2d((5, 5), rng.normal(size=(4, 2, 2, 2)).astype(np.float32), 1, 0, 1, 1, bias)
    built = nirtorch.nir_to_torch(wide, {})
    assert (built.in_channels, built.out_channels) == (4, 2), gone("nirtorch", "channels are swapped")
    linear = nir.Linear(np.eye(4, dtype=np.float32))
    shared = nirtorch.nir_to_torch(linear, {})
    linear.weight[0, 0] = 7
    assert float(shared.weight.detach()[0, 0]) == 7, gone("nirtorch", "module and graph share their memory")
    # here: groups are exact, and what is read belongs to nobody else
    module = nn.Sequential(loud(nn.Conv2d(2, 4, 2, groups=2)), snn.Leaky(0.8, init_hidden=True)).eval()
    network = kept(module, binary((30, 2, 2, 5, 5)), tmp_path / "ours.nir", "snntorch")
    (layer,) = network.projections[0].maps
    assert layer.groups == 2
    assert not layer.weight.flags.writeable
    captured = sd.capture(module, binary((30, 2, 2, 5, 5)), DT)
    before = np.array(captured.projections[0].maps[0].weight)
    with torch.no_grad():
        module[0].weight.mul_(0)
    assert np.array_equal(captured.projections[0].maps[0].weight, before)
