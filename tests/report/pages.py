"""Shared by the tests of the HTML report: small contents, also with names that would be code in a careless page."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

import snndeploy as sd
from snndeploy.network import Decision, Dense, Input, Network, Population, Projection, Rule
from snndeploy.report.html.collect import collect
from snndeploy.report.html.content import Content, Layer, Raster
from snndeploy.report.html.spikes import raster
from snndeploy.targets import load

HOSTILE = (
    "<script>window.hacked=1<script>",
    "\"><img src=x onerror='window.hacked=1'>",
    "{{7*7}}<!--'`${window.hacked=1}",
)


def network(names: tuple[str, str, str] = ("one", "two", "out"), seed: int = 3) -> Network:
    """Three layers of 12, 8 and 3 neurons that fire."""
    rng = np.random.default_rng(seed)
    sizes = dict(zip(("in", *names), (6, 12, 8, 3), strict=True))
    chain = list(sizes)
    return Network(
        1e-3,
        (Input("in", (6,)),),
        tuple(Population(n, (sizes[n],), Rule(0.9)) for n in names),
        tuple(Projection(a, b, (Dense(rng.normal(0.2, 0.6, (sizes[b], sizes[a]))),)) for a, b in pairwise(chain)),
        (names[2],),
        Decision(names[2]),
    )


def spikes(samples: int = 6, steps: int = 60) -> np.ndarray:
    return (np.random.default_rng(0).random((steps, samples, 6)) < 0.3).astype(np.int64)


def content(names: tuple[str, str, str] = ("one", "two", "out"), title: str = "") -> Content:
    """Both forms on two engines, with everything that a page can show."""
    net, x = network(names), spikes()
    q = sd.quantize(net, "loihi2", x)
    labels = np.array([0, 1, 2, 0, 1, 2])
    chip = load("loihi2")
    return collect(net, x, q, labels, ("reference", "torch"), sd.place(q, chip), chip, samples=3, title=title)


def with_many(held: Content, steps: int = 5000, neurons: int = 2000, share: float = 0.1) -> Content:
    """The same with steps·neurons·share spikes in its first pair, one in a hundred of which moved."""
    rng = np.random.default_rng(1)
    a = rng.random((steps, neurons)) < share
    b = a.copy()
    step, row = (each[:: len(each) // 10_000] for each in np.nonzero(a))
    b[step, row] = False
    b[np.minimum(step + 1, steps - 1), row] = True
    many = Layer("many", (neurons,), neurons, (raster(a, b, 3),))
    return replace(held, pairs=(replace(held.pairs[0], steps=steps, samples=(0,), layers=(many,), first=(0, 0)),))


def total(each: Raster) -> int:
    return sum(each.counts)
