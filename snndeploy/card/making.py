"""`card`: from the folder of a run to integers on cores, every stage a call of what the verbs are made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy import deliver, models
from snndeploy.card import describe
from snndeploy.card.choosing import CHEAPEST, Choice, check_method, choose
from snndeploy.card.markdown import text
from snndeploy.card.measuring import kept, measured
from snndeploy.card.result import Card
from snndeploy.card.samples import Samples, first_of, samples_of, sources_of
from snndeploy.card.writing import prepare, write
from snndeploy.conform.verification import Verification
from snndeploy.conform.verify import verify
from snndeploy.encoding import events
from snndeploy.encoding.names import Named
from snndeploy.engines import base, run
from snndeploy.errors import Finding, MissingEngineError, SnnDeployError, VerdictError, error
from snndeploy.network.network import Network
from snndeploy.placement import place
from snndeploy.placement.cost import cost
from snndeploy.targets import Target, load

FORMAT = 1
# samples whose u and v say what an inference costs
COSTED = 16
# neuron-steps that Lava's processes in floating point are asked for, beside its integers
CHEAP = 2**21
# samples that engines are compared on where Lava is not asked
FEW = 2
# test samples that a module sees at a time
BLOCK = 256
Progress = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Asked:
    """What the caller of `card` chose; see there."""

    run: Path
    target: Target
    method: str
    encoding: Named | None
    samples: int | None
    lava: int
    notes: tuple[str, ...]
    command: str
    told: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """A stage that is timed; what it gives tells how far it is."""
        begun = time.perf_counter()
        self.told(0, 0, name)
        yield lambda done, total, said=None: self.told(done, total, said or name)
        self.seconds[name] = round(time.perf_counter() - begun, 2)


def card(
    folder: str | Path,
    target: str | Target = "loihi1",
    *,
    data: Any = None,
    method: str = CHEAPEST,
    encoding: Named | None = None,
    samples: int | None = None,
    lava: int = FEW,
    out: str | Path | None = None,
    name: str | None = None,
    notes: Iterable[str] = (),
    nir: bool = True,
    integers: bool = False,
    report: bool = False,
    command: str | None = None,
    progress: Progress | None = None,
) -> Card:
    """See `snndeploy.verbs.card`."""
    from snndeploy.train import record

    known = record.read(Path(folder))
    check_method(method)
    if (samples is not None and samples < 1) or lava < 0:
        raise error(
            "SD896", "samples", f"samples = {samples}, lava = {lava}", "samples of 1 or more, lava of 0 or more"
        )
    chip = load(target)
    said = command or f"snndeploy.card({describe.shown(folder)!r}, {chip.name!r})"
    tell = progress or (lambda done, total, text=None: None)
    asked = Asked(Path(folder), chip, method, encoding, samples, lava, tuple(notes), said, tell)
    own = name or describe.name_of(known)
    where = prepare(Path(folder) if out is None else Path(out), own)
    if lava and (Path(folder) / deliver.BEST).exists():
        _lava_is_there()
    with asked.stage("data"):
        sources = sources_of(known, data)
        held = samples_of(sources, samples)
    about = {
        "format": FORMAT,
        "name": own,
        **describe.model(known),
        "data": describe.data(known, sources, held, data),
        "training": describe.training(known),
        "target": chip.name,
    }
    if not (Path(folder) / deliver.BEST).exists():
        return _undeployable(asked, known, about, held, where)
    network = _network(Path(folder))
    about |= {"network": describe.network(network)}
    about["data"]["classes"] = _classes(network)
    more, choice, checks, traced = _deployed(asked, network, held)
    numbers = about | more | describe.ending(asked.notes, known, asked.command, asked.seconds)
    numbers["limits"] = describe.limits(numbers)
    networks = {".nir": network} if nir else {}
    networks |= {f".{chip.name}.nir": choice.network} if integers else {}
    files = write(where, numbers, text(numbers), networks)
    if report:
        files += (_report(asked, choice, held, where, own, traced),)
    return Card(own, numbers, text(numbers), network, choice.network, files, checks)


def _lava_is_there() -> None:
    """Raises MissingEngineError where Lava is not installed."""
    try:
        base.load("lava")
    except MissingEngineError as problem:
        fix = f"{problem.findings[0].fix}; or --lava 0, which compares the other engines alone"
        raise MissingEngineError([Finding(f.code, f.where, f.what, fix) for f in problem.findings]) from None


def _network(folder: Path) -> Network:
    from snndeploy.frontends.nir import read

    network = read(folder / deliver.BEST)
    if network.decision is None:
        fix = "train it with a loss that decides, or name --decision for train"
        raise error("SD896", str(folder / deliver.BEST), "the network decides nothing, so it has no accuracy", fix)
    return network


def _classes(network: Network) -> int:
    """Among which it decides; samples that are looked at need not be of all of them."""
    assert network.decision is not None
    return int(np.prod(network.shapes[network.decision.population]))


def _deployed(asked: Asked, network: Network, held: Samples) -> tuple[dict[str, Any], Choice, bool, Any]:
    """The way from the float network to the chip: (numbers, integers, whether engines agree, placement)."""
    with asked.stage("float") as told:
        ours = measured(network, held.test, told)
    with asked.stage("quantise") as told:
        given = (held.calibration.all(), held.selection, held.unseen, asked.encoding)
        choice = choose(network, asked.target, asked.method, *given, told)
    with asked.stage("integers") as told:
        theirs = measured(choice.network, held.test, told)
    with asked.stage("place"):
        placed, costed, plan = _placed(asked, choice, held)
    with asked.stage("engines"):
        checks = _compared(asked, choice, held)
    agrees = all(each.agrees for each in checks.values())
    integers: dict[str, Any] = theirs.about() | kept(ours, theirs)
    if choice.float.encodings:
        integers["encodings"] = {each.input: each.said for each in choice.float.encodings}
    numbers = {
        "float": ours.about(),
        "integer": integers,
        "method": {"asked": asked.method, "taken": choice.method, "why": choice.why},
        "tried": [asdict(each) for each in choice.tried],
        "placement": placed,
        "cost": costed,
        "engines": {form: _said(each) for form, each in checks.items()},
        "lava": _lava(asked, choice, checks),
        "agrees": agrees,
    }
    return numbers, choice, agrees, plan


def _own(choice: Choice, samples: Any) -> Any:
    return events(choice.network, samples) if choice.network.encodings else samples


def _placed(asked: Asked, choice: Choice, held: Samples) -> tuple[dict[str, Any], dict[str, Any] | None, Any]:
    """Cores, and the cost of an inference on some samples."""
    some = held.test.first(COSTED)
    trace = run(choice.network, _own(choice, some), "torch", ("spikes", "u", "v"))
    try:
        plan = place(choice.network, asked.target, rates=trace)
    except VerdictError as problem:
        return {"fits": False, "why": [str(each) for each in problem.findings]}, None, None
    about = plan.as_dict()
    keys = ("cores", "chips", "chip_cores", "layers", "strategy")
    found = {"fits": True, **{key: about[key] for key in keys}, "findings": [str(each) for each in plan.findings]}
    try:
        spent = cost(plan, choice.network, trace, asked.target).as_dict()
    except SnnDeployError as problem:
        return found | {"no_cost": [str(each) for each in problem.findings]}, None, plan
    spent.pop("coefficients")
    return found, spent, plan


def _compared(asked: Asked, choice: Choice, held: Samples) -> dict[str, Verification]:
    """Both forms on every engine that is there; float Lava only where it is quick."""
    few, labels = held.test.block(0, asked.lava or FEW)
    bins = len(labels) * len(first_of(few)) * sum(int(np.prod(each.shape)) for each in choice.float.populations)
    names = [name for name in base.ENGINES if name != "lava"]
    found = {}
    for form, network in (("float", choice.float), ("integer", choice.network)):
        with_lava = asked.lava and (form == "integer" or bins <= CHEAP)
        takes = [name for name in names if _takes(name, network)] + (["lava"] if with_lava else [])
        own = events(network, few) if network.encodings else few
        required: Any = "ties" if form == "float" else "state-identical"
        found[form] = verify(network, own, takes, labels, required, leaks=False, progress=asked.told)
    return found


def _takes(name: str, network: Network) -> bool:
    """Whether an engine is installed and takes the network."""
    try:
        return not any(each.severity == "error" for each in base.load(name).refusals(network))
    except MissingEngineError:
        return False


def _said(found: Verification) -> dict[str, Any]:
    """What a comparison of engines says in a card."""
    pairs = {f"{a} | {b}": each.said for (a, b), each in found.verdicts.items()}
    about = {"agrees": found.agrees, "required": found.required, "samples": found.samples, "steps": found.steps}
    seconds = {name: round(each, 2) for name, each in found.seconds.items()}
    return {**about, "engines": dict(found.engines), "pairs": pairs, "seconds": seconds}


def _lava(asked: Asked, choice: Choice, checks: Mapping[str, Verification]) -> dict[str, Any] | None:
    """Lava's fixed point against the definition: bins of spikes, u and v, and how many differ."""
    if not asked.lava:
        return None
    found = checks["integer"]
    rows = found.verdict("reference", "lava").comparison.table
    bins = {row.population: [row.bins, row.differing] for row in rows}
    float_form = checks["float"]
    said = float_form.verdict("reference", "lava").said if "lava" in float_form.names else None
    return {
        "engine": found.engines["lava"],
        "samples": found.samples,
        "steps": found.steps,
        "neurons": sum(int(np.prod(each.shape)) for each in choice.network.populations),
        "bins": sum(each[0] for each in bins.values()),
        "differing": sum(each[1] for each in bins.values()),
        "recorded": ["spikes", "u", "v"],
        "identical": found.tier("reference", "lava") == "state-identical",
        "float": said,
        "seconds": round(found.seconds["lava"], 2),
    }


