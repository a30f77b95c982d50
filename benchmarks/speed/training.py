"""A training step on the CPU, forward, backward and optimizer: the libraries' own loops, all steps at once, and
fine-tuning on the integers, in turns."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import torch
from speed import csnn, recurrent
from speed.memory import Watch
from speed.row import Row, Settings
from speed.timing import in_turns, ratio
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import snndeploy as sd
from snndeploy.network import Network
from snndeploy.train import settings as train_settings
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.integers import Deployed
from snndeploy.train.losses import LOSSES
from snndeploy.train.steps import Steps
from snndeploy.train.tuning import Tuning, part_of

# rounds that are timed, at most: one of the loops takes many seconds
ROUNDS = 3


def step(of: Any, optimizer: torch.optim.Optimizer, x: Tensor, labels: Tensor, scale: float) -> None:
    out = of({"input": x}).output.flatten(2)
    loss = LOSSES["rate"].of(out, labels, scale)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def released() -> None:
    """What was freed goes back to the system, so that it does not hide what a step takes."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def measured(
    name: str, what: str, module: nn.Module, x: Tensor, classes: int, rounds: int, integer: Network, **capture: Any
) -> list[Row]:
    """Three rows of one network: time, memory, and fine-tuning on its integer form."""
    how = train_settings.Settings()
    labels = torch.arange(x.shape[1]) % classes
    own = forward_of(module, {"input": x[:, :4]}, how, **capture)
    fast, same = accelerated(own, {"input": x[:, :8]}, labels[:8], how)
    assert own.network is not None
    tuned = Tuned(integer, own.network, x, classes)
    module.train()
    # a learning rate that leaves the weights, so that every step computes the same
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-12)
    steps: dict[str, Callable[[], None]] = {
        "loop": partial(step, own.unrolled, optimizer, x, labels, how.scale),
        "accelerated": partial(step, fast.unrolled, optimizer, x, labels, how.scale),
    }
    held = {}
    for each, one in steps.items():
        released()
        with Watch() as watch:
            one()
        held[each] = watch.extra
    steps["fine-tuning"] = tuned
    tuned()
    times = in_turns(steps, rounds, warm=0)
    gib = ", ".join(f"{each} {size / 2**30:.2f} GiB" for each, size in held.items())
    fast_by, share = ratio(times["loop"], times["accelerated"]), held["accelerated"] / max(1, held["loop"])
    costs = ratio(times["fine-tuning"], times["accelerated"])
    tuning = f"step of fine-tuning on the integers of {what}: against the accelerated float step"
    what = f"training step of {what}"
    return [
        Row(f"{name} time", f"{what}: how many times as fast", "x", fast_by, 1.5, "least", times, note=str(same)),
        Row(f"{name} memory", f"{what}: most memory, of that of the own loop", "x", share, 1.0, note=gib),
        Row(f"{name} fine-tuning", tuning, "x", costs, 1.3, times=times),
    ]


class Tuned:
    """A step of fine-tuning: half cross-entropy, half distance from the float network's spikes, as `finetune` does."""

    def __init__(self, integer: Network, taught: Network, x: Tensor, classes: int):
        how = Tuning()
        spikes = sd.run(taught, x.numpy().astype(np.uint8), "torch", ("spikes",)).spikes
        self.wanted = {name: torch.from_numpy(each) for name, each in spikes.items()}
        self.inputs, self.every = {"input": x}, torch.arange(x.shape[1])
        self.labels, self.share = self.every % classes, how.imitate
        largest = dict.fromkeys(integer.shapes, 1)
        self.module = Deployed(integer, largest, how.learn, (how.surrogate, how.slope))
        # steps that leave the mantissas
        self.optimizer = Steps([{"params": [p], "lr": 1e-9} for p in self.module.parameters() if p.requires_grad])

    def __call__(self) -> None:
        compared, away = part_of(self.module, self.inputs, self.wanted, self.every)
        loss = (1 - self.share) * cross_entropy(compared, self.labels) + self.share * away
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.module.confine()


def rows(settings: Settings) -> list[Row]:
    rounds = min(settings.repeats, ROUNDS)
    steps, batch = (4, 8) if settings.quick else (csnn.STEPS, csnn.BATCH)
    module, _, integer, spikes, _ = csnn.networks(steps, batch)
    x, what = torch.from_numpy(spikes).float(), f"mnist_csnn, T = {steps}, batch {batch}"
    found = measured("training csnn", what, module, x, 10, rounds, integer)
    steps, batch = (6, 8) if settings.quick else (recurrent.STEPS, recurrent.BATCH)
    spikes = recurrent.spikes(steps, batch)
    floats = torch.from_numpy(spikes).float()
    for name, capture in (("snntorch", {}), ("norse", {"time": "inside"})):
        module, _, integer = recurrent.networks(name, spikes)
        what = f"recurrent {recurrent.INPUTS}-{recurrent.HIDDEN}-{recurrent.OUT} in {name}, T = {steps}, batch {batch}"
        found += measured(
            f"training recurrent, {name}", what, module, floats, recurrent.OUT, rounds, integer, **capture
        )
    return found
