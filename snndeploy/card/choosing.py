"""How the integers are chosen: the cheapest method that keeps enough decisions on samples outside its calibration.

Methods are tried from cheap to dear: one synapse per weight, then thresholds per neuron, then two synapses. The first
that keeps `ENOUGH` of the float network's decisions is taken; where none does, the one that keeps most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snndeploy import tuning
from snndeploy.card.measuring import measured
from snndeploy.card.samples import Split
from snndeploy.encoding import encode, events
from snndeploy.encoding.names import Named
from snndeploy.errors import SnnDeployError, VerdictError
from snndeploy.network.network import Network
from snndeploy.placement import place
from snndeploy.quantize import quantize
from snndeploy.quantize.methods import find
from snndeploy.targets import Target

ENOUGH = 0.99
CHEAPEST = "cheapest"
# from cheap to dear on the chip; within a line of equal cost from quick to slow to choose
LADDER = (
    ("adaptive", "membranes", "spike-flip"),
    ("signs", "per-neuron", "per-neuron+membranes"),
    ("split", "per-neuron+split"),
)
Progress = Callable[..., None]


@dataclass(frozen=True)
class Tried:
    """A method: what it keeps on the samples to choose by; refused: why there is no such network."""

    method: str
    kept: float = 0.0
    cores: int | None = None
    seconds: float = 0.0
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Choice:
    """Attributes:
    network: the integers; method: that made them; why: it was taken. tried: all, in their order.
    float: the float network with the encodings of the integers.
    """

    network: Network
    float: Network
    method: str
    why: str
    tried: tuple[Tried, ...]


def check_method(name: str) -> None:
    """Raises SD609 for a method that is not known."""
    if name in (CHEAPEST, "auto"):
        return
    try:
        find(name)
    except SnnDeployError as problem:
        found = problem.findings
        raise SnnDeployError(replace(each, fix=f"{CHEAPEST} or auto; or {each.fix}") for each in found) from None


def choose(
    network: Network,
    target: Target,
    method: str,
    calibration: Any,
    selection: Split,
    unseen: bool,
    encoding: Named | None,
    told: Progress,
) -> Choice:
    """The integers of a float network.

    Args:
        calibration: (time, sample, *shape), or by name of input. selection: what methods are scored on.
        unseen: the network was trained without these.

    Raises:
        SnnDeployError SD6xx, SD2xx: the target cannot hold the network.
    """
    base = network if encoding is None else encode(network, target, calibration, encoding)
    whole = events(base, calibration) if base.encodings else calibration
    if method == "auto":
        found = tuning.auto(base, target, whole, progress=told)
        tried = tuple(Tried(s.method, s.kept or 0.0, s.cores, s.seconds, s.refused) for s in found.tried)
        return Choice(found.network, base, f"auto: {found.method}", found.why, tried)
    if method != CHEAPEST:
        made = quantize(base, target, whole, method)
        return Choice(made, base, method, "as asked for", ())
    wanted = measured(base, selection, lambda done, of: None).decisions
    rows: list[Tried] = []
    best: tuple[float, str, Network] | None = None
    names = [name for line in LADDER for name in line]
    refused: SnnDeployError | None = None
    for name in names:
        told(len(rows), len(names), f"quantise: {name}")
        begun = time.perf_counter()
        try:
            made = quantize(base, target, whole, name)
        except SnnDeployError as problem:
            refused = refused or problem
            rows.append(Tried(name, refused=str(problem.findings[0])))
            continue
        share = float(np.mean(measured(made, selection, lambda done, of: None).decisions == wanted))
        rows.append(Tried(name, share, cores_of(made, target), round(time.perf_counter() - begun, 2)))
        if best is None or share > best[0]:
            best = (share, name, made)
        if share >= ENOUGH:
            break
    if best is None:
        assert refused is not None
        raise refused
    share, name, made = best
    which = "held back" if unseen else "that the network was trained on"
    of = f"{share:.2%} of the float decisions on {len(wanted)} samples {which}"
    if share >= ENOUGH:
        why = f"the cheapest that was tried and keeps {ENOUGH:.0%}: it keeps {of}"
    else:
        why = f"no method keeps {ENOUGH:.0%}; this one keeps most, {of}: {(ENOUGH - share) * 100:.2f} points short"
    return Choice(made, base, name, why, tuple(rows))


def cores_of(network: Network, target: Target) -> int | None:
    try:
        return len(place(network, target).cores)
    except VerdictError:
        return None
