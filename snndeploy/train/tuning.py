"""The loop that trains a deployed network: what it minimises, and with which steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from math import cos, pi

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from snndeploy.errors import Finding
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.train.imitation import Distance
from snndeploy.train.integers import Deployed
from snndeploy.train.steps import Steps
from snndeploy.train.surrogate import SURROGATES

Progress = Callable[[int, int, str], None]
LEARN = ("weight", "bias", "threshold")
# factors to try; not lower, or a network that knows nothing yet would have nothing to learn from
SHARPNESS = np.logspace(0.7, 4, 34)


@dataclass(frozen=True)
class Tuning:
    """The settings of `finetune`.

    Attributes:
        epochs: how often all samples are shown; batch: samples per update.
        lr: steps of the mantissas' grid per update.
        learn: of "weight", "bias", "threshold".
        imitate: 0..1, how much of the loss is the distance from the float network's spikes, in all populations that
            both have; the rest is cross-entropy of what the decision compares.
        surrogate, slope: see `train.surrogate`; the slope is per threshold.
        seed: of the order of the samples. device: "cpu" or "cuda".
    """

    epochs: int = 30
    batch: int = 32
    lr: float = 0.03
    learn: tuple[str, ...] = ("weight", "bias")
    imitate: float = 0.5
    surrogate: str = "fast_sigmoid"
    slope: float = 10.0
    seed: int = 0
    device: str = "cpu"

    def findings(self) -> list[Finding]:
        """Everything that is not as it should be."""
        found = []
        if self.epochs < 1 or self.batch < 1 or not 0 < self.lr < float("inf"):
            what = f"epochs = {self.epochs} and batch = {self.batch} must be at least 1, "
            what += f"lr = {self.lr:g} finite and above 0"
            found.append(Finding("SD807", "finetune", what, "see snndeploy finetune --help for what is usual"))
        if not 0 <= self.imitate <= 1:
            found.append(Finding("SD807", "finetune", f"imitate = {self.imitate:g} is not within 0..1", "imitate=0.5"))
        if [each for each in self.learn if each not in LEARN] or not self.learn:
            fix = f"choose from {', '.join(LEARN)}"
            found.append(Finding("SD807", f"learn {tuple(self.learn)}", "that cannot learn", fix))
        if self.surrogate not in SURROGATES or not 0 < self.slope < float("inf"):
            what = f"with slope {self.slope:g}: the name or the slope is not one of those that there are"
            fix = f"choose from {', '.join(SURROGATES)}, with a finite slope above 0"
            found.append(Finding("SD807", f"surrogate {self.surrogate!r}", what, fix))
        if self.device not in ("cpu", "cuda"):
            found.append(
                Finding("SD807", f"device {self.device!r}", "there is no such device", "choose from cpu, cuda")
            )
        elif self.device == "cuda" and not torch.cuda.is_available():
            found.append(Finding("SD807", "device 'cuda'", "torch finds no CUDA device here", "device='cpu'"))
        return found


SETTINGS = tuple(each.name for each in fields(Tuning))


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


@dataclass(frozen=True)
class State:
    """How far training is, on all training samples. `loss` is what is minimised."""

    loss: float
    accuracy: float


def tune(
    module: Deployed,
    inputs: Mapping[str, Array],
    labels: Array,
    teacher: Mapping[str, Array],
    how: Tuning,
    progress: Progress | None,
) -> list[State]:
    """Trains in place; the module ends as it was in the epoch of the least loss.

    Args:
        teacher: bool (time, sample, *shape), the spikes to imitate, by population; may be empty.

    Returns:
        The state before training and after each epoch.
    """
    device, count = how.device, len(labels)
    order = torch.Generator().manual_seed(how.seed)
    x = {name: torch.as_tensor(array, dtype=torch.float32, device=device) for name, array in inputs.items()}
    wanted = {name: torch.as_tensor(array, device=device) for name, array in teacher.items()}
    y = torch.as_tensor(labels, device=device)
    share = how.imitate if wanted else 0.0
    optimizer = Steps(_groups(module, how.lr))
    batches = -(-count // how.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_pace, steps=how.epochs * batches))
    sharpness = _sharpness(_all(module, x, {}, count, how.batch)[0], y)

    def loss_of(compared: Tensor, away: Tensor, part: Tensor) -> Tensor:
        return (1 - share) * cross_entropy(sharpness * compared, y[part]) + share * away

    def state() -> State:
        compared, away = _all(module, x, wanted if share else {}, count, how.batch)
        right = (compared.argmax(dim=1) == y).double().mean().item()
        return State(loss_of(compared, away, torch.arange(count, device=device)).item(), right)

    history = [state()]
    best = {name: each.clone() for name, each in module.state_dict().items()}
    for epoch in range(how.epochs):
        for k, part in enumerate(torch.split(torch.randperm(count, generator=order), how.batch)):
            part = part.to(device)
            loss = loss_of(*part_of(module, x, wanted if share else {}, part), part)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            module.confine()
            if progress is not None:
                text = f"epoch {epoch + 1} of {how.epochs}, loss {loss.item():.3f}, before {history[0].loss:.3f}"
                progress(epoch * batches + k + 1, how.epochs * batches, text)
        history.append(state())
        if history[-1].loss < min(each.loss for each in history[:-1]):
            best = {name: each.clone() for name, each in module.state_dict().items()}
    module.load_state_dict(best)
    return history


def _groups(module: Deployed, lr: float) -> list[dict[str, object]]:
    """Arrays that learn, each with the size of its steps: a step of the grid, or 1/256 of what there is."""
    links = [(link.weight, float(link.form.step)) for link in module.links.values()]
    numbers = [each for cells in module.cells.values() for each in (cells.bias, cells.vth)]
    sizes = [(each, max(1.0, float(each.detach().abs().mean()) / 256)) for each in numbers]
    return [{"params": [each], "lr": lr * size} for each, size in [*links, *sizes] if each.requires_grad]


def part_of(
    module: Deployed, x: Mapping[str, Tensor], wanted: Mapping[str, Tensor], part: Tensor
) -> tuple[Tensor, Tensor]:
    """(what the decision compares, distance) of some samples."""
    rule = module.network.decision
    assert rule is not None
    distances = {name: Distance() for name in wanted}
    rows, at = [], 0
    for piece in module.pieces({name: each[:, part] for name, each in x.items()}):
        rows.append(piece[rule.population])
        end = at + len(rows[-1])
        for name, each in distances.items():
            each.add(piece[name], wanted[name][at:end][:, part])
        at = end
    compared = scores(module.network, {rule.population: torch.cat(rows)})
    none = torch.zeros((), dtype=torch.float64, device=compared.device)
    return compared, torch.stack([each.value for each in distances.values()]).mean() if distances else none


@torch.no_grad()
def _all(
    module: Deployed, x: Mapping[str, Tensor], wanted: Mapping[str, Tensor], count: int, batch: int
) -> tuple[Tensor, Tensor]:
    """As `part_of`, of all samples."""
    parts = torch.split(torch.arange(count, device=next(iter(x.values())).device), batch)
    rows = [part_of(module, x, wanted, part) for part in parts]
    away = sum((each[1] * len(part) for each, part in zip(rows, parts, strict=True)), torch.zeros(()))
    return torch.cat([each[0] for each in rows]), away / count


def _pace(k: int, steps: int) -> float:
    """Slowly up, until the optimizer knows the sizes of the gradients, then down along a cosine."""
    rising = max(1, steps // 10)
    return (k + 1) / rising if k < rising else (1 + cos(pi * (k - rising) / max(1, steps - rising))) / 2


def _sharpness(compared: Tensor, y: Tensor) -> float:
    """By what the compared numbers are multiplied: the factor of least cross-entropy before training, so that the loss
    is about the samples in doubt, not about making all numbers larger (temperature scaling: Guo et al., ICML 2017)."""
    losses = [cross_entropy(float(factor) * compared, y).item() for factor in SHARPNESS]
    return float(SHARPNESS[int(np.argmin(losses))])
