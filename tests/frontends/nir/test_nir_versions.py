"""Files in the form of every version of nir: each is read, and its spikes are those of forward Euler on its fields."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import old_writers as old
import pytest
import torch

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import inspect, loading, read

pytestmark = pytest.mark.usefixtures("in_process")
EVERY = pytest.mark.parametrize("version", old.VERSIONS)
DT, STEPS, TIME = 2.0**-10, 50, range(50)
# before a fixture replaces it
OPEN = loading._open
RESETS = ("to-zero", "by-threshold")
NEURONS = ("LIF", "LI", "IF", "I", "Threshold", "CubaLIF", "CubaLI")


def fields(rng: np.random.Generator, kind: str, n: int = 3) -> dict[str, np.ndarray]:
    """Random parameters whose decays are float32, so that nothing has to be moved."""

    def tau() -> np.ndarray:
        return DT / (1 - rng.uniform(0.5, 0.97, n).astype(np.float32).astype(np.float64))

    fire = {"v_threshold": rng.uniform(0.4, 1.2, n), "v_reset": rng.uniform(-0.3, 0.3, n)}
    match kind:
        case "Threshold":
            return {"threshold": rng.uniform(0.1, 0.6, n)}
        case "I":
            return {"r": rng.uniform(0.2, 1, n) / DT}
        case "IF":
            return {"r": rng.uniform(0.2, 1, n) / DT, **fire}
        case "LI" | "LIF":
            given = {"tau": tau(), "r": rng.uniform(5, 20, n), "v_leak": rng.normal(0, 0.2, n)}
        case _:
            given = {"tau_syn": tau(), "tau_mem": tau(), "r": rng.uniform(5, 20, n), "v_leak": rng.normal(0, 0.2, n)}
            given["w_in"] = rng.uniform(1, 3, n)
    return {**given, **(fire if kind.endswith("F") else {})}


def euler(kind: str, p: dict[str, Any], drive: Any, reset: str) -> tuple[np.ndarray, np.ndarray]:
    """Forward Euler of the equations in nir's docstrings, synapse first: (what leaves, v). drive(step, last spikes)."""
    n = np.shape(next(iter(p.values())))
    v, i, s = np.zeros(n), np.zeros(n), np.zeros(n)
    out, membranes = [], []
    for step in range(STEPS):
        x = drive(step, s)
        if kind == "Threshold":
            out.append((x > p["threshold"]) * 1.0)
            membranes.append(x)
            continue
        if "tau_syn" in p:
            i = i + DT / p["tau_syn"] * (-i + p["w_in"] * x)
            x = i
        tau = p.get("tau", p.get("tau_mem"))
        v = v + DT * p["r"] * x if tau is None else v + DT / tau * ((p["v_leak"] - v) + p["r"] * x)
        s = v
        if "v_threshold" in p:
            s = (v > p["v_threshold"]) * 1.0
            low = {"to-zero": 0.0, "by-threshold": v - p["v_threshold"]}.get(reset, p.get("v_reset"))
            v = np.where(s > 0, low, v)
        out.append(s)
        membranes.append(v)
    return np.stack(out), np.stack(membranes)


def chain(version: str, path: Path, shape: tuple[int, ...], out: tuple[int, ...], *nodes: Any) -> Path:
    named = {f"n{i}": node for i, node in enumerate(nodes)}
    if old.has(version, "Input"):
        named = {"in": ("Input", {"shape": np.array(shape)}), **named, "out": ("Output", {"shape": np.array(out)})}
    return old.write(version, path, named, list(pairwise(named)))


def check(path: Path, x: np.ndarray, emitted: np.ndarray, v: np.ndarray, reset: str | None) -> None:
    """The only population with neurons does exactly this."""
    network = read(path, DT, reset)
    (name,) = (p.name for p in network.populations if p.rule.spiking or p.name not in ("out", "output"))
    trace = run(network, x[:, None], record=("spikes", "v"))
    np.testing.assert_allclose(trace.v[name][:, 0], v, rtol=1e-9, atol=1e-9)
    if name in trace.spikes:
        assert emitted.any()
        np.testing.assert_array_equal(trace.spikes[name][:, 0], emitted)


def every(*kinds: str) -> Any:
    """Every kind in every version that has it."""
    pairs = [(version, kind) for kind in kinds for version in old.VERSIONS if old.has(version, kind)]
    return pytest.mark.parametrize(("version", "kind"), pairs)


