"""Whole files to start from: the corpus, networks in every style, plain NIR by nir, exchange files of lava-dl."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from random_networks import float_network, integer_network

from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import write

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "nir"
# larger files would make a campaign a test of gzip
LARGEST = 300_000
SAID = {"dt": 1e-4, "reset": "to-zero"}
CUBA = {"type": "CUBA", "iDecay": 4096, "vDecay": 415, "vThMant": 6, "refDelay": 1, "gradedSpike": False}


@dataclass(frozen=True)
class Source:
    """A file that can be read, and what its reader has to say."""

    name: str
    kind: str
    raw: bytes
    options: dict[str, Any]


def sources(folder: Path, networks: int = 12, corpus: bool = True) -> list[Source]:
    """The same files for the same arguments; `folder` holds one at a time."""
    found: list[Source] = []
    if corpus and CORPUS.exists():
        for path in sorted(CORPUS.rglob("*.nir")):
            if path.stat().st_size <= LARGEST:
                found.append(Source(path.stem, "corpus", path.read_bytes(), SAID))
    for seed in range(networks):
        found += written(folder / "source.nir", seed)
    for seed in range(max(networks // 2, 2)):
        found.append(by_nir(folder / "source.nir", seed))
        found.append(exchange(folder / "source.net", seed))
    return found


def written(path: Path, seed: int) -> list[Source]:
    """One random network in every style that holds it."""
    rng = np.random.default_rng(seed)
    network = integer_network(rng) if seed % 3 == 0 else float_network(rng)
    found = []
    for style, for_ in (("standard", None), ("decomposed", None), ("standard", "norse"), ("standard", "snntorch")):
        try:
            write(network, path, style, for_)
        except SnnDeployError:
            continue
        raw = path.read_bytes()
        path.unlink()
        found.append(Source(f"{for_ or style}-{seed}", "written", raw, {}))
        if style == "standard" and for_ is None:
            found.append(Source(f"plain-{seed}", "plain", raw, {**SAID, "ignore_block": True}))
    return found


def by_nir(path: Path, seed: int) -> Source:
    """A graph of all kinds of nodes, as nir.write makes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nir

    rng = np.random.default_rng(seed)
    size = 12

    def n(low: float, high: float, count: int = size) -> np.ndarray:
        return rng.uniform(low, high, count)

    kinds = [
        lambda: nir.LIF(tau=n(0.01, 0.1), r=n(1, 2), v_leak=n(0, 0.1), v_threshold=n(0.5, 1), v_reset=n(0, 0.1)),
        lambda: nir.CubaLIF(
            tau_syn=n(0.01, 0.1), tau_mem=n(0.01, 0.1), r=n(1, 2), v_leak=n(0, 0.1), v_threshold=n(0.5, 1)
        ),
        lambda: nir.IF(r=n(1, 2), v_threshold=n(0.5, 1)),
        lambda: nir.LI(tau=n(0.01, 0.1), r=n(1, 2), v_leak=n(0, 0.1)),
        lambda: nir.Threshold(threshold=n(0.1, 1)),
        lambda: nir.Delay(delay=np.full(size, 3e-4)),
        lambda: nir.Scale(scale=n(0, 2)),
        lambda: nir.Linear(weight=rng.normal(size=(size, size))),
        lambda: nir.Affine(weight=rng.normal(size=(size, size)), bias=n(-1, 1)),
        lambda: nir.NIRGraph.from_list(nir.Affine(rng.normal(size=(size, size)), n(-1, 1)), kinds[0]()),
    ]
    nodes: dict[str, Any] = {
        "input": nir.Input(input_type=np.array([1, 6, 8])),
        "conv": nir.Conv2d(
            input_shape=(6, 8),
            weight=rng.normal(size=(2, 1, 3, 3)),
            stride=1,
            padding=1,
            dilation=1,
            groups=1,
            bias=np.zeros(2),
        ),
        "pool": nir.SumPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        "flatten": nir.Flatten(start_dim=0, end_dim=-1, input_type={"input": np.array([2, 3, 4])}),
        "fc": nir.Affine(weight=rng.normal(size=(size, 24)), bias=n(-1, 1)),
    }
    for i, kind in enumerate(rng.permutation(len(kinds))[:5]):
        nodes[f"n{i}"] = kinds[int(kind)]()
    nodes |= {"last": kinds[0](), "output": nir.Output(output_type=np.array([size]))}
    names = list(nodes)
    edges = [*pairwise(names), ("last", "last")]
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges, type_check=False))
    raw = path.read_bytes()
    path.unlink()
    return Source(f"nir-{seed}", "plain", raw, SAID)


def exchange(path: Path, seed: int) -> Source:
    """Layers as SLAYER's export_hdf5 writes them."""
    rng = np.random.default_rng(seed)
    kernel, weight = rng.integers(-60, 60, (3, 2, 3, 2)), 2 * rng.integers(-60, 60, (4, 72))
    convs: list[dict[str, Any]] = [
        {"type": "input", "shape": np.array([2, 6, 8])},
        {
            "type": "conv",
            "shape": np.array([3, 6, 4]),
            "weight": kernel,
            "groups": 1,
            "neuron": CUBA,
            "stride": np.array([1, 2]),
            "padding": np.array([1, 0]),
            "dilation": np.array([1, 1]),
        },
        {"type": "flatten", "shape": np.array([72, 1, 1])},
    ]
    dense = {"type": "dense", "shape": np.array([4, 1, 1]), "weight": weight, "neuron": {**CUBA, "vThMant": 200}}
    layers = [*convs, dense] if seed % 2 else [dense]
    if seed % 3 == 0:
        dense |= {"bias": rng.integers(-5, 5, 4), "delay": np.zeros(72, int)}
    with h5py.File(path, "w") as file:
        for i, fields in enumerate(layers):
            group = file.create_group(f"layer/{i}")
            for name, value in fields.items():
                for key, each in value.items() if isinstance(value, dict) else ((None, value),):
                    held = np.array([each.encode()], "S10") if isinstance(each, str) else each
                    group[f"{name}/{key}" if key else name] = held
    raw = path.read_bytes()
    path.unlink()
    return Source(f"net-{seed}", "net", raw, {"dt": 1e-3})
