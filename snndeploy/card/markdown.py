"""A card as Markdown, with the front matter that model hubs read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from snndeploy.card import describe
from snndeploy.placement.interval import Interval
from snndeploy.placement.report import count

Numbers = Mapping[str, Any]


def text(numbers: Numbers) -> str:
    """The whole card, without a line end behind it."""
    parts = [_head(numbers), *_body(numbers)]
    return "\n\n".join(parts)


def share(value: float) -> str:
    return f"{value:.2%}"


def interval(ends: Sequence[float]) -> str:
    return f"{ends[0]:.2%} to {ends[1]:.2%}"


def span(ends: Numbers, unit: str) -> str:
    high = ends["high"]
    return Interval(ends["low"], float("inf") if high is None else high).text(unit)


def table(head: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _head(numbers: Numbers) -> str:
    """Front matter as Hugging Face's hub has it: https://huggingface.co/docs/hub/model-cards."""
    quoted = json.dumps
    held = numbers["data"]
    where = held["given"] if isinstance(held["given"], str) else "embedded" if held["embedded"] else "own"
    values = [("accuracy", "float accuracy", numbers["float"]["accuracy"])]
    if "integer" in numbers:
        theirs = numbers["integer"]
        values += [
            ("accuracy", "integer accuracy", theirs["accuracy"]),
            ("agreement", "decisions kept", theirs["kept"]),
        ]
    lines = ["---", "license: mit", "library_name: snndeploy", "tags:"]
    lines += [f"- {each}" for each in ("spiking-neural-network", "neuromorphic", "nir", numbers["target"])]
    lines += ["model-index:", f"- name: {quoted(numbers['name'])}", "  results:"]
    lines += ["  - task:", "      type: classification", "    dataset:", f"      name: {quoted(where)}"]
    lines += [f"      type: {quoted(where.rpartition('/')[2])}", "      split: test", "    metrics:"]
    for kind, name, value in values:
        lines += [f"    - type: {kind}", f"      name: {name}", f"      value: {value:.6g}"]
    return "\n".join([*lines, "---"])


def _body(numbers: Numbers) -> Iterator[str]:
    yield f"# {numbers['name']}"
    yield numbers["summary"]
    arguments = ", ".join(f"{name} = {value}" for name, value in numbers["arguments"].items())
    yield f"Model file: `{numbers['model']}`" + (f" with {arguments}." if arguments else ", as it is.")
    yield "## At a glance"
    yield _glance(numbers)
    for note in numbers["notes"]:
        yield f"> {note}"
    if "network" in numbers:
        yield "## Architecture"
        yield _network(numbers["network"])
    yield "## Data"
    yield _data(numbers["data"], "integer" in numbers)
    yield "## Training"
    yield _training(numbers["training"])
    if "integer" in numbers:
        yield "## From float to integers"
        yield _integers(numbers)
        yield "## On the chip"
        yield _chip(numbers)
        yield "## Every engine"
        yield _engines(numbers)
    yield "## Limits"
    yield "\n".join(f"* {each}" for each in numbers["limits"]) or "None that was found."
    yield "## How it was made"
    yield "```\n" + "\n".join(numbers["commands"]) + "\n```"
    yield _made(numbers)


def _glance(numbers: Numbers) -> str:
    ours = numbers["float"]
    rows: list[tuple[str, str]] = [("float accuracy", _accuracy(ours))]
    if "integer" in numbers:
        theirs, placed, spent, lava = (numbers[key] for key in ("integer", "placement", "cost", "lava"))
        changed = f"{theirs['changed']:,} changed: {theirs['won']:,} won, {theirs['lost']:,} lost"
        kept = f"{share(theirs['kept'])} (95 %: {interval(theirs['kept_interval'])}); {changed}"
        rows += [("integer accuracy", _accuracy(theirs)), ("decisions kept", kept)]
        where = (
            f"{count(placed['cores'])} of {numbers['target']}"
            if placed["fits"]
            else f"**does not fit {numbers['target']}**"
        )
        rows += [("cores", where)]
        if spent is not None:
            static = f"and static {span(spent['inference_static'], 'J')}"
            rows += [("energy per inference", f"{span(spent['inference_energy'], 'J')}, {static}")]
            rows += [("time per inference", span(spent["inference_time"], "s"))]
        if lava is not None:
            same = "all equal" if lava["identical"] else f"**{lava['differing']:,} differ**"
            rows += [("Lava, fixed point", f"{lava['bins']:,} bins of spikes, u and v compared: {same}")]
    return table(("what", "measured"), rows)


def _accuracy(found: Numbers) -> str:
    right = f"{found['right']:,} of {found['samples']:,}"
    return f"{share(found['accuracy'])} ({right}; 95 %: {interval(found['interval'])})"


def _network(about: Numbers) -> str:
    parts = table(
        ("", "name", "shape", "what"), [tuple(p[k] for k in ("kind", "name", "shape", "what")) for p in about["parts"]]
    )
    said = f"{about['neurons']:,} neurons, {about['weights']:,} weights; a step is {about['dt'] * 1e3:g} ms"
    return f"{parts}\n\n{said}; the class is decided by {about['decision']}."


def _data(held: Numbers, chosen: bool) -> str:
    """chosen: whether integers were."""
    given = held["given"]
    nameless = "embedded in the package" if held["embedded"] else "as data() of the model file gives them"
    where = f"`{given}`" if isinstance(given, str) else nameless if given is None else str(given)
    validation = "none held back" if held["validation"] is None else f"{held['validation']:,} held back"
    counts = f"{held['train']:,} to train with, {validation}, {held['test']:,} to test with"
    by = held["selection"]
    how = f" How the integers are made was chosen on {by['samples']:,} samples: {by['from']}." if chosen else ""
    return (
        f"{held['what'].rstrip('.')}; {where}; {held['steps']} steps, {held['classes']} classes; {counts}. "
        f"Measured on {held['measured']:,} of the test samples.{how}"
    )


