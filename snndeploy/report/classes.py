"""Measures the table of classes: every neuron class on every engine, and in the libraries' own exporters.

    python -m snndeploy.report.classes docs/classes.json

What the libraries' own exporters do is measured again only where the file has no row, or other versions of them.

One word per network and column: "exact", "ties 3" (equal but for that many proven ties), "refused SD301 SD308",
"differs 12/2000" (bins of the last layer), "import AttributeError" (what was going on when it was raised; "module": the
library's own one raises), or "-".
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snndeploy.conform import compare, state_equal
from snndeploy.engines import Trace, run
from snndeploy.errors import SnnDeployError
from snndeploy.files import replacing
from snndeploy.frontends import capture
from snndeploy.frontends.nir import read, write
from snndeploy.network import Network
from snndeploy.network.arrays import Array
from snndeploy.quantize import quantize
from snndeploy.report.exporters import exported, imported, played, quiet, through_file
from snndeploy.report.stacks import ALONE, DT, sample, shown, stacked
from snndeploy.report.variants import Variant, variants
from snndeploy.targets import load, shipped

SEEDS = 3
ENGINES = ("reference", "torch", "lava")
OTHER = {"snntorch": "norse", "norse": "snntorch"}
LIBRARIES = ("snntorch", "norse", "nir", "nirtorch", "torch", "lava-nc", "numpy")
# dt of Norse's exporter and importer, and reset_method: all that a caller can choose
WRITE_DT: dict[str, tuple[float | None, ...]] = {"norse": (None, 1.0, 0.1), "snntorch": (None,)}
READ: dict[str, tuple[dict[str, Any], ...]] = {
    "norse": tuple({"dt": dt, "subtract": soft} for soft in (False, True) for dt in (None, 1e-4)),
    "snntorch": ({},),
}


def columns() -> tuple[str, ...]:
    """In the order in which a row has them."""
    return (*ENGINES, "other", "file", *shipped(), "theirs", "theirs best", "theirs, other", "theirs, other best")


def measure(variant: Variant, seed: int, theirs: bool = True) -> dict[str, str]:
    """One network in all columns, or in ours alone."""
    own, x = stacked(variant, seed), sample(seed + 1)
    cells = dict.fromkeys(columns(), "-")
    with quiet():
        _ours(variant, own, x, cells)
        if theirs and variant.name not in ALONE:
            _theirs(variant, own, x, cells)
    return cells


def _ours(variant: Variant, module: torch.nn.Module, x: Array, cells: dict[str, str]) -> None:
    mine = (*ENGINES, "other", "file", *shipped())
    try:
        network = capture(module, x, DT)
        own = run(network, x, variant.framework, ("spikes", "v"))
    except SnnDeployError as problem:
        cells.update(dict.fromkeys(mine, refused(problem)))
        return
    for engine in ENGINES:
        cells[engine] = _same(partial(run, network, x, engine, ("spikes", "v")), own)
    other = OTHER[variant.framework]
    cells["other"] = _same(partial(run, network, x, other, ("spikes", "v")), own)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.nir"

        def again() -> Trace:
            write(network, path)
            return run(read(path), x, "reference", ("spikes", "v"))

        cells["file"] = _same(again, own)
    for chip in shipped():
        cells[chip] = _integers(network, chip, x)


def _same(trace: Callable[[], Trace], own: Trace) -> str:
    try:
        verdict = compare(own, trace())
    except SnnDeployError as problem:
        return refused(problem)
    if not verdict.agrees:
        row = verdict.table[-1]
        return f"differs {row.differing}/{row.bins}"
    return "exact" if verdict.identical else f"ties {verdict.ties}"


def _integers(network: Network, chip: str, x: Array) -> str:
    """Whether the integer form is the same bits on every engine."""
    try:
        integers = quantize(network, load(chip), x)
        traces = [run(integers, x, engine, ("spikes", "u", "v")) for engine in ENGINES]
    except SnnDeployError as problem:
        return refused(problem)
    return "exact" if all(state_equal(traces[0], each) for each in traces[1:]) else "differs 1/1"


def refused(problem: SnnDeployError) -> str:
    return " ".join(("refused", *sorted({each.code for each in problem.findings})))


def _theirs(variant: Variant, module: torch.nn.Module, x: Array, cells: dict[str, str]) -> None:
    """The library's exporter, a file, both importers: as they are called by default, and in the best of all ways."""
    try:
        expected = shown(variant, module, x)
    except TypeError as problem:
        cells.update((name, f"module {type(problem).__name__}") for name in cells if name.startswith("theirs"))
        return
    frame = torch.from_numpy(x[:, 0] if variant.over_time else x[0, 0])
    for column, reader in (("theirs", variant.framework), ("theirs, other", OTHER[variant.framework])):
        tried = [
            _round_trip(variant, module, frame, x, expected, reader, write_dt, how)
            for write_dt in WRITE_DT[variant.framework]
            for how in READ[reader]
        ]
        cells[column] = tried[0]
        cells[f"{column} best"] = min(tried, key=_badness)


