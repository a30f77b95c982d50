"""The training loop: surrogate gradients through time, over Lightning Fabric.

A run is a function of its settings, its data and its seed: killed at any moment and resumed from its checkpoint, it
ends with the same curve and the same weights (bit for bit on a CPU with the same number of threads).
"""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from snndeploy.errors import error
from snndeploy.network.network import Network
from snndeploy.train import checkpoint, fingerprints
from snndeploy.train.data import Data
from snndeploy.train.epochs import EachEpoch, Loop, Progress
from snndeploy.train.evaluation import Score, evaluate, placed
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.logs import check_board
from snndeploy.train.processes import device_of, start
from snndeploy.train.run import Resume, Run
from snndeploy.train.same_training import SAMPLES
from snndeploy.train.settings import Settings, settings
from snndeploy.train.sources import Sources, sources_of
from snndeploy.train.state import Epoch
from snndeploy.train.unused import unused

# samples that the module is captured with before training
SHOWN = 4


@dataclass(frozen=True)
class Trained:
    """What `train` did. The module holds the weights of the best epoch, in eval mode, on the CPU.

    Attributes:
        loss: mean of the last epoch.
        accuracy: on the test samples, with the weights of the best epoch; NaN without test samples.
        history: one `Epoch` each: loss, accuracy, rate, validation loss and accuracy.
        best: number of the best epoch, from 1.
        rates: population -> spikes per step and neuron, on the test samples.
        device: where it ran.
        network: as captured before training, for `deliver`; None: not captured.
        seconds: of this call. notes: what a reader should know.
    """

    loss: float
    accuracy: float
    history: tuple[Epoch, ...]
    best: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    device: str = "cpu"
    stopped: bool = False
    notes: tuple[str, ...] = ()
    network: Network | None = field(default=None, compare=False, repr=False)
    sources: Sources | None = field(default=None, compare=False, repr=False)
    first: bool = field(default=True, compare=False, repr=False)
    seconds: float = field(default=0.0, compare=False)


