"""Networks of trained frameworks as ONNX: modules with every kind of neuron, and the Braille network's recordings."""

import gc
from pathlib import Path

import norse.torch as norse
import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import snndeploy as sd
from snndeploy.engines import onnx as engine
from snndeploy.engines.onnx import execute
from snndeploy.network import Decision

pytestmark = pytest.mark.skipif(engine.missing() is not None, reason=str(engine.missing()))
ALL = ("spikes", "u", "v")
DATA = Path(__file__).parents[3] / "shared" / "data"


def convolutional():
    leaky = {"init_hidden": True, "reset_mechanism": "subtract"}
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.AvgPool2d(2), snn.Synaptic(0.7, 0.9, **leaky), nn.Conv2d(4, 4, 3)]
    layers += [snn.Leaky(0.8, **leaky), nn.Flatten(), nn.Linear(16, 5), snn.Leaky(0.9, output=True, **leaky)]
    return nn.Sequential(*layers), (2, 8, 8)


def recurrent():
    how = {"all_to_all": True, "linear_features": 6, "init_hidden": True, "reset_mechanism": "zero"}
    return nn.Sequential(nn.Linear(5, 6), snn.RLeaky(0.9, **how), nn.Linear(6, 3), snn.Leaky(0.8, init_hidden=True)), (
        5,
    )


def refractory():
    p = norse.LIFRefracParameters(norse.LIFParameters(v_th=torch.tensor(0.4)), torch.tensor(3.0))
    return norse.SequentialState(norse.LIFRefracRecurrentCell(5, 6, p=p), nn.Linear(6, 3), norse.LICell()), (5,)


def adaptive():
    p = norse.LSNNParameters(tau_adapt_inv=torch.tensor(100.0), v_th=torch.tensor(0.3))
    return norse.SequentialState(norse.LSNNRecurrentCell(5, 6, p=p), nn.Linear(6, 3), norse.LICell()), (5,)


@pytest.mark.parametrize("make", [convolutional, recurrent, refractory, adaptive])
def test_captured_modules_and_their_integers(make, tmp_path):
    torch.manual_seed(3)
    module, shape = make()
    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, (nn.Linear, nn.Conv2d)):
                each.weight.mul_(4)
    x = (np.random.default_rng(0).random((40, 3, *shape)) < 0.4).astype(np.float32)
    network = sd.capture(module.eval(), x)
    expected = sd.run(network, x, record=("spikes", "v"))
    assert all(rows.any() for rows in expected.spikes.values())
    integers = sd.quantize(network, "loihi2", x)
    bits = sd.run(integers, x, record=ALL)
    for graph in ("step", "sequence"):
        found = sd.run(network, x, "onnx", ("spikes", "v"), graph=graph)
        assert sd.compare(expected, found).agrees
        for what in ALL:
            for name, rows in getattr(sd.run(integers, x, "onnx", ALL, graph=graph), what).items():
                np.testing.assert_array_equal(rows, getattr(bits, what)[name], err_msg=f"{graph} {what} {name}")
        sd.export(network, tmp_path / "float.onnx", graph, sample=x)
        sd.export(integers, tmp_path / "integer.onnx", graph, sample=x)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"recordings are not at {DATA}")
def test_braille_recordings():
    network = sd.read(DATA / "nir" / "braille_noDelay_bias_zero.nir", dt=1e-4, reset="to-zero")
    network = network.with_(decision=Decision(network.outputs[0]))
    # what snnTorch itself recorded
    sample = np.load(DATA / "braille" / "test_sample0.npy")[:, None]
    recorded = np.load(DATA / "traces" / "snntorch_activity_noDelay_bias_zero.npy") != 0
    for graph in ("step", "sequence"):
        found = sd.run(network, sample, "onnx", graph=graph).spikes["lif1.lif"][:, 0]
        np.testing.assert_array_equal(found, recorded)
    held = np.load(DATA / "braille" / "braille7_700.npz")
    x = held["X"].astype(np.int64).transpose(1, 0, 2)
    assert sd.run(network, x, "onnx").decisions().tolist() == sd.run(network, x, "torch").decisions().tolist()
    integers = sd.quantize(network, "loihi1", x[:, :50])
    ours, theirs = (sd.run(integers, x[:, :50], each, ALL) for each in ("onnx", "reference"))
    assert sd.compare(ours, theirs).identical


def test_a_session_is_made_once_for_a_network(monkeypatch):
    made = []
    held = execute.session
    monkeypatch.setattr(execute, "session", lambda *given: made.append(1) or held(*given))
    torch.manual_seed(0)
    x = np.ones((6, 2, 4), np.float32)
    network = sd.capture(nn.Sequential(nn.Linear(4, 3), snn.Leaky(0.9, init_hidden=True)).eval(), x)
    one, two = sd.run(network, x, "onnx"), sd.run(network, x, "onnx")
    assert len(made) == 1
    sd.run(network, x, "onnx", ALL)
    sd.run(network, x, "onnx", graph="step")
    assert len(made) == 3
    for name, rows in one.spikes.items():
        np.testing.assert_array_equal(two.spikes[name], rows)
    before = len(execute._sessions)
    del network, one, two
    gc.collect()
    assert len(execute._sessions) < before
