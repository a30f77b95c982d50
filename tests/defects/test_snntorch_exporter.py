"""What snnTorch's own exporter and importer lose (S1-S17), and that the same modules and files are right here."""

from dataclasses import replace

import nir
import numpy as np
import pytest
import snntorch as snn
import snntorch.utils
import torch
from defects import DT, binary, codes, fails, gone, kept, lost, loud
from snntorch.functional.quant import state_quant
from torch import nn

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.network import Conv, Dense, Flatten, Input, Network, Population, Projection, Receptor, Reset, Rule
from snndeploy.report.exporters import exported, imported, played, quiet, through_file

pytestmark = pytest.mark.usefixtures("in_process")
SETTINGS = [(kind, delay) for kind in ("subtract", "zero", "none") for delay in (True, False)]
X = binary((100, 4, 6))


def leaky(size, reset=("subtract", True), beta=0.9, **options):
    """With one value per neuron, which is what the exporter needs."""
    vector = {"beta": torch.full((size,), beta), "threshold": torch.ones(size)}
    kind, delay = reset
    return snn.Leaky(**vector | {"init_hidden": True, "reset_mechanism": kind, "reset_delay": delay} | options)


def two_layers(reset=("subtract", True), **options):
    layers = [loud(nn.Linear(6, 8)), leaky(8, reset, **options), loud(nn.Linear(8, 4)), leaky(4, reset, **options)]
    return nn.Sequential(*layers).eval()


def graph_of(module, shape=(6,)):
    return exported("snntorch", module, torch.zeros(shape))


def test_s1_the_reset_is_not_exported(tmp_path):
    files = []
    for reset in SETTINGS:
        torch.manual_seed(1)
        module = two_layers(reset)
        neuron = graph_of(module).nodes["1"].to_dict()
        files.append({name: np.asarray(value).tolist() for name, value in neuron.items()})
        differing = lost("snntorch", module, X, tmp_path / "theirs.nir")
        # the importer always builds "zero", whose spikes do not depend on the delay
        assert (differing > 0.02) is (reset[0] != "zero"), gone("snntorch", "one reset for all six settings")
        kept(module, X, tmp_path / "ours.nir", "snntorch")
    assert all(each == files[0] for each in files), gone("snntorch", "the same file for all six reset settings")


def test_s2_numbers_for_all_neurons_cannot_be_exported(tmp_path):
    shared = {"init_hidden": True}
    layers = [nn.Flatten(), nn.Linear(784, 50), snn.Leaky(0.9, **shared), nn.Linear(50, 10)]
    docstring = nn.Sequential(*layers, snn.Leaky(0.9, output=True, **shared))
    with fails("snntorch", "a scalar beta is refused", ValueError, "type mismatch"), quiet():
        snn.export_nir.export_to_nir(docstring, torch.randn(1, 784))
    mixed = nn.Sequential(loud(nn.Linear(6, 4)), snn.Leaky(torch.full((4,), 0.9), **shared)).eval()
    with fails("snntorch", "a vector beta with a scalar threshold is refused", AssertionError, "same shape"):
        graph_of(mixed)
    scalar = nn.Sequential(loud(nn.Linear(6, 4)), snn.Leaky(0.9, **shared)).eval()
    for module in (mixed, scalar):
        kept(module, X, tmp_path / "ours.nir", "snntorch")


def test_s3_decays_do_not_survive_float32(tmp_path):
    rng = np.random.default_rng(0)
    betas = torch.from_numpy(rng.uniform(0, 0.999, 1000).astype(np.float32))
    neuron = snn.Leaky(betas, threshold=torch.ones(1000), init_hidden=True, reset_mechanism="zero", reset_delay=False)
    module = nn.Sequential(nn.Linear(6, 1000), neuron).eval()
    theirs = imported("snntorch", through_file(graph_of(module), tmp_path / "theirs.nir"))
    (back,) = (each for each in theirs.modules() if isinstance(each, snn.Leaky))
    changed = int((back.beta.reshape(-1) != betas).sum())
    assert changed > 100, gone("snntorch", "a third of all decays changes in a file")
    network = sd.capture(module, X[:3], DT)
    sd.write(network, tmp_path / "ours.nir")
    for ignore_block in (False, True):
        dt = DT if ignore_block else None
        (read,) = sd.read(tmp_path / "ours.nir", dt, ignore_block=ignore_block).populations
        assert np.array_equal(read.rule.beta, betas.double().numpy())


