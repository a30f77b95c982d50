"""One random module, all the way: framework, capture, definition, `.nir` file and back, the other framework.

Nothing of the package runs the framework here: the modules are stepped by the loop of this file, and what their neurons
return is what is compared.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

import snndeploy as sd
from snndeploy.engines import Trace
from snndeploy.errors import SnnDeployError
from snndeploy.frontends import capture, rebuild
from snndeploy.frontends.nir import child, loading
from snndeploy.network import Network
from snndeploy.network.arrays import equal

OTHER = {"snntorch": "norse", "norse": "snntorch"}
POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)
Loop = Callable[[nn.Module, torch.Tensor], list[Any]]


@dataclass(frozen=True, eq=False)
class Instance:
    """A module, its input (time, batch, *shape) and how it is called.

    options: what the class under test was built with, by the names of its constructor.
    other: why the other framework cannot hold it, parts of the refusal's text, of which one is told; "" where it can.
    """

    module: nn.Module
    x: np.ndarray
    loop: Loop
    options: Mapping[str, Any] = field(default_factory=dict)
    other: str | tuple[str, ...] = ""
    dt: float = 1e-3


@dataclass(frozen=True, eq=False)
class Case:
    """One class with one setting: a name, and what makes its instances from a seed.

    refused: a part of the text with which capture refuses all of them, with its code in front; "" where it captures.
    """

    name: str
    framework: str
    make: Callable[[int], Instance]
    refused: str = ""
    instances: int = 50
    quiet: bool = False


# how modules are called


def by_step(module: nn.Module, x: torch.Tensor) -> list[Any]:
    """Neurons that keep their states."""
    return [first(module(frame)) for frame in x]


def with_states(*states: Any) -> Loop:
    """forward(x, *states) -> output, *states."""

    def loop(module: nn.Module, x: torch.Tensor) -> list[Any]:
        rows, now = [], states
        for frame in x:
            rows.append(module(frame, *now))
            now = rows[-1][-len(states) :]
        return [first(row) for row in rows]

    return loop


def from_nothing(module: nn.Module, x: torch.Tensor) -> list[Any]:
    """forward(x) at first, then forward(x, state): Norse's way, and that of rebuilt modules."""
    rows: list[Any] = []
    for frame in x:
        rows.append(module(frame, rows[-1][-1]) if rows else module(frame))
    return [first(row) for row in rows]


def all_outputs(module: nn.Module, x: torch.Tensor) -> list[Any]:
    """As `from_nothing`; rows of all that is returned in front of the state."""
    rows: list[Any] = []
    for frame in x:
        rows.append(module(frame, rows[-1][-1]) if rows else module(frame))
    return [row[:-1] for row in rows]


def at_once(module: nn.Module, x: torch.Tensor) -> list[Any]:
    return list(first(module(x)))


def held(module: nn.Module, x: torch.Tensor) -> list[Any]:
    """One frame, which the module repeats."""
    return list(first(module(x[0])))


def first(output: Any) -> Any:
    return first(output[0]) if isinstance(output, tuple) else output


# what they do


