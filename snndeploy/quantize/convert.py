"""`quantize`: the float form to the registers of a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.encoding.apply import largest as largest_events
from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding, SnnDeployError, raise_errors
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import COUNTED, Network, Population, Projection
from snndeploy.network.rule import Rule
from snndeploy.passes import constants, fold_gain, fold_values, merge_maps, reset_to_zero, sequential
from snndeploy.quantize import build, rules
from snndeploy.quantize.activity import Activity, assumed, measured
from snndeploy.quantize.certificate import Uncertified, certified, overflow
from snndeploy.quantize.methods import find
from snndeploy.quantize.methods.base import Method
from snndeploy.quantize.pairs import paired, single, single_inputs
from snndeploy.quantize.search import search
from snndeploy.targets import Target, load


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that does not depend on the method: checked once, measured once.

    Attributes:
        network: as the caller gave it; ready: prepared, with the same spikes.
        inputs: the checked calibration, or None; evidence: the float network on the first samples of it.
    """

    network: Network
    ready: Network
    target: Target
    inputs: Mapping[str, Array] | None
    activity: Activity
    evidence: Trace | None


def quantize(
    network: Network,
    target: str | Path | Target,
    calibration: Any = None,
    method: str = "adaptive",
    uncertified: Uncertified = "refuse",
) -> Network:
    """The integer form of `network`, in the registers of `target`.

    Per population a scale S (weight LSB per unit of the membrane; a state unit is S·64 per unit), per projection an
    exponent e and the grid of its sign mode::

        mantissa = round(w·S / 2^e)     du = round(4096(1 - alpha)) - 1     dv = round(4096(1 - beta))
        vth = round(theta·S)            bias = round(b·S·64) = mantissa·2^exponent

    S, e and the integers are chosen by a method (`quantize/methods`) below what every register and the worst case
    allow (`quantize/worst_case.py`). beta = 0 becomes 1/4096, the nearest that a register holds. The decays that
    were realised, and all other errors, are in `quantize.report`.

    Args:
        network: float form, unchanged by this.
        target: name of a shipped target, path of a file, or a `Target`.
        calibration: input as for `run`, `(time, batch, *shape)`; without it all sources count alike. Counts need it:
            their maximum bounds the worst case.
        method: a name of `quantize.methods.METHODS`, or several joined by "+".
        uncertified: "refuse" a network whose currents could wrap (see `quantize.certify`), or "allow" it.

    Raises:
        SnnDeployError: everything that the target cannot hold and everything wrong with the calibration, at once.
    """
    chip, by = load(target), find(method)
    return integers(study(network, chip, calibration), by, uncertified)


def study(network: Network, target: Target, calibration: Any = None) -> Study:
    """What all methods need; see `quantize` for arguments and errors."""
    spec.check(network)
    if network.form == "integer":
        raise_errors([Finding("SD601", "network", "it is in the integer form", "quantise the float network")])
    found = refusals(network, target)
    inputs = None
    try:
        inputs = None if calibration is None else as_inputs(network, calibration)
    except SnnDeployError as problem:
        found += [Finding("SD606", f"calibration, {f.where}", f.what, f.fix) for f in problem.findings]
    known = largest_events(network)
    for each in network.inputs:
        if each.kind not in COUNTED or calibration is not None or each.name in known:
            continue
        what = "it counts events, and nothing says how many there are at most"
        found.append(Finding("SD606", f"input {each.name!r}", what, "give calibration spikes"))
    for each in (each for each in network.inputs if each.kind == "bias" and calibration is None):
        what = "it is a bias per sample, and nothing says how large it is"
        found.append(Finding("SD606", f"input {each.name!r}", what, "give calibration input"))
    raise_errors(found)
    ready = prepared(single(network))
    activity, evidence = assumed(ready), None
    if inputs is not None:
        activity, evidence = measured(ready, single_inputs(ready, inputs))
    return Study(network, ready, target, inputs, activity, evidence)


def integers(about: Study, by: Method, uncertified: Uncertified = "refuse") -> Network:
    """The integer form by one method; see `quantize`."""
    network, chip, largest = about.network, about.target, about.activity.largest
    ready = about.ready if by.layout is None else by.layout(about.ready)
    found: list[Finding] = []
    populations: list[Population] = []
    projections: list[Projection] = []
    for each in ready.populations:
        case = search(ready, each.name, chip, about.activity, about.evidence)
        coarse = case.too_coarse()
        if coarse is not None:
            found.append(coarse)
            continue
        for choice in by.ranked(case):
            before = network.population[each.name]
            made, into = build.population(before, each, ready.into(each.name), choice, chip, _adjust(by, each, about))
            if uncertified == "allow" or not overflow(ready, made, into, chip, largest):
                populations.append(made)
                projections += into
                break
        else:
            what = "no scale satisfies its threshold, its bias, its weights and the worst case together"
            fix = "bring weights, bias and threshold closer together, or lower the fan-in"
            found.append(Finding("SD607", f"population {each.name!r}", what, fix))
    raise_errors(found)
    made_of = ready.with_(
        populations=tuple(populations),
        projections=tuple(projections),
        provenance={**_provenance(network, chip, about.inputs), "method": by.name},
    )
    made_of = paired(made_of, network)
    most = {**largest, **largest_events(made_of)}
    return certified(spec.check(made_of), chip, most, uncertified)


def _adjust(by: Method, each: Population, about: Study) -> Callable[[Rule, Array], tuple[Array, Array]] | None:
    """What a method makes of the decays of a population; None: nothing."""
    chosen = by.decays
    return None if chosen is None else lambda rule, units: chosen(rule, each.name, units, about.activity)


def refusals(network: Network, target: Target) -> list[Finding]:
    """All that a target cannot hold of a legal network, as it is and prepared; `lint` and `quantize` both say it."""
    found = rules.findings(network, target)
    if network.form == "integer":
        return found
    try:
        ready = prepared(network)
    except SnnDeployError as problem:
        return [*found, *problem.findings]
    return found + [each for each in rules.findings(ready, target) if str(each) not in set(map(str, found))]


def prepared(network: Network) -> Network:
    """The float network with everything folded that registers do not have; the same spikes."""
    return merge_maps(reset_to_zero(sequential(constants(fold_gain(fold_values(network))))))


def _provenance(network: Network, target: Target, inputs: Mapping[str, Array] | None) -> dict[str, str]:
    sizes = {} if inputs is None else {n: a.shape for n, a in inputs.items() if network.input[n].kind != "constant"}
    said = "; ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in sizes.items()) or "none"
    most = {n: int(np.abs(a).max()) for n, a in (inputs or {}).items() if network.input[n].kind in COUNTED}
    most |= {n: value for n, value in largest_events(network).items() if network.input[n].kind in COUNTED}
    bound = {f"largest count of {name}": str(value) for name, value in most.items()}
    made = {f"encoding of {each.input}": each.said for each in network.encodings}
    return {**network.provenance, "target": target.name, "calibration": said, **bound, **made}
