"""Training on the chip's own arithmetic, from where rounding left the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import cos, pi
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from snndeploy.engines import run
from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Reset, Rule
from snndeploy.quantize import quantize
from snndeploy.quantize.certificate import overflows
from snndeploy.targets import Target, load
from snndeploy.train.integers import Deployed
from snndeploy.train.steps import Steps

Progress = Callable[[int, int, str], None]
LEARN = ("weight", "bias", "threshold")
# factors to try; not lower, or a network that knows nothing yet would have nothing to learn from
SHARPNESS = np.logspace(0.7, 4, 34)


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
        history: (loss, accuracy) on the training samples, before training and after each epoch.
        changed: projection -> share of its mantissas that moved.
    """

    network: Network
    start: Network
    stages: tuple[Stage, ...]
    history: tuple[tuple[float, float], ...]
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
            "history": [{"loss": loss, "accuracy": share} for loss, share in self.history],
            "changed": dict(self.changed),
        }


def with_reset(network: Network, kind: str) -> Network:
    """The float network with one reset in all its neurons, which other than `finetune` nobody should want.

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


def scores(network: Network, emitted: Mapping[str, Tensor]) -> Tensor:
    """What the decision compares, (batch, classes): spikes per step, or the membrane in float units."""
    rule = network.decision
    assert rule is not None
    x = emitted[rule.population].flatten(2)
    if rule.rule == "spike-count":
        return x.mean(dim=0)
    registers = network.population[rule.population].rule
    assert isinstance(registers, Registers)
    scale = torch.as_tensor(np.broadcast_to(registers.scale, network.shapes[rule.population]).ravel().copy())
    v = x / scale.to(x.device)
    return v[-1] if rule.rule == "last-v" else v.amax(dim=0)


def finetune(
    network: Network,
    target: str | Target,
    data: tuple[Any, Any],
    *,
    test: tuple[Any, Any] | None = None,
    reset: str | None = None,
    epochs: int = 30,
    batch: int = 32,
    lr: float = 0.03,
    learn: tuple[str, ...] = ("weight", "bias"),
    surrogate: str = "fast_sigmoid",
    slope: float = 5.0,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
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
        lr: steps of the mantissas' grid per update, at most.
        learn: of "weight", "bias", "threshold".
        surrogate, slope: see `train.surrogate`; the slope is per threshold.
        device: "cpu" or "cuda".

    Returns:
        The network of the epoch with the least loss on all training samples, the start among them.

    Raises:
        SnnDeployError: the network cannot be quantised (SD2xx, SD6xx); a setting, a sample or a label does not fit
            (SD1xx, SD807); training left the registers (SD608).
    """
    chip = load(target)
    raise_errors(_wrong(network, epochs, batch, lr, learn, device))
    inputs, labels = _samples(network, data, "data")
    held = None if test is None else _samples(network, test, "test")
    stages: list[Stage] = []

    def stage(name: str, of: Network) -> None:
        shares = [_accuracy(of, *samples) for samples in ((inputs, labels), held) if samples is not None]
        stages.append(Stage(name, shares[0], shares[1] if held is not None else None))

    start = network
    if network.form == "float":
        stage("float", network)
        if reset is not None:
            network = with_reset(network, reset)
            stage(f"float, reset {reset}", network)
        start = quantize(network, chip, inputs)
    elif reset is not None:
        raise error("SD807", f"reset {reset!r}", "the network is in the integer form", "fine-tune the float network")
    stage("integers, rounded", start)
    inputs = as_inputs(start, {each.name: inputs[each.name] for each in start.given})  # with its constant ones
    largest = dict.fromkeys(start.shapes, 1)
    largest |= {name: max(1, int(np.abs(array).max())) for name, array in inputs.items()}
    torch.manual_seed(seed)
    module = Deployed(start, largest, learn, (surrogate, slope), device)
    history = _train(module, inputs, labels, epochs, batch, lr, seed, device, progress)
    tuned = module.deployed()
    tuned = tuned.with_(provenance={**tuned.provenance, "fine-tuned": f"{epochs} epochs on {len(labels)} samples"})
    raise_errors(overflows(tuned, chip, largest))
    stage("integers, fine-tuned", tuned)
    return FineTuned(tuned, start, tuple(stages), tuple(history), _changed(start, tuned))


