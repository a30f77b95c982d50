"""From what arrived in each step to the populations and projections of a network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from snndeploy.errors import Finding
from snndeploy.frontends.value import Path, Sum
from snndeploy.network.arrays import Array, equal
from snndeploy.network.maps import Map
from snndeploy.network.network import Population, Projection
from snndeploy.network.rule import Rule

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def _same(a: Sum, b: Sum, late: int) -> bool:
    """True if b, `late` steps after a, is the same sum; paths from before the first step of a are not there yet."""
    old = [p for p in b.paths if cast(int, p.step) - late >= 0]
    return (
        len(a.paths) == len(old)
        and all(
            (p.source, cast(int, p.step) + late) == (o.source, o.step)
            and len(p.maps) == len(o.maps)
            and all(map(_equal, p.maps, o.maps))
            for p, o in zip(a.paths, old, strict=True)
        )
        and equal(a.constant, b.constant)
    )


def _equal(a: Map, b: Map) -> bool:
    return a is b or equal(a, b)


def compare_steps(tracer: Tracer) -> None:
    """Every step must do the same: what only the first or only a later step adds has no place in the network."""
    last = {**tracer.arrivals[-1]}
    for k, arrivals in enumerate(tracer.arrivals[:-1]):
        for name in sorted({*last, *arrivals}):
            late = len(tracer.arrivals) - 1 - k
            if name not in last or name not in arrivals or not _same(arrivals[name], last[name], late):
                tracer.note(
                    Finding(
                        "SD310",
                        tracer.named(name),
                        f"what arrives in step {k} differs from what arrives in step {len(tracer.arrivals) - 1}",
                        "let forward do the same at every step, with zeros where nothing was emitted yet",
                    )
                )


def build(tracer: Tracer) -> tuple[tuple[Population, ...], tuple[Projection, ...]]:
    populations, projections = [], []
    taken: dict[str, int] = {}
    for name, total in tracer.arrivals[-1].items():
        cell = tracer.cells.get(name)
        rule = Rule(beta=0.0, threshold=None) if cell is None else cell.rule
        arrives = (0,) if cell is None else cell.receptors
        if total.constant is not None:
            constant = _narrow(total.constant, tracer.shapes[name])
            fed = (replace(r, constant=constant) if k in arrives else r for k, r in enumerate(rule.receptors))
            rule = replace(rule, receptors=tuple(fed))
        populations.append(Population(name, tracer.shapes[name], rule))
        for path in total.paths:
            late = len(tracer.arrivals) - 1 - cast(int, path.step)
            projections += [replace(_projection(path, name, taken), delay=late, receptor=k) for k in arrives]
    return tuple(populations), tuple(projections)


def _narrow(constant: Array, shape: tuple[int, ...]) -> Array:
    """The same numbers in the fewest: one if all are equal."""
    full = np.broadcast_to(constant, shape)
    return np.asarray(full.flat[0]) if np.all(full == full.flat[0]) else np.asarray(full)


def _projection(path: Path, target: str, taken: dict[str, int]) -> Projection:
    """Named after its layers, so that errors do; a second one of that name is numbered."""
    name = "+".join(path.layers) or f"{path.source}->{target}"
    taken[name] = taken.get(name, 0) + 1
    if taken[name] > 1:
        name = f"{name}#{taken[name]}"
    return Projection(path.source, target, path.maps, name=name)
