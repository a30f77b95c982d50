"""What a card says of a run: model, data, training, machine; and what a reader must know beside the numbers."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy import models
from snndeploy.card.choosing import ENOUGH
from snndeploy.card.samples import Samples, first_of, settings_of
from snndeploy.errors import SnnDeployError
from snndeploy.machine import machine, versions
from snndeploy.network.maps import values_of
from snndeploy.network.network import Network
from snndeploy.network.table import rows
from snndeploy.train.record import whole

if TYPE_CHECKING:
    from snndeploy.train.sources import Sources

__all__ = ["data", "ending", "limits", "model", "name_of", "network", "settings_of", "shown", "training", "why_not"]
# a path that leads farther up is somebody's own, and no reader can follow it
UPWARDS = 2
# what a card calls data that no path leads to
OWN, ARRAYS = "what data() of the model file gives", "arrays that the caller gave"
# runs before a run that are looked at
EARLIER = 8


def shown(path: Any) -> str:
    """A path as a reader may see it: seen from the folder that the command ran in, never absolute."""
    text = str(path)
    if not os.path.isabs(text):
        return text
    near = Path(os.path.relpath(text)).as_posix()
    return near if near.split("/").count("..") <= UPWARDS else f".../{Path(text).name}"


def command(words: str) -> str:
    """A command without absolute paths; a call in Python stays as it is."""
    if not words.startswith("snndeploy "):
        return words

    def plain(word: str) -> str:
        name, equals, value = word.partition("=")
        if os.path.isabs(word):
            return shown(word)
        return f"{name}={shown(value)}" if equals and os.path.isabs(value) else word

    return shlex.join(map(plain, shlex.split(words)))


def name_of(record: Mapping[str, Any]) -> str:
    """What a card is called where nobody says: as the model file."""
    given = record["model"]
    return "model" if given is None else Path(_file(given)).stem


def _file(model: str) -> str:
    return model.rpartition(":")[0] if ".py:" in model else model


def model(record: Mapping[str, Any]) -> dict[str, Any]:
    """The model file: its name, what it says it is, and its arguments."""
    given = record["model"]
    if given is None:
        return {"model": None, "summary": "a module that is in no file", "arguments": {}}
    name = _file(given)
    path = f"models/{name}.py" if name in models.shipped() else shown(name)
    return {"model": path, "summary": _first_line(models.load(name).__doc__), "arguments": dict(record["arguments"])}


def _first_line(doc: str | None) -> str:
    return " ".join((doc or "").strip().split("\n\n")[0].split())


def network(net: Network) -> dict[str, Any]:
    """Layers as a table, and how many neurons and weights there are."""
    weights = [values_of(each) for p in net.projections for each in p.maps if each.weighted]
    decision = net.decision
    return {
        "parts": [dict(zip(("kind", "name", "shape", "what"), row, strict=True)) for row in rows(net)],
        "neurons": sum(int(np.prod(each.shape)) for each in net.populations),
        "weights": sum(each.size for each in weights),
        "dt": net.dt,
        "decision": None if decision is None else f"{decision.rule} of {decision.population}",
    }


def data(record: Mapping[str, Any], sources: Sources, held: Samples, other: Any = None) -> dict[str, Any]:
    """Where the samples come from, and how many of which part there are. other: given in place of those of the run."""
    given, files = record["data"], record.get("files", {})
    own = ARRAYS if record["model"] is None else OWN
    trained_on = given if given is not None else ", ".join(f"{n} {shown(f)}" for n, f in files.items()) or own
    if other is not None:
        given, files = (other if isinstance(other, (str, Path)) else ARRAYS), {}
    name = _file(record["model"]) if record["model"] is not None else None
    make = None if name is None else getattr(models.load(name), "data", None)
    few, labels = held.selection.block(0, len(held.selection))
    return {
        "given": shown(given) if given is not None else {n: shown(f) for n, f in files.items()} or None,
        "trained_on": None if other is None else shown(trained_on),
        "what": _first_line(getattr(make, "__doc__", None)),
        "embedded": given is None and not files and name in models.shipped(),
        "steps": len(first_of(few)),
        "train": sources.train.samples,
        "validation": None if sources.validation is None else sources.validation.samples,
        "test": held.all_test,
        "measured": len(held.test),
        "classes": int(labels.max()) + 1,
        "selection": {"samples": len(held.selection), "from": held.selected_from, "unseen": held.unseen},
    }


def training(record: Mapping[str, Any]) -> dict[str, Any]:
    """How it was trained, and what the run itself measured."""
    keys = ("epochs", "best", "stopped", "accuracy", "validation_accuracy", "settings", "device", "notes", "proof")
    sessions = [
        {**each, "command": None if each["command"] is None else command(each["command"])}
        for each in record["sessions"]
    ]
    about = {key: record[key] for key in keys}
    seconds = round(sum(each["seconds"] for each in sessions), 2)
    machines = {"machine": record["machine"], "versions": record["versions"]}
    about["model_changed"] = changed(record)
    about["weights"] = None if record.get("weights") is None else shown(record["weights"])
    first = before(record)
    known = about["weights"] is None or (first and not first[0].get("weights"))
    earlier = [each["seconds"] for run in first for each in run["sessions"]]
    about["seconds_before"] = round(sum(earlier), 2) if known else None
    return {**about, "sessions": sessions, "seconds": seconds, "seconds_are_whole": whole(sessions), **machines}


def ending(notes: Iterable[str], record: Mapping[str, Any], said: str, seconds: Mapping[str, float]) -> dict[str, Any]:
    """What stands at the end: notes, the commands that made it, times, machine and releases."""
    commands = [_commands(each) for each in (*before(record), record)]
    how = {"machine": machine(), "versions": versions()}
    return {
        "notes": list(notes),
        "commands": [*chain.from_iterable(commands), command(said)],
        "seconds": dict(seconds),
        **how,
    }


def before(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs from whose weights this one began, the first one first; those whose record is there."""
    from snndeploy.train import record as records

    found: list[dict[str, Any]] = []
    while record.get("weights") and len(found) < EARLIER:
        folder = Path(record["weights"]).parent
        if not (folder / records.FILE).is_file():
            break
        record = records.read(folder)
        found.insert(0, dict(record))
    return found