def _wrong(network: Network, epochs: int, batch: int, lr: float, learn: tuple[str, ...], device: str) -> list[Finding]:
    found = []
    if network.decision is None:
        fix = "capture(..., decision='spike-count'), or net.with_(decision=Decision(population))"
        found.append(Finding("SD807", "network", "it decides nothing, so nothing can be learned", fix))
    if epochs < 1 or batch < 1 or not 0 < lr < float("inf"):
        what = f"epochs = {epochs} and batch = {batch} must be at least 1, lr = {lr:g} finite and above 0"
        found.append(Finding("SD807", "finetune", what))
    unknown = [each for each in learn if each not in LEARN]
    if unknown or not learn:
        found.append(Finding("SD807", f"learn {tuple(learn)}", "that cannot learn", f"choose from {', '.join(LEARN)}"))
    if device not in ("cpu", "cuda"):
        found.append(Finding("SD807", f"device {device!r}", "there is no such device", "choose from cpu, cuda"))
    elif device == "cuda" and not torch.cuda.is_available():
        found.append(Finding("SD807", "device 'cuda'", "torch finds no CUDA device here", "device='cpu'"))
    return found


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
    from snndeploy.quantize.drive import weighted_map
    from snndeploy.train.weights import values_of

    before = {p.name: values_of(weighted_map(p)[1]) for p in start.projections}
    after = {p.name: values_of(weighted_map(p)[1]) for p in tuned.projections}
    return {name: float(np.mean(before[name] != after[name])) for name in before}


def _train(
    module: Deployed,
    inputs: Mapping[str, Array],
    labels: Array,
    epochs: int,
    batch: int,
    lr: float,
    seed: int,
    device: str,
    progress: Progress | None,
) -> list[tuple[float, float]]:
    order = torch.Generator().manual_seed(seed)
    groups = [
        {"params": [link.weight], "lr": lr * link.form.step}
        for link in module.links.values()
        if link.weight.requires_grad
    ]
    groups += [
        {"params": [each], "lr": lr * max(1.0, float(each.detach().abs().mean()) / 256)}
        for cells in module.cells.values()
        for each in (cells.bias, cells.vth)
        if each.requires_grad
    ]
    optimizer = Steps(groups)
    parts = -(-len(labels) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_pace, steps=epochs * parts))
    x = {name: torch.as_tensor(array, dtype=torch.float32, device=device) for name, array in inputs.items()}
    y = torch.as_tensor(labels, device=device)
    compared = _compared(module, x, len(y), batch)
    sharpness = _sharpness(compared, y)
    history = [_state(sharpness * compared, y)]
    best = {name: each.clone() for name, each in module.state_dict().items()}
    for epoch in range(epochs):
        for k, part in enumerate(torch.split(torch.randperm(len(labels), generator=order), batch)):
            part = part.to(device)
            logits = sharpness * scores(module.network, module({name: each[:, part] for name, each in x.items()}))
            loss = cross_entropy(logits, y[part])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            module.confine()
            if progress is not None:
                text = f"epoch {epoch + 1} of {epochs}, loss {loss.item():.3f}, before {history[0][0]:.3f}"
                progress(epoch * parts + k + 1, epochs * parts, text)
        now = _state(sharpness * _compared(module, x, len(y), batch), y)
        if now[0] < min(history)[0]:
            best = {name: each.clone() for name, each in module.state_dict().items()}
        history.append(now)
    module.load_state_dict(best)
    return history


def _pace(k: int, steps: int) -> float:
    """Slowly up, until the optimizer knows the sizes of the gradients, then down along a cosine."""
    rising = max(1, steps // 10)
    return (k + 1) / rising if k < rising else (1 + cos(pi * (k - rising) / max(1, steps - rising))) / 2


@torch.no_grad()
def _compared(module: Deployed, x: Mapping[str, Tensor], count: int, batch: int) -> Tensor:
    parts = torch.split(torch.arange(count), batch)
    rows = [scores(module.network, module({name: each[:, part] for name, each in x.items()})) for part in parts]
    return torch.cat(rows)


def _state(logits: Tensor, y: Tensor) -> tuple[float, float]:
    """(loss, accuracy)."""
    return cross_entropy(logits, y).item(), (logits.argmax(dim=1) == y).double().mean().item()


def _sharpness(compared: Tensor, y: Tensor) -> float:
    """By what the compared numbers are multiplied: the factor of least cross-entropy before training, so that the loss
    is about the samples in doubt, not about making all numbers larger (temperature scaling: Guo et al., ICML 2017)."""
    losses = [cross_entropy(float(factor) * compared, y).item() for factor in SHARPNESS]
    return float(SHARPNESS[int(np.argmin(losses))])
