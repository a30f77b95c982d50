"""Signed events on pairs of axons, for chips whose events carry no number: one weight for both.

    w·e  =  w·[e > 0] + (-w)·[e < 0]

An encoding sends events of both signs on an axon for each (`Encoding.pair`), whose weights are each other's negative.
Rounded apart they would not be, and what adds events up would drift. So the pair is quantised as one signed input, and
taken apart again once there are integers. A mixed projection holds -256 but not 256: such a weight becomes -254.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array, equal
from snndeploy.network.encoding import Encoding
from snndeploy.network.maps import Scale, values_of, with_values
from snndeploy.network.network import Network, Projection
from snndeploy.quantize.choice import MARK
from snndeploy.quantize.drive import weighted_map

OTHER: dict[str, Any] = {"mixed": "mixed", "excitatory": "inhibitory", "inhibitory": "excitatory"}


def single(network: Network) -> Network:
    """A float network whose pairs of axons are one signed input each, where their weights are each other's negative."""
    for each in network.encodings:
        if each.pair and _mirrored(network, each):
            network = _joined(network, each)
    return network


def single_inputs(joined: Network, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Checked inputs of a network as those of its `single` form."""
    found = {name: array for name, array in inputs.items() if name in joined.input}
    for each in joined.given:
        if each.name not in found:
            found[each.name] = inputs[each.name + "+"] - inputs[each.name + "-"]
    return found


def paired(made: Network, like: Network) -> Network:
    """The integer network with the pairs of axons that `like` has; see the module."""
    encodings = []
    for each, other in zip(made.encodings, like.encodings, strict=True):
        encodings.append(other)
        if other.pair and not each.pair:
            apart = {i.name for i in each.made}
            inputs = tuple(new for i in made.inputs for new in (_both(i, other) if i.name in apart else (i,)))
            projections = [
                new for p in made.projections for new in ([_side(p, e) for e in "+-"] if p.source in apart else [p])
            ]
            made = made.with_(inputs=inputs, projections=tuple(projections))
    return made.with_(encodings=tuple(encodings))


def _both(each: Any, encoding: Encoding) -> tuple[Any, ...]:
    return tuple(made for made in encoding.made if made.name in (each.name + "+", each.name + "-"))


def _ends(network: Network, encoding: Encoding) -> dict[str, tuple[list[Projection], list[Projection]]]:
    """Projections of both axons of each pair, by the name of the pair."""
    found = {}
    for part in encoding.parts:
        name = encoding.input + part.suffix
        up, down = ([p for p in network.projections if p.source == name + end] for end in "+-")
        found[name] = (up, down)
    return found


def _mirrored(network: Network, encoding: Encoding) -> bool:
    for up, down in _ends(network, encoding).values():
        if len(up) != len(down):
            return False
        for p, n in zip(up, down, strict=True):
            scales = [
                each.maps[0] if each.maps and isinstance(each.maps[0], Scale) else Scale(np.ones(())) for each in (p, n)
            ]
            rest = [each.maps[1:] if each.maps and isinstance(each.maps[0], Scale) else each.maps for each in (p, n)]
            alike = p.name[-1:] == "+" and n.name == p.name[:-1] + "-" and p.target == n.target
            alike = alike and (p.delay, p.receptor) == (n.delay, n.receptor) and equal(rest[0], rest[1])
            if not alike or not np.array_equal(scales[0].factor, -scales[1].factor):
                return False
    return True


def _joined(network: Network, encoding: Encoding) -> Network:
    whole = replace(encoding, pair=False)
    ends = {made.name for made in encoding.made}
    ups = {name + "+" for name in _ends(network, encoding)}
    projections = []
    for p in network.projections:
        if p.source in ups:
            projections.append(replace(p, name=p.name[:-1], source=p.source[:-1]))
        elif p.source not in ends:
            projections.append(p)
    return network.with_(
        inputs=(*whole.made, *(each for each in network.inputs if each.name not in ends)),
        projections=tuple(projections),
        encodings=tuple(whole if each is encoding else each for each in network.encodings),
        source=None,
    )


def _side(p: Projection, end: str) -> Projection:
    at, each = weighted_map(p)
    form = p.format
    assert form is not None
    low, high = form.limits
    weight = values_of(each)
    if form.sign == "mixed":
        weight = np.clip(weight, max(low, -high), min(high, -low))
    if end == "-":
        weight, form = -weight, replace(form, sign=OTHER[form.sign])
    whole, mark, label = p.name.partition(MARK)
    maps = (*p.maps[:at], with_values(each, weight), *p.maps[at + 1 :])
    return replace(p, name=f"{whole}{end}{mark}{label}", source=p.source + end, maps=maps, format=form)