def test_s4_the_time_step_is_not_in_the_file(tmp_path):
    module = two_layers(("zero", False))
    graph = graph_of(module)
    assert not graph.metadata, gone("snntorch", "no dt in the file")
    assert np.allclose(graph.nodes["1"].tau, 1e-4 / (1 - 0.9)), gone("snntorch", "dt = 1e-4 is written into tau")
    nir.write(tmp_path / "theirs.nir", graph)
    with pytest.raises(SnnDeployError) as refused:
        sd.read(tmp_path / "theirs.nir")
    assert "SD408" in codes(refused)
    spikes = played(module, X).astype(bool)
    ours = sd.read(tmp_path / "theirs.nir", 1e-4, "to-zero")
    assert np.array_equal(sd.run(ours, X).spikes[ours.outputs[0]], spikes)
    # a file of another dt, which is right as NIR, is not right in the importer
    network = kept(module, X, tmp_path / "ours.nir", "snntorch")
    there = played(imported("snntorch", nir.read(tmp_path / "ours.nir")), X)
    assert (there != spikes).mean() > 0.02, gone("snntorch", "files are read as if dt was 1e-4")
    sd.write(network, tmp_path / "for.nir", for_="snntorch")
    assert np.array_equal(played(imported("snntorch", nir.read(tmp_path / "for.nir")), X), spikes)


