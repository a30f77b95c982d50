"""The loop for a model file with a learning rule of its own: `learn()`, epoch by epoch, instead of gradients.

What surrounds it is as in `train.loop`: the module is captured first, samples are held back if asked for, the best
epoch is kept, tested once at the end, and a run is a folder with `epochs.csv` and `best.pt`. Only going on with a run
that was stopped is not offered, for what a rule carries from epoch to epoch is its own.
"""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import IO, Any

import torch

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.files import make_folder
from snndeploy.train import checkpoint
from snndeploy.train.batches import Arrays
from snndeploy.train.data import Data
from snndeploy.train.epochs import EachEpoch, Progress, check_weights
from snndeploy.train.evaluation import evaluate
from snndeploy.train.forwards import forward_of
from snndeploy.train.logs import EPOCHS, FILES, Logs, check_board
from snndeploy.train.loop import SHOWN, Trained
from snndeploy.train.processes import start
from snndeploy.train.rule_rows import Learn, said_by
from snndeploy.train.run import hold
from snndeploy.train.settings import NAMES, Settings, settings
from snndeploy.train.sources import sources_of
from snndeploy.train.state import Epoch, State

# settings of the loop around learn(); of the others, those that learn() names
NOTE = "learned by learn() of the model file; loss and accuracy are measured behind each epoch"
KEPT = ("seed", "validation", "patience", "batch", "loss", "scale", "device")


def train(
    module: torch.nn.Module,
    data: Any,
    learn: Learn,
    *,
    validation_data: Any = None,
    test: Any = None,
    layout: str | None = None,
    dt: float | None = None,
    decision: str | None = None,
    time: Any = None,
    capture: bool = True,
    out: str | Path | None = None,
    resume: Any = False,
    model: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    tensorboard: bool = False,
    log: str | Path | None = None,
    progress: Progress | None = None,
    each_epoch: EachEpoch | None = None,
    **named: Any,
) -> Trained:
    """Lets `learn(module, x, labels, ...)` change a module in place; it yields after each epoch.

    Args:
        data: samples in memory, as for `train.loop.train`.
        learn: a function that yields; what it yields, numbers by name, goes into `epochs.csv`. Of the settings it gets
            those that its parameters name.
        arguments: of the model file by name; those that `learn` takes are given to it.

    Raises:
        SnnDeployError SD807: a setting is out of its range. SD890: it is of no use here; all are named. SD891: the
            samples do not lie in memory or change; or learn() fails, yields nothing, or what is no row of numbers.
            SD842: the folder holds a run. SD844: a weight is no number.
    """
    del model
    begun = clock.perf_counter()
    how = _settings(learn, named, resume)
    if tensorboard:
        check_board()
    sources = sources_of(data, how, layout, validation_data, test)
    if not isinstance(sources.train, Arrays) or len(sources.train.inputs) != 1:
        what = "learn() takes one input of samples that lie in memory"
        raise error("SD891", "data", what, "x (time, sample, *shape) and labels; a DataLoader is for gradients")
    if sources.train.augment is not None:
        what = "its samples are other ones in each epoch, and learn() gets them once"
        raise error("SD891", "data", what, "leave augment out; learn() can change them itself")
    shown, _ = sources.train.first(SHOWN)
    forward = forward_of(module, shown, how, dt=dt, decision=decision, time=time, captured=capture)
    fabric = start(how, "cpu")
    checkpoint.seed_everything(how.seed)
    (inputs, labels), state = sources.train.rows(sources.train.index), State()
    taken = signature(learn).parameters
    given = {name: getattr(how, name) for name in NAMES if name in taken}
    given |= {name: value for name, value in (arguments or {}).items() if name in taken}
    if "progress" in taken:
        given["progress"] = progress or (lambda done, of, text: None)
    folder = None if out is None else Path(out)
    lock, logs = _open(folder, None if log is None else Path(log), tensorboard)
    try:
        (x,) = inputs.values()
        for said in said_by(learn, module, x.numpy(), labels.numpy(), given):
            check_weights(module, state.epoch + 1, "see what learn() writes into the module")
            seen = evaluate(forward, sources.train, how, fabric)
            held = None if sources.validation is None else evaluate(forward, sources.validation, how, fabric)
            rate = sum(seen.rates.values()) / len(seen.rates) if seen.rates else None
            done = Epoch(seen.loss, seen.accuracy, rate, *(() if held is None else (held.loss, held.accuracy)))
            if state.after_epoch(done, how.patience):
                state.best = {name: each.detach().clone() for name, each in module.state_dict().items()}
                if folder is not None:
                    checkpoint.save_weights(folder / "best.pt", module)
            if logs is not None:
                rates = {f"rate of {name}": value for name, value in seen.rates.items()}
                logs.row(EPOCHS, state.epoch, {"epoch": state.epoch, **done._asdict(), **rates, **said})
                logs.lengths()
            if each_epoch is not None:
                each_epoch(state.epoch, done)
            if state.stopped:
                break
    finally:
        for each in (logs, lock):
            if each is not None:
                each.close()
    if state.best is None:
        what = "it yielded nothing, so that no epoch ended"
        raise error("SD891", "learn()", what, "yield after each epoch: yield {'moved': 0.1}, or yield None")
    module.load_state_dict(state.best)
    score = None if sources.test is None else evaluate(forward, sources.test, how, fabric)
    module.cpu().eval()
    return Trained(
        loss=state.history[-1].loss,
        accuracy=float("nan") if score is None else score.accuracy,
        history=tuple(state.history),
        best=state.best_epoch,
        rates={} if score is None else score.rates,
        stopped=state.stopped,
        notes=(*(data.notes if isinstance(data, Data) else ()), NOTE),
        network=forward.network,
        sources=sources,
        seconds=clock.perf_counter() - begun,
    )


