"""train: from a model file to a network that is proven, over hours that may be interrupted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.arguments import arguments_of
from snndeploy.commands.labels import taught
from snndeploy.commands.output import command_line, progress, report, say, show
from snndeploy.errors import Finding, error

# settings of a run -> type, and what they are; where nothing is said, TRAIN of the model file holds
SETTINGS: dict[str, tuple[type, str]] = {
    "epochs": (int, "How often all samples are shown."),
    "batch": (int, "Samples per update, over all processes."),
    "lr": (float, "Learning rate."),
    "optimizer": (str, "adam, adamw, adamax, nadam, radam, adagrad, rmsprop or sgd."),
    "momentum": (float, "Of sgd and rmsprop."),
    "weight_decay": (float, "As torch's optimizers have it."),
    "scheduler": (str, "none, cosine, step, plateau or one-cycle."),
    "gamma": (float, "Factor of step and plateau."),
    "period": (int, "Epochs of step and plateau."),
    "clip": (float, "Largest norm of all gradients together."),
    "loss": (str, "rate, {ce_rate,ce_count,mse_count,ce_max_membrane,ce_last_membrane,mse_membrane}_loss."),
    "scale": (float, "Of the loss rate."),
    "rate_weight": (float, "Of the penalty on spike rates outside --rates."),
    "seed": (int, "Of weights, order and all that is random."),
    "validation": (float, "Share of the samples that is held back to choose the best epoch by."),
    "patience": (int, "Epochs without improvement after which it stops; 0: never."),
    "every": (int, "Batches between two checkpoints; 0: one per epoch."),
    "test_every": (int, "Batches between two looks at the test samples, noted in tests.csv; 0: at the end alone."),
    "test_samples": (int, "Of each such look, the first ones; 0: all. They choose nothing."),
    "devices": (int, "Processes, one device each."),
    "precision": (str, "32-true or bf16-mixed."),
    "workers": (int, "Processes that load samples of a Dataset."),
    "accelerate": (bool, "Compute all steps at once, on cpu or cuda; refused where that is not the same."),
    "recompute": (int, "Steps that are computed again on the way back: less memory, more time; 0: none."),
    "truncate": (int, "Steps after which gradients are cut off; 0: never."),
}


def trains(command: Callable[..., None]) -> Callable[..., None]:
    """A command with a parameter `settings: dict` as one with an option for each, in front of --json."""

    @wraps(command)
    def run(**given: Any) -> None:
        said = {name: given.pop(name) for name in SETTINGS}
        command(settings={name: value for name, value in said.items() if value is not None}, **given)

    own = signature(command, eval_str=True)
    kept = [each.replace(kind=Parameter.KEYWORD_ONLY) for n, each in own.parameters.items() if n != "settings"]
    options = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, typer.Option("--" + name.replace("_", "-"), help=what)],
        )
        for name, (kind, what) in SETTINGS.items()
    ]
    merged = [*kept[:-1], *options, kept[-1]]
    run.__signature__ = own.replace(parameters=merged)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in merged}
    return run


@trains
def train(
    model: Annotated[str, typer.Argument(help="file.py, file.py:function, or the name of a model.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the run: checkpoints, logs, best.nir.")],
    settings: dict[str, Any],
    data: Annotated[
        Path | None,
        typer.Option("--data", help=".npy or .npz, (time, sample, *shape), or a folder for data() of the model file."),
    ] = None,
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, whole numbers (sample,).")] = None,
    test: Annotated[Path | None, typer.Option("--test", help="Samples that give the accuracy at the end.")] = None,
    test_labels: Annotated[Path | None, typer.Option("--test-labels", help="Their labels.")] = None,
    layout: Annotated[str | None, typer.Option("--layout", help="Of the samples: time-major or batch-major.")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option("--weights", help="best.pt of another run, from which this one begins.")
    ] = None,
    rates: Annotated[
        list[str] | None,
        typer.Option("--rates", help="Band of spikes per step, population=low:high; * for all; may be repeated."),
    ] = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option("--set", help="Argument of build() or data() of the model file, name=value; may be repeated."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    resume_previous: Annotated[
        bool, typer.Option("--resume-previous", help="Go on from the checkpoint before the last one.")
    ] = False,
    capture: Annotated[
        bool, typer.Option("--capture/--no-capture", help="Whether what is trained must be deployable.")
    ] = True,
    time: Annotated[
        str | None, typer.Option("--time", help="Where the loop over time is: outside, inside, batch-first or held.")
    ] = None,
    dt: Annotated[float | None, typer.Option("--dt", help="Seconds per step.")] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", help="spike-count, last-v or max-v; or output:rule.")
    ] = None,
    prove: Annotated[int, typer.Option("--prove", help="Samples that module and network are compared on.")] = 64,
    test_only: Annotated[bool, typer.Option("--test-only", help="Train nothing: test best.pt of --out.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files for TensorBoard too.")] = False,
    log: Annotated[
        Path | None,
        typer.Option("--log", help="The folder of .csv files and TensorBoard's; --out where it is not said."),
    ] = None,
    visualise: Annotated[
        bool, typer.Option("--visualise", help="At the end, draw all that there is to see into pictures/ of --out.")
    ] = False,
    json: opt.Json = False,
) -> None:
    """Train a model, resume it after a kill, and deliver its best epoch as a proven .nir file."""
    from snndeploy import verbs
    from snndeploy.train.checkpoint import LAST

    if visualise and not capture:
        what = "what is not captured cannot be looked into"
        raise error("SD800", "--visualise", what, "leave out --no-capture, or --visualise")
    own = data is None or data.is_dir() or data.suffix == ".zip"
    for option, file, lacking in (
        ("--labels", labels, own and "a file of samples: --data x.npy"),
        ("--test-labels", test_labels, test is None and "--test x.npy"),
    ):
        if file is not None and lacking:
            raise error("SD800", option, "there are no samples that they are of", f"give {lacking}; or leave it out")
    given: Any = data if own or data is None else taught(data, labels)
    arguments = arguments_of(model, chosen)
    held = None if test is None else taught(test, test_labels)
    bands = _bands(rates)
    named = {"data": data, "labels": labels, "test": test, "test_labels": test_labels}
    said = {"command": command_line(), "files": {n: str(f) for n, f in named.items() if f is not None}}
    with progress("train", json) as update, resumable(out, json, LAST):
        done = verbs.train(
            model,
            given,
            out=out,
            test=held,
            layout=layout,
            device=device,
            resume="previous" if resume_previous else resume,
            capture=capture,
            time=time,
            dt=dt,
            decision=decision,
            prove=prove,
            test_only=test_only,
            weights=weights,
            tensorboard=tensorboard,
            log=log,
            arguments=arguments,
            said=said,
            progress=update,
            each_epoch=None if json or sys.stderr.isatty() else _line,
            **settings,
            **({"rates": bands} if bands else {}),
        )
    if not done.trained.first:
        return
    about = done.as_dict()
    if visualise:
        about["pictures"] = _pictures(done, out, log, json)
    if test_only:
        show({"run": str(out), "model": model, **about}, json, str(done))
        return
    show({"run": str(out), "model": model, **about}, json, str(done))
    fix = "train with --rates '*=0.01:0.5', or with more epochs"
    if not json:
        what = "it never spikes in the proof, which so says little about it"
        report([Finding("SD317", f"population {name!r}", what, fix, "warning") for name in about["silent"]])
    say(f"{out}: best.pt" + ("" if done.file is None else f", {done.file.name}"), json)


# samples that are drawn, at most
SHOWN = 1000


def _pictures(done: Any, out: Path, log: Path | None, json: bool) -> list[str]:
    """Draws the run, of its test samples, else of those held back, else of those that it was trained with."""
    from snndeploy import verbs
    from snndeploy.deliver import BEST

    network = done.network or verbs.read(out / BEST)
    sources = done.trained.sources
    x, labels = (sources.test or sources.validation or sources.train).first(SHOWN)
    given = {name: each.numpy() for name, each in x.items()}
    samples = next(iter(given.values())) if len(given) == 1 else given
    with progress("pictures", json) as update:
        made = verbs.visualise(network, (samples, labels.numpy()), out / "pictures", run=log or out, progress=update)
    say(f"{out / 'pictures'}: {', '.join(path.name for path in made)}", json)
    return [str(path) for path in made]


@contextmanager
def resumable(out: Path, json: bool, needed: str = ".") -> Iterator[None]:
    """Says, after Ctrl-C, how to go on; `needed`: the file in `out` without which that is impossible."""
    try:
        yield
    except KeyboardInterrupt:
        there = (out / needed).exists()
        how = "the same command with --resume goes on from here" if there else "it left no checkpoint to go on from"
        say(f"{out}: stopped; {how}", json)
        raise


def _line(number: int, done: Any) -> None:
    """An epoch on stderr, where no bar can be drawn."""
    held = "" if done.validation_accuracy is None else f", held back {done.validation_accuracy:.1%}"
    rate = "" if done.rate is None else f", spike rate {done.rate:.4f}"
    say(f"epoch {number}: loss {done.loss:.4f}, accuracy {done.accuracy:.1%}{held}{rate}", False)


def _bands(pairs: list[str] | None) -> dict[str, tuple[float, float]]:
    """["lif1=0.02:0.3"] -> {"lif1": (0.02, 0.3)}. Raises SD800."""
    found = {}
    for pair in pairs or ():
        name, _, band = pair.rpartition("=")
        low, _, high = band.partition(":")
        try:
            found[name] = (float(low), float(high))
        except ValueError:
            name = ""
        if not name:
            raise error("SD800", f"--rates {pair}", "it is not of the form population=low:high", "--rates '*=0.01:0.5'")
    return found


COMMANDS = (train,)