def _commands(record: Mapping[str, Any]) -> list[str]:
    return [command(each["command"]) for each in record["sessions"] if each["command"]] or [_trained(record)]


def _trained(record: Mapping[str, Any]) -> str:
    """The call that trained it, where it was no command."""
    from snndeploy.train.settings import Settings

    usual = Settings().as_dict()
    said = {name: each for name, each in record["settings"].items() if each != usual.get(name)}
    words = [repr(name_of(record)), *(f"{name}={each!r}" for name, each in said.items())]
    return f"snndeploy.train({', '.join(words)})"


def changed(record: Mapping[str, Any]) -> bool:
    """Whether the model file is no longer the one that was trained."""
    given = record["model"]
    if given is None or record.get("model_sha256") is None:
        return False
    from snndeploy.train.fingerprints import of_file

    return of_file(str(models.load(_file(given)).__file__)) != str(record["model_sha256"])


def limits(numbers: Mapping[str, Any]) -> list[str]:
    """What a reader must know beside the numbers, the gravest first."""
    found = list(_of_integers(numbers))
    if numbers["training"]["model_changed"]:
        found.append("the model file was changed after the training, of which the commands below tell")
    held = numbers["data"]
    if held["measured"] < held["test"]:
        found.append(f"measured on {held['measured']:,} of {held['test']:,} test samples, evenly spaced")
    if held["embedded"]:
        found.append(f"trained and tested on data that come with the package: {held['what'].rstrip('.')}")
    if held["validation"] is None:
        found.append("no samples were held back from training: its last epoch counts")
    if held["trained_on"] is not None:
        found.append(f"measured on {held['given']}; the run was trained on {held['trained_on']}")
    if numbers["training"]["seconds_before"] is None:
        found.append("of the runs whose weights it began with not all records are there: the commands do not make them")
    if not numbers["training"]["seconds_are_whole"]:
        found.append("a session of the training was killed: its seconds are not in the sum")
    return found


def _of_integers(numbers: Mapping[str, Any]) -> Iterable[str]:
    if "why_not" in numbers:
        yield from (f"it cannot be deployed: {each}" for each in numbers["why_not"])
        return
    integer, placed = numbers["integer"], numbers["placement"]
    if integer["kept"] < ENOUGH:
        short = (ENOUGH - integer["kept"]) * 100
        yield (
            f"the integers keep {integer['kept']:.2%} of the float decisions on the test samples, {short:.2f} points "
            f"below {ENOUGH:.0%}: of {integer['changed']:,} that changed {integer['won']:,} are right now and "
            f"{integer['lost']:,} were right before ({numbers['method']['why']})"
            + (f"; {margin(integer['margin'])}" if integer["margin"] else "")
        )
    if numbers["tried"] and not numbers["data"]["selection"]["unseen"]:
        yield (
            "the integers were chosen on samples that the network was trained on, where decisions are surer than "
            "elsewhere: train with some held back (--validation)"
        )
    if not placed["fits"]:
        yield from (f"it does not fit on {numbers['target']}: {each}" for each in placed["why"])
    if not numbers["agrees"]:
        pairs = [
            (form, pair, said) for form, each in numbers["engines"].items() for pair, said in each["pairs"].items()
        ]
        wanted = {"float": ("identical", "state-identical", "spike-identical"), "integer": ("state-identical",)}
        bad = [f"{f}: {p}: {s}" for f, p, s in pairs if s not in wanted[f] and "proven tie" not in s]
        yield f"engines differ: {'; '.join(bad)}"
    if numbers["lava"] is None:
        yield "Lava was not asked"
    elif numbers["lava"]["float"] is None:
        yield "Lava in floating point was not asked: it would take too long for a network of this size"
    silent = [f"{count:,} of {name!r}" for name, count in integer["silent"].items() if count]
    if silent:
        yield f"neurons of the integers that never spike in the test samples: {', '.join(silent)}"


def margin(found: Mapping[str, Any]) -> str:
    """How close the decisions that changed had been."""
    most, share = found["most"], found["share"]
    if most == 0:
        return f"each that changed had been a tie in the float network, as {share:.1%} of all are"
    spikes = "1 spike" if most == 1 else f"{most} spikes"
    return f"each that changed had been won by {spikes} at most, as {share:.1%} of all are"


def why_not(module: Any, record: Mapping[str, Any], held: Samples) -> list[str]:
    """Why a module has no network: what capture says of it."""
    from snndeploy.conform.proven import proven

    try:
        proven(module, held.test.first(2), record["dt"], time=record["time"])
    except SnnDeployError as problem:
        return [str(each) for each in problem.findings]
    return ["the run was told not to capture it (--no-capture); train it again without, and it has a network"]