def _undeployable(asked: Asked, known: dict[str, Any], about: dict[str, Any], held: Samples, where: Path) -> Card:
    """A card of a module that no chip holds: its accuracy in its own framework, and why it is so."""
    from snndeploy.conform.statistics import wilson
    from snndeploy.train.loop import score

    with asked.stage("module") as told:
        name, given = known["model"], known["arguments"]
        if name is None:
            what = "it holds no best.nir, and the module that was trained is in no file"
            raise error("SD896", str(asked.run), what, "train a model file: snndeploy train mine.py --out ...")
        module = models.build(name, asked.run / "best.pt", models.chosen(given, models.function(name)))
        why = describe.why_not(module, known, held)
        plain: dict[str, Any] = {"accelerate": False, "device": "cpu", "devices": 1, "precision": "32-true"}
        how = replace(describe.settings_of(known), validation=0.0, **plain)
        settings = {"how": how, "dt": known["dt"], "decision": known["decision"], "time": known["time"]}
        right, count = 0, len(held.test)
        for start in range(0, count, BLOCK):
            told(start, count)
            test = held.test.block(start, start + BLOCK)
            found, _ = score(module, test, test=test, capture=False, **settings)
            right += round(found.accuracy * len(test[1]))
    ours = {
        "engine": "the framework itself",
        "arithmetic": "float32",
        "samples": count,
        "right": right,
        "accuracy": right / count,
        "interval": list(wilson(right, count)),
        "rates": dict(known["rates"]),
    }
    numbers = about | {"float": ours, "why_not": why, "agrees": True}
    numbers |= describe.ending(asked.notes, known, asked.command, asked.seconds)
    numbers["limits"] = describe.limits(numbers)
    said = text(numbers)
    return Card(about["name"], numbers, said, None, None, write(where, numbers, said, {}), True)


def _report(asked: Asked, choice: Choice, held: Samples, where: Path, name: str, plan: Any) -> Path:
    """The HTML report of both forms, on a few samples."""
    from snndeploy.report.html.collect import collect
    from snndeploy.report.html.page import write as write_page

    few, labels = held.test.block(0, COSTED)
    takes = [e for e in base.ENGINES if e != "lava" and _takes(e, choice.float) and _takes(e, choice.network)]
    with asked.stage("report") as told:
        shown: dict[str, Any] = {"title": name, "progress": told}
        found = collect(choice.float, _own(choice, few), choice.network, labels, takes, plan, asked.target, **shown)
    path = where.with_name(f"{where.name}.html")
    write_page(found, path)
    return path
