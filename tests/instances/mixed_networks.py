"""Random networks of mixed kinds: 2-6 layers deep, recurrent, with skips, joins, pools and loops over layers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import snntorch as snn
import torch
from checking import Case, Instance, at_once, from_nothing
from drawing import Draw
from snntorch_neurons import NORSE_REFUSES, RESETS
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse
    from norse.torch.functional.reset import reset_subtract

DT = 1e-3
EMITS = "it sends its membrane to others"
SNNTORCH_REFUSES = {"refractory": "a refractory period", "adaptive": "an adaptive threshold", "integrator": EMITS}


@dataclass
class Node:
    """A population: what feeds it, as (source, path of the layers, steps late), its neuron, or its pool.

    join: how the routes meet: "sum", or "cat" along axis 1, in front of a last layer.
    """

    name: str
    shape: tuple[int, ...]
    routes: list[tuple[str, str, int]]
    join: str = "sum"
    value: float = 1.0
    binary: bool = True


class Mixed(nn.Module):
    """out, state = module(x, state): the states of the neurons, and what was emitted in the step before."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.layers, self.cells = nn.ModuleDict(), nn.ModuleDict()

    def forward(self, x, state=None):
        states, past = ({}, {}) if state is None else state
        sent, after = {"x": x}, {}
        for node in self.nodes:
            parts = []
            for source, path, late in node.routes:
                value = sent[source] if not late else past.get(source)
                if value is None:
                    value = x.new_zeros(len(x), *self.shape_of(source))
                parts.append(self.layers[path](value))
            total = torch.cat(parts, 1) if node.join == "cat" else sum(parts[1:], parts[0])
            if f"{node.name}_last" in self.layers:
                total = self.layers[f"{node.name}_last"](total)
            cell = self.cells[node.name]
            if isinstance(cell, (nn.MaxPool1d, nn.MaxPool2d)) or getattr(cell, "init_hidden", False):
                sent[node.name] = cell(total)
                continue
            given = states.get(node.name)
            packed = type(cell).__module__.startswith("norse")
            if packed:
                sent[node.name], after[node.name] = cell(total, given)
            else:
                emitted, *rest = cell(total, *(given or ()))
                recurrent = type(cell).__name__.startswith("R")
                sent[node.name], after[node.name] = emitted, (emitted, *rest) if recurrent else tuple(rest)
        late = {source for node in self.nodes for source, _, steps in node.routes if steps}
        return sent[self.nodes[-1].name], (after, {name: sent[name] for name in late})

    def shape_of(self, source: str) -> tuple[int, ...]:
        return next(node.shape for node in self.nodes if node.name == source)


class Inside(Mixed):
    """All steps in one call."""

    def forward(self, x):
        state, rows = None, []
        for frame in x:
            out, state = super().forward(frame, state)
            rows.append(out)
        return torch.stack(rows)


@dataclass
class Plan:
    """A module that grows, and why the other framework refuses it."""

    d: Draw
    framework: str
    hidden: bool
    portable: bool
    module: Mixed
    reasons: list[str] = field(default_factory=list)
    count: int = 0

    def layer(self, *layers: nn.Module) -> str:
        self.count += 1
        name = f"layer{self.count}"
        self.module.layers[name] = layers[0] if len(layers) == 1 else nn.Sequential(*layers)
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        return self.inputs if name == "x" else self.module.shape_of(name)

    inputs: tuple[int, ...] = ()


