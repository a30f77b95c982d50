"""Training on the chip's own arithmetic, from where rounding left the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snndeploy.engines import run
from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.maps import values_of
from snndeploy.network.network import Network
from snndeploy.network.rule import Reset, Rule
from snndeploy.quantize import quantize
from snndeploy.quantize.certificate import overflows
from snndeploy.quantize.convert import refusals
from snndeploy.quantize.drive import weighted_map
from snndeploy.targets import Target, load
from snndeploy.train.integers import Deployed
from snndeploy.train.tuning import SETTINGS, Progress, State, Tuning, tune


@dataclass(frozen=True)
class Stage:
    """How often a stage of the way decides as the labels say. `test`: None without test samples."""

    name: str
    train: float
    test: float | None


@dataclass(frozen=True, eq=False)
class FineTuned:
    """What `finetune` did.

    Attributes:
        network: the integer form, fine-tuned.
        start: the integer form that training started from.
        stages: accuracy as captured, with another reset where one was asked for, rounded, and fine-tuned.
        history: loss and accuracy on the training samples, before training and after each epoch.
        changed: projection -> share of its mantissas that moved.
    """

    network: Network
    start: Network
    stages: tuple[Stage, ...]
    history: tuple[State, ...]
    changed: Mapping[str, float]

    def __str__(self) -> str:
        def share(value: float | None) -> str:
            return "      " if value is None else f"{value:6.1%}"

        width = max(len(stage.name) for stage in self.stages)
        lines = [f"{'':{width}}  train   test"]
        lines += [f"{s.name:{width}} {share(s.train)} {share(s.test)}".rstrip() for s in self.stages]
        moved = ", ".join(f"{name} {share:.1%}" for name, share in self.changed.items())
        return "\n".join([*lines, f"mantissas that moved: {moved}"])

    def as_dict(self) -> dict[str, Any]:
        return {
            "stages": [vars(stage) for stage in self.stages],
            "history": [vars(state) for state in self.history],
            "changed": dict(self.changed),
        }


def with_reset(network: Network, kind: str) -> Network:
    """The float network with one reset in all its spiking neurons: another network, to be trained again.

    Raises:
        SnnDeployError SD807: there is no such reset.
    """
    resets = {"to-zero": Reset("to", 0.0, "now")}
    if kind not in resets:
        raise error(
            "SD807", f"reset {kind!r}", "there is no such reset to train with", f"choose from {', '.join(resets)}"
        )
    changed = [
        replace(p, rule=replace(p.rule, reset=resets[kind])) if isinstance(p.rule, Rule) and p.rule.spiking else p
        for p in network.populations
    ]
    return network.with_(populations=tuple(changed), source=None)


def finetune(
    network: Network,
    target: str | Target,
    data: tuple[Any, Any],
    *,
    test: tuple[Any, Any] | None = None,
    reset: str | None = None,
    start: Network | None = None,
    how: Tuning | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> FineTuned:
    """Trains the integer form of a network with the deployed arithmetic in the forward pass, bit for bit.

    Momentum on the mantissas (`train.steps`), whose learning rate falls along a cosine; cross-entropy of what the
    network's decision compares. Rounding is straight-through, spikes have a surrogate gradient, resets count as
    constants.

    Args:
        network: float form, which is quantised first (calibrated on the training samples); or integer form.
        target: what it was or will be quantised for.
        data: (samples, labels): as for `run`, (time, sample, *shape) or a mapping by name; int (sample,).
        test: samples and labels that only the report looks at.
        reset: "to-zero": the float network's neurons are reset to zero in the step of the spike instead of as they
            were trained, for targets that have nothing else. The stages say what that costs.
        start: the integer form of `network` to start from, where another method than the default made it, as in
            `quantize(network, target, x, method="auto")`.
        how: the settings; single ones by name: epochs, batch, lr, learn, imitate, surrogate, slope, seed, device (see
            `train.tuning.Tuning`).

    Returns:
        The network of the epoch with the least loss on all training samples, the start among them.

    Raises:
        SnnDeployError: the network cannot be quantised (SD2xx, SD6xx); a setting, a sample or a label does not fit
            (SD1xx, SD807); training left the registers (SD608).
    """
    chip = load(target)
    unknown = sorted(set(settings) - set(SETTINGS))
    if unknown:
        raise error(
            "SD807", f"setting {unknown[0]!r}", "there is no such setting", f"choose from {', '.join(SETTINGS)}"
        )
    how = replace(how or Tuning(), **settings)
    raise_errors([*how.findings(), *_untaught(network)])
    inputs, labels = _samples(network, data, "data")
    held = None if test is None else _samples(network, test, "test")
    stages: list[Stage] = []

    def stage(name: str, of: Network) -> None:
        shares = [_accuracy(of, *samples) for samples in ((inputs, labels), held) if samples is not None]
        stages.append(Stage(name, shares[0], shares[1] if held is not None else None))

    taught = network
    if start is not None:
        raise_errors(_no_start(network, start, reset))
        start = start.with_(decision=network.decision)
        stage("float", network)
    elif network.form == "float":
        stage("float", network)
        if reset is not None:
            network = with_reset(network, reset)
            stage(f"float, reset {reset}", network)
        start = quantize(network, chip, inputs)
    elif reset is not None:
        raise error("SD807", f"reset {reset!r}", "the network is in the integer form", "fine-tune the float network")
    start = network if start is None else start
    raise_errors(refusals(start, chip))
    stage("integers, rounded", start)
    inputs = as_inputs(start, {each.name: inputs[each.name] for each in start.given})  # with its constant ones
    largest = dict.fromkeys(start.shapes, 1)
    largest |= {name: max(1, int(np.abs(array).max())) for name, array in inputs.items()}
    torch.manual_seed(how.seed)
    module = Deployed(start, largest, how.learn, (how.surrogate, how.slope), how.device)
    teacher = _spikes(taught, start, inputs) if how.imitate else {}
    history = tune(module, inputs, labels, teacher, how, progress)
    tuned = module.deployed()
    tuned = tuned.with_(provenance={**tuned.provenance, "fine-tuned": f"{how.epochs} epochs on {len(labels)} samples"})
    raise_errors(overflows(tuned, chip, largest))
    stage("integers, fine-tuned", tuned)
    return FineTuned(tuned, start, tuple(stages), tuple(history), _changed(start, tuned))


def _no_start(network: Network, start: Network, reset: str | None) -> list[Finding]:
    """What keeps an integer network from being the start of a float one."""
    found = []
    if start.form != "integer" or network.form != "float":
        what = f"it is {start.form}, and the network {network.form}"
        found.append(Finding("SD807", "start", what, "give the float network, and its integer form as start"))
    elif set(start.population) != set(network.population):
        found.append(Finding("SD807", "start", "its populations are not those of the network", "quantise this network"))
    if reset is not None:
        fix = "quantise a network that has this reset, and start from that"
        found.append(Finding("SD807", f"reset {reset!r}", "the start has resets of its own", fix))
    return found


def _untaught(network: Network) -> list[Finding]:
    """What of a network cannot be fine-tuned."""
    found = []
    if network.decision is None:
        fix = "--decision spike-count; capture(..., decision='spike-count'); net.with_(decision=Decision(population))"
        found.append(Finding("SD807", "network", "it decides nothing, so nothing can be learned", fix))
    for name in (each.name for each in network.inputs if each.kind == "bias"):
        what = f"input {name!r} is a bias per sample, which fine-tuning does not compute"
        found.append(Finding("SD807", "network", what, "encode it in another way"))
    for encoding in (e for e in network.encodings if e.pair):
        what = (
            f"events of {encoding.input!r} have an axon for each sign, whose weights have to stay each other's negative"
        )
        found.append(
            Finding("SD807", "network", what, "fine-tune for a target whose events carry a number, or by rate")
        )
    for each in network.populations:
        if each.rule.refractory is not None or each.rule.adaptation is not None:
            what = "it has a refractory period or an adaptive threshold, and fine-tuning computes neither"
            found.append(Finding("SD807", f"population {each.name!r}", what, "quantise it without fine-tuning"))
    return found


def _spikes(taught: Network, start: Network, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What a float network emits in the populations that spike in both; nothing for an integer one."""
    if taught.form == "integer":
        return {}
    trace = run(taught, {each.name: inputs[each.name] for each in taught.given}, "torch", ("spikes",))
    both = {name: array for name, array in trace.spikes.items() if name in start.population}
    return {name: array for name, array in both.items() if start.population[name].rule.spiking and array.any()}


