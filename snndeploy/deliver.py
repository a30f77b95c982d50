"""Train a module and deliver it: the best epoch as a network in a `.nir` file, proven against the module."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from snndeploy import models
from snndeploy.errors import Finding, VerdictError, error
from snndeploy.files import short
from snndeploy.network.arrays import equal
from snndeploy.network.network import Network

if TYPE_CHECKING:
    from snndeploy.train.loop import Trained

BEST = "best.nir"
# what a test alone has no use for
IGNORED = {
    "model",
    "arguments",
    "resume",
    "tensorboard",
    "log",
    "progress",
    "each_epoch",
    "validation_data",
    "validation",
}


@dataclass(frozen=True, eq=False)
class Delivered:
    """What `train` did.

    Attributes:
        module: with the weights of the best epoch, in eval mode, on the CPU.
        trained: losses, accuracies and rates; see `train.loop.Trained`.
        network: what the module computes, proven; None: it was not to be captured, or another process has it.
        file: the network's, in the folder of the run; None: there is no folder.
    """

    module: Any
    trained: Trained
    network: Network | None
    file: Path | None

    @property
    def accuracy(self) -> float:
        """On the test samples; NaN without."""
        return self.trained.accuracy

    @property
    def history(self) -> tuple[Any, ...]:
        return self.trained.history

    def as_dict(self) -> dict[str, Any]:
        done = self.trained
        known = {} if self.network is None else self.network.provenance
        return {
            "epochs": len(done.history),
            "best": done.best,
            "stopped": done.stopped,
            "loss": done.loss,
            "accuracy": None if done.accuracy != done.accuracy else done.accuracy,
            "history": [each._asdict() for each in done.history],
            "rates": dict(done.rates),
            "device": done.device,
            "seconds": round(done.seconds, 2),
            "notes": list(done.notes),
            "network": None if self.file is None else str(self.file),
            "proof": known.get("proof"),
            "silent": [name for name in known.get("silent", "").split(", ") if name],
        }

    def __str__(self) -> str:
        done = self.trained
        rates = [f"  {name}: {rate:.4f} spikes per step and neuron" for name, rate in done.rates.items()]
        if not done.history:
            return "\n".join([f"test: {done.accuracy:.1%}, loss {done.loss:.4f}", *rates])
        last, best = done.history[-1], done.history[done.best - 1]
        ended = ", stopped early" if done.stopped else ""
        lines = [
            f"{len(done.history)} epochs{ended} on {done.device}: loss {last.loss:.4f}, accuracy {last.accuracy:.1%}"
        ]
        if best.validation_accuracy is not None:
            lines.append(f"best epoch {done.best}: {best.validation_accuracy:.1%} of the samples held back")
        if done.accuracy == done.accuracy:
            lines.append(f"test: {done.accuracy:.1%}")
        lines += rates
        lines += done.notes
        if self.network is not None:
            lines.append(f"module and network agree, {self.network.provenance['proof']}")
        return "\n".join(lines)


def train(
    model: Any,
    data: Any = None,
    *,
    dt: float | None = None,
    decision: str | None = None,
    time: Any = None,
    capture: bool = True,
    out: str | os.PathLike[str] | None = None,
    prove: int = 64,
    test_only: bool = False,
    weights: str | os.PathLike[str] | None = None,
    arguments: Mapping[str, Any] | None = None,
    said: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Delivered:
    """See `snndeploy.verbs.train`.

    Args:
        dt: seconds per step; None: DT of the model file, or what Norse's cells have, or 1 ms.
        decision, time: as for `snndeploy.capture`; the decision follows from the loss.
        capture: False: train a module that cannot be deployed.
        data: see `train.loop.train`; of a model file also a folder, which its data() takes.
        prove: samples that module and network are compared on.
        test_only: train nothing; the weights are those of `best.pt` in `out`, and the accuracy is on the test samples.
        weights: `best.pt` of another run, from which this one begins; or any state_dict of this module.
        arguments: of build() and data() of a model file, by name.
        said: what the command line was: "command", and "files" of samples; both go into the record of the run.
        settings: see `train.loop.train`; those of a model file's TRAIN hold where nothing is said.

    Raises:
        SnnDeployError, VerdictError: as `snndeploy.verbs.train`.
    """
    if prove < 1:
        raise error("SD807", "prove", f"{prove} samples prove nothing", "prove=64")
    if test_only and weights is not None:
        fix = "leave one of the two out (--weights, --test-only)"
        raise error("SD807", "weights", "a test alone is of best.pt in the folder of the run", fix)
    module, given = model, data
    if isinstance(model, (str, os.PathLike)):
        name = os.fspath(model)
        module, data, dt, settings = _of_file(name, data, dt, settings, arguments or {})
    elif arguments:
        raise error("SD807", "arguments", "a module is built already", "name a model file, which has build()")
    elif data is None:
        raise error("SD807", "data", "there are none", "give (x, labels), or a model file that has data()")
    from snndeploy.train import record
    from snndeploy.train.forwards import dt_of

    if weights is not None:
        models.fill(module, weights)
    run = _loop(settings)
    folder = None if out is None else Path(out)
    if test_only:
        asked = {"dt": dt, "decision": decision, "time": time, "capture": capture}
        return Delivered(module, _tested(module, data, folder, asked | settings), None, None)
    logged = settings.get("log") or folder
    begun = 0 if logged is None else record.epochs_before(Path(logged), bool(settings.get("resume")))
    done = run(module, data, dt=dt, decision=decision, time=time, capture=capture, out=folder, **settings)
    network = file = None
    if done.network is not None and done.first:
        network = _proven(module, done, prove, dt_of(module, dt), time)
        file = None if folder is None else _written(network, folder / BEST)
    if folder is not None and done.first:
        made = {"dt": dt_of(module, dt), "decision": decision, "time": time, "capture": capture}
        made["weights"] = None if weights is None else os.fspath(weights)
        named = os.fspath(model) if isinstance(model, (str, os.PathLike)) else None
        source = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
        about = {"model": named, "data": source, **_about(done, network, settings), **made, **(said or {})}
        session = {
            "command": about.pop("command", None),
            "resumed": bool(settings.get("resume")),
            "first_epoch": begun,
            "epochs": len(done.history),
            "seconds": round(done.seconds, 2),
        }
        record.write(folder, about, session)
    return Delivered(module, done, network, file)


def _about(done: Trained, network: Network | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was made with and what came out, for its record."""
    from snndeploy.machine import machine, versions
    from snndeploy.train import fingerprints
    from snndeploy.train.settings import NAMES
    from snndeploy.train.settings import settings as checked

    how = {name: each for name, each in settings.items() if name in NAMES}
    file, sources = settings.get("model"), done.sources
    assert sources is not None
    parts = {name: getattr(sources, name) for name in ("train", "validation", "test")}
    return {
        "arguments": dict(settings.get("arguments") or {}),
        "layout": settings.get("layout"),
        "model_sha256": None if file is None else fingerprints.of_file(file),
        "settings": checked(settings.get("how"), how).as_dict(),
        "samples": {name: None if each is None else each.samples for name, each in parts.items()},
        "epochs": len(done.history),
        "best": done.best,
        "stopped": done.stopped,
        "accuracy": None if done.accuracy != done.accuracy else done.accuracy,
        "validation_accuracy": done.history[done.best - 1].validation_accuracy,
        "rates": dict(done.rates),
        "device": done.device,
        "notes": list(done.notes),
        "proof": None if network is None else network.provenance.get("proof"),
        "machine": machine(),
        "versions": versions(),
    }


