"""Whether an accelerated module trains as the module itself does: spikes, membranes that the loss looks at, loss,
gradients and running statistics of a real batch, with the same random numbers.

Sums over all steps at once are rounded otherwise than those of one step, so that a membrane that meets its threshold to
the last digits may fall on the other side. Such a tie changes all that comes after it in its sample: the samples
without one are compared, bit for bit in their spikes, and there must be some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from snndeploy.errors import Finding, SnnDeployError, raise_errors
from snndeploy.files import short
from snndeploy.network.network import Network
from snndeploy.network.timing import update_order
from snndeploy.train.accelerated import Accelerated
from snndeploy.train.stepwise import norms, same_norms
from snndeploy.train.time_cells import refuse
from snndeploy.train.unrolled import Inputs, Signals, Unrolled

# largest distance of a tie from its threshold, in parts of the largest membrane of its step
TIE = 2e-5
LOSS, GRADIENT, OUTPUT = 1e-5, 1e-3, 1e-5
# a gradient whose terms cancel, as before a norm, is nothing but rounding: below this part of the largest of all, its
# distance counts in parts of that
CANCELLED = 2e-3
# samples that are looked at
SAMPLES = 8
Loss = Callable[[Signals, Tensor], Tensor]
Spikes = dict[str, Tensor]


@dataclass(frozen=True)
class Pass:
    """What one pass showed: spikes (steps, batch, *shape) by population, the output, the loss, gradients by parameter,
    running statistics by buffer."""

    spikes: Spikes
    output: Tensor
    loss: float
    gradients: Mapping[str, Tensor | None]
    statistics: Mapping[str, Tensor]


@dataclass(frozen=True)
class Same:
    """What was compared: samples, those among them with a tie, spikes, the largest distance of a gradient."""

    samples: int
    ties: int
    bins: int
    worst: float

    def __str__(self) -> str:
        ties = f", {self.ties} samples with a tie left out" if self.ties else ""
        return (
            f"accelerated: {self.bins:,} spikes of {self.samples} samples identical{ties}; gradients differ by "
            f"{self.worst:.1g} of the largest"
        )


def one_pass(of: Unrolled | Accelerated, inputs: Inputs, labels: Tensor, loss: Loss) -> Pass:
    """Forward and backward; gradients, running statistics and generators that were there are left as they were."""
    learned = {name: p for name, p in of.module.named_parameters() if p.requires_grad}
    spikes: dict[str, list[Tensor]] = {}
    handles: list[Any] = []
    if isinstance(of, Unrolled):
        for name in of.counted:
            module = of.module.get_submodule(of.paths[name])
            keep = partial(_keep, into=spikes.setdefault(name, []))
            handles.append(module.register_forward_hook(keep))
    else:
        of.watching = True
    device = next(iter(inputs.values())).device
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), same_norms(of.module):
            torch.manual_seed(0)
            signals = of(inputs)
            statistics = {
                f"{path}.{name}": each.clone()
                for path, norm in norms(of.module).items()
                for name, each in norm.named_buffers(recurse=False)
            }
    finally:
        for each in handles:
            each.remove()
        if isinstance(of, Accelerated):
            of.watching = False
    value = loss(signals, labels)
    if not value.requires_grad:
        raise refuse("loss", "no gradient reaches it", "use neurons with a surrogate gradient")
    kept = dict(zip(learned, torch.autograd.grad(value, list(learned.values()), allow_unused=True), strict=True))
    rest = (signals.output.detach(), float(value.detach()), kept, statistics)
    if isinstance(of, Accelerated):
        return Pass({name: of.seen[name]["s"] for name in of.counted}, *rest)
    steps = len(next(iter(inputs.values())))
    whole = {name: rows[0] if len(rows) == 1 and steps > 1 else torch.stack(rows) for name, rows in spikes.items()}
    return Pass(whole, *rest)


def _keep(module: Any, args: Any, output: Any, *, into: list[Tensor]) -> None:
    del module, args
    into.append((output[0] if isinstance(output, tuple) else output).detach())


def _tied(of: Accelerated, order: list[str], own: Pass, fast: Pass) -> tuple[list[int], list[Finding]]:
    """Samples whose first difference is a tie, and what differs in others."""
    tied, found = [], []
    steps, batch = fast.output.shape[:2]
    for b in range(batch):
        wrong = {n: (own.spikes[n][:, b] != fast.spikes[n][:, b]).reshape(steps, -1) for n in order}
        if not any(bool(each.any()) for each in wrong.values()):
            continue
        at = min(int(each.any(1).nonzero()[0]) for each in wrong.values() if each.any())
        name = next(n for n in order if wrong[n][at].any())
        bins = wrong[name][at]
        what = f"{int(bins.sum())} of its spikes differ in step {at} of sample {b}"
        if "p" in of.seen[name]:
            p, theta = of.seen[name]["p"][at, b].reshape(-1), of.seen[name]["theta"][b].reshape(-1)
            margin = float((p - theta)[bins].abs().max())
            if margin <= TIE * max(float(p.abs().max()), float(theta.abs().max())):
                tied.append(b)
                continue
            what += f", up to {margin:.3g} from the threshold"
        what += ": it is not the module's own loop"
        found.append(Finding("SD846", f"population {name!r}", what, "train without acceleration"))
    return tied, found[:1]


def check(own: Unrolled, fast: Accelerated, network: Network, inputs: Inputs, labels: Tensor, loss: Loss) -> Same:
    """Raises SnnDeployError SD846: what differs, with numbers."""
    was = own.module.training
    own.module.train()
    order = [name for names in update_order(network) for name in names if name in fast.counted]
    left, ties = torch.arange(len(labels)), 0
    try:
        while len(left):
            rows, some = {name: x[:, left].float() for name, x in inputs.items()}, labels[left]
            fast.learn_draws(own, rows)
            slow, quick = one_pass(own, rows, some, loss), _quick(fast, rows, some, loss)
            raise_errors(_shapes(order, slow, quick))
            tied, found = _tied(fast, order, slow, quick)
            raise_errors(found)
            if not tied:
                worst = _compared(slow, quick)
                bins = sum(each.numel() for each in slow.spikes.values())
                return Same(len(left), ties, bins, worst)
            ties += len(tied)
            left = left[[k for k in range(len(left)) if k not in tied]]
    finally:
        own.module.train(was)
        fast.seen = {}
    what = f"every one of the {len(labels)} samples holds a membrane within {TIE:g} of its threshold, so none compares"
    raise refuse(type(own.module).__name__, what)


def _quick(fast: Accelerated, rows: Inputs, labels: Tensor, loss: Loss) -> Pass:
    try:
        return one_pass(fast, rows, labels, loss)
    except SnnDeployError:
        raise
    except Exception as problem:
        what = f"it fails with all steps in one batch: {type(problem).__name__}: {short(problem)}"
        raise refuse(type(fast.module).__name__, what) from problem


def _shapes(order: list[str], own: Pass, fast: Pass) -> list[Finding]:
    found = []
    for name in order:
        a, b = tuple(own.spikes[name].shape), tuple(fast.spikes[name].shape)
        if a != b:
            what = f"its own loop emits {a}, all steps in one batch {b}"
            found.append(Finding("SD846", f"population {name!r}", what, "train without acceleration"))
    return found


def _compared(own: Pass, fast: Pass) -> float:
    """The largest distance of gradients, in parts of the largest of their parameter. Raises SD846."""
    found, worst = [], 0.0
    if not abs(own.loss - fast.loss) <= LOSS * max(abs(own.loss), 1e-6):
        what = f"it is {fast.loss:.8g}, with the module's own loop {own.loss:.8g}"
        found.append(Finding("SD846", "loss", what, "train without acceleration"))
    away = float((own.output - fast.output).abs().max())
    if not away <= OUTPUT * float(own.output.abs().max()):
        what = f"its values differ by up to {away:.3g}, and the largest is {float(own.output.abs().max()):.3g}"
        found.append(Finding("SD846", "output", what, "train without acceleration"))
    for name, each in own.statistics.items():
        if not torch.allclose(each, fast.statistics[name], rtol=1e-4, atol=1e-6):
            what = "its running statistics are others with all steps at once"
            found.append(Finding("SD846", f"buffer {name!r}", what, "train without acceleration"))
    least = CANCELLED * max((float(a.abs().max()) for a in own.gradients.values() if a is not None), default=0.0)
    for name, a in own.gradients.items():
        b = fast.gradients[name]
        if a is None or b is None:
            if a is not b:
                what = "it has a gradient in one of both only: its own loop and all steps at once"
                found.append(Finding("SD846", f"parameter {name!r}", what, "train without acceleration"))
            continue
        most = float(a.abs().max())
        away = float((a - b).abs().max())
        most = max(most, least)
        share = 0.0 if away == 0 else away / most if most else float("inf")
        worst = max(worst, share)
        if not share <= GRADIENT:
            what = f"its gradient differs by {away:.3g}, and its largest is {most:.3g}"
            found.append(Finding("SD846", f"parameter {name!r}", what, "train without acceleration"))
    raise_errors(found)
    return worst