def watched(
    module: nn.Module, paths: Mapping[str, str], x: np.ndarray, loop: Loop, outputs: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What the modules at `paths` returned, (time, batch, *shape) by name, and what the whole did."""
    kept: dict[str, list[torch.Tensor]] = {name: [] for name in paths}
    handles = []
    for name, path in paths.items():

        def keep(each: Any, args: Any, output: Any, *, rows: list[Any] = kept[name]) -> None:
            rows.append(first(output).detach().clone())

        handles.append(module.get_submodule(path).register_forward_hook(keep))
    with torch.no_grad():
        rows = loop(module, torch.from_numpy(np.ascontiguousarray(x, np.float32)))
    for handle in handles:
        handle.remove()
    found = {n: (r[0] if len(r) == 1 != len(x) else torch.stack(r)).numpy() for n, r in kept.items()}
    by_output = zip(*(row if isinstance(row, tuple) else (row,) for row in rows), strict=True)
    return found, {name: torch.stack(each).detach().numpy() for name, each in zip(outputs, by_output, strict=False)}


def as_trace(network: Network, engine: str, found: Mapping[str, Any], x: np.ndarray, own: bool) -> Trace:
    """Emissions of a framework as a trace of the network: spikes where they are not zero.

    own: it is the module itself, not a rebuilt one; then a spike must be worth what the network says.
    """
    spikes, v = {}, {}
    for each in network.populations:
        emitted = found.get(each.name)
        assert emitted is not None, f"nothing was seen of {each.name!r}"
        assert emitted.shape == (*x.shape[:2], *each.shape), (each.name, emitted.shape)
        if not each.rule.spiking:
            v[each.name] = emitted.astype(np.float64)
            continue
        spikes[each.name] = emitted != 0
        if own:
            np.testing.assert_allclose(emitted, each.rule.value * spikes[each.name], rtol=1e-6, err_msg=each.name)
    name = network.given[0].name
    return Trace(network, engine, "float32", {name: x.astype(np.float64)}, spikes, v=v, converted=not own)


def module_trace(network: Network, instance: Instance) -> Trace:
    """The captured module, by the loop of this file. A population has the name of its module."""
    module = instance.module
    names = dict(module.named_modules())
    paths = {}
    for each in network.populations:
        path = each.name if each.name in names else ""
        if path or not list(module.children()):
            paths[each.name] = path
    found, out = watched(module, paths, instance.x, instance.loop, network.outputs[:1])
    return as_trace(network, "the module", out | found, instance.x, own=True)


def rebuilt_trace(network: Network, framework: str, x: np.ndarray) -> Trace:
    """The network in a framework. Raises SnnDeployError SD330."""
    source, _ = rebuild.build(framework, network)
    paths = {name: path for name, path in source.paths.items() if name in network.population}
    hidden = type(source.module) is nn.Sequential
    found, out = watched(source.module, paths, x, by_step if hidden else all_outputs, network.outputs)
    # a neuron without threshold leaves its membrane as an output
    quiet = {name: rows for name, rows in out.items() if not network.population[name].rule.spiking}
    return as_trace(network, f"{framework} rebuilt", found | quiet, x, own=False)


# files


def opened_here(path: Path, limits: loading.Limits) -> tuple[dict[str, Any], bytes]:
    """What the child process answers, without the process."""
    reader = child.Reader({"path": str(path), **asdict(limits)})
    header = reader.file(str(path))
    return json.loads(json.dumps(header)), b"".join(reader.data)


def through_a_file(network: Network, path: Path, alone: bool) -> Network:
    """The network that was written and read; `alone`: in a process of its own, as users read."""
    sd.write(network, path)
    if alone:
        return sd.read(path)
    with mock.patch.object(loading, "_open", opened_here):
        return sd.read(path)


# all of it


@dataclass
class Count:
    """What was done.

    bins: (step, sample, neuron), compared with the captured module; there: with the module of the other framework.
    mismatches: instances that failed, in whatever.
    refused: by code and words: by capture, or by the other framework.
    """

    instances: int = 0
    bins: int = 0
    spikes: int = 0
    ties: int = 0
    there: int = 0
    ties_there: int = 0
    mismatches: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, more: Count) -> Count:
        for name in ("instances", "bins", "spikes", "ties", "there", "ties_there"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.refused += more.refused
        return self

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"refused": dict(self.refused)}


def check(instance: Instance, framework: str, folder: Path, alone: bool) -> Count:
    """Raises AssertionError where a bin differs that is no proven tie, or a file changes a bit."""
    x = instance.x
    network = capture(instance.module, x, instance.dt)
    ours = sd.run(network, x, record=("spikes", "v"))
    found = sd.compare(ours, module_trace(network, instance))
    assert found.agrees, f"{framework}: {found}"
    bins = sum(each.bins for each in found.table)
    count = Count(1, bins, sum(int(s.sum()) for s in ours.spikes.values()), 0 if found.identical else found.ties)
    again = through_a_file(network, folder / "model.nir", alone)
    assert equal(again, network), "the file gives back another network"
    try:
        trace = rebuilt_trace(again, OTHER[framework], x)
    except SnnDeployError as problem:
        assert {each.code for each in problem.findings} == {"SD330"}, str(problem)
        assert instance.other, f"{OTHER[framework]} refuses it: {problem}"
        reasons = (instance.other,) if isinstance(instance.other, str) else instance.other
        told = [each for each in reasons if each in str(problem)]
        assert told, f"{OTHER[framework]} refuses it for another reason: {problem}"
        count.refused["SD330 " + told[0]] += 1
        return count
    assert not instance.other, f"{OTHER[framework]} holds it, and it should not: {instance.other}"
    # the same network, bit for bit, has the same trace
    there = sd.compare(replace(ours, network=again), trace)
    assert there.agrees, f"{OTHER[framework]}: {there}"
    count.there, count.ties_there = bins, 0 if there.identical else there.ties
    return count


def check_refused(case: Case, instance: Instance) -> Count:
    """Every instance is refused, with the code and the words of the case."""
    code, _, words = case.refused.partition(" ")
    try:
        capture(instance.module, instance.x, instance.dt)
    except SnnDeployError as problem:
        assert code in {each.code for each in problem.findings}, str(problem)
        assert words in str(problem), str(problem)
        return Count(1, refused=Counter([case.refused]))
    raise AssertionError(f"it is captured, and should be refused: {case.refused}")


def check_case(case: Case, folder: Path, keep: Callable[[Case, Count], None]) -> None:
    """All instances of a case; keeps what was counted; names the seeds that fail, and raises from the first."""
    total, failed = Count(), []
    for seed in range(case.instances):
        try:
            instance = case.make(seed)
            if case.refused:
                total += check_refused(case, instance)
            else:
                total += check(instance, case.framework, folder, alone=seed == 0)
        except Exception as problem:
            failed.append((seed, problem))
    total.mismatches = len(failed)
    keep(case, total)
    if failed:
        what = "; ".join(f"seed {seed}: {type(p).__name__} {str(p)[:300]}" for seed, p in failed[:4])
        text = f"{case.name}: {len(failed)} of {case.instances} fail, seeds {[seed for seed, _ in failed]}. {what}"
        raise AssertionError(text) from failed[0][1]
    if not case.refused:
        share = total.spikes / total.bins
        assert case.quiet or 0.01 < share < 0.95, f"{case.name}: {share:.1%} of the bins are spikes"
