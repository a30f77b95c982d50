"""A training step on the CPU, forward, backward and Adam: the libraries' own loops and all steps at once, in turns."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from speed import csnn, recurrent
from speed.calibrate import calibrate
from speed.memory import Watch
from speed.row import Row, Settings
from speed.timing import in_turns, ratio
from torch import Tensor, nn

from snndeploy import models
from snndeploy.train import settings as train_settings
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.losses import LOSSES

# rounds that are timed, at most: one of the loops takes many seconds
ROUNDS = 2


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
    name: str, what: str, module: nn.Module, x: Tensor, classes: int, rounds: int, **capture: Any
) -> list[Row]:
    """Two rows: time and memory of one network."""
    how = train_settings.Settings()
    labels = torch.arange(x.shape[1]) % classes
    own = forward_of(module, {"input": x[:, :4]}, how, **capture)
    fast, same = accelerated(own, {"input": x[:, :8]}, labels[:8], how)
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
    times = in_turns(steps, rounds, warm=0)
    gib = ", ".join(f"{each} {size / 2**30:.2f} GiB" for each, size in held.items())
    fast_by, share = ratio(times["loop"], times["accelerated"]), held["accelerated"] / max(1, held["loop"])
    what = f"training step of {what}"
    return [
        Row(f"{name} time", f"{what}: how many times as fast", "x", fast_by, 1.5, "least", times, note=str(same)),
        Row(f"{name} memory", f"{what}: most memory, of that of the own loop", "x", share, 1.0, note=gib),
    ]


def rows(settings: Settings) -> list[Row]:
    rounds = min(settings.repeats, ROUNDS)
    steps, batch = (4, 8) if settings.quick else (csnn.STEPS, csnn.BATCH)
    x = torch.from_numpy(csnn.images(steps, batch)[0]).float()
    torch.manual_seed(csnn.SEED)
    module = models.load("mnist_csnn").build()
    calibrate(module, x[:, :4], csnn.RATE)
    found = measured("training csnn", f"mnist_csnn, T = {steps}, batch {batch}", module, x, 10, rounds)
    steps, batch = (6, 8) if settings.quick else (recurrent.STEPS, recurrent.BATCH)
    spikes = recurrent.spikes(steps, batch)
    floats = torch.from_numpy(spikes).float()
    for name, capture in (("snntorch", {}), ("norse", {"time": "inside"})):
        module = recurrent.networks(name, spikes)[0]
        what = f"recurrent {recurrent.INPUTS}-{recurrent.HIDDEN}-{recurrent.OUT} in {name}, T = {steps}, batch {batch}"
        found += measured(f"training recurrent, {name}", what, module, floats, recurrent.OUT, rounds, **capture)
    return found
