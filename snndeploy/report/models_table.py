"""The models that are shipped and the cards of their trained networks, as tables: README.md, docs/models.md.

Beside each accuracy stand the one that was published for the same data, and the goal; what was missed is said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snndeploy import models
from snndeploy.placement.interval import Interval
from snndeploy.report.markdown import table

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "models.md"
# of the float network's decisions
ENOUGH = 0.99
EMBEDDED = ""


@dataclass(frozen=True)
class Figure:
    """What others published for a model on some data, and what was aimed at, as shares.

    Attributes:
        data: its name. folder: the last part of the folder that holds it; "": it comes with the package.
        arguments: of the model file that tell this data from others in such a folder.
    """

    data: str
    folder: str
    published: float | None = None
    goal: float | None = None
    arguments: Mapping[str, Any] | None = None


# model file -> figures; those of student projects that the models took as their template
FIGURES: dict[str, tuple[Figure, ...]] = {
    "shd_recurrent": (
        Figure("Spiking Heidelberg Digits", "shd", 0.84, 0.90),
        Figure("Free Spoken Digit Dataset", "fsdd", None, 0.90),
    ),
    "mnist_rate_norse": (
        Figure("FashionMNIST", "fashion", None, None, {"kind": "fashion"}),
        Figure("MNIST", "mnist", 0.90, 0.97),
    ),
    "nmnist_spiking_cnn": (Figure("N-MNIST", "nmnist", 0.928),),
    "nmnist_spiking_resnet": (Figure("N-MNIST", "nmnist", 0.928),),
    "nmnist_norse": (Figure("N-MNIST", "nmnist", 0.92),),
    "stdp_population": (Figure("scikit-learn's digits", EMBEDDED, None, 0.88),),
    "mnist_csnn": (Figure("MNIST", "mnist", 0.904, 0.98),),
}
HEAD = (
    "trained network",
    "data",
    "float",
    "published",
    "goal",
    "integers",
    "kept",
    "target",
    "cores",
    "energy",
    "Lava",
)


def figure_of(card: Mapping[str, Any]) -> Figure | None:
    """The figure for the data of a card; None: nobody gave one for these."""
    given = card["data"]["given"]
    last = EMBEDDED if card["data"]["embedded"] else Path(given if isinstance(given, str) else "?").name.split(".")[0]
    for each in FIGURES.get(Path(card["model"] or "").stem, ()):
        alike = all(card["arguments"].get(name) == value for name, value in (each.arguments or {}).items())
        if alike and (last == each.folder or (each.folder and last.startswith(f"{each.folder}_"))):
            return each
        if alike and each.arguments:
            return each
    return None


def cards() -> list[dict[str, Any]]:
    """All shipped cards. Raises SD898: one is damaged."""
    return [models.card_of(path) for path in models.trained().values()]


def summary() -> str:
    """A row per card, and what was missed or not measured."""
    found = cards()
    lines = [table(HEAD, [_row(each) for each in found])]
    lines += [f"\n* {each}" if k == 0 else f"* {each}" for k, each in enumerate(misses(found))]
    return "\n".join(lines)


def _row(card: Mapping[str, Any]) -> tuple[str, ...]:
    ours, figure = card["float"], figure_of(card)
    low, high = ours["interval"]
    name = f"[{card['name']}](models/trained/{card['name']}.md)"
    data = figure.data if figure else _data(card)
    wanted = ("", "")
    if figure is not None:
        goal = "" if figure.goal is None else f"≥ {figure.goal:.0%}"
        if figure.goal is not None and ours["accuracy"] < figure.goal:
            goal = f"**{goal}: missed**"
        wanted = ("" if figure.published is None else f"{figure.published:.1%}", goal)
    data = f"{data} ({ours['samples']:,})"
    first = (name, data, f"{ours['accuracy']:.2%} ({low:.1%} to {high:.1%})", *wanted)
    if "integer" not in card:
        return (*first, "cannot be deployed", "", "", "", "", "")
    theirs, placed, spent, lava = (card[key] for key in ("integer", "placement", "cost", "lava"))
    kept = f"{theirs['kept']:.2%}" if theirs["kept"] >= ENOUGH else f"**{theirs['kept']:.2%}**"
    energy = "" if spent is None else _span(spent["inference_energy"])
    bits = "not asked" if lava is None else "every bit" if lava["identical"] else "**differs**"
    cores = f"{placed['cores']:,}" if placed["fits"] else "**does not fit**"
    return (*first, f"{theirs['accuracy']:.2%}", kept, card["target"], cores, energy, bits)


def _data(card: Mapping[str, Any]) -> str:
    held = card["data"]
    if held["embedded"]:
        return str(held["what"]).rstrip(".")
    own = models.arguments(getattr(models.load(Path(card["model"]).stem), "data", None))
    said = ", ".join(f"{name} = {value}" for name, value in card["arguments"].items() if name in own)
    return f"`{held['given']}`" + (f" ({said})" if said else "")


def _span(ends: Mapping[str, Any]) -> str:
    return Interval(ends["low"], float("inf") if ends["high"] is None else ends["high"]).text("J")


def misses(found: list[dict[str, Any]]) -> Iterator[str]:
    """What was aimed at and not reached, and what was published and is not measured here; plainly."""
    measured = [(Path(each["model"] or "").stem, figure_of(each)) for each in found]
    for card in found:
        figure, accuracy = figure_of(card), card["float"]["accuracy"]
        if figure is not None and figure.goal is not None and accuracy < figure.goal:
            yield f"missed: `{card['name']}` has {accuracy:.2%} on {figure.data}; the goal is {figure.goal:.0%}"
        if figure is not None and figure.published is not None and accuracy < figure.published:
            yield f"below what was published: `{card['name']}`, {accuracy:.2%} against {figure.published:.1%}"
        if "integer" in card and card["integer"]["kept"] < ENOUGH:
            yield f"`{card['name']}`: {card['limits'][0]}"
        if "why_not" in card:
            yield f"`{card['name']}` cannot be deployed: {card['why_not'][0]}"
    for name, figures in FIGURES.items():
        for each in figures:
            if (name, each) not in measured and each.published is not None:
                yield f"not measured: `{name}` on {each.data} (published: {each.published:.1%})"


def full() -> str:
    """docs/models.md."""
    return (
        "\n\n".join(
            [
                "# Models and their trained networks",
                "Written by `python -m snndeploy.report.readme README.md` from the cards in `models/trained/`, which "
                "`snndeploy card` writes. Intervals are Wilson's, 95 %; *kept* are decisions of the float network that "
                "the integers keep on the test samples; energy is per inference, between the bounds of what is "
                "published about the chip, without static power; *every bit*: Lava's fixed point gives the same "
                "spikes, u and v.",
                summary().replace("](models/", "](../models/"),
                "## Model files",
                table(
                    ("model", "what it is", "its data"), [(f"`{m['name']}`", m["what"], m["data"]) for m in shipped()]
                ),
                "",
            ]
        ).rstrip()
        + "\n"
    )


def shipped() -> list[dict[str, Any]]:
    """Every shipped model: what it is, its data, and its trained networks."""
    held = cards()
    found = []
    for name in models.shipped():
        file = models.load(name)
        own = [each for each in held if Path(each["model"] or "").stem == name]
        about = {"name": name, "what": _first(file.__doc__), "data": _first(getattr(file.data, "__doc__", ""))}
        found.append({**about, "trained": [_short(each) for each in own]})
    return found


def _short(card: Mapping[str, Any]) -> dict[str, Any]:
    theirs = card.get("integer", {})
    there = models.trained()[card["name"]].with_suffix(".nir").is_file()
    return {
        "name": card["name"],
        "network": f"{models.PREFIX}{card['name']}" if there else None,
        "card": models.card_path(card["name"]),
        "accuracy": card["float"]["accuracy"],
        "interval": card["float"]["interval"],
        "target": card["target"],
        "integer_accuracy": theirs.get("accuracy"),
        "kept": theirs.get("kept"),
    }


def _first(doc: str | None) -> str:
    return " ".join((doc or "").strip().split("\n\n")[0].split()).replace("``", "`")


def terminal(found: list[dict[str, Any]]) -> str:
    """For reading: a model, and below it its trained networks."""
    lines = []
    for each in found:
        lines += [f"{each['name']}: {each['what']}", f"  data: {each['data']}"]
        for own in each["trained"]:
            what = f"{own['accuracy']:.2%}"
            if own["kept"] is not None:
                what += f", integers of {own['target']} {own['integer_accuracy']:.2%}, {own['kept']:.2%} kept"
            lines.append(f"  {own['network'] or own['name'] + ' (card alone)'}: {what}")
    return "\n".join(lines)
