"""A network as a readable table."""

from __future__ import annotations

import numpy as np

from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Scale, Sparse
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Rule


def number(value: object) -> str:
    """One number, or the range of many: "0.9", "0.8..0.95"."""
    array = np.asarray(value)
    if array.size == 0:
        return "-"
    low, high = array.min(), array.max()
    return f"{low:g}" if low == high else f"{low:g}..{high:g}"


def shape_text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"


def map_text(each: Map) -> str:
    """One map in a few words, with its weight's shape."""
    match each:
        case Dense():
            return f"dense {shape_text(each.weight.shape)}"
        case Sparse():
            return f"sparse {shape_text(each.weight.shape)} ({each.weight.nnz:,} synapses)"
        case Conv():
            extras = [
                f"{name} {shape_text(value)}"
                for name, value in (("stride", each.stride), ("dilation", each.dilation))
                if any(v != 1 for v in value)
            ]
            if any(p != (0, 0) for p in each.padding):
                extras.append("padding " + shape_text(tuple(p[0] if p[0] == p[1] else p for p in each.padding)))  # type: ignore[misc]
            if each.groups != 1:
                extras.append(f"groups {each.groups}")
            return ", ".join([f"convolution {shape_text(each.weight.shape)}", *extras])
        case Pool():
            return f"{each.kind} pool {shape_text(each.kernel)}"
        case Flatten():
            return "flatten"
        case Reshape():
            return f"reshape to {shape_text(each.shape_to)}"
        case Scale():
            return f"scale {number(each.factor)}"
    return type(each).__name__


def reset_text(rule: Rule | Registers) -> str:
    reset = rule.reset
    if not rule.spiking or reset.kind == "none":
        return "none"
    return f"{reset.kind} {number(reset.value)}, {reset.when}"


def rule_text(population: Population) -> str:
    """The rule's numbers in one line, only those that do something."""
    rule = population.rule
    if isinstance(rule, Registers):
        parts = [f"du {number(rule.du)}", f"dv {number(rule.dv)}"]
        parts.append("emits v" if rule.vth is None else f"vth {number(rule.vth)}")
        if np.any(rule.bias_mant):
            parts.append(f"bias {number(rule.bias_mant)}·2^{number(rule.bias_exp)}")
        if rule.refractory is not None:
            parts.append(f"refractory {rule.refractory.steps}")
        if rule.adaptation is not None:
            parts.append(f"adaptation da {number(rule.adaptation.da)}, {number(rule.adaptation.jump)}")
    else:
        parts = [f"β {number(rule.beta)}", "emits v" if rule.threshold is None else f"θ {number(rule.threshold)}"]
        for k, receptor in enumerate(rule.receptors):
            mark = str(k) if len(rule.receptors) > 1 else ""
            for sign, value, idle in (
                ("α", receptor.alpha, 0),
                ("gain", receptor.gain, 1),
                ("c", receptor.constant, 0),
            ):
                if np.any(np.asarray(value) != idle):
                    parts.append(f"{sign}{mark} {number(value)}")
        if np.any(rule.bias):
            parts.append(f"bias {number(rule.bias)}")
        if rule.synapse == "synchronous":
            parts.append("synchronous")
        if rule.refractory is not None:
            parts.append(f"refractory {rule.refractory.steps}")
        if rule.adaptation is not None:
            parts.append(f"adaptation {number(rule.adaptation.decay)}, {number(rule.adaptation.jump)}")
        for name, bound in (("floor", rule.floor), ("state floor", rule.state_floor)):
            if bound is not None:
                parts.append(f"{name} {number(bound)}")
        if np.any(np.asarray(rule.value) != 1):
            parts.append(f"value {number(rule.value)}")
    if np.any(np.asarray(rule.initial if isinstance(rule, Rule) else rule.initial_v)):
        parts.append(f"v[-1] {number(rule.initial if isinstance(rule, Rule) else rule.initial_v)}")
    return ", ".join([*parts, f"reset {reset_text(rule)}"])


def projection_text(projection: Projection) -> str:
    text = "; ".join(map(map_text, projection.maps)) or "one to one"
    if projection.format is not None:
        text += f" ·2^{projection.format.exponent}, {projection.format.bits} bit {projection.format.sign}"
    if projection.receptor:
        text += f", receptor {projection.receptor}"
    return text


def rows(network: Network) -> list[tuple[str, str, str, str]]:
    """(kind, name, shape, what it does) of every part, in the order of the network's lists."""
    found: list[tuple[str, str, str, str]] = [("input", i.name, shape_text(i.shape), i.kind) for i in network.inputs]
    for p in network.projections:
        late = f"delay {p.delay}" if p.delay else ""
        found.append(("projection", p.name, late, projection_text(p)))
    for each in network.populations:
        kind = "output" if each.name in network.outputs else "population"
        found.append((kind, each.name, shape_text(each.shape), rule_text(each)))
    return found


def render(network: Network) -> str:
    """The network as plain text, a line each for inputs, projections and populations."""
    head = f"{network.form} network, dt {network.dt:g} s"
    if network.decision is not None:
        head += f", decides by {network.decision.rule} of {network.decision.population}"
    table = rows(network)
    made = [f"input {each.input!r} is encoded: {each.said}" for each in network.encodings]
    widths = [max(len(row[i]) for row in table) for i in range(3)] if table else [0, 0, 0]
    lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in table]
    return "\n".join([head, *made, *lines])
