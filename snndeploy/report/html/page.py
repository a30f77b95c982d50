"""The page: content into one HTML file with its own style and script, nothing fetched, everything escaped."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from snndeploy.conform.tiers import DEFINITIONS, TIERS
from snndeploy.files import check_output, replacing
from snndeploy.network.arrays import Array
from snndeploy.network.table import render
from snndeploy.placement.report import layers
from snndeploy.report.html.content import Content, Layer, Pair, Raster
from snndeploy.report.html.cores import COLOURS, core_map, letter
from snndeploy.report.html.figures import bars, curve, intervals

# cores in the table of cores
CORES = 512
# a sign beside each colour
GLYPHS = ("≡", "=", "≈", "⇥", "∿", "Σ", "★", "≠")


def write(content: Content, path: str | os.PathLike[str]) -> int:
    """Writes the page; it appears when it is whole. Returns its bytes.

    Raises:
        SnnDeployError SD802: it cannot be written there.
    """
    check_output(path)
    page = html(content).encode("utf-8")
    with replacing(path) as temporary:
        temporary.write_bytes(page)
    return len(page)


def html(content: Content) -> str:
    """The page as text."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"n": lambda value: f"{value:,}", "p": lambda share: f"{share:.2%}"}
    script = asset("raster.js") + asset("page.js")
    told: dict[str, Any] = {
        "content": content,
        "style": Markup(asset("page.css")),
        "script": Markup(script),
        "policy": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "data": embedded({"pairs": [_pair(each) for each in content.pairs]}),
        "definitions": DEFINITIONS,
        "glyphs": dict(zip(TIERS, GLYPHS, strict=True)),
        "rank": {tier: i for i, tier in enumerate(TIERS)},
        "heads": list({each.form: each for each in reversed(content.accuracies)}.values())[::-1],
        "networks": [(each, render(each)) for each in content.networks],
        "curve": curve,
        "intervals": intervals(content.accuracies) if content.accuracies else "",
        "cores": None if content.placement is None else core_map(content.placement),
        "mesh": base64.b64encode(content.mesh.encode("utf-8")).decode("ascii"),
        "placed": [] if content.placement is None else layers(content.placement),
        "most_cores": CORES,
        "letter": letter,
        "colours": COLOURS,
        "totals": _totals,
    }
    budget = content.budget
    if budget is not None:
        rows = [(part, 1 - e.cosine, 1 - budget.without[part].cosine) for part, e in budget.alone.items()]
        told["bars"] = bars(rows, 1 - budget.whole.cosine, "Spikes out of place by part; the numbers are in the table")
    return environment.from_string(asset("page.html.j2")).render(**told)


def asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def embedded(value: Any) -> Markup:
    """JSON inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _array(values: Array) -> dict[str, str]:
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return {"type": f"u{values.dtype.itemsize}", "data": base64.b64encode(little.tobytes()).decode("ascii")}


def _raster(held: Raster) -> dict[str, Any]:
    return {"step": _array(held.step), "row": _array(held.row), "kind": _array(held.kind), "counts": list(held.counts)}


def _pair(each: Pair) -> dict[str, Any]:
    layers = [
        {"name": x.name, "shape": list(x.shape), "neurons": x.neurons, "samples": [_raster(r) for r in x.samples]}
        for x in each.layers
    ]
    first, shown = each.first
    return {
        "title": each.title,
        "steps": each.steps,
        "samples": list(each.samples),
        "layers": layers,
        "first": first,
        "shown": shown,
    }


def _totals(layer: Layer) -> list[int]:
    """Spikes of a layer by kind, over the samples that are shown: matched, early, late, missing, extra."""
    return [sum(each.counts[kind] for each in layer.samples) for kind in range(1, 6)]
