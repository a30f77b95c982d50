"""`certify`: can the registers of an integer network be left, by any input?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines import Trace, run
from snndeploy.errors import error
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import COUNTED, Network, Population
from snndeploy.network.registers import STATE_MAX, STATE_SHIFT, Registers
from snndeploy.quantize.certificate import witness
from snndeploy.quantize.certificate.analysis import Reached, analyse
from snndeploy.quantize.certificate.arrivals import Arrivals, arrivals
from snndeploy.quantize.certificate.bounds import Step, current_range
from snndeploy.quantize.certificate.followed import followed_current, narrowed
from snndeploy.quantize.certificate.interval import Interval
from snndeploy.quantize.certificate.observe import raw
from snndeploy.quantize.certificate.result import STATUSES, Bound, Certificate
from snndeploy.targets import Target, load, shipped

PROVEN, OPEN, REFUTED = map(STATUSES.index, ("proven", "open", "refuted"))
# of a population of any length: 32-bit sums of 64 state units per weight LSB
SUM_MAX = (2**31 - 1) >> STATE_SHIFT
# neuron-steps of calibration data that are run at a time
CHUNK = 2**23


def certify(
    network: Network,
    target: str | Path | Target | None = None,
    data: Any = None,
    *,
    largest: Mapping[str, int] | None = None,
    steps: int | None = None,
    strict: bool = False,
    search: bool = True,
) -> Certificate:
    """Whether an integer network can leave its registers, for every neuron and every input of the declared kinds.

    With a the sum of what arrives and the arithmetic of `network/registers.py`, the certificate is about

    * "u": decay(u) + 64·a stays within the register of the current. Beyond it Lava and the chip wrap it, silently, to
      the other end of the range: the spikes are then no longer those of the network. So do sums beyond 32 bits, which
      count as a current that leaves its register.
    * "v": the membrane stays within its register. Beyond it Lava and the chip saturate it, and so does every engine
      here: the integer network computes what it says, but it is no longer a leaky sum. Nothing comes of it where a
      spike sets the membrane to a value (a saturated one spikes like any other): such neurons count as harmless. It
      counts for the verdict only if `strict`.

    Per neuron: "proven" by intervals (`certificate/bounds.py`); "refuted" by a witness, an input that was run on the
    reference and does it, constructed, searched or seen in `data`; else "open": the bound is beyond the register, and
    nothing was found that reaches it.

    Args:
        network: integer form.
        target: whose registers; None: of the target it was quantised for, where its provenance names one.
        data: calibration, input as for `run`, (time, batch, *shape); it is run, and its range is shown.
        largest: the largest count per step of inputs that count; from the data or the provenance if not given.
        steps: samples have at most so many steps, each from the initial state; None: any number.
        search: look for witnesses, against what counts for the verdict; False: bounds and data alone.

    Raises:
        SnnDeployError SD209: the network is in the float form. SD606: the data do not fit, or nothing says how many
        events an input counts at most. SD800: `steps` or `largest` is no positive number.
    """
    spec.check(network)
    if network.form != "integer":
        raise error("SD209", "certify", "the network is in the float form", "quantise it first")
    if steps is not None and steps < 1:
        raise error("SD800", "steps", f"{steps} is not a number of steps", "give 1 or more, or leave it out")
    chip = _target(network, target)
    inputs = None if data is None else as_inputs(network, data)
    limits = _largest(network, largest or {}, inputs)
    reached = analyse(network, limits, steps)
    bounds: list[Bound] = []
    for each in network.populations:
        bounds += _bounds(network, each, reached[each.name], chip)
    if inputs is not None:
        bounds = _watched(network, inputs, bounds)
    if search:
        bounds = [_refuted(network, b, limits, steps) if strict or b.register != "v" else b for b in bounds]
    name = "24-bit states" if chip is None else chip.name
    return Certificate(name, steps, limits, strict, tuple(bounds), search)


def currents(network: Network, each: Population, target: Target, largest: Mapping[str, int]) -> Bound:
    """The bound of one population's current in samples of any length, every neuron able to spike in every step."""
    rule = each.rule
    assert isinstance(rule, Registers)
    most = {name: np.full(shape, largest.get(name, 1), np.int64) for name, shape in network.shapes.items()}
    arriving = arrivals(network, each.name, most)
    reached = narrowed(current_range(rule, each.shape, arriving), followed_current(network, each.name))
    return _current(each, reached, arriving, target.neuron.state_max.value)


