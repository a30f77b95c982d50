"""The methods by name. Each is one file; adding one is adding it here."""

from __future__ import annotations

from dataclasses import replace

from snndeploy.errors import Finding, raise_errors
from snndeploy.quantize.methods import (
    adaptive,
    bands,
    decays,
    exponents,
    max_abs,
    mean_square,
    membranes,
    per_neuron,
    percentile,
    signs,
    spike_flip,
    split,
)
from snndeploy.quantize.methods.base import STEPS, Method

METHODS: dict[str, Method] = {
    each.METHOD.name: each.METHOD
    for each in (
        max_abs,
        percentile,
        mean_square,
        exponents,
        adaptive,
        membranes,
        spike_flip,
        signs,
        bands,
        per_neuron,
        split,
        decays,
    )
}
JOINT = "+"
# steps that go with any other
FREE = {"layout", "decays"}


def find(name: str) -> Method:
    """The method of that name, or several joined: "per-neuron+split".

    Raises:
        SnnDeployError SD609: one is unknown (the known ones are listed), or two do the same step.
    """
    names = name.split(JOINT)
    unknown = [each for each in names if each not in METHODS]
    fix = f"choose from {', '.join(METHODS)}, or join some: per-neuron{JOINT}split"
    raise_errors([Finding("SD609", f"method {each!r}", "there is no such method", fix) for each in unknown])
    whole = METHODS[names[0]]
    if len(names) == 1:
        return whole
    whole = replace(whole, name=name, summary="; ".join(METHODS[each].summary for each in names))
    for each in names[1:]:
        other = METHODS[each]
        steps = {step: getattr(other, step) for step in STEPS if getattr(other, step) is not None}
        taken = {step for step in STEPS if getattr(whole, step) is not None} - {"layout"}
        clash = (taken & set(steps)) or ("choices" in taken | set(steps) and taken - FREE and set(steps) - FREE)
        if clash or ("layout" in steps and whole.layout is not None):
            what = f"{each} and what stands before it do the same step"
            raise_errors([Finding("SD609", f"method {name!r}", what, "leave one out")])
        whole = replace(whole, **steps, finalists=min(whole.finalists, other.finalists))
    return whole
