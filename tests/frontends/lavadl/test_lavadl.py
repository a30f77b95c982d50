"""lava-dl's exchange files: what netx runs is read exactly, everything else is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.network import Registers

DATA = Path(__file__).parents[4] / "shared" / "data"
CUBA = {"type": "CUBA", "iDecay": 4096, "vDecay": 415, "vThMant": 6, "refDelay": 1, "gradedSpike": False}


def layer(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": np.array([kind.encode()], "S10"), **fields}


def dense(weight: np.ndarray, **more: Any) -> dict[str, Any]:
    out, size = weight.shape
    shape = np.array([out, 1, 1])
    return layer("dense", shape=shape, inFeatures=size, outFeatures=out, weight=weight, **{"neuron": CUBA, **more})


def conv(weight: np.ndarray, shape: tuple[int, ...], **more: Any) -> dict[str, Any]:
    given = {"stride": np.array([1, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1}
    groups = int(more.get("groups", 1))
    given |= {"inChannels": weight.shape[1] * groups, "outChannels": weight.shape[0]}
    given |= {"kernelSize": np.array(weight.shape[2:])}
    return layer("conv", shape=np.array(shape), weight=weight, **{**given, "neuron": CUBA, **more})


def save(path: Path, *layers: dict[str, Any]) -> Path:
    """In the layout of SLAYER's export_hdf5."""
    with h5py.File(path, "w") as file:
        for i, fields in enumerate(layers):
            group = file.create_group(f"layer/{i}")
            for name, value in fields.items():
                if isinstance(value, dict):
                    for key, each in value.items():
                        group.create_dataset(f"{name}/{key}", data=each)
                else:
                    group.create_dataset(name, data=value)
    return path


@pytest.mark.skipif(not DATA.exists(), reason="no folder ../shared/data")
def test_lava_dl_s_own_recording(tmp_path: Path) -> None:
    with np.load(DATA / "loihi" / "netx_dense.npz") as file:
        weight, given, current, out = (file[name] for name in ("weight", "in", "current", "out"))
    network = sd.read(save(tmp_path / "x.net", dense(weight.astype(np.float32))), 1e-3)
    assert network.form == "integer"
    trace = sd.run(network, given.T[:, None], record=("spikes", "u", "v"))
    assert np.count_nonzero(trace.spikes["layer0"][:-1, 0] != out.T[1:].astype(bool)) == 0
    assert np.count_nonzero(trace.u["layer0"][:-1, 0] != current.T[1:].astype(np.int64) << 6) == 0
    assert out.sum() == 1826


def decayed(y: np.ndarray, d: np.ndarray | int) -> np.ndarray:
    return np.sign(y) * ((np.abs(y) * d) >> 12)


def test_conv_flatten_dense_against_torch_and_the_registers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kernel, weight = rng.integers(-64, 63, (3, 2, 3, 2)), 2 * rng.integers(-100, 100, (4, 3 * 6 * 4))
    slow = CUBA | {"iDecay": np.array([1024, 2048, 4096]), "vThMant": 90}
    layers = [
        layer("input", shape=np.array([2, 6, 8])),
        conv(kernel, (3, 6, 4), stride=np.array([1, 2]), padding=np.array([1, 0]), neuron=slow),
        layer("flatten", shape=np.array([72, 1, 1])),
        dense(weight, neuron=CUBA | {"vThMant": 200}),
    ]
    network = sd.read(save(tmp_path / "x.net", *layers), 1e-3)
    x = (rng.random((30, 2, 6, 8)) < 0.3).astype(np.float64)
    trace = sd.run(network, x[:, None])
    a = (
        torch.conv2d(torch.tensor(x), torch.tensor(kernel * 1.0), stride=(1, 2), padding=(1, 0))
        .numpy()
        .astype(np.int64)
    )
    decay = 4096 - slow["iDecay"].reshape(3, 1, 1)
    u, v = np.zeros((3, 6, 4), np.int64), np.zeros((3, 6, 4), np.int64)
    spikes = []
    for each in a:
        u = decayed(u, decay) + (each << 6)
        v = decayed(v, 4096 - 415) + u
        spikes.append(v > (90 << 6))
        v = np.where(spikes[-1], 0, v)
    assert np.array_equal(trace.spikes["layer1"][:, 0], np.stack(spikes))
    v, last = np.zeros(4, np.int64), []
    for each in np.stack(spikes).reshape(30, -1):
        v = decayed(v, 4096 - 415) + ((weight @ each) << 6)
        last.append(v > (200 << 6))
        v = np.where(last[-1], 0, v)
    assert np.array_equal(trace.spikes["layer3"][:, 0], np.stack(last))
    assert 10 < np.sum(last) < 110
    assert np.sum(spikes) > 50