def _badness(word: str) -> float:
    """Order of words: equal, then by part of bins, then everything that was raised."""
    kind, _, rest = word.partition(" ")
    if kind == "exact":
        return 0.0
    if kind != "differs":
        return 2.0
    bad, of = rest.split("/")
    return int(bad) / int(of)


def _round_trip(
    variant: Variant,
    module: torch.nn.Module,
    frame: torch.Tensor,
    x: Array,
    expected: Array,
    reader: str,
    write_dt: float | None,
    how: dict[str, Any],
) -> str:
    stage = "export"
    try:
        graph = exported(variant.framework, module, frame, write_dt)
        with tempfile.TemporaryDirectory() as folder:
            stage = "file"
            graph = through_file(graph, Path(folder) / "theirs.nir")
        stage = "import"
        there = imported(reader, graph, **how)
        stage = "run"
        found = played(there, x).reshape(expected.shape)
    except Exception as problem:
        return f"{stage} {type(problem).__name__}"
    spiking = bool(np.isin(expected, (-1, 0, 1)).all())
    wrong = found != expected if spiking else ~np.isclose(found, expected, rtol=1e-4, atol=1e-4)
    return f"differs {int(wrong.sum())}/{wrong.size}" if wrong.any() else "exact"


Words = dict[str, str | list[str]]


def rows(before: Mapping[tuple[str, ...], Words]) -> Iterator[dict[str, Any]]:
    """One per variant: the words of all seeds, or one word where all agree; their columns as they were `before`."""
    for variant in variants():
        key = (variant.framework, variant.name, variant.setting)
        old = before.get(key)
        found = [measure(variant, seed, theirs=old is None) for seed in range(SEEDS)]
        cells: Words = {}
        for column in columns():
            words = [each[column] for each in found]
            cells[column] = words if len(set(words)) > 1 else words[0]
            if old is not None and column.startswith("theirs"):
                cells[column] = old[column]
        yield {"framework": key[0], "class": key[1], "setting": key[2], "cells": cells}


def known(path: Path, versions: Mapping[str, str]) -> dict[tuple[str, ...], Words]:
    """The cells of a file that was measured with the same seeds and versions, by framework, class and setting."""
    if not path.exists():
        return {}
    old = json.loads(path.read_text("utf-8"))
    if old["versions"] != versions or old["seeds"] != SEEDS:
        return {}
    return {(row["framework"], row["class"], row["setting"]): row["cells"] for row in old["rows"]}


def main(path: Path) -> None:
    """Measures everything and writes it."""
    versions = {name: version(name) for name in LIBRARIES}
    found = {"versions": versions, "seeds": SEEDS, "rows": list(rows(known(path, versions)))}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
