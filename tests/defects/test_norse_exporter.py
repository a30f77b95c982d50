"""What Norse's own exporter and importer lose (N1-N10), and that the same modules and files are right here."""

from dataclasses import replace

import nir
import norse.torch as norse
import numpy as np
import pytest
import torch
from defects import DT, binary, codes, fails, gone, kept, lost, loud
from norse.torch.functional.reset import reset_subtract
from torch import nn

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import inspect
from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Reset, Rule
from snndeploy.report.exporters import exported, imported, played, through_file

pytestmark = pytest.mark.usefixtures("in_process")
X = binary((100, 4, 6))


def number(value):
    return torch.tensor(float(value))


def each(value):
    """One per neuron, which files need: see N6."""
    return torch.full((8,), float(value))


def lifbox(**options):
    given = {"tau_mem_inv": each(200), "v_leak": each(0), "v_th": each(0.4)}
    return norse.LIFBoxCell(norse.LIFBoxParameters(**given, **options), dt=DT)


def lif():
    return norse.LIFCell(norse.LIFParameters(each(300), each(200), each(0), each(0.3), each(0)), dt=DT)


def stack(*cells, gain=6.0, width=8):
    """Linear, cell, linear, cell: as one module."""
    layers, size = [], 6
    for cell in cells:
        layers += [loud(nn.Linear(size, width), gain), cell]
        size = width
    return norse.SequentialState(*layers).eval()


def one_layer(rule, loop=False):
    rng = np.random.default_rng(1)
    ways = [Projection("in", "p", (Dense(rng.normal(0.2, 0.8, (5, 6))),))]
    ways += [Projection("p", "p", (Dense(rng.normal(0, 0.6, (5, 5))),), 1)] if loop else []
    return Network(DT, (Input("in", (6,)),), (Population("p", (5,), rule),), tuple(ways), ("p",))


def for_norse_is_right(network, path):
    notes = sd.write(network, path, for_="norse")
    module = imported("norse", nir.read(path), network.dt, "reset_subtract" in notes[0])
    there = played(module, X)
    assert np.array_equal(there.astype(bool), sd.run(network, X).spikes[network.outputs[0]])


def plain_file_is_wrong_ours_is_right(network, path, what):
    """Our standard file is right as NIR; Norse's importer does not follow it, and does with the file for it."""
    sd.write(network, path)
    there = played(imported("norse", nir.read(path), network.dt), X)
    assert (there.astype(bool) != sd.run(network, X).spikes["p"]).mean() > 0.01, gone("norse", what)
    for_norse_is_right(network, path)


def test_n1_time_constants_are_multiplied_by_dt(tmp_path):
    module = stack(lifbox(), lifbox())
    node = exported("norse", module, torch.zeros(6)).nodes["1"]
    # 1 / 200 s
    assert np.allclose(node.tau, DT / 200), gone("norse", "tau = dt / tau_inv is written")
    assert lost("norse", module, X, tmp_path / "theirs.nir") > 0.2, gone("norse", "the default round trip")
    nir.write(tmp_path / "theirs.nir", exported("norse", module, torch.zeros(6)))
    with pytest.raises(SnnDeployError, match="SD4.. .*tau.*decay 1 - dt/tau would be -199"):
        sd.read(tmp_path / "theirs.nir", DT, "to-zero")
    network = kept(module, X, tmp_path / "ours.nir", "norse")
    assert nir.read(tmp_path / "ours.nir").nodes["1"].tau == pytest.approx(np.full(8, 1 / 200))
    for_norse_is_right(network, tmp_path / "for.nir")
    # the way around it that Norse's users know
    assert lost("norse", module, X, tmp_path / "theirs.nir", write_dt=1.0, dt=DT) == 0


def test_n2_resets_are_lost_on_both_ways(tmp_path):
    hard = Rule(0.75, 1.0)
    plain_file_is_wrong_ours_is_right(one_layer(hard), tmp_path / "x.nir", "r of an LIF is ignored")
    low = Rule(0.75, 1.0, reset=Reset("to", -0.5))
    plain_file_is_wrong_ours_is_right(one_layer(low), tmp_path / "x.nir", "v_reset is ignored")
    soft = Rule(0.75, 1.0, reset=Reset("by", 1.0))
    plain_file_is_wrong_ours_is_right(one_layer(soft), tmp_path / "x.nir", "reset_method is ignored for an LIF")
    for module in (stack(lifbox(v_reset=each(-0.3))), stack(lifbox(reset_method=reset_subtract))):
        differing = lost("norse", module, X, tmp_path / "theirs.nir", write_dt=1.0, dt=DT)
        assert differing > 0.01, gone("norse", "v_reset and reset_method are not exported")
        kept(module, X, tmp_path / "ours.nir", "norse")


