"""How well a module does on samples that it does not learn from: in eval mode, in float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from snndeploy.errors import SnnDeployError, error
from snndeploy.files import short
from snndeploy.frontends.user_code import failed_line
from snndeploy.train.ahead import ahead
from snndeploy.train.batches import Batch, Source
from snndeploy.train.forwards import Forward
from snndeploy.train.losses import LOSSES, chosen
from snndeploy.train.processes import part_of, summed
from snndeploy.train.settings import Settings
from snndeploy.train.unrolled import Signals


@dataclass(frozen=True)
class Score:
    """Mean loss, share of right decisions, spikes per step and neuron of each population, samples looked at."""

    loss: float
    accuracy: float
    rates: Mapping[str, float]
    samples: int = 0


def placed(inputs: Mapping[str, Tensor], labels: Tensor, device: Any) -> tuple[dict[str, Tensor], Tensor]:
    """Samples on the device, in float32, and their labels."""
    there = {name: x.to(device, non_blocking=True).float() for name, x in inputs.items()}
    return there, labels.to(device, non_blocking=True)


@contextmanager
def failing(where: str, size: int) -> Iterator[None]:
    """What a module raises, forward or backward, as an error that says where; `size`: samples.

    Raises:
        SnnDeployError SD808: it needs more memory than there is. SD312: the module itself fails.
    """
    try:
        yield
    except SnnDeployError:
        raise
    except Exception as problem:
        if isinstance(problem, (MemoryError, torch.OutOfMemoryError)) or "enough memory" in str(problem):
            what = f"{size} samples do not fit into the memory ({short(problem)})"
            raise error("SD808", where, what, "a smaller batch (--batch)") from problem
        at = ", ".join(filter(None, (where, failed_line(problem))))
        what = f"the module raises {type(problem).__name__} on {size} samples: {short(problem)}"
        fix = "try module(x) with such a batch; batch norm needs two samples: choose another batch size"
        raise error("SD312", at, what, fix) from problem


def output_of(signals: Signals, batch: Batch) -> Tensor:
    """What the loss looks at, (time, batch, class).

    Raises:
        SnnDeployError SD807: it has no classes, or SD843: fewer than the labels say.
    """
    if signals.output.ndim < 3 or signals.output.shape[1] != batch.size:
        what = f"the module's output is {tuple(signals.output.shape)}, not (time, {batch.size}, class)"
        raise error("SD807", "train", what, "return the spikes, or say where the loop over time is: time=... (--time)")
    out = signals.output.flatten(2)
    high = int(batch.labels.max())
    if high >= out.shape[2] or int(batch.labels.min()) < 0:
        at = int(batch.labels.argmax() if high >= out.shape[2] else batch.labels.argmin())
        what = f"its label is {int(batch.labels[at])}, the module decides among {out.shape[2]} classes"
        raise error("SD843", f"sample {batch.index[at]}", what, "number the classes from 0")
    return out


@torch.no_grad()
def evaluate(forward: Forward, source: Source, how: Settings, fabric: Any, samples: int = 0) -> Score:
    """The score on a source; each process looks at its part. `samples`: the first ones, in whole batches; 0: all."""
    module = forward.unrolled
    was = module.training
    module.eval()
    loss, right, count, steps = 0.0, 0.0, 0.0, 0.0
    spikes = dict.fromkeys(forward.sizes, 0.0)
    batches = islice(source.epoch(0, 0, part_of(fabric)), -(-samples // how.batch) if samples else None)
    for batch in ahead(source, batches, fabric.device):
        if batch.weight:
            inputs, labels = placed(batch.inputs, batch.labels, fabric.device)
            with failing("evaluation", batch.size):
                signals = module(inputs)
            out = output_of(signals, batch)
            loss += LOSSES[how.loss].of(out, labels, how.scale).item() * batch.size
            right += float((chosen(out, forward.decision) == labels).sum())
            count += batch.size
            steps += batch.size * len(out)
            for name, each in signals.counts.items():
                spikes[name] += float(each.sum())
    module.train(was)
    loss, right, count, steps, *sums = summed(fabric, [loss, right, count, steps, *spikes.values()])
    rates = {name: s / (steps * size) for (name, size), s in zip(forward.sizes.items(), sums, strict=True)}
    return Score(loss / count, right / count, rates, round(count))
