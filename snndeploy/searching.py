"""A search of hyperparameters: settings of a run and arguments of a model file, by accuracy on samples held back.

Optuna proposes (TPE, Bergstra et al., NeurIPS 2011) and stops trials that fall behind the median of the others. The
test samples are not looked at. A search is a folder: `study.db` holds every trial, so that a killed one goes on.
"""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from snndeploy import deliver, models
from snndeploy.errors import Finding, MissingEngineError, SnnDeployError, error, raise_errors
from snndeploy.files import make_folder

NAME = "snndeploy"
# trials that train to the end before one is stopped for being behind
WARM = 4


@dataclass(frozen=True)
class Range:
    """What a value may be: one of `choices`, or a number from low to high.

    Attributes:
        logarithmic: even in the logarithm. whole: integers alone.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    logarithmic: bool = False
    whole: bool = False
    choices: tuple[str | int | float | bool, ...] = ()

    def propose(self, trial: Any) -> Any:
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.logarithmic)
        return trial.suggest_float(self.name, self.low, self.high, log=self.logarithmic)


@dataclass(frozen=True)
class Tried:
    """One trial: its values, the accuracy on samples held back, and how it ended."""

    number: int
    values: Mapping[str, Any]
    accuracy: float | None
    state: str
    seconds: float


@dataclass(frozen=True)
class Searched:
    """Attributes: model: its file. best: of those that ended; tried: all, in their order. command: trains the best."""

    model: str
    best: Tried
    tried: tuple[Tried, ...]
    command: str

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "best": asdict(self.best), "tried": [asdict(each) for each in self.tried]}

    def __str__(self) -> str:
        names = list(dict.fromkeys(name for each in self.tried for name in each.values))
        rows = [("trial", "held back", "seconds", *names, "")]
        for each in sorted(self.tried, key=lambda t: (t.accuracy is None, -(t.accuracy or 0), t.number)):
            accuracy = "" if each.accuracy is None else f"{each.accuracy:.1%}"
            held = (_short(each.values.get(name, "")) for name in names)
            state = "" if each.state == "complete" else each.state
            rows.append((str(each.number), accuracy, f"{each.seconds:.0f}", *held, state))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        table = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*table, "", f"best: {self.command}"])


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def search(
    model: str | os.PathLike[str],
    ranges: Iterable[Range],
    out: str | os.PathLike[str],
    data: Any = None,
    *,
    trials: int = 20,
    validation: float = 0.2,
    seed: int = 0,
    arguments: Mapping[str, Any] | None = None,
    progress: Callable[[int, int, str], None] = lambda done, of, text: None,
    **settings: Any,
) -> Searched:
    """Trains a model file with many settings, and says which were best on samples held back.

    Args:
        model: a model file or its name. data: as for `train`.
        ranges: of settings of `train.settings.Settings` and of arguments of build() and data(), by name.
        out: folder of the search; trials in it count towards `trials`.
        trials: in all. validation: share of the training samples that is held back. seed: of the proposals.
        arguments, settings: what all trials have in common, as for `train`.
        progress: called as (trials done, trials in all, text).

    Raises:
        MissingEngineError SD885: Optuna is not installed. SnnDeployError: SD807 a range is wrong, SD804 the model has
        no such argument, SD842 the folder holds a search over something else; and all that `train` raises.
    """
    optuna = _optuna()
    from snndeploy.train.settings import Settings

    name, wanted = os.fspath(model), tuple(ranges)
    known = {each.name for each in fields(Settings)}
    _check(wanted, known, trials, validation)
    own = {each.name for each in wanted if each.name not in known}
    models.check_arguments(dict.fromkeys(own) | dict(arguments or {}), name, *models.makers(name))
    folder = make_folder(out)
    about = {
        "model": name,
        "data": _named(data),
        "arguments": dict(arguments or {}),
        "validation": validation,
        "ranges": [asdict(each) for each in wanted],
        "settings": {**settings, "seed": seed},
    }
    study = _study(optuna, folder, about, seed)

    def one(trial: Any) -> float:
        values = {each.name: each.propose(trial) for each in wanted}
        said = {n: v for n, v in values.items() if n in known}
        taken = {**(arguments or {}), **{n: v for n, v in values.items() if n in own}}

        def watch(epoch: int, done: Any) -> None:
            progress(trial.number, trials, f"trial {trial.number}, epoch {epoch}: {done.validation_accuracy:.1%}")
            trial.report(done.validation_accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        how = {"seed": seed, **settings, **said, "validation": validation}
        done = deliver.trained(name, data, arguments=taken, each_epoch=watch, **how)
        return float(done.history[done.best - 1].validation_accuracy or 0.0)

    left = trials - len([t for t in study.trials if t.state.is_finished()])
    if left > 0:
        study.optimize(one, n_trials=left)
    return _result(about, study, known)


def _named(data: Any) -> str | None:
    """The folder; arrays have no name."""
    if data is None or isinstance(data, (str, os.PathLike)):
        return None if data is None else os.fspath(data)
    return "arrays"


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        fix = "pip install 'snndeploy[search]'"
        raise MissingEngineError(Finding("SD885", "search", "package optuna is not installed", fix)) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _check(wanted: tuple[Range, ...], known: set[str], trials: int, validation: float) -> None:
    found = []
    if not wanted:
        found.append(Finding("SD807", "ranges", "there are none", "--range lr=1e-4:1e-2:log"))
    for each in wanted:
        if not each.choices and not each.low < each.high:
            what = f"{each.low:g} to {each.high:g} is no range"
            found.append(Finding("SD807", f"range {each.name!r}", what, "low:high, or a,b,c"))
        elif each.logarithmic and each.low <= 0:
            what = f"it is logarithmic and begins at {each.low:g}"
            found.append(Finding("SD807", f"range {each.name!r}", what, "begin above 0"))
        if each.name in ("validation", "seed") and each.name in known:
            found.append(Finding("SD807", f"range {each.name!r}", "it is not to be searched", "leave it out"))
    if trials < 1:
        found.append(Finding("SD807", "trials", f"{trials} is none", "--trials 20"))
    if not 0 < validation < 1:
        found.append(Finding("SD807", "validation", f"{validation:g} holds nothing back", "--validation 0.2"))
    raise_errors(found)


def _study(optuna: Any, folder: Path, about: dict[str, Any], seed: int) -> Any:
    import json

    said = json.loads(json.dumps(about, default=str))
    storage = f"sqlite:///{folder / 'study.db'}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            study = optuna.create_study(
                study_name=NAME,
                storage=storage,
                direction="maximize",
                load_if_exists=True,
                sampler=optuna.samplers.TPESampler(seed=seed),
                pruner=optuna.pruners.MedianPruner(n_startup_trials=WARM, n_warmup_steps=1),
            )
        except Exception as problem:  # what SQLAlchemy raises on a damaged file
            what = f"study.db cannot be opened ({type(problem).__name__})"
            raise error("SD841", str(folder), what, "name another folder") from None
        before = study.user_attrs.get("about")
        if before is None:
            study.set_user_attr("about", said)
        elif before != said:
            differing = ", ".join(key for key in said if before.get(key) != said[key])
            what = f"it holds a search with other {differing}"
            raise error("SD842", str(folder), what, "name another folder, or say the same as before")
        # whoever proposes must not repeat what it proposed before it was stopped
        if study.trials:
            study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    return study


def _result(about: Mapping[str, Any], study: Any, known: set[str]) -> Searched:
    tried = []
    for each in study.trials:
        if not each.state.is_finished():
            continue
        state = {"COMPLETE": "complete", "PRUNED": "stopped early"}.get(each.state.name, "failed")
        last = each.value if each.value is not None else next(reversed(each.intermediate_values.values()), None)
        seconds = each.duration.total_seconds() if each.duration else 0.0
        tried.append(Tried(each.number, dict(each.params), last, state, round(seconds, 2)))
    ended = [each for each in tried if each.state == "complete"]
    if not ended:
        raise SnnDeployError(
            Finding("SD807", "search", "no trial ended", "more trials; the folder holds what was tried")
        )
    best = max(ended, key=lambda each: (each.accuracy or 0.0, -each.number))
    parts = ["snndeploy", "train", about["model"], "--out", "runs/best"]
    parts += ["--data", about["data"]] if about["data"] is not None else []
    for name, value in {**about["settings"], **about["arguments"], **best.values}.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool) and name in known:
            parts += [flag] if value else []
        else:
            parts += [flag, str(value)] if name in known else ["--set", f"{name}={value}"]
    return Searched(about["model"], best, tuple(tried), shlex.join(parts))