@every(*NEURONS)
def test_every_neuron(version: str, kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng([NEURONS.index(kind), old.VERSIONS.index(version)])
    for reset in (*RESETS, "to-v_reset") if old.since(version, "1.0.6") and kind.endswith("F") else RESETS:
        p = fields(rng, kind)
        if "w_in" in p and kind == "CubaLIF" and not old.since(version, "1.0.0"):
            p["w_in"] = np.ones(3)
        weight, bias = rng.normal(0.3, 0.5, (3, 4)), rng.normal(0.1, 0.1, 3)
        affine = ("Affine", {"weight": weight, "bias": bias})
        path = chain(version, tmp_path / "x.nir", (4,), (3,), affine, (kind, p))
        x = (rng.random((STEPS, 4)) < 0.4) * 1.0
        emitted, v = euler(kind, p, lambda t, _, x=x, w=weight, b=bias: w @ x[t] + b, reset)
        check(path, x, emitted, v, None if reset == "to-v_reset" else reset)


@EVERY
@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("padding", [1, "same", "valid"])
@pytest.mark.parametrize("declared", [True, False])
def test_convolutions(version: str, dims: int, padding: Any, declared: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(dims)
    size, stride = (6, 5)[:dims], 1 if padding == "same" else 2
    weight, bias = rng.normal(0.2, 0.5, (2, 1, *(3,) * dims)), rng.normal(0, 0.1, 2)
    one = {"stride": stride, "padding": padding, "dilation": 1, "groups": 1, "weight": weight, "bias": bias}
    if declared:
        one["input_shape"] = size if dims == 2 else size[0]
    x = (rng.random((STEPS, 1, *size)) < 0.4) * 1.0
    conv = torch.conv2d if dims == 2 else torch.conv1d
    drive = conv(*map(torch.tensor, (x, weight, bias)), stride=stride, padding=padding).numpy()
    p = fields(rng, "LIF", 2)
    p = {name: np.broadcast_to(value.reshape(2, *(1,) * dims), drive.shape[1:]) for name, value in p.items()}
    path = chain(version, tmp_path / "x.nir", (1, *size), drive.shape[1:], (f"Conv{dims}d", one), ("LIF", p))
    emitted, v = euler("LIF", p, lambda t, _: drive[t], "by-threshold")
    if old.has(version, "Input"):
        check(path, x, emitted, v, "by-threshold")
    elif declared and old.since(version, "1.0.0"):
        raise AssertionError("every such version has an Input")
    else:
        # nothing says how large the input is
        with pytest.raises(SnnDeployError, match=r"SD405 .*declares no shape"):
            read(path, DT, "by-threshold")


@every("SumPool2d", "AvgPool2d", "Flatten", "Scale", "Delay")
def test_what_stands_between(version: str, kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = (rng.random((STEPS, 2, 4, 4)) < 0.4) * 1.0
    windows = x.reshape(STEPS, 2, 2, 2, 2, 2)
    pool = {"kernel_size": np.array([2, 2]), "stride": np.array([2, 2]), "padding": np.array([0, 0])}
    factor = rng.uniform(0.5, 1.5, (2, 4, 4))
    late = rng.integers(0, 3, (2, 4, 4))
    at = [np.maximum(t - late, 0)[None] for t in TIME]
    shifted = np.stack([np.where(t >= late, np.take_along_axis(x, at[t], 0)[0], 0) for t in TIME])
    one, drive = {
        "SumPool2d": (pool, windows.sum((3, 5))),
        "AvgPool2d": (pool, windows.mean((3, 5))),
        "Flatten": ({"start_dim": 0, "end_dim": -1, "input_type": np.array([2, 4, 4])}, x.reshape(STEPS, -1)),
        "Scale": ({"scale": factor}, x * factor),
        "Delay": ({"delay": late * DT}, shifted),
    }[kind]
    p = {name: np.broadcast_to(value, drive.shape[1:]) for name, value in fields(rng, "LIF", 1).items()}
    path = chain(version, tmp_path / "x.nir", (2, 4, 4), drive.shape[1:], (kind, one), ("LIF", p))
    check(path, x, *euler("LIF", p, lambda t, _: drive[t], "to-zero"), "to-zero")


@every("LIF", "NIRGraph")
def test_loops_flat_and_nested(version: str, kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    p, weight, loop = fields(rng, "LIF"), rng.normal(0.4, 0.5, (3, 3)), rng.normal(-0.2, 0.5, (3, 3))
    bias = rng.normal(0, 0.1, 3)
    ends = {"in": ("Input", {"shape": np.array([3])}), "out": ("Output", {"shape": np.array([3])})}
    inside = {"l": ("LIF", p), "w": ("Affine", {"weight": loop, "bias": bias})}
    circle = [("l", "w"), ("w", "l")]
    path, first = tmp_path / "x.nir", ("Affine", {"weight": weight, "bias": np.zeros(3)})
    if not old.has(version, "Input"):
        old.write(version, path, inside, circle)
        with pytest.raises(SnnDeployError, match=r"SD405 Input node|SD405 .*Input node: the graph has none"):
            read(path, DT, "to-zero")
        return
    if kind == "NIRGraph":
        graph = ({**ends, **inside}, [("in", "l"), *circle, ("l", "out")])
        old.write(version, path, {**ends, "a": first, "b": graph}, [("in", "a"), ("a", "b"), ("b", "out")])
    else:
        old.write(version, path, {**ends, "a": first, **inside}, [("in", "a"), ("a", "l"), *circle, ("l", "out")])
    x = (rng.random((STEPS, 3)) < 0.4) * 1.0
    for reset in RESETS:
        # the loop is one step late, its bias is not
        emitted, v = euler("LIF", p, lambda t, s: weight @ x[t] + loop @ s + bias, reset)
        check(path, x, emitted, v, reset)


@EVERY
@pytest.mark.parametrize("case", ["scalar", "batch"])
def test_scalars_and_a_batch_axis(version: str, case: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    p = fields(rng, "LIF", 1 if case == "scalar" else 3)
    weight, bias = rng.normal(0.4, 0.5, (3, 4)), np.zeros(3)
    shown = {name: value.reshape(()) if case == "scalar" else value[None] for name, value in p.items()}
    shape = (4,) if case == "scalar" else (1, 4)
    path, nodes = tmp_path / "x.nir", (("Affine", {"weight": weight, "bias": bias}), ("LIF", shown))
    if case == "scalar" and version == "1.0.8":
        # nir 1.0.8 compresses everything, which HDF5 refuses for a number
        with pytest.raises(TypeError):
            chain(version, path, shape, (3,), *nodes)
        return
    chain(version, path, shape, (*shape[:-1], 3), *nodes)
    x = (rng.random((STEPS, 4)) < 0.4) * 1.0
    full = {name: np.broadcast_to(value, 3) for name, value in p.items()}
    check(path, x, *euler("LIF", full, lambda t, _: weight @ x[t], "to-zero"), "to-zero")


def read_as_users_do(*args: Any) -> Any:
    """In a process of its own, where refusals become findings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "_open", OPEN)
        return read(*args)


@EVERY
def test_what_only_the_caller_knows(version: str, tmp_path: Path) -> None:
    """dt is in no file, what a spike leaves is in files since 1.0.6."""
    path = chain(version, tmp_path / "x.nir", (3,), (3,), ("LIF", fields(np.random.default_rng(0), "LIF")))
    with pytest.raises(SnnDeployError) as caught:
        read(path)
    said = {finding.code: str(finding) for finding in caught.value.findings}
    assert said.keys() == ({"SD408"} if old.since(version, "1.0.6") else {"SD408", "SD409"})
    assert "dt=1e-4" in said["SD408"]
    if "SD409" in said:
        assert all(word in said["SD409"] for word in ("to-zero", "by-threshold", "before 1.0.6"))
    assert inspect(path, DT, "to-zero").version == (version if old.since(version, "0.2.0") else "")


@pytest.mark.parametrize("version", ["0.0.6", "0.1.0", "0.2.0"])
def test_a_w_in_that_was_not_stored_is_named(version: str, tmp_path: Path) -> None:
    node = ("CubaLIF", fields(np.random.default_rng(0), "CubaLIF"))
    report = inspect(chain(version, tmp_path / "x.nir", (3,), (3,), node), DT, "to-zero")
    assert report.network is not None
    assert any("w_in" in line and "before 1.0" in line for line in report.repairs)


def test_edges_that_are_neither_names_nor_numbers(tmp_path: Path) -> None:
    import h5py

    path = chain("0.0.6", tmp_path / "x.nir", (3,), (3,), ("LIF", fields(np.random.default_rng(0), "LIF")))
    for edges, text in (
        (np.array([[0.5, 1.0]]), "SD404 .*pairs of names"),
        (np.array([0, 1]), "SD404 .*pairs of names"),
        (np.array([[0, 9]]), "SD405 .*no node '9'"),
    ):
        with h5py.File(path, "r+") as file:
            del file["node/edges"]
            file["node/edges"] = edges
        with pytest.raises(SnnDeployError, match=text):
            read_as_users_do(path, DT, "to-zero")
