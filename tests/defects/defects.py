"""Shared by the tests of defects: what another library does wrong, and that the same module or file is right here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import snndeploy as sd
from snndeploy.network import Network
from snndeploy.report.exporters import exported, imported, played, through_file

DT = 1e-3


def gone(library: str, what: str) -> str:
    """Why a test of this kind fails: somebody repaired it."""
    return f"{library} {version(library)} no longer does this: {what}. Take the defect out of the tests and tables"


@contextlib.contextmanager
def fails(library: str, what: str, kind: type[BaseException] | tuple[type[BaseException], ...], text: str) -> Iterator:
    """The block raises, as it did when the defect was found."""
    try:
        yield
    except kind as problem:
        assert text in str(problem), f"another failure than {text!r}: {problem}"
    else:
        pytest.fail(gone(library, what))


def binary(shape: tuple[int, ...], seed: int = 0, rate: float = 0.4) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < rate).astype(np.float32)


def loud(layer: nn.Module, gain: float = 2.0, shift: float = 0.1) -> nn.Module:
    """Weights with which neurons fire."""
    with torch.no_grad():
        layer.weight.mul_(gain).add_(shift)
    return layer


def lost(
    framework: str, module: nn.Module, x: np.ndarray, path: Path, to: str = "", write_dt: Any = None, **reading: Any
) -> float:
    """Part of the module's output bins that differ behind the library's own exporter, a file and an importer."""
    theirs = played(module, x)
    assert theirs.any()
    graph = through_file(exported(framework, module, torch.as_tensor(x[0, 0]), write_dt), path)
    found = played(imported(to or framework, graph, **reading), x)
    return float((found.reshape(theirs.shape) != theirs).mean())


def kept(module: nn.Module, x: np.ndarray, path: Path, framework: str, dt: float = DT) -> Network:
    """The same module, captured, through a file: every spike is the module's own. Returns what came out of the file."""
    network = sd.capture(module, x, dt)
    own = sd.run(network, x, engine=framework, record=("spikes", "v"))
    (name,) = network.outputs
    shown = played(module, x)
    recorded = own.spikes[name] if name in own.spikes else own.v[name]
    np.testing.assert_array_equal(recorded, (shown != 0) if name in own.spikes else shown)
    sd.write(network, path)
    again = sd.read(path)
    for engine in ("reference", "torch"):
        same = sd.compare(own, sd.run(again, x, engine=engine, record=("spikes", "v")))
        assert same.agrees, f"{engine}: {same}"
    return again


def codes(problem: Any) -> set[str]:
    return {finding.code for finding in problem.value.findings}
