"""What hostile files have found, each as small as it gets: little to store must stay little to read."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snndeploy import cli
from snndeploy.commands.output import plain
from snndeploy.errors import SnnDeployError
from snndeploy.files import readable
from snndeploy.frontends.nir import block, child, loading, read, write
from snndeploy.frontends.nir.graph import Block, Graph
from snndeploy.frontends.nir.loading import Limits
from snndeploy.network import Conv, Dense, Format, Input, Network, Pool, Population, Projection, Registers, Rule, spec
from snndeploy.network.maps import ENTRIES_LIMIT, at_most, chain_matrix, chain_work
from snndeploy.passes import merge_maps

LIF = {"tau": 0.1, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
SAID: dict[str, Any] = {"dt": 1e-3, "reset": "to-zero"}


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parent does with a file is what counts here."""

    def open_here(path: Path, limits: Limits) -> tuple[dict[str, Any], bytes]:
        reader = child.Reader(asdict(limits))
        try:
            return reader.file(str(path)), b"".join(reader.data)
        except child.Refused as problem:
            return {"error": list(problem.args)}, b""

    monkeypatch.setattr(loading, "_open", open_here)


def save(path: Path, nodes: dict[str, tuple[str, dict[str, Any]]], edges: list[tuple[str, str]]) -> Path:
    with h5py.File(path, "w") as file:
        file["node/type"] = "NIRGraph"
        file.create_dataset("node/edges", data=np.array(edges, object).reshape(-1, 2), dtype=h5py.string_dtype())
        file.create_group("node/nodes")
        for name, (kind, fields) in nodes.items():
            file[f"node/nodes/{name}/type"] = kind
            for field, value in fields.items():
                file[f"node/nodes/{name}/{field}"] = value
    return path


def chain(path: Path, *nodes: tuple[str, dict[str, Any]]) -> Path:
    named = {f"n{i:05d}": node for i, node in enumerate(nodes)}
    return save(path, named, list(zip(named, list(named)[1:], strict=False)))


@contextmanager
def within(seconds: float, mib: float = 0.0) -> Iterator[None]:
    """Of processor time, and of memory where that is said."""
    start = time.process_time()
    if mib:
        tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    assert time.process_time() - start < seconds
    assert peak <= mib


def test_one_number_for_many_neurons_stays_one(tmp_path: Path) -> None:
    path = chain(tmp_path / "x.nir", ("Input", {"shape": np.array([2**22])}), *[("LIF", LIF)] * 30, ("Output", {}))
    with h5py.File(path, "r+") as file:
        file["node/nodes/n00031/shape"] = np.array([2**22])
    with within(10, 60):
        network = read(path, **SAID)
    assert all(np.ndim(p.rule.beta) == 0 and p.shape == (2**22,) for p in network.populations)


def test_numbers_that_are_written_out_are_counted(tmp_path: Path) -> None:
    row = LIF | {"tau": np.full((1024, 1), 0.1)}
    nodes = [("Input", {"shape": np.array([1024, 1024])}), *[("LIF", row)] * 5, ("Output", {"shape": [1024, 1024]})]
    path = chain(tmp_path / "x.nir", *nodes)
    assert len(read(path, **SAID).populations) == 5
    with within(10, 120), pytest.raises(SnnDeployError, match=r"SD402.*describes 3,145,728 numbers.*Limits.numbers"):
        read(path, **SAID, limits=Limits(numbers=3 * 2**20 - 1))


def test_constants_go_through_large_kernels_or_nowhere(tmp_path: Path) -> None:
    one = np.array([1, 1])
    conv = {"weight": np.full((1, 1, 301, 301), 0.1), "stride": one, "dilation": one, "groups": 1, "bias": np.ones(1)}
    first, second = (conv | {"padding": np.array([150, 150])} for _ in range(2))
    nodes = [("Input", {"shape": np.array([1, 512, 512])}), ("Conv2d", first), ("Conv2d", second), ("LIF", LIF)]
    with within(10, 200), pytest.raises(SnnDeployError, match="SD402.*constants through it"):
        read(chain(tmp_path / "x.nir", *nodes), **SAID)


