"""The certificate where a network is made: bounds while scales are chosen, all of it at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from snndeploy.errors import Finding, VerdictError, error
from snndeploy.network.network import Network, Population, Projection
from snndeploy.quantize.certificate.prove import certify, currents
from snndeploy.targets import Target

Uncertified = Literal["refuse", "allow"]


def overflow(
    network: Network, made: Population, into: Sequence[Projection], target: Target, largest: Mapping[str, float]
) -> bool:
    """True if the current of a population in the integer form may leave its register, by its bound.

    Args:
        network: whose other populations may still be in the float form; each neuron sends 0 or 1.
        made, into: the population and the projections that feed it. largest: the most that each source sends.
    """
    kept = tuple(p for p in network.projections if p.target != made.name)
    others = tuple(made if each.name == made.name else each for each in network.populations)
    trial = network.with_(populations=others, projections=(*kept, *into))
    return currents(trial, made, target, whole(largest)).verdict != "proven"


def overflows(network: Network, target: Target, largest: Mapping[str, float]) -> list[Finding]:
    """SD608 for every current of an integer network that may leave its register, by bounds alone."""
    return certify(network, target, largest=whole(largest), search=False).findings()


def certified(network: Network, target: Target, largest: Mapping[str, float], uncertified: Uncertified) -> Network:
    """The same network, if its currents cannot leave their registers or the caller allows that they do.

    Raises:
        VerdictError SD608: they can; the neuron, the bound, and an input that does it, if one was found. SD800:
        `uncertified` is neither "refuse" nor "allow".
    """
    if uncertified not in ("refuse", "allow"):
        raise error("SD800", "uncertified", f"{uncertified!r} is not one of its values", "choose from refuse, allow")
    if uncertified == "allow":
        return network
    if overflows(network, target, largest):
        found = certify(network, target, largest=whole(largest)).findings()
        raise VerdictError(replace(f, fix=f'{f.fix}; or uncertified="allow" (--uncertified allow)') for f in found)
    return network


def whole(largest: Mapping[str, float]) -> dict[str, int]:
    return {name: int(value) for name, value in largest.items()}