def test_a_file_as_slayer_exports_it(tmp_path: Path) -> None:
    """float32 weights in whole numbers, decays per channel, groups, and no field left out; against torch."""
    rng = np.random.default_rng(4)
    kernel = (2 * rng.integers(-40, 60, (4, 1, 3, 3))).astype(np.float32)
    weight = (2 * rng.integers(-60, 90, (3, 4 * 3 * 2))).astype(np.float32)
    decays = {"iDecay": rng.integers(600, 4000, 4), "vDecay": rng.integers(100, 900, 4)}
    neuron = {"type": "CUBA", "vThMant": np.int64(150), "refDelay": 1, "gradedSpike": np.bool_(False)}
    settings: dict[str, Any] = {"stride": np.array([2, 3]), "padding": np.array([1, 0]), "dilation": np.array([1, 1])}
    layers = [
        layer("input", shape=np.array([2, 6, 7])),
        conv(kernel, (4, 3, 2), groups=2, neuron=neuron | decays, **settings),
        layer("flatten", shape=np.array([24])),
        dense(weight, neuron=neuron | {"iDecay": 4096, "vDecay": 300}) | {"shape": np.array([3])},
    ]
    network = sd.read(save(tmp_path / "x.net", *layers), 1e-3)
    x = (rng.random((40, 2, 6, 7)) < 0.4).astype(np.float64)
    trace = sd.run(network, x[:, None], record=("spikes", "u", "v"))
    drive = torch.conv2d(torch.tensor(x), torch.tensor(kernel).double(), stride=(2, 3), padding=(1, 0), groups=2)
    u, v = np.zeros((4, 3, 2), np.int64), np.zeros((4, 3, 2), np.int64)
    fall, leak = (4096 - decays[name].reshape(4, 1, 1) for name in ("iDecay", "vDecay"))
    spikes = []
    for t, a in enumerate(drive.numpy().astype(np.int64)):
        u = decayed(u, fall) + (a << 6)
        v = decayed(v, leak) + u
        spikes.append(v > 150 << 6)
        v = np.where(spikes[-1], 0, v)
        assert np.array_equal(trace.u["layer1"][t, 0], u)
        assert np.array_equal(trace.v["layer1"][t, 0], v)
    assert np.array_equal(trace.spikes["layer1"][:, 0], np.stack(spikes))
    v, last = np.zeros(3, np.int64), []
    for each in np.stack(spikes).reshape(40, -1):
        v = decayed(v, 4096 - 300) + ((weight.astype(np.int64) @ each) << 6)
        last.append(v > 150 << 6)
        v = np.where(last[-1], 0, v)
    assert np.array_equal(trace.spikes["layer3"][:, 0], np.stack(last))
    assert np.sum(spikes) > 50
    assert 5 < np.sum(last) < 115


def test_biases_keep_the_steps_of_the_layers_and_delays_add(tmp_path: Path) -> None:
    one = dense(np.array([[2, 4]]), bias=np.array([3]), delay=np.array([2.0]))
    network = sd.read(save(tmp_path / "x.net", one, dense(np.array([[8]]))), 1e-3)
    assert [p.delay for p in network.projections] == [1, 3]
    rule = network.population["layer0"].rule
    assert isinstance(rule, Registers)
    assert (int(rule.bias_mant), int(rule.bias_exp), int(rule.du)) == (3, 6, 4095)
    assert "biases integrate from step 0 on" in network.provenance["repairs"]
    plain = sd.read(save(tmp_path / "y.net", dense(np.array([[2, 4]])), dense(np.array([[8]]))), 1e-3, kind="counts")
    assert [p.delay for p in plain.projections] == [0, 0]
    assert plain.inputs[0].kind == "counts"