def test_what_a_shape_does_not_reach_is_reported_and_no_more(tmp_path: Path) -> None:
    ends: dict[str, Any] = {"in": ("Input", {"shape": np.array([3])}), "out": ("Output", {"shape": np.array([3])})}
    lost = ends | {"a": ("LIF", LIF), "lost": ("Scale", {"scale": np.ones(3)}), "b": ("LIF", LIF)}
    with pytest.raises(SnnDeployError, match="SD405.*'lost'"):
        read(save(tmp_path / "x.nir", lost, [("in", "a"), ("a", "b"), ("lost", "b"), ("b", "out")]), **SAID)
    # a neuron in a loop, whose own parameters do not fit each other
    odd = LIF | {"tau": np.full(3, 0.1), "r": np.ones(2)}
    loop = ends | {"a": ("LIF", odd), "b": ("LIF", LIF), "c": ("LIF", LIF)}
    edges = [("in", "c"), ("c", "out"), ("a", "b"), ("b", "a")]
    with pytest.raises(SnnDeployError, match="SD407.*'a'"):
        read(save(tmp_path / "x.nir", loop, edges), **SAID)


def test_ways_are_counted_where_they_end(tmp_path: Path) -> None:
    nodes: dict[str, Any] = {"in": ("Input", {"shape": np.array([1])}), "s0": ("Scale", {"scale": np.ones(1)})}
    edges = [("in", "s0")]
    for i in range(1, 9):
        nodes |= {f"{side}{i}": ("Scale", {"scale": np.ones(1)}) for side in "abs"}
        edges += [(f"s{i - 1}", f"{side}{i}") for side in "ab"] + [(f"{side}{i}", f"s{i}") for side in "ab"]
    nodes |= {f"p{i}": ("LIF", LIF) for i in range(300)}
    edges += [("s8", f"p{i}") for i in range(300)] + [(f"p{i}", f"out{i}") for i in range(300)]
    nodes |= {f"out{i}": ("Output", {"shape": np.array([1])}) for i in range(300)}
    with within(5), pytest.raises(SnnDeployError, match="SD402.*ways lead here"):
        read(save(tmp_path / "x.nir", nodes, edges), **SAID)


def test_many_wrong_names_take_no_time_and_few_lines(tmp_path: Path) -> None:
    nodes = {f"n{i}": ("LIF", LIF) for i in range(1500)}
    path = save(tmp_path / "x.nir", nodes, [(f"x{i}", f"y{i}") for i in range(15_000)])
    with within(5), pytest.raises(SnnDeployError) as caught:
        read(path, **SAID)
    assert len(caught.value.findings) == 101
    assert "29,900 more findings" in caught.value.findings[-1].what


def test_findings_are_lines_that_can_be_read(tmp_path: Path) -> None:
    name = "a\x1b[31m\n\u202e" + "x" * 20_000
    nodes = {"in": ("Input", {"shape": np.array([3])}), "p": ("LIF\x1b[0m", LIF)}
    with pytest.raises(SnnDeployError) as caught:
        read(save(tmp_path / "x.nir", nodes, [("in", "p"), ("p", name)]), **SAID)
    for line in str(caught.value).splitlines():
        assert line.startswith("SD4")
        assert line.isprintable()
        assert len(line) < 650 + len(str(tmp_path))
    with h5py.File(tmp_path / "x.nir", "r+") as file:
        file[f"node/nodes/{'ü' * 20_000}/x"] = 1
    with pytest.raises(SnnDeployError, match="SD404.*it has no 'type'") as caught:
        read(tmp_path / "x.nir", **SAID)
    assert len(str(caught.value)) < 650 + len(str(tmp_path))
    assert readable("\ud800\0") == "\\ud800\\x00"
    assert readable("x" * 10**6).count("x") < 300
    assert readable("straight on") == "straight on"


def test_names_and_texts_are_bounded(tmp_path: Path) -> None:
    path = chain(tmp_path / "x.nir", ("Input", {"shape": np.array([1])}), ("LIF", LIF))
    for limits in (Limits(texts=40), Limits(edges=0)):
        with pytest.raises(SnnDeployError, match=r"SD402.*raise Limits"):
            read(path, **SAID, limits=limits)
    with h5py.File(path, "r+") as file:
        del file["node/edges"]
        file["node/edges"] = np.ones((3, 3))
    with pytest.raises(SnnDeployError, match="SD404.*not pairs of names. Fix: "):
        read(path, **SAID)


# the block


def network(shape: tuple[int, ...] = (3,), threshold: Any = 1.0) -> Network:
    maps = (Dense(np.arange(9.0).reshape(3, 3)),) if shape == (3,) else ()
    populations = (Population("p", shape, Rule(0.9, threshold)),)
    return Network(1e-3, (Input("in", shape),), populations, (Projection("in", "p", maps, name="w"),), ("p",))


