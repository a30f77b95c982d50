"""`budget`: runs the networks in between and counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.conform.budget.mixture import PARTS, STATES, exact, mixture, start
from snndeploy.conform.budget.result import Budget, Entry
from snndeploy.engines import Trace, base, reference, run
from snndeploy.engines.trace import wanted
from snndeploy.errors import error
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.binding import per_sample
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network
from snndeploy.network.timing import update_order
from snndeploy.quantize import prepared

# neuron-steps that are run at a time
CHUNK = 2**24


def budget(
    net: Network, made: Network, data: Any, labels: Any = None, engine: str = "reference", continuous: bool = False
) -> Budget:
    """Which part of `made = quantize(net, ...)` moved how many spikes and decisions on `data`.

    The parts are the decays, the weights, the thresholds and biases (with resets and initial states), and the states:
    decays that truncate, membranes that end at 24 bits. Each is switched on alone in the float network, and each is
    left out of the integer one. What they cost alone need not add up to what they cost together; the difference is
    the interaction.

    Args:
        net, made: a float network and its integer form.
        data: input as for `run`, (time, batch, *shape).
        labels: class of each sample, whole numbers (batch,); needs a network that decides.
        engine: runs the float network and the integer one; what is in between runs on the reference.
        continuous: the network stands for one in continuous time, of which it takes forward Euler steps; says what
            decays of exp(-dt/tau) would change.

    Raises:
        SnnDeployError SD209: the networks do not belong together. SD103, SD111: labels that do not fit. SD102: labels
        for a network that decides nothing.
    """
    for each in (net, made):
        spec.check(each)
    ready = prepared(net) if net.form == "float" else net
    if net.form != "float" or made.form != "integer" or ready.shapes != made.shapes:
        fix = "give the float network and what quantize made of it"
        raise error("SD209", "budget", "these are not a float network and its integer form", fix)
    if per_sample(net):
        what = "it has a bias per sample, and a budget tells one network apart"
        raise error("SD209", "budget", what, "measure `compare_methods` with this encoding, or encode it otherwise")
    inputs = {each.name: as_inputs(net, data)[each.name] for each in net.given}
    classes = _classes(net, labels, next(iter(inputs.values())).shape[1])
    sets = {"float": (), "whole": PARTS}
    sets |= {f"only {part}": (part,) for part in PARTS}
    sets |= {f"but {part}": tuple(p for p in PARTS if p != part) for part in PARTS}
    counts = {name: _Count(parts) for name, parts in sets.items()}
    stepless = _Count(("discretisation",))
    for part_of, some in _chunks(net, inputs, classes):
        floating = run(net, part_of, engine, RECORDED)
        if continuous:
            stepless.add(floating, run(exact(net), part_of, record=RECORDED), some)
        for name, parts in sets.items():
            trace = floating if not parts else run(made, part_of, engine, RECORDED) if parts == PARTS else None
            counts[name].add(floating, trace or _between(ready, made, parts, part_of), some)
    entries = {name: count.entry(classes is not None) for name, count in counts.items()}
    notes = [] if continuous else ["discretisation: none, the network is taken to compute in steps"]
    if [p.delay for p in ready.projections] == [p.delay for p in net.projections]:
        notes.append("delays: none was changed")
    return Budget(
        entries["float"],
        entries["whole"],
        {part: entries[f"only {part}"] for part in PARTS},
        {part: entries[f"but {part}"] for part in PARTS},
        stepless.entry(classes is not None) if continuous else None,
        tuple(notes),
    )


RECORDED = ("spikes",)


def _classes(net: Network, labels: Any, batch: int) -> Array | None:
    if labels is None:
        return None
    if net.decision is None:
        raise error("SD102", "labels", "the network decides nothing", "give it a decision, or leave them out")
    found = np.asarray(labels)
    if found.shape != (batch,):
        raise error("SD103", "labels", f"their shape is {found.shape}, not ({batch},)", "one class per sample")
    if found.dtype.kind not in "iuf" or (found != np.floor(found)).any() or found.min() < 0:
        raise error("SD111", "labels", "they are not whole numbers of 0 or more", "number the classes from 0")
    return found.astype(np.int64)


def _chunks(
    net: Network, inputs: Mapping[str, Array], classes: Array | None
) -> Iterator[tuple[dict[str, Array], Array | None]]:
    steps, batch = next(iter(inputs.values())).shape[:2]
    at_once = max(1, CHUNK // (steps * sum(int(np.prod(shape)) for shape in net.shapes.values())))
    for at in range(0, batch, at_once):
        part = slice(at, at + at_once)
        yield {n: a[:, part] for n, a in inputs.items()}, None if classes is None else classes[part]


def _between(ready: Network, made: Network, parts: tuple[str, ...], inputs: Mapping[str, Array]) -> Trace:
    network = mixture(ready, made, parts)
    if STATES not in parts:
        trace = run(network, inputs, record=RECORDED)
    else:
        job = base.Job(spec.check(network), as_inputs(network, inputs), wanted(network, RECORDED))
        trace = reference.run(job, start)
    units: dict[str, Any] = {each.name: each.rule for each in made.populations}
    # decisions compare membranes of neurons that may have scales of their own
    return replace(trace, v={n: v / units[n].scale + units[n].offset for n, v in trace.v.items()})


class _Count:
    """What adds up over samples."""

    def __init__(self, parts: tuple[str, ...]):
        self.parts = parts
        self.samples = self.right = self.kept = self.moved = 0
        self.both = self.ours = self.theirs = 0
        self.first: tuple[int, int, str, tuple[int, ...]] | None = None
        self.decides = False

    def add(self, floating: Trace, trace: Trace, labels: Array | None) -> None:
        for name in (n for group in update_order(floating.network) for n in group):
            if name not in floating.spikes:
                continue
            a, b = floating.spikes[name], trace.spikes[name]
            differ = a != b
            self.moved += int(differ.sum())
            self.both += int((a & b).sum())
            self.ours, self.theirs = self.ours + int(a.sum()), self.theirs + int(b.sum())
            if differ.any():
                step, sample, *index = (int(i) for i in np.argwhere(differ)[0])
                if self.first is None or step < self.first[0]:
                    self.first = (step, sample + self.samples, name, tuple(index))
        if floating.network.decision is not None:
            self.decides = True
            here = trace.decisions()
            self.kept += int((here == floating.decisions()).sum())
            self.right += 0 if labels is None else int((here == labels).sum())
        self.samples += floating.batch

    def entry(self, labelled: bool) -> Entry:
        size = float(self.ours) * float(self.theirs)
        cosine = self.both / size**0.5 if size else float(self.ours == self.theirs)
        correct = self.right if labelled else None
        interval = wilson(self.right, self.samples) if labelled else None
        kept = self.kept if self.decides else None
        return Entry(self.parts, self.samples, correct, interval, kept, cosine, self.moved, self.first)


def wilson(right: int, samples: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The 95 % interval of a share (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    p, spread = right / samples, z * z / samples
    middle = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * (p * (1 - p) / samples + spread / (4 * samples)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