def test_s5_recurrent_layers_are_wired_wrongly(tmp_path):
    loop = {"linear_features": 8, "init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}
    first, second = (snn.RLeaky(torch.full((8,), 0.8), **loop) for _ in range(2))
    one = nn.Sequential(loud(nn.Linear(6, 8)), first).eval()
    two = nn.Sequential(loud(nn.Linear(6, 8)), first, loud(nn.Linear(8, 8)), second).eval()
    there = played(imported("snntorch", graph_of(one)), X)
    assert (there != played(one, X)).mean() > 0.02, gone("snntorch", "input goes through W_rec")
    for module in (one, two):
        with fails("snntorch", "recurrent layers cannot be read back", AttributeError, "has no attribute 'items'"):
            lost("snntorch", module, X, tmp_path / "theirs.nir")
    graph = graph_of(one)
    names = set(graph.nodes)
    imported("snntorch", graph)
    assert set(graph.nodes) != names, gone("snntorch", "the importer changes the caller's graph")
    for module in (one, two):
        network = kept(module, X, tmp_path / "ours.nir", "snntorch")
        sd.write(network, tmp_path / "for.nir", for_="snntorch")
        there = played(imported("snntorch", nir.read(tmp_path / "for.nir")), X)
        assert np.array_equal(there.astype(bool), sd.run(network, X).spikes[network.outputs[0]])


def test_s6_flatten_takes_the_batch_along(tmp_path):
    rng = np.random.default_rng(0)
    maps = (Conv(rng.normal(0.2, 0.5, (3, 1, 2, 2))), Flatten(0, -1, 3), Dense(rng.normal(0.2, 0.8, (4, 36))))
    layer, neurons = Projection("in", "p", maps), Population("p", (4,), Rule(0.75, 1.0))
    network = Network(1e-4, (Input("in", (1, 4, 5)),), (neurons,), (layer,), ("p",))
    x = binary((20, 3, 1, 4, 5))
    sd.write(network, tmp_path / "x.nir")
    with fails("snntorch", "Flatten(start_dim=0) flattens the batch", RuntimeError, "shapes cannot be multiplied"):
        played(imported("snntorch", nir.read(tmp_path / "x.nir")), x)
    for reader in ("snntorch", "norse"):
        sd.write(network, tmp_path / "x.nir", for_=reader)
        there = played(imported(reader, nir.read(tmp_path / "x.nir"), 1e-4), x)
        assert np.array_equal(there.astype(bool), sd.run(network, x).spikes["p"])


def test_s7_options_of_average_pools_are_lost(tmp_path):
    def module(pool, shape):
        options = {"beta": torch.full(shape, 0.8), "threshold": torch.full(shape, 0.5)}
        neuron = snn.Leaky(**options, init_hidden=True, reset_mechanism="zero", reset_delay=False)
        return nn.Sequential(loud(nn.Conv2d(1, 2, 3)), pool, neuron).eval()

    x = binary((30, 2, 1, 9, 9))
    plain = module(nn.AvgPool2d(2), (2, 3, 3))
    with fails("snntorch", "a kernel of one number cannot be read back", TypeError, "not iterable"):
        lost("snntorch", plain, x, tmp_path / "theirs.nir")
    kept(plain, x, tmp_path / "ours.nir", "snntorch")
    pools = {
        "padding": (nn.AvgPool2d((2, 2), padding=(1, 1)), (2, 4, 4)),
        "ceil_mode": (nn.AvgPool2d((2, 2), ceil_mode=True), (2, 4, 4)),
    }
    for name, (pool, shape) in pools.items():
        each = module(pool, shape)
        with fails("snntorch", f"{name} of a pool is lost", ValueError, "type mismatch"):
            lost("snntorch", each, x, tmp_path / "theirs.nir")
        kept(each, x, tmp_path / "ours.nir", "snntorch")


def test_s8_a_decay_of_one_is_a_silent_network(tmp_path):
    module = two_layers(("zero", False), beta=1.0, threshold=torch.tensor(1.5))
    fired = played(module, X)
    # one threshold for all, which the exporter does not take
    for each in module.modules():
        if isinstance(each, snn.Leaky):
            each.threshold = torch.full_like(each.beta, 1.5)
    graph = graph_of(module)
    assert np.isinf(graph.nodes["1"].tau).all(), gone("snntorch", "beta = 1 is written as tau = inf")
    there = played(imported("snntorch", through_file(graph, tmp_path / "theirs.nir")), X)
    assert fired.sum() > 100
    assert not np.nan_to_num(there).any(), gone("snntorch", "a neuron that integrates is silent")
    kept(module, X, tmp_path / "ours.nir", "snntorch")
    grows = two_layers(("zero", False), beta=1.2)
    assert (graph_of(grows).nodes["1"].tau < 0).all(), gone("snntorch", "beta > 1 is a negative tau")
    network = kept(grows, X, tmp_path / "ours.nir", "snntorch")
    # snnTorch clamps it where it runs, and so it is captured
    assert all(np.all(each.rule.beta == 1) for each in network.populations)


def integrated(x, weight, threshold):
    """v += W x, reset to zero, by NumPy alone."""
    v, out = np.zeros((x.shape[1], len(weight))), []
    for step in x:
        v = v + step @ weight.T
        out.append(v > threshold)
        v = np.where(out[-1], 0.0, v)
    return np.stack(out)


def test_s9_an_integrator_leaks_after_import(tmp_path):
    weight = np.random.default_rng(3).integers(-2, 5, (4, 6)) / 4
    nodes = {
        "input": nir.Input(np.array([6])),
        "fc": nir.Linear(weight),
        "if": nir.IF(r=np.ones(4), v_threshold=np.full(4, 1.125), v_reset=np.zeros(4)),
        "output": nir.Output(np.array([4])),
    }
    path = tmp_path / "x.nir"
    nir.write(path, nir.NIRGraph(nodes, [("input", "fc"), ("fc", "if"), ("if", "output")]))
    module = imported("snntorch", nir.read(path))
    (neuron,) = (each for each in module.modules() if isinstance(each, snn.Leaky))
    assert float(neuron.beta) == pytest.approx(0.9), gone("snntorch", "IF becomes Leaky(beta=0.9)")
    assert neuron.reset_mechanism == "subtract", gone("snntorch", "IF becomes Leaky(reset_mechanism='subtract')")
    expected = integrated(X, weight, 1.125)
    for options in ({"dt": 1e-3, "integrators": "per-step"}, {"dt": 1.0}):
        network = sd.read(path, reset="to-zero", **options)
        assert np.array_equal(sd.run(network, X).spikes[network.outputs[0]], expected)


def test_s10_factors_of_spikes_and_padding_modes_are_lost(tmp_path):
    graded = two_layers(("zero", False), graded_spikes_factor=torch.tensor(1.5))
    assert lost("snntorch", graded, X, tmp_path / "theirs.nir") > 0.02, gone("snntorch", "graded spikes become binary")
    kept(graded, X, tmp_path / "ours.nir", "snntorch")
    with pytest.warns(UserWarning, match="Inhibition is an unstable feature"):
        inhibition = two_layers(("zero", False), inhibition=True)
    assert lost("snntorch", inhibition, X, tmp_path / "theirs.nir") > 0.02, gone("snntorch", "inhibition is lost")
    quantised = two_layers(("zero", False), state_quant=state_quant(num_bits=2))
    assert lost("snntorch", quantised, X, tmp_path / "theirs.nir") > 0.02, gone("snntorch", "state_quant is lost")
    for module, name in ((inhibition, "inhibition"), (quantised, "state_quant")):
        with pytest.raises(SnnDeployError, match=f"SD308 module '1': .*{name}"):
            sd.capture(module, X, DT)
    neuron = leaky(2, ("zero", False))
    neuron.beta, neuron.threshold = torch.full((2, 9, 9), 0.9), torch.ones(2, 9, 9)
    around = loud(nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"))
    module, x = nn.Sequential(around, neuron).eval(), binary((30, 2, 1, 9, 9))
    assert lost("snntorch", module, x, tmp_path / "theirs.nir") > 0.02, gone("snntorch", "padding_mode is lost")
    with pytest.raises(SnnDeployError, match="SD30. module '0': .*circular"):
        sd.capture(module, x, DT)


def test_s11_subclasses_are_exported_as_their_base(tmp_path):
    delta = snn.DeltaLeaky(0.2, beta=torch.full((4,), 0.9), threshold=torch.ones(4), init_hidden=True)
    module = nn.Sequential(loud(nn.Linear(6, 4)), delta).eval()
    node = graph_of(module).nodes["1"]
    assert type(node) is nir.LIF, gone("snntorch", "DeltaLeaky is written as an ordinary LIF")
    with pytest.raises(SnnDeployError, match="SD301 module '1': .*DeltaLeaky"):
        sd.capture(module, X, DT)

    class Mine(snn.Leaky):
        def forward(self, x):
            return super().forward(x * x)

    mine = nn.Sequential(loud(nn.Linear(6, 4)), Mine(torch.full((4,), 0.9), torch.ones(4), init_hidden=True)).eval()
    assert lost("snntorch", mine, X, tmp_path / "theirs.nir") > 0.02, gone("snntorch", "subclasses are not asked")
    with pytest.raises(SnnDeployError, match="SD301 module '1': .*Mine"):
        sd.capture(mine, X, DT)


def test_s12_one_gain_and_one_threshold_for_all(tmp_path):
    module = two_layers(("zero", False))
    module[1].threshold = torch.linspace(0.5, 1.5, 8)
    with fails("snntorch", "thresholds of their own are refused", AssertionError, "same for all neurons"):
        lost("snntorch", module, X, tmp_path / "theirs.nir")
    kept(module, X, tmp_path / "ours.nir", "snntorch")
    rule = Rule(0.75, 1.0, (Receptor(gain=np.linspace(0.5, 1, 8)),))
    network = one_layer(rule)
    sd.write(network, tmp_path / "gains.nir")
    spikes = sd.run(network, X).spikes["p"]
    there = played(imported("snntorch", nir.read(tmp_path / "gains.nir")), X)
    assert (there != spikes).mean() > 0.01, gone("snntorch", "the first gain is taken for all neurons")
    for_snntorch_is_right(network, tmp_path / "for.nir")


def one_layer(rule):
    weight = Dense(np.random.default_rng(1).normal(0.2, 0.8, (8, 6)))
    ways = (Projection("in", "p", (weight,)),)
    return Network(1e-4, (Input("in", (6,)),), (Population("p", (8,), rule),), ways, ("p",))


def for_snntorch_is_right(network, path):
    sd.write(network, path, for_="snntorch")
    there = played(imported("snntorch", nir.read(path)), X)
    assert np.array_equal(there.astype(bool), sd.run(network, X).spikes[network.outputs[0]])


def test_s13_v_reset_is_ignored_and_v_leak_refused(tmp_path):
    network = one_layer(Rule(0.75, 1.0, reset=Reset("to", -0.5), initial=-0.5))
    sd.write(network, tmp_path / "reset.nir")
    there = played(imported("snntorch", nir.read(tmp_path / "reset.nir")), X)
    assert (there != sd.run(network, X).spikes["p"]).mean() > 0.01, gone("snntorch", "v_reset is ignored")
    leak = one_layer(Rule(0.75, 1.0, bias=0.05))
    sd.write(leak, tmp_path / "leak.nir")
    assert np.any(nir.read(tmp_path / "leak.nir").nodes["p"].v_leak)
    with fails("snntorch", "a leak potential is refused", AssertionError, "v_leak not supported"):
        imported("snntorch", nir.read(tmp_path / "leak.nir"))
    for each in (network, leak):
        for_snntorch_is_right(each, tmp_path / "for.nir")


def test_s14_what_is_not_supported_crashes_elsewhere(tmp_path):
    module = nn.Sequential(loud(nn.Linear(6, 4)), snn.Lapicque(beta=0.9, init_hidden=True)).eval()
    with fails("snntorch", "None stands for a module", AttributeError, "'NoneType' object has no attribute"):
        graph_of(module)
    kept(module, X, tmp_path / "ours.nir", "snntorch")
    odd = nn.Sequential(loud(nn.Linear(6, 4)), nn.ReLU(), leaky(4)).eval()
    with fails("snntorch", "None stands for a module", AttributeError, "'NoneType' object has no attribute"):
        graph_of(odd)
    with pytest.raises(SnnDeployError, match="SD301 module '1': .*ReLU.*Fix: use a spiking neuron"):
        sd.capture(odd, X, DT)


class Around(nn.Module):
    """The second neuron also sees the first one's spikes."""

    def __init__(self, use_relu=False):
        super().__init__()
        self.first, self.a = loud(nn.Linear(6, 6)), leaky(6, ("zero", False))
        self.second, self.b = loud(nn.Linear(6, 6)), leaky(6, ("zero", False))
        self.use_relu = use_relu

    def forward(self, x):
        first = self.first(x)
        one = self.a(torch.relu(first) if self.use_relu else first)
        return self.b(self.second(one) + one)


def test_s15_ways_around_and_functions_cut_the_graph(tmp_path):
    module = Around().eval()
    names = set(graph_of(module).nodes)
    assert "b" not in names, gone("snntorch", "the neuron behind an addition is not in the file")
    kept(module, X, tmp_path / "ours.nir", "snntorch")
    behind = Around(use_relu=True).eval()
    names = set(graph_of(behind).nodes)
    assert "first" not in names, gone("snntorch", "the layer before a function is not in the file")
    with pytest.raises(SnnDeployError, match="SD302 .*relu"):
        sd.capture(behind, X, DT)


def test_s16_resets_that_do_not_do_what_they_say(tmp_path):
    options = {"linear_features": 4, "init_hidden": True}
    broken = nn.Sequential(nn.Linear(6, 4), snn.RSynaptic(0.5, 0.9, reset_delay=False, **options)).eval()
    with fails("snntorch", "RSynaptic(reset_delay=False) raises", Exception, ""):
        broken(torch.ones(1, 6))
    with pytest.raises(SnnDeployError, match="SD308 module '1': .*RSynaptic.*reset_delay"):
        sd.capture(broken, X, DT)
    # v = 2 at the first step; a soft reset leaves 1, which decays and does not fire
    neuron = snn.Leaky(0.5, init_hidden=True, reset_delay=False)
    frames = torch.tensor([3.0, 0.0, 0.0]).reshape(3, 1, 1)
    spikes, membranes = [], []
    for frame in frames:
        spikes.append(float(neuron(frame)))
        membranes.append(float(neuron.mem))
    assert membranes[:2] == [2.0, 1.0], gone("snntorch", "what a soft reset took is given back")
    assert spikes == [1.0, 0.0, 0.0], gone("snntorch", "what a soft reset took is given back")
    strong = nn.Sequential(loud(nn.Linear(6, 4), 6.0, 0.2), leaky(4, ("subtract", False))).eval()
    network = kept(strong, X, tmp_path / "ours.nir", "snntorch")
    (neurons,) = network.populations
    assert neurons.rule.reset.when == "residual"
    soft = replace(neurons, rule=replace(neurons.rule, reset=Reset("by", 1.0)))
    plain = network.with_(populations=(soft,))
    (out,) = network.outputs
    assert (sd.run(plain, X).spikes[out] != sd.run(network, X).spikes[out]).any(), "this input shows no difference"
    # snntorch.utils.reset forgets the spikes of RSynaptic
    module = nn.Sequential(loud(nn.Linear(6, 4)), snn.RSynaptic(0.5, 0.9, **options)).eval()
    loud(module[1].recurrent, 4.0, 0.0)
    first = played(module, X)
    with torch.no_grad():
        for frame in torch.from_numpy(X)[: 1 + int(np.argmax(first.sum((1, 2))))]:
            module(frame)
    snntorch.utils.reset(module)
    assert module[1].spk.any(), gone("snntorch", "utils.reset leaves the spikes of RSynaptic")
    assert (played(module, X) != first).any(), gone("snntorch", "utils.reset leaves the spikes of RSynaptic")
    captured = sd.capture(module, X, DT)
    for _ in range(2):
        assert np.array_equal(sd.run(captured, X, engine="snntorch").spikes["1"], first.astype(bool))


def test_s17_a_delayed_reset_to_zero_drops_a_step_of_input(tmp_path):
    zero = {"init_hidden": True, "reset_mechanism": "zero"}
    neurons = {
        "Synaptic": lambda: snn.Synaptic(0.5, 0.5, **zero),
        "RLeaky": lambda: snn.RLeaky(0.5, all_to_all=False, V=0.0, **zero),
        "RSynaptic": lambda: snn.RSynaptic(0.5, 0.5, all_to_all=False, V=0.0, **zero),
        "Lapicque": lambda: snn.Lapicque(0.5, **zero),
    }
    always = torch.full((6, 1, 1), 3.0)
    assert [float(s) for s in leaky_zero(always)] == [1.0] * 6
    for name, build in neurons.items():
        spikes = played(build(), always).ravel()
        assert not spikes[1::2].any(), gone("snntorch", f"{name} throws the input behind a spike away")
        module = nn.Sequential(loud(nn.Linear(6, 4)), build()).eval()
        network = kept(module, X, tmp_path / "ours.nir", "snntorch")
        assert network.populations[0].rule.reset.when == "next"
    # the importer builds the other setting
    module = nn.Sequential(loud(nn.Linear(6, 4)), snn.Synaptic(*torch.full((2, 4), 0.5), torch.ones(4), **zero)).eval()
    assert lost("snntorch", module, X, tmp_path / "theirs.nir") > 0.02, gone("snntorch", "reset_delay is lost")
    # Lapicque(beta) decays with 1 - ln(1/beta)
    lapicque = snn.Lapicque(0.9, threshold=100.0, init_hidden=True)
    lapicque(torch.ones(1, 1))
    before = float(lapicque.mem)
    lapicque(torch.zeros(1, 1))
    decay = float(lapicque.mem) / before
    assert decay == pytest.approx(1 - np.log(1 / 0.9), rel=1e-5), gone("snntorch", "Lapicque(beta) decays otherwise")
    (read,) = kept(
        nn.Sequential(loud(nn.Linear(6, 4)), snn.Lapicque(0.9, init_hidden=True)).eval(),
        X,
        tmp_path / "ours.nir",
        "snntorch",
    ).populations
    assert float(read.rule.beta) == pytest.approx(decay, rel=1e-6)


def leaky_zero(frames):
    """Leaky with the same setting keeps its input."""
    return played(snn.Leaky(0.5, init_hidden=True, reset_mechanism="zero"), frames).ravel()