def trained(model: str, data: Any = None, *, arguments: Mapping[str, Any] | None = None, **settings: Any) -> Trained:
    """A model file, trained and not delivered: what a search does many times. Arguments as for `train`."""
    module, data, dt, settings = _of_file(model, data, settings.pop("dt", None), settings, arguments or {})
    return _loop(settings)(module, data, dt=dt, **settings)


def _loop(settings: dict[str, Any]) -> Callable[..., Trained]:
    """What trains: gradients, or the rule of the model file, which is taken out of the settings."""
    learn = settings.pop("learn", None)
    if learn is None:
        from snndeploy.train.loop import train as by_gradients

        return by_gradients
    from snndeploy.train.by_rule import train as by_rule

    return partial(by_rule, learn=learn)


def _tested(module: Any, data: Any, folder: Path | None, settings: dict[str, Any]) -> Trained:
    """The best epoch of a run on the test samples."""
    from snndeploy.train.loop import Trained, score
    from snndeploy.train.settings import NAMES
    from snndeploy.train.settings import settings as checked
    from snndeploy.train.sources import sources_of

    if folder is None:
        raise error("SD807", "test_only", "nothing says which weights", "out='runs/a', the folder of a run")
    models.fill(module, folder / "best.pt")
    asked = {name: each for name, each in settings.items() if name not in IGNORED}
    found, device = score(module, data, **asked)
    how = checked(asked.get("how"), {name: each for name, each in asked.items() if name in NAMES})
    sources = sources_of(data, how, asked.get("layout"), None, asked.get("test"))
    return Trained(found.loss, found.accuracy, (), rates=found.rates, device=device, sources=sources)