def snntorch_neuron(p: Plan, shape: tuple[int, ...], last: bool) -> tuple[nn.Module, float]:
    d = p.d
    cls = d.one(snn.Leaky, snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic, snn.Lapicque, snn.Alpha)
    while True:
        reset = d.one(*RESETS)
        late_only = cls in (snn.Lapicque, snn.RSynaptic, snn.Alpha)
        if (late_only and not reset[1]) or (cls is snn.Alpha and reset[0] == "subtract"):
            continue
        why = NORSE_REFUSES.get((cls.__name__, *reset), "")
        if not (p.portable and why):
            break
        cls = d.one(snn.Leaky, snn.Synaptic)
    if why:
        p.reasons.append(why)
    options: dict[str, Any] = {
        "reset_mechanism": reset[0],
        "init_hidden": p.hidden,
        "threshold": d.some(0.3, 0.9, shape),
    }
    if not late_only or cls is snn.RSynaptic:
        options["reset_delay"] = reset[1]
    value = 1.0
    if cls is snn.Leaky and not last and d.flag(0.2):
        value = d.number(0.5, 2.0)
        options["graded_spikes_factor"] = value
    if cls is snn.Alpha:
        slow = d.number(0.7, 0.9)
        return cls(alpha=slow, beta=slow * 0.75, **(options | {"threshold": d.number(0.1, 0.4)})), value
    options["beta"] = d.number(0.5, 0.95) if cls is snn.Lapicque else d.some(0.3, 0.95, shape)
    if cls in (snn.Synaptic, snn.RSynaptic):
        options["alpha"] = d.some(0.2, 0.8, shape)
    if cls in (snn.RLeaky, snn.RSynaptic):
        if len(shape) == 3 and d.flag():
            options |= {"conv2d_channels": shape[0], "kernel_size": 3}
        elif len(shape) == 1 and d.flag():
            options["linear_features"] = shape[0]
        else:
            options |= {"all_to_all": False, "V": d.some(-0.5, 0.5, shape)}
    return cls(**options), value


def norse_cell(p: Plan, shape: tuple[int, ...], before: int) -> tuple[nn.Module, str]:
    """A cell and its kind; recurrent cells hold a layer of their own, from `before` neurons."""
    d = p.d

    def rate(low: float = 0.2, high: float = 0.8) -> torch.Tensor:
        return d.tensor(low, high, shape if d.flag(0.3) else ()) / DT

    leak, th, reset = d.tensor(-0.1, 0.1), d.tensor(0.15, 0.5), d.tensor(-0.3, 0.1)
    lif = norse.LIFParameters(rate(), rate(), leak, th, reset)
    kinds = ["box", "box subtract", "lif", "iaf", "rest"] + (["recurrent"] if before else [])
    if not p.portable:
        kinds += ["refractory", "adaptive", "integrator", "box", "lif"]
    kind = d.one(*kinds)
    p.reasons += [SNNTORCH_REFUSES[kind]] if kind in SNNTORCH_REFUSES else []
    match kind:
        case "box" | "box subtract":
            more = {"reset_method": reset_subtract} if "subtract" in kind else {}
            return norse.LIFBoxCell(norse.LIFBoxParameters(rate(), leak, th, reset, **more), dt=DT), kind
        case "lif":
            return norse.LIFCell(lif, dt=DT), kind
        case "iaf":
            return norse.IAFCell(norse.IAFParameters(th * 3, reset), dt=DT), kind
        case "integrator":
            return norse.LICell(norse.LIParameters(rate(), rate(), leak), dt=DT), kind
        case "rest" | "refractory":
            rest = 1 if kind == "rest" else d.whole(2, 4)
            return norse.LIFRefracCell(norse.LIFRefracParameters(lif, torch.tensor(float(rest))), dt=DT), kind
        case "adaptive":
            more = {"beta": d.tensor(0.0, 0.4), "tau_adapt_inv": d.tensor(0.05, 0.4) / DT}
            return norse.LSNNCell(
                norse.LSNNParameters(*lif[:2], v_leak=leak, v_th=th, v_reset=reset, **more), dt=DT
            ), kind
    made = norse.LIFRecurrentCell(before, shape[0], lif, autapses=d.flag(), dt=DT)
    with torch.no_grad():
        made.input_weights.copy_(d.linear(before, shape[0], 3.0).weight)
        made.recurrent_weights.copy_(d.linear(shape[0], shape[0], 1.0).weight)
    return made, kind


def dense(p: Plan, source: str, size: int) -> str:
    """A layer from a source to `size` neurons, sometimes with a norm behind it."""
    d, shape = p.d, p.shape(source)
    made: list[nn.Module] = [nn.Flatten()] if len(shape) > 1 else []
    gain = 1.5 if p.framework == "snntorch" else 3.0
    made.append(d.linear(int(np.prod(shape)), size, gain))
    if d.flag(0.15):
        made.append(nn.BatchNorm1d(size))
        made[-1].running_var.fill_(0.5)  # type: ignore[union-attr]
    if d.flag(0.15):
        made.append(nn.Dropout(0.5))
    return p.layer(*made)


