"""`report`: runs a network in one or both forms on every engine, and measures what the page shows."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from typing import Any

import numpy as np

from snndeploy.conform.budget import budget as measure
from snndeploy.conform.statistics import wilson
from snndeploy.conform.tiers import Tolerances, at_least
from snndeploy.conform.verification import Verification
from snndeploy.conform.verify import verify
from snndeploy.engines import Trace, run
from snndeploy.errors import SnnDeployError, error
from snndeploy.network.digest import network_hash
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network
from snndeploy.placement import Placement
from snndeploy.placement.picture import picture
from snndeploy.placement.traffic import traffic
from snndeploy.report.html.content import Accuracy, Content, Pair
from snndeploy.report.html.spikes import pair
from snndeploy.targets import Target

Progress = Callable[..., None]
RECORD = ("spikes", "v")
VERSIONS = ("snndeploy", "numpy", "torch", "snntorch", "norse", "lava-nc", "onnxruntime", "nir", "h5py", "scipy")
# pairs of engines whose spikes are shown: the first differences are what one looks for
PAIRS = 6


def collect(
    network: Network,
    data: Any,
    integers: Network | None = None,
    labels: Any = None,
    engines: str | Iterable[str] = "all",
    placement: Placement | None = None,
    target: Target | None = None,
    budget: bool = True,
    samples: int = 4,
    title: str = "",
    tolerances: Tolerances | None = None,
    progress: Progress = lambda done, total, text=None: None,
) -> Content:
    """Everything of a report.

    Args:
        network: of either form. integers: the integer form of it, where it is a float one.
        data: (time, batch, *shape) events, which both take. labels: whole numbers (batch,).
        target: that the placement is on, for the traffic between its cores.
        samples: how many, from the first on, have their spikes shown.

    Raises:
        SnnDeployError SD209: `integers` is not the integer form of `network`. Else as `verify` and `budget`.
    """
    networks = (network,) if integers is None else (network, integers)
    if integers is not None and (network.form, integers.form) != ("float", "integer"):
        what = f"it takes a float network and its integer form, not {network.form} and {integers.form}"
        raise error("SD209", "report", what, "give one network, or the float one first")
    if integers is not None and _own(network) != _own(integers):
        raise error("SD209", "report", "the two networks have other populations or shapes", "give what quantize made")
    allowed = tolerances or Tolerances()
    names = engines if isinstance(engines, str) else tuple(engines)
    found = tuple(
        verify(each, data, names, labels, tolerances=allowed, progress=_told(progress, f"{each.form} form"))
        for each in networks
    )
    first = {name: array[:, :samples] for name, array in as_inputs(network, data).items()}
    given = {each.name: first[each.name] for each in network.given}
    pairs = tuple(each for each in _pairs(networks, found, given, allowed.jitter) if each.layers)
    costs, notes = None, []
    if budget and integers is not None:
        progress(0, 1, "error budget")
        try:
            costs = measure(network, integers, data, labels)
        except SnnDeployError as problem:
            notes = [f"No error budget: {each}" for each in problem.findings]
    mesh = "" if placement is None or target is None else _mesh(networks[-1], given, placement, target)
    return Content(
        title or f"{network.inputs[0].name} → {', '.join(network.outputs)}",
        networks,
        found,
        pairs,
        tuple(_accuracies(networks, found)),
        costs,
        placement,
        mesh,
        _versions(),
        _hashes(networks, network, data, labels),
        tuple(notes),
    )


def _own(network: Network) -> dict[str, tuple[int, ...]]:
    """Shapes of populations and of inputs that carry data: quantising adds inputs for constants of its own."""
    names = [each.name for each in network.given] + [each.name for each in network.populations]
    return {name: network.shapes[name] for name in names}


def _mesh(network: Network, given: Mapping[str, Any], placement: Placement, target: Target) -> str:
    """The traffic between cores on the samples that are shown, as SVG."""
    trace = run(network, given)
    return picture(placement, traffic(network, placement.core_of, trace).between, target)


def _told(progress: Progress, what: str) -> Progress:
    def tell(done: int, total: int, text: str | None = None) -> None:
        progress(done, total, f"{what}: {text or ''}")

    return tell


def _pairs(
    networks: tuple[Network, ...], found: tuple[Verification, ...], given: Mapping[str, Any], window: int
) -> Iterable[Pair]:
    """Float against integers first; then engines that differ; a pair of equal ones, if there is no other."""
    references: dict[str, Trace] = {}

    def reference(network: Network) -> Trace:
        if network.form not in references:
            references[network.form] = run(network, given, record=RECORD)
        return references[network.form]

    made = 0
    if len(networks) == 2:
        yield pair("float against integers", reference(networks[0]), reference(networks[1]), window)
        made += 1
    for equal in (False, True):
        for network, each in zip(networks, found, strict=True):
            for (a, b), verdict in each.verdicts.items():
                same = at_least(verdict.tier, "spike-identical")
                one, other = ("reference", b) if a == "reference" else (a, b)
                if same != equal or made >= PAIRS or (equal and made) or not _runs(each, one, other):
                    continue
                traces = [reference(network) if n == "reference" else _again(network, given, n) for n in (one, other)]
                why = "" if verdict.diagnosis is None else str(verdict.diagnosis)
                yield pair(f"{network.form} form: {one} against {other}", traces[0], traces[1], window, why)
                made += 1


def _runs(found: Verification, *names: str) -> bool:
    from snndeploy.engines.base import ENGINES

    return all(name in ENGINES and name in found.names for name in names)


def _again(network: Network, given: Mapping[str, Any], engine: str) -> Trace:
    return run(network, given, engine, RECORD)


def _accuracies(networks: tuple[Network, ...], found: tuple[Verification, ...]) -> Iterable[Accuracy]:
    for network, each in zip(networks, found, strict=True):
        right: dict[str, int] = {}
        for (a, b), verdict in each.verdicts.items():
            done = verdict.decided
            if done is not None and done.right_a is not None and done.right_b is not None:
                right |= {a: done.right_a, b: done.right_b}
        for name, count in right.items():
            interval = wilson(count, each.samples)
            yield Accuracy(network.form, each.engines.get(name, name), count, each.samples, interval)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _hashes(networks: tuple[Network, ...], network: Network, data: Any, labels: Any) -> dict[str, str]:
    """SHA-256 of the input's events as int64 or float64 in C order, and what each network computes (BLAKE2b)."""
    found = {f"network, {each.form} form": network_hash(each) for each in networks}
    for each in network.given:
        array = np.ascontiguousarray(as_inputs(network, data)[each.name])
        found[f"input {each.name!r} {array.dtype} {array.shape}"] = hashlib.sha256(array.tobytes()).hexdigest()
    if labels is not None:
        found["labels int64"] = hashlib.sha256(np.asarray(labels).astype(np.int64).tobytes()).hexdigest()
    return found