def _of_file(
    name: str, data: Any, dt: float | None, given: dict[str, Any], arguments: Mapping[str, Any]
) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Module, data, dt and settings of a model file; what the caller says goes first."""
    file = models.load(name.rpartition(":")[0] if ".py:" in name else name)
    settings = {**getattr(file, "TRAIN", {}), **given, "model": file.__file__}
    make = models.function(name)
    models.check_arguments(arguments, name, *models.makers(name))
    if hasattr(file, "learn"):
        # settings that it names have the defaults that stand there
        settings = {**_defaults(file.learn), **settings, "learn": file.learn}
    if arguments:
        settings["arguments"] = dict(arguments)
    if data is None or isinstance(data, (str, os.PathLike)):
        data = data_of(file, name, data, arguments)
    module = models.build_seeded(name, settings.get("seed", 0), models.chosen(arguments, make))
    return module, data, dt or getattr(file, "DT", None), settings


def _defaults(learn: Callable[..., Any]) -> dict[str, Any]:
    from snndeploy.train.settings import NAMES

    parameters = signature(learn).parameters.values()
    return {each.name: each.default for each in parameters if each.name in NAMES and each.default is not each.empty}


def data_of(file: ModuleType, name: str, folder: Any, arguments: Mapping[str, Any]) -> Any:
    """What data() of a model file returns, of the folder and the arguments that are given to it.

    Raises:
        SnnDeployError SD804: it has no data(), or one that takes no folder, or that fails. SD801: there is no such
            folder. SD808: the memory does not suffice.
    """
    make = getattr(file, "data", None)
    if make is None:
        raise error("SD804", name, "it has no data(), and no samples are given", "--data x.npz; or write data()")
    given = models.chosen(arguments, make)
    if folder is None:
        return _made(make, given)
    if "folder" not in signature(make).parameters:
        fix = "def data(folder=None): ...; or name a .npz of samples"
        raise error("SD804", name, "its data() takes no folder, and one is given", fix)
    if not Path(folder).exists():
        raise error("SD801", str(folder), "there is no such folder", "check the path")
    return _made(make, {"folder": Path(folder), **given})


def _made(make: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    try:
        return make(**given)
    except MemoryError as problem:
        fix = "fewer samples or steps, if data() has arguments for them (--set)"
        raise error("SD808", "data()", f"the memory does not suffice ({short(problem)})", fix) from problem
    except Exception as problem:
        raise models.failed(make, problem) from problem


def _proven(module: Any, done: Trained, prove: int, dt: float, time: Any) -> Network:
    """The network of the trained module, and both run on real samples."""
    from snndeploy.conform.proven import proven
    from snndeploy.frontends.arguments import INPUT

    sources = done.sources
    assert sources is not None
    assert done.network is not None
    inputs, _ = (sources.test or sources.validation or sources.train).first(prove)
    sample: Any = {name: x.numpy() for name, x in inputs.items()}
    return proven(module, sample[INPUT] if set(sample) == {INPUT} else sample, dt, done.network.decision, time=time)


def _written(network: Network, path: Path) -> Path:
    """Writes the network and reads it again. Raises SD810 where it is another one then."""
    from snndeploy.frontends.nir import read, write

    write(network, path)
    if not equal(network.with_(source=None), read(path).with_(source=None)):
        what = "the network in it is not the one that was written"
        raise VerdictError(Finding("SD810", str(path), what, "report this module: files must be exact"))
    return path
