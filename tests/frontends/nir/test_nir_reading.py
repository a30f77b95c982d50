"""Plain NIR files, made with the nir package or by hand: what they become, and what is said about bad ones."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from random_networks import float_network

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import inspect, read, write
from snndeploy.network import Network
from snndeploy.network.arrays import equal

pytestmark = pytest.mark.usefixtures("in_process")
DT = 1e-3


def full(value: float, n: int = 3) -> np.ndarray:
    return np.full(n, float(value))


def lif(n: int = 3, **changes: Any) -> nir.LIF:
    given = {"tau": full(0.01, n), "r": full(10, n), "v_leak": full(0, n), "v_threshold": full(1, n)}
    return nir.LIF(**{**given, **changes})


def save(path: Path, nodes: dict[str, Any], edges: list[tuple[str, str]], check: bool = True) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nir.write(path, nir.NIRGraph(nodes, edges, type_check=check))
    return path


def chain(path: Path, *nodes: Any, size: int = 3, check: bool = True) -> Path:
    """input -> a -> b -> ... -> output"""
    named = dict(zip("abcdefg", nodes, strict=False))
    shapes = {"input": nir.Input(np.array([size])), "output": nir.Output(np.array([3]))}
    names = ["input", *named, "output"]
    return save(path, {**shapes, **named}, list(itertools.pairwise(names)), check)


def refusal(path: Path, *args: Any, **options: Any) -> str:
    with pytest.raises(SnnDeployError) as raised:
        read(path, *args, **options)
    assert all(finding.code.startswith("SD4") for finding in raised.value.findings)
    assert all(str(path) in finding.where for finding in raised.value.findings)
    return str(raised.value)


# literal forward Euler on the fields of the nir package, synapse first


def literal(node: Any, drive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(what is emitted, v) for input (time, n)."""
    v, i = np.zeros(drive.shape[1]), np.zeros(drive.shape[1])
    emitted, membranes = [], []
    for x in drive:
        if isinstance(node, (nir.CubaLIF, nir.CubaLI)):
            i = i + DT / node.tau_syn * (-i + node.w_in * x)
            x, tau = i, node.tau_mem
        else:
            tau = getattr(node, "tau", None)
        v = v + DT * node.r * x if tau is None else v + DT / tau * ((node.v_leak - v) + node.r * x)
        out = v
        if hasattr(node, "v_threshold"):
            s = v > node.v_threshold
            v = np.where(s, node.v_reset, v)
            out = s * 1.0
        emitted.append(out)
        membranes.append(v)
    return np.stack(emitted), np.stack(membranes)


def random_neuron(rng: np.random.Generator, kind: str) -> Any:
    n = 3
    tau, syn = rng.uniform(2 * DT, 30 * DT, (2, n))
    r, leak = rng.uniform(0.5, 3, n) * tau / DT, rng.normal(0, 0.2, n)
    fire = {"v_threshold": rng.uniform(0.4, 1.2, n), "v_reset": rng.uniform(-0.3, 0.3, n)}
    match kind:
        case "LIF" | "LI":
            return getattr(nir, kind)(tau=tau, r=r, v_leak=leak, **(fire if kind == "LIF" else {}))
        case "IF":
            return nir.IF(r=rng.uniform(0.2, 1, n) / DT, **fire)
        case "I":
            return nir.I(r=rng.uniform(0.2, 1, n) / DT)
        case _:
            more = fire if kind == "CubaLIF" else {}
            w = rng.uniform(0.2, 1, n) * syn / DT
            return getattr(nir, kind)(tau_syn=syn, tau_mem=tau, r=r, v_leak=leak, w_in=w, **more)