def test_weights_keep_their_values(tmp_path: Path) -> None:
    for weight, exponent, sign in (
        (np.array([[1, -3, 127, -128]]), -1, "mixed"),
        (np.array([[2, -256, 254, 0]]), 0, "mixed"),
        (np.array([[1, 255, 0, 7]]), 0, "excitatory"),
        (np.array([[-1, -255, 0, -7]]), 0, "inhibitory"),
    ):
        (way,) = sd.read(save(tmp_path / "x.net", dense(weight)), 1e-3).projections
        assert (way.format.exponent, way.format.sign) == (exponent, sign)
        assert np.array_equal(way.maps[-1].weight * 2.0**exponent, weight)


W = np.array([[2, -4, 6]])
REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "average": ([dense(W), layer("average", shape=np.array([1]))], "SD421 .*layer 1, type: .*'average' layer"),
    "pool": ([layer("pool", shape=np.array([1]))], "SD421 .*'pool' layer"),
    "graded": ([dense(W, neuron=CUBA | {"gradedSpike": True})], "SD421 .*neuron/gradedSpike: spikes carry a value"),
    "refractory": ([dense(W, neuron=CUBA | {"refDelay": 3})], "SD421 .*neuron/refDelay: the neuron is refractory"),
    "sdnn": ([dense(W, neuron=CUBA | {"type": "SDNN"})], "SD421 .*'SDNN' is not CUBA or LOIHI"),
    "delays": ([dense(np.vstack([W, W]), delay=np.array([0.0, 1.0]))], "SD421 .*delay: axons of one layer are 0 to 1"),
    "odd": ([dense(np.array([[1, -200]]))], "SD422 .*weights from -200 to 1 with odd numbers"),
    "real": ([dense(W * 0.3)], "SD422 .*numbers that are not whole"),
    "decay": ([dense(W, neuron=CUBA | {"iDecay": 0})], "SD422 .*iDecay: 0 to 0 is outside 1..4096"),
    "bias": ([dense(W, bias=np.array([5000]))], "SD109 .*bias_mant"),
    "sizes": ([dense(W), dense(W)], "SD422 .*layer 1, weight"),
    "no input": ([conv(np.ones((1, 1, 2, 2), int), (1, 3, 3))], "SD420 .*export the input layer too"),
    "no flatten": (
        [layer("input", shape=np.array([1, 3, 1, 2][1:])), dense(np.ones((2, 6), int))],
        "SD420 .*the order of its axes is open",
    ),
    "complex": ([dense(W) | {"weight": {"real": W, "imag": W}}], "SD420 .*weight"),
    "unknown": ([dense(W, weight_rec=W)], "SD420 .*'weight_rec' is not known"),
    "neurons at the input": ([layer("input", shape=np.array([3]), neuron=CUBA)], "SD421 .*neuron: an input layer"),
    "nothing": ([layer("input", shape=np.array([3]))], "SD420 .*no layer with neurons"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(tmp_path: Path, name: str) -> None:
    layers, text = REFUSED[name]
    with pytest.raises(SnnDeployError, match=text) as raised:
        sd.read(save(tmp_path / "x.net", *layers), 1e-3)
    assert all("x.net" in finding.where for finding in raised.value.findings)


def test_what_the_caller_must_say(tmp_path: Path) -> None:
    path = save(tmp_path / "x.net", dense(W))
    with pytest.raises(SnnDeployError, match="SD408"):
        sd.read(path)
    with pytest.raises(SnnDeployError, match="SD409"):
        sd.read(path, 1e-3, "by-threshold")