def grow(p: Plan, depth: int, image: bool) -> None:
    """Adds populations one by one."""
    d, m, previous = p.d, p.module, "x"
    spiking: set[str] = set()
    for i in range(depth):
        name, last = f"n{i}", i == depth - 1
        shape, routes, join, before = p.shape(previous), [], "sum", 0
        if len(shape) == 3 and not last and (i == 0 or d.flag(0.5)) and min(shape[1:]) >= 3:
            made: list[nn.Module] = []
            if i and d.flag(0.3):
                made.append(nn.AvgPool2d(2, stride=1, padding=d.whole(0, 1)))
            gain = 1.5 if p.framework == "snntorch" else 3.0
            groups = shape[0] if d.flag(0.2) else 1
            conv = nn.Conv2d(shape[0], groups * d.whole(1, 2), 2, padding=d.whole(0, 1), groups=groups, bias=d.flag())
            made.append(d.loud(conv, gain))
            if d.flag(0.2):
                made.append(nn.BatchNorm2d(conv.out_channels))
            path = p.layer(*made)
            with torch.no_grad():
                size = tuple(m.layers[path].eval()(torch.zeros(1, *shape)).shape[1:])
            routes.append((previous, path, 0))
        else:
            size = (d.whole(2, 5),)
            routes.append((previous, dense(p, previous, size[0]), 0))
            earlier = [n for n in ("x", *(node.name for node in m.nodes)) if n != previous]
            if earlier and d.flag(0.5):
                other = d.one(*earlier)
                if d.flag(0.4):
                    join, wide = "cat", d.whole(1, 3)
                    routes.append((other, dense(p, other, wide), 0))
                    m.layers[f"{name}_last"] = d.linear(size[0] + wide, size[0], 2.0)
                else:
                    routes.append((other, dense(p, other, size[0]), 0))
        if len(size) == 1 and p.framework == "norse" and not last:
            before = size[0]
        value = 1.0
        if p.framework == "snntorch":
            cell, value = snntorch_neuron(p, size, last)
            kind = "spikes"
        else:
            cell, kind = norse_cell(p, size, before)
            if kind == "integrator" and last:
                p.reasons.remove(EMITS)
        m.cells[name] = cell
        m.nodes.append(Node(name, size, routes, join, value))
        if kind != "integrator":
            spiking.add(name)
        previous = name
        if len(size) == 3 and not last and kind != "integrator" and min(size[1:]) >= 3 and d.flag(0.4):
            pool = nn.MaxPool2d(2, stride=d.whole(1, 2), padding=d.whole(0, 1), ceil_mode=d.flag())
            shape = tuple(pool(torch.zeros(1, *size)).shape[1:])
            m.cells[f"{name}_pool"] = pool
            m.nodes.append(Node(f"{name}_pool", shape, [(name, p.layer(nn.Identity()), 0)]))
            previous = f"{name}_pool"
    lines = [node for node in m.nodes if len(node.shape) == 1 and node.join == "sum"]
    if lines and d.flag(0.4):
        # a loop over several layers, one step late
        target = d.one(*lines)
        sources = [n.name for n in m.nodes[m.nodes.index(target) :] if n.name in spiking]
        if sources:
            source = d.one(*sources)
            target.routes.append((source, dense(p, source, target.shape[0]), 1))


def mixed(framework: str, portable: bool, seed: int) -> Instance:
    d = Draw(seed, 40, framework == "norse", portable)
    inside = d.flag(0.3)
    hidden = framework == "snntorch" and d.flag()
    p = Plan(d, framework, hidden, portable, Inside() if inside else Mixed())
    image = d.flag(0.5)
    p.inputs = (d.whole(1, 2), d.whole(4, 6), d.whole(4, 6)) if image else (d.whole(2, 6),)
    grow(p, d.whole(2, 6), image)
    x = d.sample(p.inputs, steps=d.whole(20, 60), batch=d.whole(2, 4))
    loop = at_once if inside else from_nothing
    return Instance(p.module.eval(), x, loop, {}, tuple(dict.fromkeys(p.reasons)))


CASES = [
    Case(
        f"{framework}, {'both can hold it' if portable else 'all kinds'}, {part}",
        framework,
        partial(lambda f, o, k, seed: mixed(f, o, 50 * k + seed), framework, portable, part),
    )
    for framework in ("snntorch", "norse")
    for portable in (True, False)
    for part in range(2)
]