def train(
    module: torch.nn.Module,
    data: Any,
    *,
    how: Settings | None = None,
    validation_data: Any = None,
    test: Any = None,
    layout: str | None = None,
    dt: float | None = None,
    decision: str | None = None,
    time: Any = None,
    capture: bool = True,
    out: str | Path | None = None,
    resume: Resume = False,
    model: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    tensorboard: bool = False,
    log: str | Path | None = None,
    progress: Progress | None = None,
    each_epoch: EachEpoch | None = None,
    **named: Any,
) -> Trained:
    """Trains a module of snnTorch or Norse neurons in place.

    Args:
        data: `Data`; (x, labels), x (time, sample, *shape) or a mapping by argument of forward; `Recorded` events,
            which become frames on the device; a torch Dataset of (x, label), x (time, *shape); or a DataLoader.
        how: the settings; single ones by name: epochs, batch, lr, ... (see `train.settings.Settings`).
        validation_data, test: as data; they choose the best epoch, and give the accuracy at the end.
        layout: "time-major" or "batch-major": of x, and of what a DataLoader gives.
        dt, decision, time: as for `snndeploy.capture`.
        capture: capture the module first, and refuse it if that is impossible.
        out: the folder of the run: checkpoints, logs, `best.pt`. Without it nothing is written.
        resume: go on from the last checkpoint in `out`; "previous": from the one before it.
        model, arguments: the model file and what its functions were called with: whether a run is resumed with the
            same ones.
        tensorboard: write its event files too.
        log: the folder of the rows and event files; None: `out`.
        progress: called as (batches done, batches in all, text). each_epoch: called as (its number, the `Epoch`).

    Raises:
        SnnDeployError: SD807, SD3xx, SD845: settings, device or module do not fit. SD843: a bad sample. SD844: a loss
            is NaN. SD840: the disk is full. SD841, SD842: the checkpoint is damaged, or one of another run.
        KeyboardInterrupt: Ctrl-C or SIGTERM; with `out`, a checkpoint was written before.
    """
    begun = clock.perf_counter()
    how = settings(how, named)
    if tensorboard:
        check_board()
    if log is not None and out is None:
        raise error("SD807", "log", "there is no folder of a run, and nothing is written", "out='runs/a' (--out)")
    device = device_of(how)
    sources = sources_of(data, how, layout, validation_data, test)
    if how.test_every and (sources.test is None or out is None):
        what = "there are no test samples" if sources.test is None else "there is no folder to note them in"
        fix = "test=(x, labels) (--test x.npz)" if sources.test is None else "out='runs/a' (--out)"
        raise error("SD807", "test_every", what, fix)
    shown, _ = sources.train.first(SHOWN)
    forward = forward_of(module, shown, how, dt=dt, decision=decision, time=time, captured=capture)
    noted: tuple[str, ...] = (*(data.notes if isinstance(data, Data) else ()), *unused(module))
    if how.accelerate and device == "mps":
        what = "it is mps, and steps are computed all at once on cpu or cuda"
        raise error("SD846", "device", what, "device='cpu' (--device cpu), or train without acceleration")
    fabric = start(how, device)
    if how.accelerate:
        module.to(fabric.device)
        inputs, labels = placed(*sources.train.first(min(how.batch, SAMPLES)), fabric.device)
        forward, same = accelerated(forward, inputs, labels, how)
        noted += (str(same),)
    checkpoint.seed_everything(how.seed + fabric.global_rank)
    loop = Loop(module, forward, sources, how, fabric, progress, each_epoch)
    run = None
    if out is not None:
        about = {
            "model": fingerprints.of_module(module, model, arguments),
            "data": sources.train.fingerprint(),
            "device": fabric.device.type,
            "processes": fabric.world_size,
        }
        run = Run(Path(out), how, about, resume, fabric, None if log is None else Path(log))
    try:
        if run is not None:
            loop.state = run.begin(module, loop.optimizer, loop.schedule, tensorboard)
        loop.go(run)
    finally:
        if run is not None:
            run.close()
    score = loop.finish(run)
    last = loop.state.history[-1]
    return Trained(
        loss=last.loss,
        accuracy=float("nan") if score is None else score.accuracy,
        history=tuple(loop.state.history),
        best=loop.state.best_epoch,
        rates={} if score is None else score.rates,
        device=str(fabric.device),
        stopped=loop.state.stopped,
        notes=noted + loop.notes,
        network=forward.network,
        sources=sources,
        first=fabric.global_rank == 0,
        seconds=clock.perf_counter() - begun,
    )


def score(
    module: torch.nn.Module,
    data: Any,
    *,
    how: Settings | None = None,
    test: Any = None,
    layout: str | None = None,
    dt: float | None = None,
    decision: str | None = None,
    time: Any = None,
    capture: bool = True,
    **named: Any,
) -> tuple[Score, str]:
    """A module on its test samples, as it is, and the device where that was measured. Arguments as for `train`.

    Raises:
        SnnDeployError: as `train`. SD807: there are no test samples.
    """
    how = settings(how, named)
    device = device_of(how)
    sources = sources_of(data, how, layout, None, test)
    if sources.test is None:
        raise error("SD807", "test", "there are no test samples", "test=(x, labels) (--test x.npz)")
    shown, _ = sources.test.first(SHOWN)
    forward = forward_of(module, shown, how, dt=dt, decision=decision, time=time, captured=capture)
    fabric = start(how, device)
    module.to(fabric.device)
    if how.accelerate:
        inputs, labels = placed(*sources.test.first(min(how.batch, SAMPLES)), fabric.device)
        forward, _ = accelerated(forward, inputs, labels, how)
    found = evaluate(forward, sources.test, how, fabric)
    module.cpu()
    return found, str(fabric.device)