def _target(network: Network, given: str | Path | Target | None) -> Target | None:
    if given is not None:
        return load(given)
    named = network.provenance.get("target", "")
    return load(named) if named in shipped() else None


def _largest(network: Network, given: Mapping[str, int], inputs: Mapping[str, Array] | None) -> dict[str, int]:
    """The largest value that each input sends in a step."""
    found = {}
    for each in network.inputs:
        said = given.get(each.name, network.provenance.get(f"largest count of {each.name}"))
        if each.kind not in COUNTED:
            found[each.name] = 1
        elif said is not None:
            if not str(said).isdecimal():
                what = f"{said!r} is not a number of events"
                raise error("SD800", f"largest count of {each.name!r}", what, "give a whole number")
            found[each.name] = int(said)
        elif inputs is not None:
            found[each.name] = int(np.abs(inputs[each.name]).max())
        else:
            what = "it counts events, and nothing says how many there are at most"
            raise error("SD606", f"input {each.name!r}", what, f"give largest={{{each.name!r}: ...}}, or data")
    return found


def _bounds(network: Network, each: Population, made: Reached, chip: Target | None) -> list[Bound]:
    rule = each.rule
    assert isinstance(rule, Registers)
    limit = STATE_MAX if chip is None else chip.neuron.state_max.value
    reached = made.range.sum
    harmless = np.zeros(each.shape, bool)
    decision = network.decision
    read = decision is not None and decision.population == each.name and decision.rule != "spike-count"
    if rule.spiking and rule.reset.kind == "to" and not read:
        below = Step(rule).threshold()[1] < limit  # what is limited still spikes
        harmless = (reached.high > limit) & (reached.low >= -limit) & below
    status = np.where(harmless, np.int8(PROVEN), _exceeds(reached, limit))
    membrane = Bound(each.name, "v", reached.low, reached.high, limit, status, harmless)
    return [_current(each, made.range.u, made.arriving, limit), membrane]


def _current(each: Population, u: Interval, arriving: Arrivals, limit: int) -> Bound:
    sums = np.where(arriving.largest > SUM_MAX, OPEN, PROVEN).astype(np.int8)
    status = np.maximum(sums, _exceeds(u, limit))
    return Bound(each.name, "u", u.low, u.high, limit, status, np.zeros(each.shape, bool))


def _exceeds(reached: Interval, limit: int) -> Array:
    return np.where((reached.low < -limit) | (reached.high > limit), OPEN, PROVEN).astype(np.int8)


def _watched(network: Network, inputs: Mapping[str, Array], bounds: list[Bound]) -> list[Bound]:
    """The bounds with the ranges of a run on data, and what it saw as witnesses."""
    steps, batch = next(iter(inputs.values())).shape[:2]
    size = sum(int(np.prod(shape)) for shape in network.shapes.values())
    at_once = max(1, CHUNK // (steps * size))
    given = {each.name: inputs[each.name] for each in network.given}
    for start in range(0, batch, at_once):
        part = {name: array[:, start : start + at_once] for name, array in given.items()}
        trace = run(network, part, record=("spikes", "u", "v"))
        bounds = [_seen(trace, bound, start) for bound in bounds]
    return bounds


def _seen(trace: Trace, bound: Bound, start: int) -> Bound:
    made = raw(trace, bound.population)
    values = {"u": made.u, "v": made.sum}[bound.register]
    low, high = int(values.min()), int(values.max())
    seen = (low, high) if bound.seen is None else (min(low, bound.seen[0]), max(high, bound.seen[1]))
    found = witness.first(trace, bound, "calibration")
    if found is not None:
        found = replace(found, sample=found.sample + start)
    return replace(_marked(bound, np.abs(values)), seen=seen, witness=bound.witness or found)


def _marked(bound: Bound, size: Array) -> Bound:
    """Neurons that were seen beyond the limit, and not proven to be harmless, are refuted."""
    over = (size > bound.limit).any(axis=(0, 1)) & (bound.status > PROVEN)
    return replace(bound, status=np.where(over, REFUTED, bound.status).astype(np.int8))


def _refuted(network: Network, bound: Bound, largest: Mapping[str, int], steps: int | None) -> Bound:
    if bound.verdict != "open" or bound.witness is not None:
        return bound
    found = witness.find(network, bound, largest, steps)
    if found is None:
        return bound
    trace = run(network, found.inputs, record=("spikes", "u", "v"))
    return replace(_marked(bound, witness.leaves(trace, bound.population, bound.register)), witness=found)
