"""The whole path on real digits: train, capture, write, quantise, place, run everywhere, compare, draw."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.files import check_output, make_folder, replacing

if TYPE_CHECKING:
    from snndeploy.conform import Comparison
    from snndeploy.engines import Trace
    from snndeploy.network import Network
    from snndeploy.targets import Target

MODELS = ("digits_csnn", "digits_norse")
RECORD = ("spikes", "u", "v")
Say = Callable[[str], None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Size:
    """How many samples each part uses; None: all of them. Lava computes one sample after the other, its official
    runtime starts processes for each."""

    prove: int = 64
    calibrate: int = 128
    test: int | None = None
    lava: int | None = None
    runtime: int = 2
    epochs: int | None = None


FULL = Size()
QUICK = Size(prove=4, calibrate=16, test=16, lava=2, runtime=0, epochs=1)


def run(
    output: Path, models: Sequence[str], target: Target, quick: bool, progress: Progress, say: Say
) -> dict[str, Any]:
    """Runs the demo and returns what `verdict.json` holds. Writes .nir files, plots and the verdict into `output`.

    Raises:
        SnnDeployError: a step is refused. That engines disagree is no error: it is in the verdict, `ok` is False.
    """
    check_output(make_folder(output) / "verdict.json")
    size = QUICK if quick else FULL
    start = time.perf_counter()
    # layers this small gain nothing from a second thread, and threads that wait for each other stall a busy machine
    with one_torch_thread():
        found = {Path(name).stem: _model(name, output, target, size, progress, say) for name in models}
    verdict = {
        "ok": all(each["ok"] for each in found.values()),
        "target": target.name,
        "quick": quick,
        "seconds": round(time.perf_counter() - start, 1),
        "models": found,
    }
    with replacing(output / "verdict.json") as temporary:
        temporary.write_text(json.dumps(verdict, indent=2, allow_nan=False) + "\n")
    return verdict


@contextmanager
def one_torch_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _model(name: str, output: Path, target: Target, size: Size, progress: Progress, say: Say) -> dict[str, Any]:
    from snndeploy import models, verbs
    from snndeploy.report.plots import draw
    from snndeploy.train.loop import train

    stem = Path(name).stem
    file = models.load(name)
    data = file.data()
    settings = dict(file.TRAIN) | ({} if size.epochs is None else {"epochs": size.epochs})
    start = time.perf_counter()
    module = models.build_seeded(name)
    trained = train(module, data, **settings, progress=lambda *at: progress(at[0], at[1], f"{stem}: {at[2]}"))
    seconds = time.perf_counter() - start
    say(f"{stem}: trained to {trained.accuracy:.1%} of {data.test.shape[1]} test digits in {seconds:.0f} s")

    test = data.test[:, : size.test].astype(np.int64)
    labels = data.test_labels[: size.test]
    net = verbs.capture(module, data.test[:, : size.prove], file.DT, decision="spike-count")
    say(f"{stem}: captured; module and network agree on {min(size.prove, test.shape[1])} digits")
    files = {"float": output / f"{stem}.nir", "integer": output / f"{stem}.{target.name}.nir"}
    integers = verbs.quantize(net, target, data.train[:, : size.calibrate])
    lossless = {"float": _round_trip(net, files["float"]), "integer": _round_trip(integers, files["integer"])}
    plan = verbs.place(integers, target)
    say(f"{stem}: quantised to {target.name} on {len(plan.cores)} of {plan.chip_cores} cores")

    framework = net.source.framework if net.source else ""
    jobs = {
        "float": (
            net,
            [("torch", None), ("onnx", None), *([(framework, None)] if framework else []), ("lava", size.lava)],
        ),
        "integer": (integers, [("torch", None), ("onnx", None), ("lava", size.lava), ("lava runtime", size.runtime)]),
    }
    references = {form: verbs.run(each, test, "reference", RECORD) for form, (each, _) in jobs.items()}
    result: dict[str, Any] = {"accuracy": {}, "float": {}, "integer": {}}
    for form, (network, engines) in jobs.items():
        result["accuracy"][form] = {"reference": _accuracy(references[form], labels)}
        for engine, count in engines:
            if count == 0:
                continue
            each, trace = _against(references[form], network, test[:, :count], engine, stem, progress)
            result[form][engine] = each
            result["accuracy"][form][engine] = _accuracy(trace, labels[:count])
            say(f"{stem}: {form} {engine}: {each['verdict']} on {each['samples']} digits ({each['seconds']:.1f} s)")
    parted = verbs.compare(references["float"], references["integer"])
    kept = references["float"].decisions() == references["integer"].decisions()
    picture = output / f"{stem}.png"
    draw(references["float"], references["integer"], parted, labels, picture, stem)
    engines_agree = all(each["agrees"] for form in ("float", "integer") for each in result[form].values())
    return {
        "ok": engines_agree and all(lossless.values()),
        "samples": int(test.shape[1]),
        "steps": int(test.shape[0]),
        "trained": {"seconds": round(seconds, 1), "accuracy": trained.accuracy},
        "lossless": lossless,
        **result,
        "decisions_kept": float(kept.mean()),
        "float_and_integer": parted.as_dict(),
        "cores": len(plan.cores),
        "files": [each.name for each in (*files.values(), picture)],
    }


def _round_trip(network: Network, path: Path) -> bool:
    """Writes the network and reads it again: True if every bit came back."""
    from snndeploy import verbs
    from snndeploy.network.arrays import equal

    verbs.write(network, path)
    return equal(network.with_(source=None), verbs.read(path).with_(source=None))


def _against(
    reference: Trace, network: Network, test: Any, engine: str, stem: str, progress: Progress
) -> tuple[dict[str, Any], Trace]:
    """Runs an engine and compares it with the reference on the same samples."""
    from snndeploy import verbs

    name, _, mode = engine.partition(" ")
    options: dict[str, Any] = {"mode": mode} if mode else {}
    start = time.perf_counter()
    trace = verbs.run(
        network,
        test,
        name,
        ("spikes", "v") if name in ("snntorch", "norse") else RECORD,
        progress=lambda done, total: progress(done, total, f"{stem}: {network.form} {engine}"),
        **options,
    )
    seconds = time.perf_counter() - start
    same = verbs.compare(first_samples(reference, trace.batch), trace)
    return _entry(same, trace, seconds), trace


def _entry(same: Comparison, trace: Trace, seconds: float) -> dict[str, Any]:
    about = same.as_dict()
    kept = {key: about[key] for key in ("identical", "agrees", "verdict", "ties", "first", "fault", "notes")}
    return kept | {"engine": trace.engine, "samples": trace.batch, "seconds": round(seconds, 2)}


def first_samples(trace: Trace, count: int) -> Trace:
    """The same trace with its first `count` samples only."""

    def cut(arrays: Any) -> dict[str, Any]:
        return {name: array[:, :count] for name, array in arrays.items()}

    return replace(trace, inputs=cut(trace.inputs), spikes=cut(trace.spikes), u=cut(trace.u), v=cut(trace.v))


def _accuracy(trace: Trace, labels: Any) -> float:
    return float((trace.decisions() == labels).mean())


def print_tables(console: Any, verdict: dict[str, Any]) -> None:
    """The verdict for people: what is identical, what is not, and where float and integer first part."""
    from rich.markup import escape
    from rich.table import Table

    for name, model in verdict["models"].items():
        title = f"{escape(name)}: {model['steps']} steps per digit, cores of {verdict['target']}: {model['cores']}"
        table = Table("form", "engine", "digits", "accuracy", "spikes against the reference", title=title, min_width=78)
        for form in ("float", "integer"):
            accuracy = model["accuracy"][form]
            table.add_row(form, "reference", str(model["samples"]), f"{accuracy['reference']:.1%}", "is the definition")
            for engine, each in model[form].items():
                colour = "green" if each["agrees"] else "bold red"
                also = ", u and v too" if form == "integer" and each["identical"] else ""
                verdict_text = f"[{colour}]{each['verdict']}{also}[/]"
                table.add_row("", engine, str(each["samples"]), f"{accuracy[engine]:.1%}", verdict_text)
            table.add_section()
        parted = model["float_and_integer"]
        bins, differing = (sum(row[key] for row in parted["table"]) for key in ("bins", "differing"))
        moved = "the same spikes" if parted["first"] is None else f"{differing / bins:.2%} of bins differ"
        table.add_row("both", "float | integer", str(model["samples"]), "", moved)
        console.print(table)
        if parted["first"] is not None:
            console.print(f"float and integer first part at {_place(parted['first'])}", markup=False)
        console.print(f"decisions kept by the integers: {model['decisions_kept']:.1%}", markup=False)
        for form, whole in model["lossless"].items():
            if not whole:
                console.print(f"[bold red]the {form} .nir file did not give the same network back[/]")
        console.print()


def _place(first: dict[str, Any]) -> str:
    place = f"step {first['step']}, {first['population']}{first['index']}, digit {first['batch']}"
    if first["margin"] is None or first["spike_a"] is None:
        return place
    who = "float spikes" if first["spike_a"] else "the integers spike"
    return f"{place}: only {who}, the float membrane is {abs(first['margin']):.2g} from its threshold"