def test_n3_the_synapse_of_an_lif_loses_its_gain(tmp_path):
    module = stack(lif(), lif())
    node = exported("norse", module, torch.zeros(6), 1.0).nodes["1"]
    assert np.all(np.asarray(node.w_in) == 1), gone("norse", "w_in = 1 is written, which should be tau_syn / dt")
    differing = lost("norse", module, X, tmp_path / "theirs.nir", write_dt=1.0, dt=DT)
    assert differing > 0.02, gone("norse", "the current of an LIF is dt / tau_syn as large")
    kept(module, X, tmp_path / "ours.nir", "norse")
    # as NIR its file says what the module does: r·w_in·dt/tau_syn·dt/tau_mem is the gain
    plain = sd.read(tmp_path / "ours.nir", DT, ignore_block=True)
    (out,) = plain.outputs
    assert np.array_equal(sd.run(plain, X).spikes[out], played(module, X).astype(bool))


def test_n4_what_is_not_supported_is_dropped_without_a_word(tmp_path):
    cells = {"LSNNCell": norse.LSNNCell(), "LIFRefracCell": norse.LIFRefracCell(), "LICell": norse.LICell()}
    for name, cell in cells.items():
        module = stack(lif(), cell, gain=12.0)
        graph = exported("norse", module, torch.zeros(6))
        assert graph.nodes["3"] is None, gone("norse", f"{name} becomes None")
        there = played(imported("norse", graph), X)
        currents = not np.isin(there, (0, 1)).all()
        assert currents, gone("norse", f"without {name} the output is what its layer gives")
        with fails("norse", "None cannot be written", AttributeError, "'NoneType' object has no attribute"):
            nir.write(tmp_path / "theirs.nir", graph)
        kept(module, X, tmp_path / "ours.nir", "norse")
    with pytest.raises(SnnDeployError, match="SD301 module '1': .*CobaLIFCell"):
        sd.capture(stack(norse.CobaLIFCell(8, 8)), X, DT)


def test_n5_recurrent_cells_cannot_be_exported(tmp_path):
    cell = norse.LIFRecurrentCell(8, 8, p=norse.LIFParameters(number(300), number(200), v_th=number(0.3)), dt=DT)
    module = norse.SequentialState(loud(nn.Linear(6, 8), 6.0), cell).eval()
    assert exported("norse", module, torch.zeros(6)).nodes["1"] is None, gone("norse", "LIFRecurrentCell becomes None")
    kept(module, X, tmp_path / "ours.nir", "norse")


def test_n6_files_with_a_batch_cannot_be_read(tmp_path):
    module = stack(lifbox())
    scalar = norse.LIFBoxCell(norse.LIFBoxParameters(number(200), v_th=number(0.4)), dt=DT)
    scalar = norse.SequentialState(loud(nn.Linear(6, 8), 6.0), scalar).eval()
    with fails("norse", "one number for all neurons cannot be written", TypeError, "Scalar datasets"):
        through_file(exported("norse", scalar, torch.zeros(6)), tmp_path / "theirs.nir")
    kept(scalar, X, tmp_path / "ours.nir", "norse")
    graph = exported("norse", module, torch.zeros(4, 6), 1.0)
    assert isinstance(graph.nodes["0"].weight, torch.Tensor), gone("norse", "tensors stand for arrays")
    with fails("norse", "the batch axis stays in the types", ValueError, "type mismatch"):
        through_file(graph, tmp_path / "theirs.nir")
    nir.write(tmp_path / "batched.nir", graph)
    # the same file here: the axis is taken out, and that is said
    report = inspect(tmp_path / "batched.nir", DT, "to-zero")
    assert any("batch" in line for line in report.repairs), report.repairs
    (out,) = report.network.outputs
    assert report.network.inputs[0].shape == (6,)
    assert np.array_equal(sd.run(report.network, X).spikes[out], played(module, X).astype(bool))
    kept(module, X, tmp_path / "ours.nir", "norse")
    assert nir.read(tmp_path / "ours.nir").nodes["1"].tau.shape == (8,)


def test_n7_an_integrator_per_second_is_read_as_per_step(tmp_path):
    rule = Rule(1.0, 1.5, (Receptor(gain=0.5),))
    plain_file_is_wrong_ours_is_right(one_layer(rule), tmp_path / "x.nir", "r of an IF is ignored")
    module = stack(norse.IAFCell(norse.IAFParameters(v_th=number(1.5)), dt=DT), gain=2.0)
    assert float(exported("norse", module, torch.zeros(6)).nodes["1"].r) == 1, gone(
        "norse", "an IF is written with r = 1"
    )
    kept(module, X, tmp_path / "ours.nir", "norse")
    assert np.allclose(nir.read(tmp_path / "ours.nir").nodes["1"].r, 1 / DT)


