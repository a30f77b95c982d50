"""How a caller names encodings: "graded", "graded:bits=8", or by input {"x": "rate:seed=3", "y": "planes"}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network.encoding import Chip
from snndeploy.network.encodings import ENCODINGS
from snndeploy.network.network import Input, Network
from snndeploy.targets import Target

# what counts are encoded by: graded events where the target has them, else planes; exact either way
COUNTS = "counts"
Named = str | Mapping[str, str]


def chip(target: Target) -> Chip:
    """What encodings need to know of a target."""
    bits = target.synapse.payload_bits.value
    # a payload is a signed number
    return Chip(target.name, 2 ** (bits - 1) - 1 if bits else 1)


def parsed(text: str, given: str = "") -> tuple[str, dict[str, Any]]:
    """ "graded:bits=8,beyond=clip" -> ("graded", {"bits": 8, "beyond": "clip"}).

    Raises:
        SnnDeployError SD611: there is no such encoding, or a setting is not of the form name=value.
    """
    name, _, rest = text.partition(":")
    where = f"input {given!r}, encoding {text!r}" if given else f"encoding {text!r}"
    if name not in {*ENCODINGS, COUNTS}:
        raise error("SD611", where, "there is no such encoding", f"choose from {', '.join((*ENCODINGS, COUNTS))}")
    settings: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            raise error("SD611", where, f"{pair!r} is not of the form name=value", f"{name}:setting=value")
        settings[key] = _value(value)
    return name, settings


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def named(network: Network, encoding: Named, target: Target) -> list[tuple[Input, str, dict[str, Any]]]:
    """(input, name of its encoding, settings) of everything to be encoded.

    One name is meant for all real inputs, and for counts that the target does not take.

    Raises:
        SnnDeployError SD611: an input is unknown, or nothing can be encoded.
    """
    inputs = {each.name: each for each in network.given}
    if isinstance(encoding, str):
        takes = target.synapse.input_kinds.value
        each = [i.name for i in network.given if i.kind == "real" or (i.kind == "counts" and i.kind not in takes)]
        if not each:
            kinds = ", ".join(f"{i.name} is {i.kind}" for i in network.given)
            what = f"nothing needs to be encoded for {target.name}: {kinds}"
            raise error("SD611", f"encoding {encoding!r}", what, "leave it out, or name the input: {'x': 'rate'}")
        encoding = dict.fromkeys(each, encoding)
    fix = f"name one of {', '.join(inputs)}"
    raise_errors(
        Finding("SD611", f"input {name!r}", "the network has no such input", fix)
        for name in encoding
        if name not in inputs
    )
    found = []
    for given, text in encoding.items():
        name, settings = parsed(text, given)
        if name == COUNTS:
            if inputs[given].kind != "counts":
                what = f"it is {inputs[given].kind}"
                raise error("SD611", f"input {given!r}, encoding 'counts'", what, "choose another encoding")
            name = "graded" if "counts" in target.synapse.input_kinds.value else "planes"
        found.append((inputs[given], name, settings))
    return found
