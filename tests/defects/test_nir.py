"""What the nir package does wrong with graphs and files (R1-R6), and that the same ones are right here."""

import itertools

import h5py
import nir
import numpy as np
import pytest
import torch
from defects import DT, binary, codes, fails, gone

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import inspect
from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Rule
from snndeploy.network.arrays import equal

pytestmark = pytest.mark.usefixtures("in_process")


def full(value, n=4):
    return np.full(n, float(value))


def lif(shape=4, **changes):
    given = {"tau": 4 * DT, "r": 4.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return nir.LIF(**{name: np.full(shape, float(value)) for name, value in given.items()} | changes)


def decays(drive, reset):
    """v = 0.75 v + x; what a spike does is `reset(v)`; by NumPy alone."""
    v, spikes = np.zeros(drive.shape[1:]), []
    for step in drive:
        v = 0.75 * v + step
        spikes.append(v > 1)
        v = np.where(spikes[-1], reset(v), v)
    return np.stack(spikes)


def chain(*nodes, shape, check=True):
    named = {"input": nir.Input(np.array(shape)), **dict(zip("abcd", nodes, strict=False))}
    named["output"] = nir.Output(np.array(nodes[-1].output_type["output"]))
    names = list(named)
    return nir.NIRGraph(named, list(itertools.pairwise(names)), type_check=check)


def convolved(x, weight, groups=1):
    flat = torch.from_numpy(x.reshape(-1, *x.shape[2:])).double()
    out = torch.conv2d(flat, torch.from_numpy(weight), groups=groups)
    return out.reshape(*x.shape[:2], *out.shape[1:]).numpy()


def test_r1_kernels_that_are_not_square_have_a_wrong_shape(tmp_path):
    rng = np.random.default_rng(0)
    weight, x = rng.normal(0.3, 0.5, (2, 1, 3, 5)), binary((40, 2, 1, 10, 20))
    # 10 - 3 + 1, 20 - 5 + 1
    right = (2, 8, 16)

    def layers():
        return nir.Conv2d((10, 20), weight, 1, 0, 1, 1, np.zeros(2)), lif(right)

    told = tuple(int(n) for n in layers()[0].output_type["output"])
    assert told == (2, 8, 18), gone("nir", "both sides of a kernel are taken to be as long as the first")
    with fails("nir", "a graph with the right shape is refused", ValueError, "type mismatch"):
        chain(*layers(), shape=(1, 10, 20))
    nir.write(tmp_path / "x.nir", chain(*layers(), shape=(1, 10, 20), check=False))
    report = inspect(tmp_path / "x.nir", DT)
    assert any("(3, 5) kernel" in line for line in report.repairs)
    (out,) = report.network.outputs
    expected = decays(convolved(x, weight), lambda v: 0.0)
    assert np.array_equal(sd.run(report.network, x).spikes[out], expected)


def test_r2_groups_cannot_be_read_back(tmp_path):
    rng = np.random.default_rng(1)
    weight, x = rng.normal(0.5, 0.5, (4, 1, 2, 2)), binary((40, 2, 2, 5, 5))
    nodes = (nir.Conv2d(None, weight, 1, 0, 1, 2, np.zeros(4)), lif((4, 4, 4)))
    nir.write(tmp_path / "x.nir", chain(*nodes, shape=(2, 5, 5)))
    with fails("nir", "a convolution with groups is not read back", ValueError, "type mismatch"):
        nir.read(tmp_path / "x.nir")
    network = sd.read(tmp_path / "x.nir", DT)
    expected = decays(convolved(x, weight, 2), lambda v: 0.0)
    assert np.array_equal(sd.run(network, x).spikes[network.outputs[0]], expected)


def test_r3_the_version_is_ignored_and_old_resets_change(tmp_path):
    """Before 1.0.6 a spike took the threshold away; files of then are read as if it set the membrane to 0."""
    path, weight = tmp_path / "x.nir", np.random.default_rng(2).normal(0.5, 0.9, (4, 6))
    nir.write(path, chain(nir.Linear(weight), lif(), shape=(6,)))
    with h5py.File(path, "r+") as file:
        del file["node/nodes/b/v_reset"]
        file["version"][()] = "1.0.5"
    assert not nir.read(path).nodes["b"].v_reset.any(), gone("nir", "an old file gets v_reset = 0 without a word")
    with h5py.File(path, "r+") as file:
        file["version"][()] = "99.0"
    nir.read(path)
    with h5py.File(path, "r+") as file:
        file["version"][()] = "1.0.5"
    with pytest.raises(SnnDeployError, match="SD409 .*before 1.0.6 a spike subtracted the threshold") as refused:
        sd.read(path, DT)
    assert codes(refused) == {"SD409"}
    x = binary((60, 3, 6))
    soft, hard = (sd.run(sd.read(path, DT, way), x).spikes["b"] for way in ("by-threshold", "to-zero"))
    assert np.array_equal(soft, decays(x @ weight.T, lambda v: v - 1))
    assert np.array_equal(hard, decays(x @ weight.T, lambda v: 0.0))
    assert not np.array_equal(soft, hard)


WRONG = {
    "negative tau": lambda: [lif(tau=full(-1))],
    "nan": lambda: [lif(tau=np.array([0.01, np.nan, 0.01, 0.01]))],
    "bias": lambda: [nir.Affine(np.eye(4), np.zeros(3)), lif()],
}


def test_r4_values_biases_and_channels_are_not_checked(tmp_path):
    for name, build in WRONG.items():
        try:
            nir.write(tmp_path / "x.nir", chain(*build(), shape=(4,)))
            nir.read(tmp_path / "x.nir")
        except (AssertionError, TypeError, ValueError) as problem:
            pytest.fail(f"{gone('nir', f'{name} is accepted')}: {problem}")
        with pytest.raises(SnnDeployError) as refused:
            sd.read(tmp_path / "x.nir", DT)
        assert codes(refused) <= {"SD406", "SD407"}, name
    # seven channels for a kernel of two
    conv = nir.Conv2d(None, np.ones((3, 2, 2, 2)), 1, 0, 1, 1, np.zeros(3))
    nir.write(tmp_path / "x.nir", chain(conv, lif((3, 4, 4)), shape=(7, 5, 5)))
    with pytest.raises(SnnDeployError, match=r"SD407 .*cannot take \(7, 5, 5\)"):
        sd.read(tmp_path / "x.nir", DT)


def small(names=("in", "p"), **options):
    """One population with a loop and a second way: two projections between the same two."""
    rng = np.random.default_rng(3)
    first, name = names
    ways = (
        Projection(first, name, (Dense(rng.normal(0.4, 0.8, (4, 6))),), name="one"),
        Projection(first, name, (Dense(rng.normal(0.1, 0.5, (4, 6))),), 2, name="two"),
    )
    rule = Rule(np.linspace(0.5, 0.9, 4), 1.0, (Receptor(0.3, gain=0.7),), 0.01)
    return Network(DT, (Input(first, (6,)),), (Population(name, (4,), rule),), ways, (name,), **options)


def test_r5_metadata_changes_and_some_of_it_cannot_be_written(tmp_path):
    path = tmp_path / "x.nir"
    given = {"flag": True, "steps": 3, "names": ["a", "b"], "shape": [1, 2]}
    nir.write(path, nir.NIRGraph({"a": nir.Input(np.array([4])), "b": nir.Output(np.array([4]))}, [("a", "b")], given))
    found = nir.read(path).metadata
    assert {name: type(value) for name, value in found.items()} != {n: type(v) for n, v in given.items()}
    assert isinstance(found["names"][0], bytes), gone("nir", "texts in lists become bytes")
    assert not isinstance(found["steps"], int), gone("nir", "numbers become NumPy's")
    for name, value in {"none": {"x": None}, "slash": {"a/b": 1}}.items():
        g = nir.NIRGraph({"a": nir.Input(np.array([4])), "b": nir.Output(np.array([4]))}, [("a", "b")], value)
        try:
            nir.write(path, g)
            assert nir.read(path).metadata != value, gone("nir", f"metadata: {name}")
        except TypeError:
            assert name == "none"
    # nodes of such names: the file is not the graph
    nodes = {"input": nir.Input(np.array([4])), "a/b": lif(), "output": nir.Output(np.array([4]))}
    nir.write(path, nir.NIRGraph(nodes, [("input", "a/b"), ("a/b", "output")]))
    with fails("nir", "a name with a slash breaks the file", (KeyError, AssertionError, ValueError), ""):
        nir.read(path)
    # ours: every number, text and name comes back as it was, types and all
    for network in (small(), small(("a.b", "a_b")), small(("if", "weird name"))):
        sd.write(network, path)
        assert equal(sd.read(path), network)
        nir.read(path)
    path.unlink()
    with pytest.raises(SnnDeployError, match="SD101 .*'a/b': .*holds '/'"):
        sd.write(small(("in", "a/b")), path)
    assert not path.exists()


def test_r6_checks_of_nested_graphs_single_nodes_and_parallel_edges(tmp_path):
    path = tmp_path / "x.nir"
    # type_check=False is forgotten on the way into a nested graph
    inner = chain(nir.Linear(np.eye(4)), lif(), shape=(5,), check=False)
    nodes = {"input": nir.Input(np.array([4])), "sub": inner, "output": nir.Output(np.array([4]))}
    nir.write(path, nir.NIRGraph(nodes, [("input", "sub"), ("sub", "output")], type_check=False))
    with fails("nir", "type_check=False is not passed on", ValueError, "type mismatch"):
        nir.read(path, type_check=False)
    report = inspect(path, DT)
    assert "node 'sub.input': its shape (5,) is not used; (4,) arrives" in report.repairs
    x = binary((40, 2, 4))
    assert np.array_equal(sd.run(report.network, x).spikes["sub.b"], decays(x, lambda v: 0.0))
    # a file of one node is written and not read
    nir.write(path, lif())
    with fails("nir", "a file of one node cannot be read", TypeError, "type_check"):
        nir.read(path)
    alone = sd.read(path, DT)
    assert np.array_equal(sd.run(alone, x).spikes[alone.outputs[0]], decays(x, lambda v: 0.0))
    # two ways between the same two
    with fails("nir", "parallel edges are refused", ValueError, "Duplicate edge"):
        nodes = {"input": nir.Input(np.array([4])), "a": lif(), "output": nir.Output(np.array([4]))}
        nir.NIRGraph(nodes, [("input", "a"), ("input", "a"), ("a", "output")])
    network, x = small(), binary((40, 2, 6))
    sd.write(network, path)
    spikes = sd.run(network, x).spikes["p"]
    assert spikes.any()
    assert np.array_equal(sd.run(sd.read(path), x).spikes["p"], spikes)
    assert np.array_equal(sd.run(sd.read(path, DT, ignore_block=True), x).spikes["p"], spikes)
