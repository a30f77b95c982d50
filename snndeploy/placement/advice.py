"""What makes a network fit, or fit on fewer cores: changes that are made, placed and, with data, run.

Nothing is guessed: a row of the table is a network that exists. Splitting the inputs of a neuron over two populations
is not among them: these would spike by themselves, a step earlier: another network, which has to be trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snndeploy import targets
from snndeploy.engines import Trace
from snndeploy.engines import run as run_on_engine
from snndeploy.errors import Finding, SnnDeployError, error
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement import changes
from snndeploy.placement.axons import memory_bits
from snndeploy.placement.place import place
from snndeploy.placement.plan import Placement
from snndeploy.targets import Target

Progress = Callable[..., None]
Make = Callable[[], Network | None]
# weights that move less than this share of their norm are taken for a small change where nothing is run
SMALL = 0.1


@dataclass(frozen=True, eq=False)
class Change:
    """Something to try.

    Attributes:
        kind: "exact": the same integers; "rounded": other weights, no training needed to try it; "retrain": it
            computes something else, and has to be trained so.
        make: the network; None where there is nothing to change.
    """

    title: str
    kind: str
    make: Make
    target: Target
    note: str = ""


@dataclass(frozen=True, eq=False)
class Tried:
    """A change that was made.

    Attributes:
        network, plan: None where it does not fit; refused says why.
        weights: |w' - w| / |w| over the projections that changed.
        spikes: bins of the outputs that differ, as a share of the spikes before; kept: share of decisions that stay;
            accuracy: with labels. None where nothing was run.
    """

    title: str
    kind: str
    target: str
    network: Network | None = None
    plan: Placement | None = None
    refused: str = ""
    note: str = ""
    weights: float = 0.0
    spikes: float | None = None
    kept: float | None = None
    accuracy: float | None = None
    seconds: float = 0.0

    @property
    def cost(self) -> tuple[Any, ...]:
        """What sorts the cheapest first: it fits; on one chip; small changes, other chips, others, training; cores."""
        chips, cores = (self.plan.chips, len(self.plan.cores)) if self.plan else (0, 0)
        small = self.kept >= 0.99 if self.kept is not None else self.weights <= SMALL
        step = {"exact": 0, "chip": 2, "rounded": 1 if small else 3, "retrain": 4}[self.kind]
        return (self.plan is None, chips, step, -(self.kept or 0), self.weights, cores)

    def as_dict(self) -> dict[str, Any]:
        return {
            "change": self.title,
            "exact": self.kind in ("exact", "chip"),
            "training": self.kind == "retrain",
            "target": self.target,
            "fits": self.plan is not None,
            "cores": None if self.plan is None else len(self.plan.cores),
            "chips": None if self.plan is None else self.plan.chips,
            "weights_moved": self.weights,
            "spikes_moved": self.spikes,
            "decisions_kept": self.kept,
            "accuracy": self.accuracy,
            "refused": self.refused,
            "note": self.note,
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True, eq=False)
class Advice:
    """Changes, cheapest first.

    Attributes:
        findings: why it does not fit as it is, or does not fit on one chip.
        as_is: the network itself. samples: that were run; 0: none.
        untried: what there was no time for.
    """

    target: str
    findings: tuple[Finding, ...]
    as_is: Tried
    tried: tuple[Tried, ...]
    untried: tuple[str, ...] = ()
    samples: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    @property
    def best(self) -> Tried | None:
        """The cheapest change that makes it fit; on one chip, if one does."""
        return next((each for each in self.tried if each.plan is not None), None)

    def as_dict(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "findings": [each.as_dict() for each in self.findings],
            "as_it_is": self.as_is.as_dict(),
            "tried": [each.as_dict() for each in self.tried],
            "untried": list(self.untried),
            "samples": self.samples,
            "seconds": round(self.seconds, 2),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        from snndeploy.placement.advice_text import text

        return text(self)


def advise(
    network: Network,
    target: str | Target,
    data: Any = None,
    labels: Array | None = None,
    *,
    seconds: float = 60.0,
    progress: Progress | None = None,
    **arranging: Any,
) -> Advice:
    """Tries what may make an integer network fit, or need fewer cores; see the module.

    Args:
        data: (time, batch, *shape) input, as for `engines.run`: every change is run on it and compared.
        labels: class of each sample (batch,), for accuracies.
        seconds: no change is begun after so many; the one at work is finished.
        progress: called with (done, in all, what is being tried).
        arranging: as for `place`.

    Raises:
        SnnDeployError SD209: the network is in the float form. SD1xx: the data do not fit.
    """
    chip = targets.load(target)
    spec.check(network)
    if network.form != "integer":
        raise error("SD209", "network", "it is in the float form", "quantise it first")
    begun = time.perf_counter()
    told = progress or (lambda done, total, text=None: None)
    before = None if data is None else run_on_engine(network, data, "torch")
    arranging = {"arrange": "rows", **arranging}
    as_is, found = _as_is(network, chip, before, labels, arranging)
    made: list[Tried] = []
    untried: list[str] = []
    options = list(_changes(network, chip, found, as_is.plan))
    for number, change in enumerate(options):
        if time.perf_counter() - begun > seconds:
            untried.append(change.title)
            continue
        told(number, len(options), change.title)
        tried = _try(network, change, before, labels, arranging)
        if tried is not None:
            made.append(tried)
    told(len(options), len(options), "done")
    made.sort(key=lambda each: each.cost)
    samples = 0 if before is None else before.batch
    spent = time.perf_counter() - begun
    return Advice(chip.name, found, as_is, tuple(made), tuple(untried), samples, spent)


def _as_is(
    network: Network, chip: Target, before: Trace | None, labels: Array | None, arranging: dict[str, Any]
) -> tuple[Tried, tuple[Finding, ...]]:
    begun = time.perf_counter()
    first = Tried("as it is", "exact", chip.name, network)
    if before is not None:
        first = replace(first, spikes=0.0, **_decided(before, before, labels))
    try:
        plan = place(network, chip, **arranging)
    except SnnDeployError as problem:
        found = tuple(problem.findings)
        return replace(first, refused=str(found[0]), seconds=time.perf_counter() - begun), found
    return replace(first, plan=plan, seconds=time.perf_counter() - begun), plan.findings


def _changes(network: Network, chip: Target, found: tuple[Finding, ...], plan: Placement | None) -> Iterator[Change]:
    """What may help, the likely and cheap first."""
    codes = {f.code for f in found}
    most = _axons_of_a_neuron(chip)
    tight = [p.name for p in network.populations if changes.fan_in(network, p.name) > most]
    if plan is None and tight:
        yield from _narrower(network, chip, tight, most)
    if plan is None and "SD206" in codes:
        note = "train shortly with it: snndeploy finetune --train-reset to-zero"
        yield Change(
            "reset to zero, in the step of the spike", "retrain", lambda: changes.reset_to_zero(network), chip, note
        )
    if plan is None and not tight and not codes & {"SD203", "SD205", "SD240"}:
        yield from _other_chips(network, chip)
        return
    for bits in (6, 5, 4):
        if any(p.format is not None and p.format.bits > bits for p in network.projections):
            yield Change(f"weights of {bits} bits", "rounded", _made(changes.fewer_bits, network, bits), chip)
    for share in (0.25, 0.5, 0.75):
        yield Change(
            f"the smallest {share:.0%} of weights pruned", "rounded", _made(changes.pruned, network, share), chip
        )
    if not tight:
        for p in network.populations:
            yield Change(
                f"inputs of {p.name} summed in 2×2 windows",
                "rounded",
                _made(changes.pooled_inputs, network, p.name),
                chip,
                "a pool in front of its dense weights; better if trained so",
            )
    yield from _other_chips(network, chip)


def _narrower(network: Network, chip: Target, tight: list[str], most: int) -> Iterator[Change]:
    """Fewer input axons for the neurons that have too many."""
    names = ", ".join(tight)

    def over(change: Callable[[Network, str], Network | None]) -> Make:
        def make() -> Network | None:
            made = network
            for name in tight:
                changed = change(made, name)
                if changed is None:
                    return None
                made = changed
            return made

        return make

    need = max(changes.fan_in(network, name) for name in tight)
    yield Change(
        f"weak inputs of {names} tied, {need:,} to {most:,} axons",
        "rounded",
        over(lambda net, name: changes.tied_inputs(net, name, most)),
        chip,
        "inputs of a group have one weight, so they share an axon",
    )
    yield Change(
        f"weak inputs of {names} left out, {need:,} to {most:,} axons",
        "rounded",
        over(lambda net, name: changes.without_weakest_inputs(net, name, most)),
        chip,
    )
    yield Change(
        f"inputs of {names} summed in 2×2 windows",
        "rounded",
        over(changes.pooled_inputs),
        chip,
        "a pool in front of its dense weights; better if trained so",
    )
    yield Change(
        f"{names} in 2 groups of channels",
        "retrain",
        over(changes.in_two_groups),
        chip,
        "nn.Conv2d(..., groups=2), trained so",
    )


def _other_chips(network: Network, chip: Target) -> Iterator[Change]:
    for name in targets.shipped():
        other = targets.load(name)
        if other.name != chip.name:
            yield Change(f"on {other.name}", "chip", lambda: network, other, f"--target {name}: the same integers")


def _axons_of_a_neuron(chip: Target) -> int:
    """The most inputs that a neuron alone on a core can have: axons, and memory for a synapse each."""
    core = chip.core
    bits = chip.synapse.weight_bits.value + core.index_bits.value
    each = int(memory_bits(np.asarray(1), bits, chip))
    return min(core.input_axons.value, core.synaptic_memory_bits.value // each)


def _made(change: Callable[..., Network | None], *arguments: Any) -> Make:
    return lambda: change(*arguments)


def _try(
    network: Network, change: Change, before: Trace | None, labels: Array | None, arranging: dict[str, Any]
) -> Tried | None:
    """None where there is nothing to change."""
    begun = time.perf_counter()
    tried = Tried(change.title, change.kind, change.target.name, note=change.note)
    try:
        made = change.make()
        if made is None:
            return None
        tried = replace(tried, network=spec.check(made), weights=changes.moved(network, made))
        tried = replace(tried, plan=place(made, change.target, **arranging))
        if before is not None:
            given = {each.name: before.inputs[each.name] for each in network.given}
            after = before if made is network else run_on_engine(made, given, "torch")
            tried = replace(tried, spikes=_spikes(before, after), **_decided(before, after, labels))
    except SnnDeployError as problem:
        tried = replace(tried, refused=str(problem.findings[0]))
    return replace(tried, seconds=time.perf_counter() - begun)


def _spikes(before: Trace, after: Trace) -> float | None:
    """Bins of the outputs that differ, as a share of the spikes before."""
    names = [name for name in before.network.outputs if name in before.spikes]
    spikes = sum(int(np.count_nonzero(before.spikes[name])) for name in names)
    bins = sum(int(np.count_nonzero(before.spikes[name] != after.spikes[name])) for name in names)
    return bins / spikes if spikes else None


def _decided(before: Trace, after: Trace, labels: Array | None) -> dict[str, Any]:
    if before.network.decision is None:
        return {}
    was, now = before.decisions(), after.decisions()
    accuracy = None if labels is None else float((now == np.asarray(labels)).mean())
    return {"kept": float((was == now).mean()), "accuracy": accuracy}
