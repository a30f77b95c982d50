"""Model files: a Python file with `build()`, and what else the demo and the training loop read from it.

A shipped model (`models/digits_csnn.py`) and a user's own file have the same form. Arguments of its functions that
have a default (`build(beta=0.9)`) can be chosen by whoever uses the file: `--set beta=0.95`::

    def build() -> torch.nn.Module: ...         the untrained module
    def data(folder=None) -> Data: ...          optional: samples to train and test with (snndeploy.train.data.Data)
    TRAIN = {"epochs": 12, ...}                 optional: settings of snndeploy.train.settings.Settings
    DT = 1e-3                                   optional: seconds per step
    def learn(module, x, labels, epochs, seed): optional: a learning rule of its own, instead of gradients

`learn` changes the module in place and yields after each epoch; what it yields, numbers by name or None, goes into
`epochs.csv`. It gets `x (time, sample, *shape)` and `labels int64 (sample,)` of the training samples as NumPy arrays,
those settings that it names as parameters (epochs, seed, lr, ...; their defaults hold where nobody says otherwise), and
`progress(done, of, text)` if it names that.
Measuring, holding samples back, the best epoch, its test, capture and proof are the toolkit's, as for every other file
(`snndeploy.train.by_rule`); settings without a use there are refused (SD890).
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.files import existing, short
from snndeploy.resources import folder

# The shipped files are importable as snndeploy.models.<name>, from a wheel and from a checkout alike.
__path__ = [str(folder("models"))]


def shipped() -> list[str]:
    """The shipped models."""
    return sorted(path.stem for path in folder("models").glob("*.py") if not path.stem.startswith("_"))


TRAINED = "trained"
PREFIX = f"{TRAINED}:"


def trained() -> dict[str, Path]:
    """The trained networks that are shipped, by name: their cards as `.json`; beside some the network as `.nir`."""
    return {path.stem: path for path in sorted((folder("models") / TRAINED).glob("*.json"))}


def card_of(path: Path) -> dict[str, Any]:
    """Every number of a card. Raises SD898: it is damaged."""
    try:
        found = json.loads(path.read_text("utf-8"))
        missing = [key for key in ("name", "model", "data", "training", "float", "target") if key not in found]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
    except (OSError, ValueError, TypeError) as problem:
        raise error(
            "SD898", str(path), f"it is no card ({short(problem)})", "snndeploy card RUN writes one"
        ) from problem
    return dict(found)


def network_file(given: str | os.PathLike[str]) -> Path:
    """The file that a name means: `trained:digits_csnn` is the shipped network of that name; all else is a path.

    Raises:
        SnnDeployError SD897: there is no such trained network, or it is too large to be shipped.
    """
    name = os.fspath(given)
    if not name.startswith(PREFIX):
        return Path(given)
    known = trained()
    path = folder("models") / TRAINED / f"{name.removeprefix(PREFIX)}.nir"
    if path.is_file() and path.stem in known:
        return path
    have = ", ".join(f"{PREFIX}{each}" for each, card in known.items() if card.with_suffix(".nir").is_file())
    what = "there is no such trained network"
    if path.stem in known:
        what = f"its card is {card_path(path.stem)}, and the network itself is not shipped: train it as the card says"
    raise error("SD897", name, what, f"choose from {have}; or name a .nir file")


def card_path(name: str) -> str:
    """Where a shipped card is, as a reader of the repository finds it."""
    return f"models/{TRAINED}/{name}.md"


def load(name_or_path: str) -> ModuleType:
    """The module of a shipped model (by name) or of a file (by path).

    It is registered as `snndeploy.models.<name>` in both cases, so that a class defined there can be pickled.

    Raises:
        SnnDeployError SD801: no such file. SD804: the file cannot be executed; names its line.
    """
    if name_or_path in shipped():
        path = folder("models") / f"{name_or_path}.py"
    elif os.sep not in name_or_path and not name_or_path.endswith(".py"):
        raise error(
            "SD801",
            f"model {name_or_path!r}",
            "there is no such model",
            f"choose from {', '.join(shipped())}, or name a file: path/to/file.py",
        )
    else:
        path = existing(name_or_path, "model file").resolve()
    name = f"{__name__}.{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise error("SD804", str(name_or_path), "it is not a Python file", "name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:
        del sys.modules[name]
        raise _failed(path, "it cannot be loaded", problem) from problem
    return module


def function(source: str) -> Callable[..., Any]:
    """The function that "file.py:name" means; "file.py" and the name of a shipped model mean `build`.

    Raises:
        SnnDeployError SD801, SD804.
    """
    path, separator, name = source.rpartition(":")
    if not separator or os.sep in name or name.endswith(".py"):
        path, name = source, "build"
    make = getattr(load(path), name or "build", None)
    if not callable(make):
        raise error("SD804", source, f"it has no function {name!r}", "name one: file.py:build")
    return cast("Callable[..., Any]", make)


def makers(source: str) -> tuple[Callable[..., Any], ...]:
    """The functions of a model file whose arguments can be chosen: `build`, or the one named, `data`, `learn`."""
    file = load(source.rpartition(":")[0] if ".py:" in source else source)
    others = (getattr(file, name, None) for name in ("data", "learn"))
    return (function(source), *(each for each in others if each is not None))


def arguments(*makers: Callable[..., Any] | None) -> dict[str, Any]:
    """What can be chosen: names and defaults of arguments of these functions, a data folder and `progress` aside."""
    found: dict[str, Any] = {}
    for make in makers:
        for each in inspect.signature(make).parameters.values() if make is not None else ():
            if each.default is not each.empty and each.name not in ("folder", "progress"):
                found.setdefault(each.name, each.default)
    return found


def chosen(given: Mapping[str, Any], make: Callable[..., Any]) -> dict[str, Any]:
    """Those of the given arguments that a function takes."""
    return {name: value for name, value in given.items() if name in inspect.signature(make).parameters}


def check_arguments(given: Mapping[str, Any], where: str, *makers: Callable[..., Any] | None) -> None:
    """Raises SD804 for every argument that none of the functions takes."""
    known = arguments(*makers)
    fix = f"choose from {', '.join(known)}" if known else "its functions take no arguments with defaults"
    raise_errors([Finding("SD804", where, f"it takes no {name!r}", fix) for name in given if name not in known])


def build(source: str, weights: str | os.PathLike[str] | None = None, given: Mapping[str, Any] | None = None) -> Any:
    """The torch module that `file.py:function` returns, in eval mode, with the weights of a file loaded into it.

    Args:
        source: "path/to/file.py:build", "path/to/file.py" (`build` is meant) or the name of a shipped model.
        weights: a state_dict saved with torch.save. Nothing but plain tensors is unpickled.
        given: arguments of the function.

    Raises:
        SnnDeployError SD801, SD804, SD805: the file, the function or the weights do not fit.
    """
    make = function(source)
    if weights is not None:
        existing(weights, "weights file")
    try:
        module = make(**(given or {}))
    except (Exception, SystemExit) as problem:
        raise failed(make, problem) from problem

    import torch

    if not isinstance(module, torch.nn.Module):
        raise error(
            "SD804",
            source,
            f"{make.__name__}() returned {type(module).__name__}, not a torch.nn.Module",
            "return module",
        )
    if weights is not None:
        fill(module, weights)
    return module.eval()


def build_seeded(source: str, seed: int = 0, given: Mapping[str, Any] | None = None) -> Any:
    """`build`, with the same random initial weights every time."""
    import torch

    load(source.rpartition(":")[0] if ".py:" in source else source)
    torch.manual_seed(seed)
    return build(source, given=given)


def fill(module: Any, weights: str | os.PathLike[str]) -> None:
    """Loads a state_dict into a module; all that does not fit is reported at once.

    Raises:
        SnnDeployError SD801, SD805.
    """
    import pickle

    import torch

    fix = "torch.save(module.state_dict(), path)"
    existing(weights, "weights file")
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        what = "it is no file of plain tensors; what else it holds is not unpickled, for that could run its code"
        raise error("SD805", str(weights), what, fix) from problem
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, AttributeError) as problem:
        raise error(
            "SD805", str(weights), f"it is not a whole file of plain tensors ({short(problem)})", fix
        ) from problem
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise error("SD805", str(weights), f"it holds {type(state).__name__}, not names and tensors", fix)
    wanted = module.state_dict()
    found = [
        Finding(
            "SD805", f"{weights}: {name}", "the file lacks it, the module needs it", "save the weights of this module"
        )
        for name in wanted
        if name not in state
    ]
    for name, value in state.items():
        if name not in wanted:
            found.append(
                Finding(
                    "SD805",
                    f"{weights}: {name}",
                    "the module has no such parameter",
                    "name the model that it was saved from",
                )
            )
        elif wanted[name].shape != value.shape:
            found.append(
                Finding(
                    "SD805",
                    f"{weights}: {name}",
                    f"its shape is {tuple(value.shape)}, not {tuple(wanted[name].shape)}",
                    "build() must make the module with the sizes that it was saved with",
                )
            )
        elif value.is_floating_point() and not bool(torch.isfinite(value).all()):
            count = int((~torch.isfinite(value)).sum())
            found.append(Finding("SD805", f"{weights}: {name}", f"{count} values are NaN or infinite", "train again"))
    if found:
        raise SnnDeployError(found)
    module.load_state_dict(state)


def failed(make: Callable[..., Any], problem: BaseException) -> SnnDeployError:
    """What a function of a model file raised, as SD804 with its line; an error of ours as it is."""
    return _failed(Path(inspect.getfile(make)), f"{make.__name__}() failed", problem)


def _failed(path: Path, what: str, problem: BaseException) -> SnnDeployError:
    """The user's own exception with the last line of the user's own file."""
    if isinstance(problem, SnnDeployError):
        return problem
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == str(path)]
    line = problem.lineno if isinstance(problem, SyntaxError) else (lines[-1] if lines else None)
    where = f"{path}:{line}" if line else str(path)
    return error("SD804", where, f"{what}: {type(problem).__name__}: {short(problem)}", f"correct {path.name}")