def lied(path: Path, old: str, new: str) -> Path:
    """A file whose manifest says something else."""
    name = "node/metadata/snndeploy/manifest"
    with h5py.File(path, "r+") as file:
        text = file[name].asstr()[()]
        assert old in text
        del file[name]
        file[name] = text.replace(old, new)
    return path


def test_arrays_of_a_block_are_counted_together(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    write(network(threshold=np.array([1.0, 2.0, 3.0])), path)
    assert read(path).form == "float"
    with pytest.raises(SnnDeployError, match="SD413.*more than 10 numbers together"):
        read(path, limits=Limits(numbers=10))
    lied(path, '"beta": 0.9', '"beta": {"all": 0.9, "shape": [134217729]}')
    with within(5, 50), pytest.raises(SnnDeployError, match="SD413.*more than 134,217,728 numbers"):
        read(path)


def test_populations_of_a_block_are_no_larger_than_their_file(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    write(network(), path)
    lied(path, '"shape": [\n     3\n    ]', '"shape": [\n     1099511627776\n    ]')
    with within(5, 50), pytest.raises(SnnDeployError, match="SD402.*block.*numbers"):
        read(path)


def test_a_block_has_no_more_parts_than_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    write(network(), path)
    with h5py.File(path, "r+") as file:
        content = json.loads(file["node/metadata/snndeploy/manifest"].asstr()[()])
        (one,) = content["network"]["projections"]
        content["network"]["projections"] = [one | {"name": f"w{i}"} for i in range(9)]
        del file["node/metadata/snndeploy/manifest"]
        file["node/metadata/snndeploy/manifest"] = json.dumps(content)
    with pytest.raises(SnnDeployError, match="SD412.*9 projections.* 3 edges"):
        read(path)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        # rows that end in front of their start, where SciPy looks at the last number alone
        ("indptr", [0, 10**6, 2 * 10**6, 0]),
        ("indptr", [0, 2, 1, 3]),
        ("indptr", [0, 1, 2, 4]),
        ("indptr", [1, 1, 2, 3]),
        ("indptr", [0, 1, 3]),
        ("indices", [0, 1, 3]),
        ("indices", [0, -1, 2]),
        ("data", [1.0, 2.0]),
        ("shape", [3]),
    ],
)
def test_sparse_weights_are_checked_before_scipy_believes_them(part: str, value: list[Any]) -> None:
    arrays: dict[str, Any] = {"data": [1.0, 2.0, 3.0], "indices": [0, 1, 2], "indptr": [0, 1, 2, 3], "shape": [3, 3]}
    floats, whole = [], []
    raw: dict[str, Any] = {"is": "csr", "index": "int32"}
    for name, held in (arrays | {part: value}).items():
        where, of = (floats, "float64") if name == "data" else (whole, "int64")
        raw[name] = held if name == "shape" else {"of": of, "at": len(where), "shape": [len(held)]}
        where.extend(held)
    reader = block._Reader(Graph({}, ()), Block("", np.array(floats), np.array(whole)))
    with pytest.raises(block.BadBlockError, match="not those of a sparse matrix"):
        reader.array(raw)


# maps


def test_no_matrix_is_larger_than_memory() -> None:
    wide = (Pool((301, 301), (1, 1), (150, 150), "sum"),)
    with within(5, 50), pytest.raises(SnnDeployError, match="SD115.*pool on.*134,217,728"):
        chain_matrix(wide, (1, 2048, 2048))
    with within(5, 50), pytest.raises(SnnDeployError, match="SD115.*conv on"):
        Conv(np.ones((64, 64, 9, 9)), padding=((4, 4), (4, 4))).matrix((64, 512, 512))
    with pytest.raises(ValueError, match="padding"):
        Conv(np.ones((1, 1, 1, 1)), (2**30, 1), ((2**30, 2**30), (0, 0))).shape_out((1, 8, 8))
    # and those that fit are made
    assert chain_matrix((Pool((3, 3), (1, 1), (1, 1), "sum"), Conv(np.ones((2, 1, 3, 3)))), (1, 9, 9)).shape == (98, 81)


def test_matrices_of_strangers_are_counted_together() -> None:
    small = (Pool((2, 2), (2, 2), (0, 0), "sum"),)
    with at_most(4 * (64 + 64 + 64)):
        for _ in range(4):
            chain_matrix(small, (1, 8, 8))
        with pytest.raises(SnnDeployError, match="SD115.*together"):
            chain_matrix(small, (1, 8, 8))
    chain_matrix(small, (1, 8, 8))
    assert chain_work(small, (1, 8, 8)) >= 64
    assert ENTRIES_LIMIT >= 2**27


