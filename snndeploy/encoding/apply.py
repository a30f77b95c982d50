"""A network that takes events, and the events that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snndeploy.encoding.names import Named, chip, named
from snndeploy.engines import run
from snndeploy.errors import Finding, raise_errors
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.encoding import Case, Encoding
from snndeploy.network.encodings import ENCODINGS, Host
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Input, Network
from snndeploy.targets import Target


def encode(network: Network, target: Target, samples: Any, encoding: Named) -> Network:
    """A float network whose inputs are events, with the encodings that make them (`network.encodings`).

    Args:
        network: float form, with real inputs or counts.
        samples: what it is fed with, `(time, batch, *shape)`, on which the encodings choose their numbers.
        encoding: a name of `ENCODINGS`, "counts", with settings behind a colon; or a mapping by input.

    Raises:
        SnnDeployError SD601: it is in the integer form. SD606: no samples. SD611: it cannot be encoded so.
    """
    spec.check(network)
    if network.form == "integer":
        raise_errors([Finding("SD601", "network", "it is in the integer form", "encode the float network")])
    if samples is None:
        what = "an encoding chooses its numbers on samples"
        raise_errors([Finding("SD606", "calibration", what, "give calibration input")])
    chosen = named(network, encoding, target)
    arrays = as_inputs(network, samples)
    for given, name, settings in chosen:
        # an input that is taken by an earlier encoding is gone
        if given.name in network.input:
            case = Case(given, arrays[given.name], network, chip(target))
            network = ENCODINGS[name].chosen(case, **settings).applied(network)
    return spec.check(network)


def encoded(network: Network, encodings: tuple[Encoding, ...] | list[Encoding]) -> Network:
    """The network with some encodings applied, checked."""
    for each in encodings:
        network = each.applied(network)
    return spec.check(network)


def encoded_as(network: Network, made: Network) -> Network:
    """The float network with the encodings of what was made of it, if it has none yet."""
    same = network.form == "integer" or network.encodings or not made.encodings
    return network if same else encoded(network, made.encodings)


def raw(network: Network) -> Network:
    """A network that has as inputs what a caller of `network` gives; for names, kinds and shapes alone."""
    made = {each.name for e in network.encodings for each in e.made}
    given: dict[str, Input] = {each.name: each for each in network.inputs if each.name not in made}
    for e in network.encodings:
        given |= {each.name: each for each in e.given}
    return network.with_(inputs=tuple(given.values()), encodings=())


def events(network: Network, given: Any) -> dict[str, Array]:
    """What a network with encodings takes, by name of its inputs, from what the caller has.

    Args:
        given: as for `engines.run`, of the inputs that the encodings take and of the others.

    Raises:
        SnnDeployError SD102, SD103, SD104, SD111: it does not fit. SD612: a value is beyond what an encoding holds.
    """
    held = as_inputs(raw(network), given)
    made: dict[str, Array] = {}
    for each in network.encodings:
        made |= made_by(each, held)
    made |= {each.name: held[each.name] for each in network.given if each.name not in made}
    return made


def made_by(each: Encoding, given: Mapping[str, Array]) -> dict[str, Array]:
    """The network's inputs that one encoding makes; what runs on a host runs on the reference, in float64."""
    if not isinstance(each, Host):
        return each.events(given)
    own = {i.name: given[i.name] for i in each.network.given}
    trace = run(each.network, own, "reference", ("spikes",))
    return {name: trace.spikes[name].astype(np.int64) for name in each.network.outputs}


def largest(network: Network) -> Mapping[str, int]:
    """The largest event of each input that an encoding makes."""
    return {each.name: e.largest for e in network.encodings for each in e.made}