def _training(about: Numbers) -> str:
    how = about["settings"]
    usual = ("batch", "lr", "optimizer", "scheduler", "loss", "seed", "validation", "accelerate")
    said = ", ".join(f"{name} {how[name]}" for name in usual if name in how)
    best = f"{about['epochs']} epochs, the best is {about['best']}"
    held = (
        ""
        if about["validation_accuracy"] is None
        else f" ({share(about['validation_accuracy'])} of the samples held back)"
    )
    own = "" if about["accuracy"] is None else f" On the test samples the module itself had {share(about['accuracy'])}."
    machine = about["machine"]
    seconds = f"{about['seconds']:,.0f} s on {about['device']} of {machine['cores']} cores ({machine['cpu']})"
    proof = f"\n\nModule and network agree, {about['proof']}." if about["proof"] else ""
    began = ""
    if about["weights"] is not None:
        before = about["seconds_before"]
        took = "of whose training no record is there" if before is None else f"which took {before:,.0f} s"
        began = f" It began with the weights in `{about['weights']}`, {took}."
    notes = "".join(f"\n\n{each[:1].upper()}{each[1:]}." for each in about["notes"])
    return f"{best}{held}; {said}; {seconds}.{began}{own}{proof}{notes}"


def _integers(numbers: Numbers) -> str:
    theirs, how = numbers["integer"], numbers["method"]
    lines = [f"Method `{how['taken']}`: {how['why']}."]
    if numbers["tried"]:
        rows = [
            (
                f"`{each['method']}`",
                each["refused"] or share(each["kept"]),
                each["cores"] or "",
                f"{each['seconds']:.1f}",
            )
            for each in numbers["tried"]
        ]
        lines.append(table(("method", "decisions kept, samples to choose by", "cores", "s"), rows))
    for name, said in theirs.get("encodings", {}).items():
        lines.append(f"Input `{name}` is encoded: {said}.")
    p = theirs["mcnemar"]
    lines.append(
        f"On the test samples {theirs['changed']:,} of {theirs['samples']:,} decisions change: {theirs['lost']:,} were "
        f"right and are wrong, {theirs['won']:,} were wrong and are right, {theirs['wrong_both_ways']:,} are wrong "
        f"either way (McNemar, exact: p = {p:.3g})."
    )
    if theirs["margin"] is not None:
        lines.append(f"{describe.margin(theirs['margin'])}.")
    ours = numbers["float"]
    rows = [
        (name, f"{rate:.4f}", f"{theirs['rates'].get(name, 0):.4f}", f"{theirs['silent'].get(name, 0):,}")
        for name, rate in ours["rates"].items()
    ]
    lines.append(
        table(("population", "spikes per step and neuron, float", "integers", "silent neurons of the integers"), rows)
    )
    return "\n\n".join(lines)


def _chip(numbers: Numbers) -> str:
    placed, spent = numbers["placement"], numbers["cost"]
    if not placed["fits"]:
        return f"It does not fit on {numbers['target']}: " + "; ".join(placed["why"])
    chips = "one chip" if placed["chips"] == 1 else f"{placed['chips']} chips"
    on = f"{count(placed['cores'])} on {chips} of {numbers['target']}"
    lines = [
        on + ".",
        table(
            ("population", "neurons", "cores", "fullest"),
            [
                (
                    each["population"],
                    f"{each['neurons']:,}",
                    each["cores"],
                    f"{each['fullest']} {each['share'][each['fullest']]:.0%}",
                )
                for each in placed["layers"]
            ],
        ),
    ]
    if spent is None:
        lines.append("; ".join(placed["no_cost"]))
    else:
        rows = [
            ("energy per inference", span(spent["inference_energy"], "J")),
            ("static energy per inference", span(spent["inference_static"], "J")),
            ("time per inference", span(spent["inference_time"], "s")),
            ("synaptic operations per step", f"{spent['events_per_step']['synaptic operations']['high']:,.1f}"),
        ]
        lines += [table(("estimated from events", "interval"), rows)]
        lines += [
            f"Of {spent['samples']} test samples; every coefficient with its source: "
            f"`snndeploy targets {numbers['target']}`."
        ]
    return "\n\n".join(lines)


def _engines(numbers: Numbers) -> str:
    lines = []
    for form, each in numbers["engines"].items():
        names = ", ".join(each["engines"].values())
        said = sorted(set(each["pairs"].values()))
        verdict = "agree" if each["agrees"] else "**do not agree**"
        lines.append(f"{form.capitalize()} form, {each['samples']} samples: {names} {verdict} ({'; '.join(said)}).")
    lava = numbers["lava"]
    if lava is not None:
        same = "all equal" if lava["identical"] else f"{lava['differing']:,} differ"
        lines.append(
            f"Lava's fixed point ({lava['engine']}): {lava['bins']:,} bins of {lava['neurons']:,} neurons, "
            f"{lava['steps']} steps and {lava['samples']} samples, in spikes, u and v: {same}; {lava['seconds']:.1f} s."
        )
    return "\n\n".join(lines)


def _made(numbers: Numbers) -> str:
    about = numbers["machine"]
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in numbers["seconds"].items())
    releases = ", ".join(f"{name} {number}" for name, number in numbers["versions"].items())
    where = f"{about['cpu']}, {about['cores']} cores"
    return f"Seed {numbers['training']['settings']['seed']}. The card took: {times} ({where}). {releases}."