def test_n8_readouts_and_layers_without_bias_are_lost(tmp_path):
    box = norse.LIBoxCell(norse.LIBoxParameters(number(200)), dt=DT)
    readout = stack(lifbox(), box)
    graph = exported("norse", readout, torch.zeros(6), 1.0)
    assert type(graph.nodes["3"]) is nir.LI, gone("norse", "LIBoxCell is written as LI")
    with fails("norse", "LI cannot be imported", Exception, ""):
        there = played(imported("norse", through_file(graph, tmp_path / "theirs.nir"), DT), X)
        if not np.allclose(there, played(readout, X), atol=1e-4):
            raise ValueError("the layer is missing")
    kept(readout, X, tmp_path / "ours.nir", "norse")
    module = norse.SequentialState(loud(nn.Conv2d(1, 2, 3, bias=False), 6.0), norse.LIFBoxCell(dt=DT)).eval()
    x = binary((40, 2, 1, 6, 5))
    with fails("norse", "Conv2d(bias=False) crashes", AttributeError, "'NoneType' object has no attribute"):
        exported("norse", module, torch.zeros(1, 6, 5))
    kept(module, x, tmp_path / "ours.nir", "norse")


def cubalif(path):
    """tau_syn dI/dt = -I + w_in S; tau_mem dv/dt = (v_leak - v) + r I; reset to v_reset; as a file."""
    rng = np.random.default_rng(2)
    fields = {"tau_syn": 4 * DT, "tau_mem": 8 * DT, "r": 2.0, "v_leak": 0.5, "v_threshold": 1.0, "v_reset": 0.0}
    node = nir.CubaLIF(**{name: np.full(5, value) for name, value in fields.items()}, w_in=np.full(5, 2.0))
    weight = rng.normal(0.2, 0.8, (5, 6))
    nodes = {
        "input": nir.Input(np.array([6])),
        "fc": nir.Linear(weight),
        "p": node,
        "output": nir.Output(np.array([5])),
    }
    nir.write(path, nir.NIRGraph(nodes, [("input", "fc"), ("fc", "p"), ("p", "output")]))
    return weight


def test_n9_a_synapse_relaxes_to_the_leak_potential(tmp_path):
    weight = cubalif(tmp_path / "x.nir")
    i, v, spikes = np.zeros((4, 5)), np.full((4, 5), 0.5), []
    for step in X:
        i = i + (-i + 2 * step @ weight.T) / 4
        v = v + (0.5 - v + 2 * i) / 8
        spikes.append(v > 1)
        v = np.where(spikes[-1], 0.0, v)
    there = played(imported("norse", nir.read(tmp_path / "x.nir"), DT), X).astype(bool)
    assert (there != np.stack(spikes)).mean() > 0.01, gone("norse", "the synapse of a CubaLIF leaks to v_leak")
    silent = played(imported("norse", nir.read(tmp_path / "x.nir"), DT), np.zeros_like(X))
    assert silent.any(), gone("norse", "a CubaLIF without input comes above v_leak")
    network = sd.read(tmp_path / "x.nir", DT)
    (p,) = network.populations
    started = network.with_(populations=(replace(p, rule=replace(p.rule, initial=np.full(5, 0.5))),))
    assert np.array_equal(sd.run(started, X).spikes["p"], np.stack(spikes))
    assert not sd.run(network, np.zeros_like(X)).spikes["p"].any()


def test_n10_the_time_steps_of_the_two_libraries_differ(tmp_path):
    import snntorch as snn

    def neuron(size):
        return snn.Synaptic(
            torch.full((size,), 0.6), torch.full((size,), 0.8), torch.ones(size), init_hidden=True,
            reset_mechanism="zero", reset_delay=False,
        )  # fmt: skip

    module = nn.Sequential(loud(nn.Linear(6, 8)), neuron(8), loud(nn.Linear(8, 4)), neuron(4)).eval()
    differing = lost("snntorch", module, X, tmp_path / "theirs.nir", to="norse")
    assert differing > 0.05, gone("norse", "a file of snnTorch is read with another dt")
    # right only for who knows the number that the file does not say
    assert lost("snntorch", module, X, tmp_path / "theirs.nir", to="norse", dt=1e-4) == 0
    nir.write(tmp_path / "theirs.nir", exported("snntorch", module, torch.zeros(6)))
    with pytest.raises(SnnDeployError) as refused:
        sd.read(tmp_path / "theirs.nir")
    assert codes(refused) >= {"SD408"}
    network = kept(module, X, tmp_path / "ours.nir", "snntorch")
    for reader in ("norse", "snntorch"):
        sd.write(network, tmp_path / "for.nir", for_=reader)
        there = played(imported(reader, nir.read(tmp_path / "for.nir"), network.dt), X)
        assert np.array_equal(there.astype(bool), played(module, X).astype(bool))