@pytest.mark.parametrize("kind", ["LIF", "LI", "IF", "I", "CubaLIF", "CubaLI"])
def test_every_neuron_is_forward_euler(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(5):
        node, affine = random_neuron(rng, kind), nir.Affine(rng.normal(0.4, 0.5, (3, 4)), rng.normal(0, 0.1, 3))
        path = chain(tmp_path / "x.nir", affine, node, size=4)
        spikes = rng.random((60, 4)) < 0.4
        trace = run(read(path, DT), spikes[:, None], record=("spikes", "v"))
        emitted, v = literal(node, spikes @ affine.weight.T + affine.bias)
        # decays are moved to the nearest float32: 60 steps of 6e-8
        assert np.abs(trace.v["b"][:, 0] - v).max() < 1e-5 * max(1, np.abs(v).max())
        if kind.endswith("F"):
            assert emitted.sum() > 3
            assert np.array_equal(trace.spikes["b"][:, 0], emitted)


def test_threshold_scale_delay_and_linear_output(tmp_path: Path) -> None:
    nodes = [nir.Threshold(full(0.5)), nir.Delay(full(2 * DT)), nir.Scale(np.array([1.0, 2.0, 3.0]))]
    network = read(chain(tmp_path / "x.nir", *nodes), DT)
    x = np.random.default_rng(0).random((9, 3)) < 0.5
    v = run(network, x[:, None]).v["output"][:, 0]
    assert np.array_equal(v[2:], x[:-2] * [1, 2, 3])
    assert not v[:2].any()


def test_delays_per_neuron_and_a_late_bias(tmp_path: Path) -> None:
    nodes = [
        nir.Affine(np.eye(3), full(0.25)),
        nir.Delay(np.array([0, DT, 3 * DT])),
        nir.LI(full(DT), full(1), full(0)),
    ]
    network = read(chain(tmp_path / "x.nir", *nodes), DT)
    x = np.random.default_rng(0).random((9, 3)) < 0.5
    v = run(network, x[:, None]).v["c"][:, 0]
    for neuron, late in enumerate((0, 1, 3)):
        assert np.array_equal(v[late:, neuron], x[: 9 - late, neuron] + 0.25)
        assert not v[:late, neuron].any()


def test_biases_pass_later_maps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    conv = nir.Conv2d((6, 5), rng.normal(size=(2, 1, 3, 2)), 1, (1, 0), 1, 1, rng.normal(size=2))
    affine = nir.Affine(rng.normal(size=(3, 6)), rng.normal(size=3))
    pool = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    flat = nir.Flatten(np.array([2, 3, 2]), 0, -1)
    li = nir.LI(full(DT), full(1), full(0))
    named = {"input": nir.Input(np.array([1, 6, 5])), "c": conv, "p": pool, "f": flat, "a": affine, "li": li}
    named["output"] = nir.Output(np.array([3]))
    named["a"] = nir.Affine(rng.normal(size=(3, 12)), rng.normal(size=3))
    path = save(tmp_path / "x.nir", named, list(itertools.pairwise(named)), check=False)
    report = inspect(path, DT)
    assert any("(3, 2) kernel" in line for line in report.repairs)
    assert report.network is not None
    x = rng.random((4, 1, 1, 6, 5)) < 0.5
    import torch

    inner = torch.conv2d(
        torch.tensor(x[:, 0] * 1.0), torch.tensor(conv.weight), torch.tensor(conv.bias), padding=(1, 0)
    )
    inner = torch.nn.functional.avg_pool2d(inner, 2).flatten(1)
    wanted = torch.nn.functional.linear(inner, torch.tensor(named["a"].weight), torch.tensor(named["a"].bias))
    assert np.allclose(run(report.network, x).v["li"][:, 0], wanted.numpy(), atol=1e-12)


def test_a_neuron_feeds_itself_one_step_later_and_the_bias_does_not_wait(tmp_path: Path) -> None:
    nodes = {
        "input": nir.Input(np.array([3])),
        "p": nir.LI(full(DT), full(1), full(0)),
        "w": nir.Affine(np.eye(3) * 2, full(0.5)),
        "output": nir.Output(np.array([3])),
    }
    path = save(tmp_path / "x.nir", nodes, [("input", "p"), ("p", "w"), ("w", "p"), ("p", "output")])
    v = run(read(path, DT), np.zeros((3, 1, 3))).v["p"][:, 0, 0]
    assert v.tolist() == [0.5, 1.5, 3.5]


def loop(path: Path, names: tuple[str, str] = ("a", "b")) -> Path:
    a, b = names
    nodes = {
        "input": nir.Input(np.array([3])),
        a: lif(),
        b: lif(),
        "ab": nir.Linear(np.eye(3)),
        "ba": nir.Linear(np.eye(3)),
    }
    nodes["output"] = nir.Output(np.array([3]))
    edges = [("input", a), (a, "ab"), ("ab", b), (b, "ba"), ("ba", a), (b, "output")]
    return save(path, nodes, edges)


def test_a_loop_over_two_neurons_is_the_caller_s_to_cut(tmp_path: Path) -> None:
    path = loop(tmp_path / "x.nir")
    text = refusal(path, DT)
    assert "SD410" in text
    assert "delays={('a', 'b'): 1} or delays={('b', 'a'): 1}" in text
    first, second = (read(path, DT, delays={edge: 1}) for edge in (("a", "b"), ("b", "a")))
    x = np.ones((9, 1, 3))
    assert not np.array_equal(run(first, x).spikes["b"], run(second, x).spikes["b"])
    assert "SD405" in refusal(path, DT, delays={("a", "c"): 1})
    assert "SD406" in refusal(path, DT, delays={("a", "b"): -1})


def test_names_and_order_never_matter(tmp_path: Path) -> None:
    one = read(loop(tmp_path / "x.nir", ("a", "b")), DT, delays={("b", "a"): 1})
    two = read(loop(tmp_path / "y.nir", ("z", "b")), DT, delays={("b", "z"): 1})
    x = np.random.default_rng(0).random((50, 2, 3)) < 0.5
    assert np.array_equal(run(one, x).spikes["b"], run(two, x).spikes["b"])


def without_v_reset(path: Path) -> Path:
    with h5py.File(path, "r+") as file:
        for node in file["node/nodes"].values():
            if "v_reset" in node:
                del node["v_reset"]
        file["version"][()] = "0.2.0"
    return path


def test_old_files_must_be_told_what_a_spike_resets(tmp_path: Path) -> None:
    path = without_v_reset(chain(tmp_path / "x.nir", lif()))
    text = refusal(path)
    assert "SD408" in text
    assert "SD409" in text
    assert "by-threshold" in text
    assert read(path, DT, "by-threshold").population["a"].rule.reset.kind == "by"
    assert read(path, DT, "to-zero-next").population["a"].rule.reset.when == "next"
    repaired = inspect(path, DT, "to-v_reset")
    assert "without a v_reset" in str(repaired)
    assert "SD409" in refusal(path, DT, "subtract")


def test_new_files_say_v_reset(tmp_path: Path) -> None:
    path = chain(tmp_path / "x.nir", lif(v_reset=full(-0.25)))
    assert float(read(path, DT).population["a"].rule.reset.value) == -0.25
    told = inspect(path, DT, "to-zero")
    assert told.network is not None
    assert float(told.network.population["a"].rule.reset.value) == 0
    assert "their v_reset is not used" in str(told)


def test_decays_are_the_float32_that_was_meant(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    beta = rng.uniform(0.5, 0.999, 2000).astype(np.float32)
    for dtype in (np.float64, np.float32):
        tau = (1e-4 / (1 - beta.astype(np.float64))).astype(dtype)
        node = nir.LI(tau, (tau / 1e-4).astype(dtype), np.zeros(2000, dtype))
        nodes = {"i": nir.Input(np.array([2000])), "p": node, "o": nir.Output(np.array([2000]))}
        rule = read(save(tmp_path / "x.nir", nodes, [("i", "p"), ("p", "o")]), 1e-4).population["p"].rule
        exact = float((rule.beta == beta).mean())
        assert exact == 1.0 if dtype is np.float64 else exact > 0.75
        assert (rule.receptors[0].gain == 1).all()


def test_missing_ends_are_added_where_only_one_can_be_meant(tmp_path: Path) -> None:
    path = save(tmp_path / "x.nir", {"a": nir.Linear(np.ones((3, 4))), "b": lif()}, [("a", "b")], check=False)
    report = inspect(path, DT)
    assert report.network is not None
    assert [each.shape for each in report.network.inputs] == [(4,)]
    assert report.network.outputs == ("b",)
    assert len(report.repairs) >= 2
    two = save(
        tmp_path / "y.nir", {"a": nir.Linear(np.ones((3, 4))), "b": lif(), "c": lif()}, [("a", "b")], check=False
    )
    assert "2 nodes could be meant" in refusal(two, DT)


def test_subgraphs_are_joined(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {
            "input": nir.Input(np.array([3])),
            "n": lif(),
            "w": nir.Linear(np.eye(3)),
            "output": nir.Output(np.array([3])),
        },
        [("input", "n"), ("n", "w"), ("w", "n"), ("n", "output")],
    )
    network = read(chain(tmp_path / "x.nir", nir.Linear(np.eye(3)), inner, check=False), DT)
    assert list(network.population) == ["b.n"]
    assert {p.name: p.delay for p in network.projections} == {"input->b.n": 0, "b.n->b.n": 1}


def test_integrators_per_step(tmp_path: Path) -> None:
    path = chain(tmp_path / "x.nir", nir.IF(full(1), full(1)))
    assert float(read(path, DT).population["a"].rule.receptors[0].gain) == DT
    assert "integrators='per-step'" in str(inspect(path, DT))
    assert float(read(path, DT, integrators="per-step").population["a"].rule.receptors[0].gain) == 1
    assert "SD409" in refusal(path, DT, integrators="often")


BAD: dict[str, tuple[Any, str]] = {
    "nan": (lambda: [lif(tau=np.array([0.01, np.nan, 0.01]))], "node 'a', tau: 1 of 3 values are NaN"),
    "negative tau": (lambda: [lif(tau=full(-1))], "node 'a', tau: -1 s is not a positive time"),
    "tau below dt": (lambda: [lif(tau=full(1e-4))], "0.0001 s is shorter than dt = 0.001 s"),
    "bias": (lambda: [nir.Affine(np.eye(3), np.zeros(4)), lif()], "its bias has shape (4,), what leaves has (3,)"),
    "one bias": (lambda: [nir.Affine(np.eye(3), np.zeros(1)), lif()], "its bias has shape (1,), what leaves has (3,)"),
    "delay": (lambda: [nir.Delay(full(1.5 * DT)), lif()], "0.0015 s is 1.5 steps of 0.001 s"),
    "negative delay": (lambda: [nir.Delay(full(-DT)), lif()], "-0.001 s is negative"),
    "weight": (lambda: [nir.Linear(np.ones((3, 5))), lif()], "a weight of shape (3, 5) cannot take (3,)"),
    "output": (lambda: [lif(), nir.Linear(np.ones((4, 3)))], "its shape is (3,), what arrives is (4,)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values_are_named(tmp_path: Path, name: str) -> None:
    make, text = BAD[name]
    assert text in refusal(chain(tmp_path / "x.nir", *make(), check=False), DT)


def test_all_findings_at_once(tmp_path: Path) -> None:
    path = chain(tmp_path / "x.nir", lif(tau=full(-1)), lif(tau=full(np.nan)), lif(tau=full(1e-5)), check=False)
    text = refusal(path, DT)
    assert all(f"node {name!r}, tau" in text for name in "abc")


def test_channels_must_match(tmp_path: Path) -> None:
    conv = nir.Conv2d((6, 6), np.ones((3, 2, 3, 3)), 1, 1, 1, 1, np.zeros(3))
    nodes = {"i": nir.Input(np.array([7, 6, 6])), "c": conv, "p": lif(1), "o": nir.Output(np.array([3, 6, 6]))}
    path = save(tmp_path / "x.nir", nodes, [("i", "c"), ("c", "p"), ("p", "o")], check=False)
    assert "cannot take (7, 6, 6)" in refusal(path, DT)


HAND: dict[str, tuple[Any, str]] = {
    "unknown type": (lambda f: f["node/nodes/a/type"].__setitem__((), "Relu"), "its type 'Relu' is not one of"),
    "missing field": (lambda f: f["node/nodes/a"].pop("tau"), "a LIF must have it, and it is missing"),
    "unknown field": (lambda f: f["node/nodes/a"].create_dataset("gain", data=1.0), "a LIF has no such field"),
    "text": (lambda f: (f["node/nodes/a"].pop("r"), f["node/nodes/a"].create_dataset("r", data="x")), "it is the text"),
    "edge": (lambda f: f["node/edges"].__setitem__((0, 1), "q"), "there is no node 'q'"),
    "twice": (lambda f: f["node/edges"].__setitem__(1, f["node/edges"][0]), "it is listed 2 times"),
}


@pytest.mark.parametrize("name", HAND)
def test_bad_structure_is_named(tmp_path: Path, name: str) -> None:
    path = chain(tmp_path / "x.nir", lif())
    change, text = HAND[name]
    with h5py.File(path, "r+") as file:
        change(file)
    assert text in refusal(path, DT)


def test_reading_is_repeatable(tmp_path: Path) -> None:
    path = chain(tmp_path / "x.nir", nir.Affine(np.ones((3, 4)), full(0.5)), lif(), size=4)
    first: Network = read(path, DT, kind="counts")
    assert first.inputs[0].kind == "counts"
    assert equal(first, read(path, DT, kind="counts"))


def test_what_a_block_says_cannot_be_said_otherwise(tmp_path):
    rng = np.random.default_rng(1)
    write(float_network(rng), tmp_path / "m.nir")
    for said in ({"kind": "counts"}, {"delays": {("p0", "p0"): 1}}, {"integrators": "per-step"}):
        with pytest.raises(SnnDeployError, match="SD418 .*leave it out"):
            read(tmp_path / "m.nir", **said)


def test_a_node_without_a_graph(tmp_path: Path) -> None:
    """nir.write takes one, and nir.read of 1.0.8 does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nir.write(tmp_path / "x.nir", lif(v_reset=full(-0.25)))
    report = inspect(tmp_path / "x.nir", DT)
    assert report.network is not None
    assert [each.shape for each in report.network.inputs] == [(3,)]
    assert report.network.outputs == ("lif",)
    assert sum("is added at node 'lif'" in line for line in report.repairs) == 2


def in_unit(times: float) -> list[Any]:
    """A chain with every field that is a time or per time, in units of 1/times seconds."""
    cuba = nir.CubaLIF(full(5e-3 * times), full(0.02 * times), full(8), full(0), full(0.2), full(0), full(1.5))
    return [
        nir.IF(full(400 / times), full(1), full(0)),
        nir.Delay(full(2e-3 * times)),
        lif(tau=full(0.02 * times)),
        cuba,
    ]


def test_the_unit_of_times(tmp_path: Path) -> None:
    seconds, thousandths = (chain(tmp_path / f"{n}.nir", *in_unit(n)) for n in (1, 1000))
    wanted = read(seconds, DT)
    text = refusal(thousandths, DT)
    assert "SD419" in text
    assert "as seconds its time constants would be about 20 s" in text
    assert all(f"unit='{unit}'" in text for unit in ("s", "ms", "steps"))
    assert "SD419" in refusal(thousandths)
    # steps of 1 ms are milliseconds, and with a dt of their size there is nothing to ask
    for said in ({"dt": DT, "unit": "ms"}, {"dt": DT, "unit": "steps"}, {"dt": 1.0}, {"dt": 1.0, "unit": "s"}):
        found = read(thousandths, **said)
        for a, b in zip(wanted.populations, found.populations, strict=True):
            assert equal(a.rule, b.rule)
        assert [p.delay for p in found.projections] == [p.delay for p in wanted.projections] == [0, 2, 0]
        assert found.dt == said["dt"]
    x = np.ones((60, 1, 3))
    assert run(wanted, x).spikes["d"].sum() > 5
    assert read(thousandths, DT, unit="s").population["c"].rule.beta > 0.9999
    assert "SD419 " in refusal(seconds, DT, unit="min")
    assert "0.005 ms is shorter than dt = 1 ms" in refusal(seconds, DT, unit="ms")
    assert "0.005 steps is shorter than dt = 1 steps" in refusal(seconds, DT, unit="steps")


def test_the_unit_of_a_file_with_a_block_is_known(tmp_path: Path) -> None:
    network = float_network(np.random.default_rng(1)).with_(dt=1e3)
    write(network, tmp_path / "m.nir")
    assert read(tmp_path / "m.nir", unit="s").dt == 1e3
    for unit in ("ms", "steps"):
        with pytest.raises(SnnDeployError, match="SD418 .*unit"):
            read(tmp_path / "m.nir", unit=unit)


def stretched(path: Path, spread: bool = False) -> tuple[Path, nir.Conv2d, Any]:
    """A graph that passes nir's own checks: behind a 3 x 5 kernel it takes 18 for a width of 16."""
    rng = np.random.default_rng(0)
    conv = nir.Conv2d((10, 20), rng.normal(0.2, 0.4, (2, 1, 3, 5)), 1, 0, 1, 1, rng.normal(0, 0.1, 2))

    def full(low: float, high: float) -> np.ndarray:
        return np.broadcast_to(rng.uniform(low, high, (2, 1, 1)), (2, 8, 18)).copy()

    node = nir.LIF(full(4e-3, 9e-3), full(2, 4), full(0, 0.1), full(0.5, 1), full(-0.2, 0))
    if spread:
        node.v_threshold[0, 0, 3] += 0.5
    pool = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    last = nir.Conv2d((4, 9), np.ones((1, 2, 2, 2)), 1, 0, 1, 1, np.zeros(1))
    nodes = {"i": nir.Input(np.array([1, 10, 20])), "c": conv, "n": node, "p": pool, "d": last}
    nodes |= {"o": nir.Output(np.array([1, 3, 8]))}
    return save(path, nodes, list(itertools.pairwise(nodes)), check=True), conv, node


def test_shapes_that_nir_computes_wrongly(tmp_path: Path) -> None:
    import torch

    path, conv, node = stretched(tmp_path / "x.nir")
    report = inspect(path, DT)
    assert report.network is not None, report
    assert sum("which nir took for the shape in front" in line for line in report.repairs) == 3
    x = np.random.default_rng(1).random((40, 1, 10, 20)) < 0.4
    drive = torch.conv2d(torch.tensor(x * 1.0), torch.tensor(conv.weight), torch.tensor(conv.bias)).numpy()
    assert drive.shape[1:] == (2, 8, 16)
    for field in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
        setattr(node, field, getattr(node, field)[..., :16].reshape(-1))
    emitted, _ = literal(node, drive.reshape(40, -1))
    trace = run(report.network, x[:, None], record=("spikes", "v"))
    assert np.array_equal(trace.spikes["n"][:, 0].reshape(40, -1), emitted)
    assert emitted.sum() > 500
    pooled = torch.nn.functional.avg_pool2d(torch.tensor(emitted.reshape(40, 2, 8, 16)), 2)
    last = torch.conv2d(pooled, torch.ones(1, 2, 2, 2, dtype=torch.float64))
    assert np.allclose(trace.v["o"][:, 0], last.numpy())


def test_wrong_shapes_whose_values_differ_are_refused(tmp_path: Path) -> None:
    path, *_ = stretched(tmp_path / "x.nir", spread=True)
    assert "v_threshold has shape (2, 8, 18), what arrives has (2, 8, 16)" in refusal(path, DT)


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("declared", [False, True])
def test_groups(tmp_path: Path, dims: int, declared: bool) -> None:
    """nir forgets them in its shapes, so that its own files do not come back."""
    import torch

    rng = np.random.default_rng(0)
    size = (6, 5)[:dims]
    weight, bias = rng.normal(size=(6, 2, *(3,) * dims)), rng.normal(size=6)
    shape: Any = (size if dims == 2 else size[0]) if declared else None
    conv = getattr(nir, f"Conv{dims}d")(shape, weight, 1, 1, 1, 3, bias)
    if not declared:
        conv.input_shape = size if dims == 2 else size[0]
    nodes = {"i": nir.Input(np.array([6, *size])), "c": conv, "o": nir.Output(np.array([6, *size]))}
    path = save(tmp_path / "x.nir", nodes, [("i", "c"), ("c", "o")], check=False)
    if not declared:
        with h5py.File(path, "r+") as file:
            del file["node/nodes/c/input_shape"]
    x = rng.random((5, 6, *size)) < 0.5
    f = torch.conv2d if dims == 2 else torch.conv1d
    wanted = f(*map(torch.tensor, (x * 1.0, weight, bias)), padding=1, groups=3)
    assert np.allclose(run(read(path, DT), x[:, None]).v["o"][:, 0], wanted.numpy())


def flattened(path: Path, start: int, end: int, rows: int, shape: tuple[int, ...] = (2, 3, 4)) -> Path:
    weight = np.arange(2.0 * rows).reshape(2, rows)
    nodes = {"i": nir.Input(np.array(shape)), "f": nir.Flatten(np.array(shape), start, end), "a": nir.Linear(weight)}
    return save(path, {**nodes, "o": nir.Output(np.array([2]))}, [("i", "f"), ("f", "a"), ("a", "o")], check=False)


@pytest.mark.parametrize(("start", "end"), [(1, -1), (1, 3)])
def test_a_flatten_that_counts_a_batch_axis(tmp_path: Path, start: int, end: int) -> None:
    """As torch's, whose first axis is the batch: what follows takes everything."""
    report = inspect(flattened(tmp_path / "x.nir", start, end, 24), DT)
    assert report.network is not None, report
    assert any("count a batch axis, as what follows takes 24 numbers" in line for line in report.repairs)
    x = np.random.default_rng(0).random((4, 1, 2, 3, 4))
    assert np.allclose(
        run(report.network, x > 0.5).v["o"][:, 0], (x > 0.5).reshape(4, 24) @ np.arange(48).reshape(2, 24).T
    )


def test_a_flatten_that_fits_is_taken_at_its_word(tmp_path: Path) -> None:
    for start, end, rows, shape in ((1, -1, 12, (2, 3, 4)), (0, -1, 24, (2, 3, 4)), (1, -1, 4, (3, 2, 2))):
        path = flattened(tmp_path / "x.nir", start, end, rows, shape)
        if start:
            # (2, 12) and (3, 4): the weight is applied to the last axis, so that the output has two axes
            assert f"what arrives is ({shape[0]}, 2)" in refusal(path, DT)
        else:
            assert "batch axis" not in str(inspect(path, DT))
    assert "a weight of shape (2, 7) cannot take (2, 12)" in refusal(flattened(tmp_path / "x.nir", 1, -1, 7), DT)


def test_a_threshold_is_one_neuron_with_a_membrane_alone(tmp_path: Path) -> None:
    """Behind a neuron that spikes by itself it is another neuron, and the way back has no rule."""
    nodes = {"input": nir.Input(np.array([3])), "output": nir.Output(np.array([3]))}
    edges = [("input", "p"), ("p", "t"), ("t", "w"), ("w", "p"), ("t", "output")]
    more = {"t": nir.Threshold(full(0.5)), "w": nir.Linear(-np.eye(3))}
    path = save(tmp_path / "x.nir", {**nodes, "p": nir.LI(full(0.01), full(10), full(0)), **more}, edges)
    assert {p.name: p.delay for p in read(path, DT).projections}["t->p"] == 1
    assert "SD410" in refusal(save(tmp_path / "y.nir", {**nodes, "p": lif(), **more}, edges), DT)


@pytest.mark.parametrize("groups", [1, 2])
def test_an_input_is_added_in_front_of_a_convolution(tmp_path: Path, groups: int) -> None:
    """Channels and size are those that the convolution declares."""
    conv = nir.Conv2d((6, 5), np.ones((4, 4 // groups, 3, 3)), 1, 1, 1, groups, np.zeros(4))
    nodes = {"c": conv, "o": nir.Output(np.array([4, 6, 5]))}
    report = inspect(save(tmp_path / "x.nir", nodes, [("c", "o")], check=False), DT)
    assert report.network is not None, report
    assert [each.shape for each in report.network.inputs] == [(4, 6, 5)]