def test_kernels_are_joined_only_if_that_is_quick() -> None:
    conv, pool = Conv(np.ones((1, 1, 3, 3))), Pool((1500, 1500), (1, 1), (0, 0), "sum")
    maps = (conv, pool)
    net = Network(
        1e-3,
        (Input("in", (1, 1600, 1600)),),
        (Population("p", (1, 99, 99), Rule(0.9)),),
        (Projection("in", "p", maps),),
        ("p",),
    )
    with within(5, 100), pytest.raises(SnnDeployError, match="SD115"):
        merge_maps(net)


def test_matrices_of_one_network_are_counted_together() -> None:
    shape = (100,)
    names = [f"p{i}" for i in range(8)]
    net = Network(
        1e-3,
        (Input("in", shape),),
        tuple(Population(name, shape, Rule(0.9)) for name in names),
        tuple(Projection("in", name, (), name=f"to {name}") for name in names),
        ("p0",),
    )
    assert all(p.maps for p in merge_maps(net).projections)
    with at_most(650), pytest.raises(SnnDeployError, match="SD115 projection 'to p6', one to one on .*together"):
        merge_maps(net)


def test_joined_weights_that_cannot_be_built_are_a_finding() -> None:
    maps = (Pool((301, 301), (1, 1), (150, 150), "sum"), Conv(np.full((1, 1, 1, 1), 2)))
    shape = (1, 2048, 2048)
    net = Network(
        1e-3,
        (Input("in", shape),),
        (Population("p", shape, Registers(4095, 0, 100)),),
        (Projection("in", "p", maps, format=Format()),),
        ("p",),
    )
    with within(5, 50):
        (found,) = spec.findings(net)
    assert found.code == "SD115"
    assert "projection" in found.where


# what reaches the terminal


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nb", "a\u202eb", "\ud800"])
def test_names_that_cannot_be_printed_are_not_legal(name: str) -> None:
    net = network()
    renamed = net.with_(
        populations=(Population(name, (3,), Rule(0.9)),),
        projections=(Projection("in", name, net.projections[0].maps, name="w"),),
        outputs=(name,),
    )
    assert {each.code for each in spec.findings(renamed)} == {"SD101"}


def test_notes_of_a_stranger_do_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.nir"
    write(network().with_(provenance={"repairs": "it is \x1b[31mred\x07"}), path)
    assert cli.main(["convert", str(path), "-o", str(tmp_path / "y.nir")]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "it is \\x1b[31mred\\x07" in said.out
    assert plain("β ≥ 1\nnext") == "β ≥ 1\nnext"


def test_what_does_not_fit_into_memory_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.nir"
    write(network(), path)

    def none_left(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 11.1 TiB")

    with monkeypatch.context() as patch:
        patch.setattr("snndeploy.verbs.lint", none_left)
        assert cli.main(["lint", str(path)]) == 2
    assert "SD808 snndeploy lint: " in capsys.readouterr().err
    monkeypatch.setattr("snndeploy.frontends.nir.reading.plain", none_left)
    with pytest.raises(SnnDeployError, match="SD402.*memory"):
        read(path)


# exchange files


def test_numbers_of_an_exchange_file_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.net"
    with h5py.File(path, "w") as file:
        file["layer/0/type"], file["layer/0/shape"] = "dense", np.array([5, 1, 1])
        file["layer/0/weight"] = np.full((5, 6), 2, np.int8)
        for name, value in {"type": "CUBA", "iDecay": 4096, "vDecay": 415, "vThMant": np.full(5, 6)}.items():
            file[f"layer/0/neuron/{name}"] = value
    assert read(path, 1e-3).form == "integer"
    with pytest.raises(SnnDeployError, match="SD402.*layer 0, weight.*Limits.numbers"):
        read(path, 1e-3, limits=Limits(numbers=29))
    with pytest.raises(SnnDeployError, match="SD402.*layer 0, neuron.*Limits.numbers"):
        read(path, 1e-3, limits=Limits(numbers=31))
    with h5py.File(path, "r+") as file:
        file[f"layer/0/{'x' * 5000}"] = 1
    with pytest.raises(SnnDeployError) as caught:
        read(path, 1e-3)
    assert len(str(caught.value)) < 650 + len(str(path))
