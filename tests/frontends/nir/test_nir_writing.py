"""What is written is read back bit for bit, opens in nir, and says the same in its plain fields."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_networks import EVERY, PLAIN, float_network, integer_network, single, spikes_for

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import read, write
from snndeploy.network import (
    Conv,
    Decision,
    Dense,
    Flatten,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Receptor,
    Refractory,
    Registers,
    Reset,
    Rule,
    Scale,
    Sparse,
    spec,
)
from snndeploy.network.arrays import equal

SEEDS = st.integers(0, 2**32 - 1)
quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def survives(network: Network, path: Path) -> None:
    write(network, path)
    back = read(path)
    assert equal(back, network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = nir.read(path)
    assert set(network.shapes) <= set(opened.nodes)
    assert opened.metadata["snndeploy"]["manifest"]


@given(SEEDS)
@quick
@pytest.mark.usefixtures("in_process")
def test_float_networks_survive(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(["binary", "counts", "real"]))
    survives(float_network(rng, EVERY, kind), tmp_path / "x.nir")


@given(SEEDS, st.booleans())
@quick
@pytest.mark.usefixtures("in_process")
def test_integer_networks_survive(tmp_path: Path, seed: int, extreme: bool) -> None:
    survives(integer_network(np.random.default_rng(seed), PLAIN, extreme), tmp_path / "x.nir")


def chains(rng: np.random.Generator) -> list[tuple[tuple[int, ...], tuple, tuple[int, ...]]]:
    """(shape, maps, shape behind) of every kind of map that a node says poorly or not at all."""
    w = rng.normal(size=(8, 8, 3, 5))
    return [
        ((), (Scale(2.5),), ()),
        ((), (), ()),
        ((4,), (), (4,)),
        ((4,), (Scale(np.arange(4)),), (4,)),
        ((4,), (Dense(np.arange(12).reshape(3, 4)),), (3,)),
        ((2, 3, 4), (Dense(w[0, 0, :2, :4]), Flatten(0, 1, 3)), (6, 2)),
        ((2, 3, 4), (Flatten(1, 2, 3),), (2, 12)),
        ((4,), (Sparse(np.eye(6, 4), (4,), (2, 3)),), (2, 3)),
        ((2, 3), (Sparse(np.zeros((4, 6)), (2, 3), (4,)),), (4,)),
        ((2, 9), (Conv(w[:4, :2, 0, :3], (2,), ((1, 0),), (1,)),), (4, 4)),
        ((2, 9), (Pool((3,), (2,), (1,), "average", False, False),), (2, 5)),
        ((2, 7, 7), (Pool((2, 2), (2, 2), (0, 0), "sum", True),), (2, 4, 4)),
        ((2, 7, 7), (Pool((3, 2), (1, 2), (1, 1), "average", False, False),), (2, 7, 4)),
        ((8, 6, 9), (Conv(w),), (8, 4, 5)),
        ((8, 6, 9), (Conv(w, padding=((1, 1), (2, 2))),), (8, 6, 9)),
        ((8, 6, 9), (Conv(w[:, :, :2, :2], padding=((0, 1), (0, 1))),), (8, 6, 9)),
        ((8, 6, 9), (Conv(w[:, :2], (2, 1), ((1, 0), (3, 1)), (1, 2), 4),), (8, 3, 5)),
        ((8, 6, 9), (Conv(w[:, :2, :, :3], groups=4), Pool((2, 2), (2, 2)), Flatten(0, -1, 3)), (48,)),
    ]


def odd_network(rng: np.random.Generator) -> Network:
    """Parallel one-to-one projections, unused inputs, islands, odd names, mixed decays, several outputs and loops."""
    options = chains(rng)
    shape, maps, behind = options[int(rng.integers(len(options)))]
    plain = Rule(0.9, single(0.7), (Receptor(constant=0.25), Receptor(0.5, 0.25, 0.125, 2, 0.5, True)))
    whole = Rule(
        np.where(rng.random(behind) < 0.5, 1.0, 0.5),
        1.0,
        (Receptor(np.where(rng.random(behind) < 0.5, 0.0, 0.75), 2.0, np.full(behind, -0.0)),),
        bias=0.5,
        reset=Reset("by", 0.25, "residual"),
        value=0.5,
        refractory=Refractory(2),
        state_floor=-1.0,
    )
    populations = [
        Population("ü ->", shape, plain),
        Population("b.b", behind, whole),
        Population("out", behind, Rule(1.0, None, (Receptor(1.0, 0.5),), bias=-0.125, reset=Reset("none"))),
        Population("out_v", behind, Rule(0.0, 0.5, reset=Reset("none"))),
        Population("isle", (2, 4, 4), Rule(0.5, 1.0, reset=Reset("none"), bias=0.25)),
    ]
    projections = [
        Projection("in", "ü ->", ()),
        Projection("in", "ü ->", (), name="again"),
        Projection("late", "ü ->", (Scale(-1.5),), delay=3, receptor=1),
        Projection("ü ->", "b.b", maps, delay=int(rng.integers(3)), name="b.b"),
        Projection("b.b", "out", ()),
        Projection("b.b", "b.b", (), delay=1),
        Projection("out_v", "b.b", (), delay=2, name="x" * 300),
        Projection("b.b", "out_v", (), delay=0),
        Projection("isle", "isle", (Conv(np.ones((2, 2, 2, 2))), Pool((2, 2), (1, 1), (1, 1), "sum")), delay=1),
    ]
    return Network(
        float(rng.choice([1e-4, 1.0, 0.37])),
        (Input("in", shape, "counts"), Input("late", shape, "constant", 4), Input("unused", (), "real")),
        tuple(populations),
        tuple(projections),
        ("out", "b.b"),
        Decision("out", "last-v"),
        {"from": "a test", "lines": "one\ntwo"},
    )


@pytest.mark.usefixtures("in_process")
def test_odd_networks_survive(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(30):
        network = odd_network(rng)
        if not spec.findings(network):
            seen += 1
            survives(network, tmp_path / "x.nir")
    assert seen > 15


def test_every_odd_chain_is_legal() -> None:
    for shape, maps, behind in chains(np.random.default_rng(0)):
        at = shape
        for each in maps:
            at = each.shape_out(at)
        assert at == behind


def sayable(network: Network) -> Network:
    """The network with what plain NIR can say: constants where a bias can hold them, loops with a delay of 1."""

    def rule(each: Population) -> Rule:
        fed = {p.receptor for p in network.into(each.name)}
        receptors = tuple(
            replace(r, reset=False, constant=np.mean(r.constant) if k in fed and each.rule.beta.max() < 1 else 0.0)
            for k, r in enumerate(each.rule.receptors)
        )
        return replace(each.rule, receptors=receptors)

    return network.with_(
        populations=tuple(replace(p, rule=rule(p)) for p in network.populations),
        projections=tuple(replace(p, delay=min(p.delay, 1)) for p in network.projections),
    )


@given(SEEDS)
@quick
@pytest.mark.usefixtures("in_process")
def test_plain_fields_alone_say_the_same(tmp_path: Path, seed: int) -> None:
    """Without the block, a network of things that NIR can say computes the same u and v, to rounding."""
    rng = np.random.default_rng(seed)
    features = frozenset({"current", "bias", "convolution", "recurrence", "skip", "readout", "receptors", "graded"})
    network = sayable(float_network(rng, features))
    assume(not spec.findings(network))
    write(network, tmp_path / "x.nir")
    back = read(tmp_path / "x.nir", dt=network.dt, ignore_block=True)
    spikes = spikes_for(rng, network, 20, 3)
    ours, theirs = run(network, spikes, record=("spikes", "v")), run(back, spikes, record=("spikes", "v"))
    for name, v in ours.v.items():
        assert np.abs(v - theirs.v[name].reshape(v.shape)).max() < 1e-9, name


def test_no_reset_is_exact_without_the_block(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rule = Rule(0.875, 1.0, (Receptor(0.5),), bias=0.125, reset=Reset("none"))
    weights = rng.integers(-16, 32, (5, 4)) / 16
    network = Network(
        2**-10,
        (Input("in", (4,)),),
        (Population("p", (5,), rule),),
        (Projection("in", "p", (Dense(weights),), delay=2),),
        ("p",),
    )
    write(network, tmp_path / "x.nir")
    back = read(tmp_path / "x.nir", dt=2**-10, ignore_block=True)
    assert [p.name for p in back.populations] == ["p_v", "p"]
    spikes = rng.random((40, 3, 4)) < 0.4
    assert np.array_equal(run(network, spikes).spikes["p"], run(back, spikes).spikes["p"])


def test_integers_are_dequantised(tmp_path: Path) -> None:
    network = Network(
        1e-3,
        (Input("in", (2,)),),
        (Population("p", (2,), Registers(1023, 512, 100, 3, 4, scale=6400.0)),),
        (Projection("in", "p", (Dense(np.array([[2, -4], [6, 8]])),), format=integer_network_format()),),
        ("p",),
    )
    write(network, tmp_path / "x.nir")
    node = nir.read(tmp_path / "x.nir").nodes["p"]
    assert isinstance(node, nir.CubaLIF)
    assert np.allclose(node.v_threshold, 1.0)
    assert np.allclose(1 - 1e-3 / node.tau_mem, 1 - 512 / 4096)
    assert np.allclose(1 - 1e-3 / node.tau_syn, 1 - 1024 / 4096)
    assert np.allclose(node.v_leak * 1e-3 / node.tau_mem, 3 * 16 / 6400)
    weight = nir.read(tmp_path / "x.nir").nodes["in_to_p"].weight
    assert np.allclose(weight, np.array([[2, -4], [6, 8]]) * 2 * 64 / 6400)


def integer_network_format():
    from snndeploy.network import Format

    return Format(1, 8, "mixed")


def dense_network() -> Network:
    rng = np.random.default_rng(1)
    return Network(
        1e-4,
        (Input("in", (4,)),),
        (Population("lif", (5,), Rule(single(0.9), 1.0, (Receptor(single(0.55)),), reset=Reset("by", 1.0, "next"))),),
        (Projection("in", "lif", (Dense(rng.normal(size=(5, 4))),)),),
        ("lif",),
        provenance={"note": "x"},
    )


def test_same_network_same_bytes(tmp_path: Path) -> None:
    write(dense_network(), tmp_path / "a.nir")
    write(dense_network(), tmp_path / "b.nir")
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()


def test_a_round_trip_through_nir_keeps_the_block_true(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    for network in (dense_network(), float_network(rng), integer_network(rng), float_network(rng)):
        write(network, tmp_path / "a.nir")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nir.write(tmp_path / "b.nir", nir.read(tmp_path / "a.nir"))
        assert equal(read(tmp_path / "b.nir"), network)


def test_the_standard_encoding(tmp_path: Path) -> None:
    write(dense_network(), tmp_path / "a.nir")
    graph = nir.read(tmp_path / "a.nir")
    lif = graph.nodes["lif"]
    assert sorted(graph.nodes) == ["in", "in_to_lif", "lif", "output"]
    assert all(np.asarray(value).dtype == np.float64 for value in (lif.tau_mem, lif.tau_syn, lif.r, lif.w_in))
    assert lif.tau_mem.shape == (5,)
    assert np.allclose(lif.r * 1e-4 / lif.tau_mem, 1)
    assert np.allclose(lif.w_in * 1e-4 / lif.tau_syn, 1)
    assert (lif.v_reset == 0).all()


EDITS = {
    "node 'lif', tau_mem": lambda f: f["node/nodes/lif/tau_mem"].__setitem__(2, 0.5),
    "node 'lif', v_threshold": lambda f: f["node/nodes/lif/v_threshold"].__setitem__(..., 2.0),
    "edge 'in_to_lif' -> 'lif'": lambda f: f["node/edges"].__setitem__(
        slice(None), [["in", "in_to_lif"], ["lif", "in_to_lif"], ["lif", "output"]]
    ),
    "node 'extra'": lambda f: f.copy("node/nodes/output", "node/nodes/extra"),
    "node 'output', shape": lambda f: f["node/nodes/output/shape"].__setitem__(0, 6),
}


@pytest.mark.parametrize("where", EDITS)
def test_a_contradiction_is_named(tmp_path: Path, where: str) -> None:
    path = tmp_path / "a.nir"
    write(dense_network(), path)
    with h5py.File(path, "r+") as file:
        EDITS[where](file)
    with pytest.raises(SnnDeployError) as raised:
        read(path)
    assert {f.code for f in raised.value.findings} == {"SD412"}
    assert where in str(raised.value)
    assert "ignore_block=True" in str(raised.value)
    assert "del file['node/metadata/snndeploy']" in str(raised.value)


def test_an_edited_tau_counts_without_the_block(tmp_path: Path) -> None:
    path = tmp_path / "a.nir"
    write(dense_network(), path)
    with h5py.File(path, "r+") as file:
        EDITS["node 'lif', tau_mem"](file)
    changed = read(path, 1e-4, ignore_block=True)
    assert changed.population["lif"].rule.beta[2] == np.float32(1 - 1e-4 / 0.5)
    with h5py.File(path, "r+") as file:
        del file["node/metadata/snndeploy"]
    assert equal(read(path, 1e-4), changed)


def test_an_edited_weight_is_the_weight(tmp_path: Path) -> None:
    path = tmp_path / "a.nir"
    write(dense_network(), path)
    with h5py.File(path, "r+") as file:
        file["node/nodes/in_to_lif/weight"][0, 0] = 7.5
    assert read(path).projections[0].maps[0].weight[0, 0] == 7.5


def test_dt_and_reset_must_agree_with_the_block(tmp_path: Path) -> None:
    path = tmp_path / "a.nir"
    write(dense_network(), path)
    assert equal(read(path, 1e-4, "by-threshold-next"), dense_network())
    with pytest.raises(SnnDeployError, match="SD408"):
        read(path, 1e-3)
    with pytest.raises(SnnDeployError, match="SD409"):
        read(path, reset="to-zero")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    network = dense_network()
    with pytest.raises(SnnDeployError, match="SD802"):
        write(network, tmp_path)
    with pytest.raises(SnnDeployError, match="SD802"):
        write(network, tmp_path / "missing" / "x.nir")
    with pytest.raises(SnnDeployError, match="SD104"):
        write(
            network.with_(projections=(Projection("in", "lif", (Dense(np.full((5, 4), np.nan)),)),)), tmp_path / "x.nir"
        )
    huge = Sparse(np.zeros((1, 1)), (1,), (1,)).weight.copy()
    huge.resize((20_000, 20_000))
    large = Network(
        1e-3,
        (Input("in", (20_000,)),),
        (Population("p", (20_000,), Rule(0.9)),),
        (Projection("in", "p", (Sparse(huge, (20_000,), (20_000,)),)),),
        ("p",),
    )
    with pytest.raises(SnnDeployError, match="SD414 projection 'in->p': a sparse map needs"):
        write(large, tmp_path / "x.nir")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nir"
    write(dense_network(), path)
    before = path.read_bytes()

    def full(name: object, _: object) -> None:
        Path(str(name)).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nir, "write", full)
    with pytest.raises(SnnDeployError, match=r"SD802.*No space left"):
        write(dense_network(), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.nir"]


def test_what_overflows_is_refused(tmp_path: Path) -> None:
    network = dense_network().with_(dt=1e-300)
    rule = Rule(1.0, 1.0, (Receptor(gain=1e200),))
    with pytest.raises(SnnDeployError, match="SD414 node 'lif', r: it is too large"):
        write(network.with_(populations=(Population("lif", (5,), rule),)), tmp_path / "x.nir")
    assert list(tmp_path.iterdir()) == []


def every_type() -> Network:
    """What each type of node is for, in one network."""
    none, rng = Reset("none"), np.random.default_rng(2)

    def dense(rows: int, columns: int) -> Dense:
        return Dense(rng.normal(0.3, 0.5, (rows, columns)))

    conv = Conv(rng.normal(0.2, 0.4, (2, 1, 3)), (1,), ((1, 1),), (1,))
    kernel = Conv(rng.normal(0.2, 0.4, (2, 1, 3, 3)), padding=((1, 1), (1, 1)))
    fire = Rule(single(0.75), 0.5)
    populations = {
        "line": ((2, 6), fire),
        "image": ((2, 4, 4), fire),
        "lif": ((3,), replace(fire, bias=0.1, receptors=(Receptor(constant=np.array([0.1, 0.0, -0.1])),))),
        "cuba": ((3,), replace(fire, receptors=(Receptor(single(0.6)),))),
        "if_": ((3,), Rule(1.0, 0.7)),
        "i": ((3,), Rule(1.0, None, (Receptor(0.0, 0.5),), reset=none)),
        "li": ((3,), Rule(single(0.9), None, reset=none)),
        "cubali": ((3,), Rule(single(0.9), None, (Receptor(single(0.5)),), reset=none)),
        "threshold": ((3,), Rule(0.0, 0.4, reset=none)),
        "out": ((3,), fire),
    }
    pools = {kind: Pool((2, 2), (2, 2), (0, 0), kind) for kind in ("sum", "average")}
    projections = [
        Projection("in1", "line", (conv,)),
        Projection("in2", "image", (kernel,)),
        Projection("line", "lif", (Flatten(0, -1, 2), dense(3, 12))),
        Projection("image", "cuba", (pools["sum"], Flatten(0, -1, 3), dense(3, 8))),
        Projection("image", "if_", (pools["average"], Flatten(0, -1, 3), dense(3, 8)), delay=2),
        Projection("lif", "i", (Scale(np.array([0.5, 0.25, 1.5])),)),
        Projection("cuba", "li", (dense(3, 3),)),
        Projection("cuba", "cubali", (dense(3, 3),)),
        Projection("if_", "threshold", (dense(3, 3),)),
        *(Projection(name, "out", (dense(3, 3),)) for name in ("i", "li", "cubali", "threshold")),
    ]
    inputs = (Input("in1", (1, 6)), Input("in2", (1, 4, 4)))
    made = tuple(Population(name, shape, rule) for name, (shape, rule) in populations.items())
    return Network(1e-3, inputs, made, tuple(projections), ("out",))


@pytest.mark.usefixtures("in_process")
def test_every_type_of_node_is_written_and_says_the_same_alone(tmp_path: Path) -> None:
    from snndeploy.frontends.nir.graph import REQUIRED
    from snndeploy.frontends.nir.styles import plain

    network = every_type()
    assert {node.type for node in plain(network).graph.nodes.values()} == set(REQUIRED)
    survives(network, tmp_path / "x.nir")
    alone = read(tmp_path / "x.nir", 1e-3, ignore_block=True)
    spikes = spikes_for(np.random.default_rng(0), network, 40, 3)
    ours, theirs = run(network, spikes, record=("spikes", "v")), run(alone, spikes, record=("spikes", "v"))
    for name, v in ours.v.items():
        np.testing.assert_allclose(theirs.v[name], v, rtol=1e-9, atol=1e-9)
    for name, fired in ours.spikes.items():
        assert 0 < fired.sum() < fired.size, name
        np.testing.assert_array_equal(theirs.spikes[name], fired)


def one_to_one(*projections: Projection, rule: Rule | None = None) -> Network:
    populations = (Population("a", (3,), rule or Rule(single(0.8), 0.7)), Population("b", (3,), Rule(single(0.6), 1.1)))
    first = Projection("in", "a", (Dense(np.arange(6.0).reshape(3, 2) / 4),))
    return Network(1e-3, (Input("in", (2,)),), populations, (first, *projections), ("b",))


@pytest.mark.usefixtures("in_process")
def test_two_ways_without_a_map_are_two_edges(tmp_path: Path) -> None:
    """nir refuses a second edge between two nodes, so that it gets a Scale of the shape of the source."""
    network = one_to_one(Projection("a", "b", ()), Projection("a", "b", (), name="again"))
    write(network, tmp_path / "x.nir")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nodes = nir.read(tmp_path / "x.nir").nodes
    (scale,) = (node.scale for node in nodes.values() if isinstance(node, nir.Scale))
    assert np.array_equal(scale, np.ones(3))
    x = np.random.default_rng(0).random((30, 2, 2)) < 0.5
    alone = read(tmp_path / "x.nir", 1e-3, ignore_block=True)
    assert np.array_equal(run(alone, x).spikes["b"], run(network, x).spikes["b"])
    assert run(network, x).spikes["b"].any()


@pytest.mark.usefixtures("in_process")
def test_factors_are_stored_once_like_weights(tmp_path: Path) -> None:
    network = one_to_one(Projection("a", "b", (Scale(np.array([0.5, 1.5, 2.5])),), name="s"))
    write(network, tmp_path / "x.nir")
    with h5py.File(tmp_path / "x.nir", "r+") as file:
        manifest = file["node/metadata/snndeploy/manifest"][()].decode()
        assert '"field": "scale"' in manifest
        file["node/nodes/s/scale"][...] = [2.0, 3.0, 4.0]
    factor = next(p for p in read(tmp_path / "x.nir").projections if p.name == "s").maps[0].factor
    assert np.array_equal(factor, [2.0, 3.0, 4.0])


def test_a_bias_does_not_enter_a_filtered_current() -> None:
    """Where the membrane does not leak but its current does, what is added to v may not come with the weights."""
    from snndeploy.frontends.nir.styles import plain

    rule = Rule(1.0, 5.0, (Receptor(single(0.5)),), bias=0.25)
    nodes = plain(one_to_one(Projection("a", "b", ()), rule=rule)).graph.nodes
    assert nodes["in_to_a"].type == "Linear"
    assert nodes["a"].type == "CubaLIF"
    assert np.allclose(nodes["a"].fields["v_leak"] * 1e-3 / nodes["a"].fields["tau_mem"], 0.25)
    # without a filter it is the bias of the layer
    nodes = plain(one_to_one(Projection("a", "b", ()), rule=Rule(1.0, 5.0, bias=0.25))).graph.nodes
    assert (nodes["in_to_a"].type, nodes["a"].type) == ("Affine", "IF")
    assert np.array_equal(nodes["in_to_a"].fields["bias"], np.full(3, 0.25))


@pytest.mark.usefixtures("in_process")
def test_every_receptor_in_front_of_a_neuron_says_the_same_alone(tmp_path: Path) -> None:
    """One that integrates is an I, one that filters an LI, one with a gain a Scale."""
    receptors = (Receptor(1.0, 0.125), Receptor(single(0.75), 0.5), Receptor(0.0, 0.5), Receptor())
    ways = tuple(Projection("in", "a", (Dense(np.full((3, 2), w)),), 0, k) for k, w in enumerate((0.1, 0.3, -0.2, 0.4)))
    ways = tuple(replace(p, name=f"way{p.receptor}") for p in ways)
    network = one_to_one(Projection("a", "b", ()), rule=Rule(single(0.8), 2.0, receptors))
    network = network.with_(projections=(*network.projections[1:], *ways))
    write(network, tmp_path / "x.nir")
    alone = read(tmp_path / "x.nir", 1e-3, ignore_block=True)
    types = {type(node).__name__ for node in nir.read(tmp_path / "x.nir").nodes.values()}
    assert {"I", "LI", "Scale"} <= types
    x = np.random.default_rng(0).random((25, 2, 2)) < 0.5
    ours, theirs = run(network, x, record=("spikes", "v")), run(alone, x, record=("spikes", "v"))
    np.testing.assert_allclose(theirs.v["a"], ours.v["a"], rtol=1e-9, atol=1e-12)
    assert np.array_equal(theirs.spikes["a"], ours.spikes["a"])
    assert ours.spikes["a"].any()


@pytest.mark.usefixtures("in_process")
def test_what_one_way_flattens_is_flat_for_all(tmp_path: Path) -> None:
    """A pool that leaves its input has no node; the convolution beside it then ends in the same flat population."""
    rng = np.random.default_rng(3)
    conv = Conv(rng.normal(0.2, 0.5, (2, 2, 1, 1)), (2, 2))
    rule = Rule(single(0.75), np.linspace(0.5, 1.5, 32).reshape(2, 4, 4))
    populations = (Population("image", (2, 7, 7), Rule(0.5, 0.5)), Population("p", (2, 4, 4), rule))
    ways = (
        Projection("in", "image", (Scale(0.6),)),
        Projection("image", "p", (Pool((2, 2), (2, 2), (0, 0), "sum", True), Scale(0.3))),
        Projection("image", "p", (conv,), name="conv"),
        Projection("p", "p", (Scale(-0.5),), 1, name="back"),
    )
    network = Network(1e-3, (Input("in", (2, 7, 7)),), populations, ways, ("p",))
    survives(network, tmp_path / "x.nir")
    alone = read(tmp_path / "x.nir", 1e-3, ignore_block=True)
    assert alone.population["p"].shape == (32,)
    x = rng.random((25, 2, 2, 7, 7)) < 0.5
    ours, theirs = run(network, x, record=("spikes", "v")), run(alone, x, record=("spikes", "v"))
    np.testing.assert_allclose(theirs.v["p"], ours.v["p"].reshape(25, 2, 32), rtol=1e-9, atol=1e-12)
    assert np.array_equal(theirs.spikes["p"], ours.spikes["p"].reshape(25, 2, 32))
    assert ours.spikes["p"].any()
