"""What every pass needs: rules replaced by name, and the source dropped where something changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from snndeploy.network.network import Input, Network, Population, Projection
from snndeploy.network.rule import Rule


def float_rules(network: Network) -> list[tuple[Population, Rule]]:
    """Populations of the float form with their rules."""
    return [(each, each.rule) for each in network.populations if isinstance(each.rule, Rule)]


def changed(
    network: Network,
    rules: Mapping[str, Rule],
    projections: Sequence[Projection] | None = None,
    inputs: Sequence[Input] = (),
) -> Network:
    """`network` with some rules replaced, its projections replaced if given, and inputs added."""
    populations = tuple(replace(p, rule=rules[p.name]) if p.name in rules else p for p in network.populations)
    return network.with_(
        inputs=(*network.inputs, *inputs),
        populations=populations,
        projections=network.projections if projections is None else tuple(projections),
        source=None,
    )
