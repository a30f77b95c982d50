"""Host: the populations that values feed run outside the chip, in floating point; their spikes are the chip's input.

Exact by construction: the spikes of the first layer are those of the float network, and only they enter the chip. What
it costs is a computer beside the chip that computes this layer in every step. No population on the chip can feed one on
the host: its spikes would come a step late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.encoding import Case, Encoding, Plane, checked, refusal
from snndeploy.network.maps import Scale
from snndeploy.network.network import Input, Network
from snndeploy.network.rule import Rule


@dataclass(frozen=True, eq=False)
class Host(Encoding):
    """network: what runs on the host, float form; its outputs are inputs of the network on the chip."""

    network: Network

    name: ClassVar[str] = "host"
    summary: ClassVar[str] = "none: the populations that it feeds run on the host, in float64, and send their spikes"

    @classmethod
    def chosen(cls, case: Case, **settings: Any) -> Host:
        given, network = case.given, case.network
        checked(cls.name, given.name, {}, settings)
        return cls(given.name, given.shape, case.kind, part(network, on_host(network, given.name), given.name))

    @property
    def parts(self) -> tuple[Plane, ...]:
        return ()

    @property
    def given(self) -> tuple[Input, ...]:
        return self.network.given

    @property
    def made(self) -> tuple[Input, ...]:
        return tuple(Input(name, self.network.population[name].shape) for name in self.network.outputs)

    @property
    def said(self) -> str:
        names = ", ".join(each.name for each in self.network.populations)
        return f"{names} on the host, in float64; the spikes of {', '.join(self.network.outputs)} enter the chip"

    def problems(self) -> list[str]:
        from snndeploy.network import spec

        if self.network.encodings or self.network.form != "float":
            return ["a network that is not in the float form, or has encodings itself"]
        wrong = [str(each) for each in spec.findings(self.network)]
        if wrong:
            return [f"a network that is not legal ({wrong[0]})"]
        mute = [name for name in self.network.outputs if not self.network.population[name].rule.spiking]
        held = self.network.input.get(self.input)
        if held is None or (held.shape, held.kind) != (self.shape, self.kind):
            return [f"a network without an input {self.input!r}, {self.kind} {self.shape}"]
        return [f"populations without threshold ({', '.join(mute)})"] if mute else []

    def events(self, given: Mapping[str, Array]) -> dict[str, Array]:
        raise NotImplementedError("a network has to run: encoding.apply.made_by")

    def applied(self, network: Network) -> Network:
        out = frozenset(each.name for each in self.network.populations)
        populations = tuple(each for each in network.populations if each.name not in out)
        projections = []
        for p in network.projections:
            if p.target in out:
                continue
            rule = network.population[p.source].rule if p.source in out else None
            if isinstance(rule, Rule) and np.any(rule.value != 1):
                p = replace(p, maps=(Scale(rule.value), *p.maps))
            projections.append(p)
        used = {p.source for p in projections}
        dropped = {p.source for p in network.projections if p.target in out} - used
        inputs = tuple(each for each in network.inputs if each.name not in dropped)
        return network.with_(
            inputs=(*self.made, *inputs),
            populations=populations,
            projections=tuple(projections),
            encodings=(*network.encodings, self),
            source=None,
        )


def on_host(network: Network, given: str) -> frozenset[str]:
    """The populations that an input feeds, and those that other real inputs of these feed.

    Raises:
        SnnDeployError SD611: they cannot run apart from the others.
    """
    real = {each.name for each in network.inputs if each.kind == "real"}
    wanted, found = {given}, set[str]()
    while True:
        found = {p.target for p in network.projections if p.source in wanted}
        more = {p.source for p in network.projections if p.target in found and p.source in real}
        if more <= wanted:
            break
        wanted |= more
    for name in sorted(found):
        rule = network.population[name].rule
        if not rule.spiking or name in network.outputs:
            what = f"{name!r} {'is an output' if rule.spiking else 'has no threshold'}; nothing would run on the chip"
            raise refusal(Host.name, given, what, "encode the values: graded, planes, rate, delta")
    for p in network.projections:
        if p.target in found and p.source in network.population and p.source not in found:
            what = f"{p.source!r} feeds back into {p.target!r}, which would run on the host a step ahead of it"
            raise refusal(Host.name, given, what, "encode the values: graded, planes, rate, delta")
    made = {each.name for e in network.encodings for each in e.made}
    for p in network.projections:
        if p.target in found and p.source in made:
            what = f"{p.target!r} takes {p.source!r} too, which an encoding makes for the chip"
            raise refusal(Host.name, given, what, "encode one of the two in another way")
    return frozenset(found)


def part(network: Network, names: frozenset[str], given: str) -> Network:
    """Some populations as a network of their own, whose outputs are those that feed others."""
    outputs = tuple(
        each.name
        for each in network.populations
        if each.name in names and any(p.source == each.name and p.target not in names for p in network.projections)
    )
    if not outputs:
        raise refusal(Host.name, given, f"nothing takes the spikes of {', '.join(sorted(names))}", "remove them")
    projections = tuple(p for p in network.projections if p.target in names)
    sources = {p.source for p in projections}
    return Network(
        network.dt,
        tuple(each for each in network.inputs if each.name in sources),
        tuple(each for each in network.populations if each.name in names),
        projections,
        outputs,
    )