def _samples(network: Network, given: tuple[Any, Any], where: str) -> tuple[dict[str, Array], Array]:
    """Inputs and labels, checked."""
    samples, labels = given
    inputs = as_inputs(network, samples)
    classes = np.asarray(labels.detach().cpu() if isinstance(labels, Tensor) else labels)
    count = next(iter(inputs.values())).shape[1]
    if classes.shape != (count,) or classes.dtype.kind not in "iu":
        what = f"its labels are {classes.dtype} {classes.shape}, not whole numbers ({count},)"
        raise error("SD807", where, what, "give one label per sample")
    assert network.decision is not None
    known = int(np.prod(network.shapes[network.decision.population]))
    if classes.min(initial=0) < 0 or classes.max(initial=0) >= known:
        what = f"its labels reach from {classes.min()} to {classes.max()}, the network decides among {known}"
        raise error("SD807", where, what, "number the classes from 0")
    return inputs, classes.astype(np.int64)


def _accuracy(network: Network, inputs: Mapping[str, Array], labels: Array) -> float:
    given = {each.name: inputs[each.name] for each in network.given}
    trace = run(network, given, "torch", ("spikes",))
    return float(np.mean(trace.decisions() == labels))


def _changed(start: Network, tuned: Network) -> dict[str, float]:
    before = {p.name: values_of(weighted_map(p)[1]) for p in start.projections}
    after = {p.name: values_of(weighted_map(p)[1]) for p in tuned.projections}
    return {name: float(np.mean(before[name] != after[name])) for name in before}