def _settings(learn: Learn, named: Mapping[str, Any], resume: Any) -> Settings:
    """The settings; all that cannot apply to a rule of its own is refused together. Raises SD890."""
    taken = [*KEPT, *(name for name in NAMES if name in signature(learn).parameters)]
    fix = f"leave it out; what applies: {', '.join(dict.fromkeys(taken))}, and --set for arguments of learn()"
    found = [
        Finding("SD890", name, "the model file learns by learn(), which has no use for it", fix)
        for name in named
        if name in NAMES and name not in taken and named[name] != getattr(Settings(), name)
    ]
    if resume:
        what = "what learn() carries from epoch to epoch is its own, so that a run cannot go on"
        found.append(Finding("SD890", "resume", what, "begin again in another folder"))
    if named.get("device", "cpu") not in ("cpu", "auto"):
        found.append(Finding("SD890", f"device {named['device']!r}", "learn() runs on the CPU", "--device cpu"))
    raise_errors(found)
    return settings(None, {**named, "device": "cpu"})


def _open(folder: Path | None, log: Path | None, tensorboard: bool) -> tuple[IO[str] | None, Logs | None]:
    """The folder's lock and logs. Raises SD802: it cannot be made. SD842: it holds a run."""
    if folder is None:
        if log is not None:
            what = "there is no folder of a run, and nothing is written"
            raise error("SD807", "log", what, "out='runs/a' (--out)")
        return None, None
    for each in (folder, log or folder):
        make_folder(each)
    lock = hold(folder)
    places = [*(folder / name for name in (checkpoint.LAST, "best.pt", *FILES)), (log or folder) / EPOCHS]
    # a run that failed before its first epoch leaves an empty file
    held = [path.name for path in places if path.exists() and path.stat().st_size]
    if held:
        lock.close()
        where = f"{folder}" if log is None else f"{folder}, {log}"
        raise error("SD842", where, f"it holds a run already ({held[0]})", "name another folder")
    try:
        return lock, Logs(log or folder, {EPOCHS: 0}, tensorboard)
    except BaseException:
        lock.close()
        raise
