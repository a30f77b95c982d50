"""What forward may do between layers and neurons: joins, constants, shared layers, loops over time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from checking import Case, Instance, at_once, by_step, from_nothing, held
from drawing import Draw
from layer_instances import FRAMEWORKS, neuron
from torch import nn

Fire = Callable[[str, torch.Tensor], torch.Tensor]


class Joined(nn.Module):
    """Layers of sizes that fit each other; `body(module, fire, x)` is one step, in which each neuron fires once."""

    def __init__(self, d: Draw, framework: str, body: Callable[[Any, Fire, torch.Tensor], torch.Tensor]):
        super().__init__()
        self.body, self.keeps = body, framework == "snntorch"
        n, k, j = self.n, self.k, self.j = d.whole(2, 5), d.whole(2, 5), d.whole(2, 4)
        self.a, self.b, self.both, self.square = d.linear(n, k), d.linear(n, j), d.linear(k + j, 3), d.linear(k, k)
        self.three, self.direct = d.linear(2 * k + n, 3), d.linear(n, k)
        self.bias, self.scale = nn.Parameter(d.tensor(0, 0.5, (k,))), nn.Parameter(d.tensor(0.25, 1.5, (k,)))
        self.register_buffer("shift", d.tensor(0, 0.4, (1,)))
        self.register_buffer("mask", (d.tensor(0, 1, (k,)) > 0.4).float())
        self.conv_a, self.conv_b = (d.loud(nn.Conv1d(1, c, 2, bias=d.flag()), 2.0) for c in (2, 3))
        self.mixed, self.flat = d.loud(nn.Conv1d(5, 2, 1), 2.0), nn.Flatten()
        self.factor = float(d.number(0.25, 1.5))
        for i in (1, 2, 3):
            self.add_module(f"lif{i}", neuron(d, framework, 0.2, 0.6))

    def step(self, x, state):
        new: dict[str, Any] = {}

        def fire(name: str, value: torch.Tensor) -> torch.Tensor:
            cell = getattr(self, name)
            if self.keeps:
                return cell(value)
            emitted, new[name] = cell(value, None if state is None else state[name])
            return emitted

        return self.body(self, fire, x), new

    def forward(self, x, state=None):
        out, new = self.step(x, state)
        return out if self.keeps else (out, new)


class InsideLoop(Joined):
    """All steps in forward, written in the way of `loop`."""

    def __init__(self, d: Draw, framework: str, body: Any, loop: Callable[[Any, torch.Tensor], Any]):
        super().__init__(d, framework, body)
        self.loop = loop

    def forward(self, x):
        return self.loop(self, x)


def over(m: Any, frames: Any) -> list[torch.Tensor]:
    rows, state = [], None
    for frame in frames:
        out, state = m.step(frame, state)
        rows.append(out)
    return rows


def cat_channels(m: Joined, fire: Fire, x: torch.Tensor) -> torch.Tensor:
    return fire("lif3", m.mixed(torch.cat([fire("lif1", m.conv_a(x)), fire("lif2", m.conv_b(x))], 1)))


JOINS: dict[str, Callable[[Any, Fire, torch.Tensor], torch.Tensor]] = {
    "cat of spikes": lambda m, f, x: f("lif3", m.both(torch.cat([f("lif1", m.a(x)), f("lif2", m.b(x))], dim=1))),
    "cat of values": lambda m, f, x: f("lif2", torch.cat((m.square(f("lif1", m.a(x))), m.b(x)), -1)),
    "cat with the input": lambda m, f, x: f(
        "lif3", m.three(torch.cat([f("lif1", m.a(x)), x, f("lif2", m.direct(x))], 1))
    ),
    "one part twice": lambda m, f, x: f("lif2", torch.cat([s := f("lif1", m.a(x)), 0.5 * m.square(s), s], 1)),
    "channels": cat_channels,
    "sum of layers": lambda m, f, x: f("lif2", m.square(f("lif1", m.a(x))) + m.direct(x)),
    "spikes added": lambda m, f, x: f("lif3", m.square(f("lif1", m.a(x)) + f("lif2", m.direct(x)))),
    "residual of spikes": lambda m, f, x: f("lif2", m.square(s := f("lif1", m.a(x))) + s),
    "difference": lambda m, f, x: f("lif2", m.square(f("lif1", m.a(x))) - 0.5 * m.direct(x)),
    "alpha": lambda m, f, x: f("lif2", torch.add(m.square(f("lif1", m.a(x)) / 3), m.direct(x), alpha=0.25)),
    "subtracted with alpha": lambda m, f, x: f("lif2", torch.sub(m.direct(x), m.square(f("lif1", m.a(x))), alpha=0.5)),
    "number": lambda m, f, x: f("lif2", m.square(f("lif1", m.a(x))) * m.factor + 0.2),
    "number minus": lambda m, f, x: f("lif2", 0.6 - m.square(f("lif1", m.a(x)))),
    "negative": lambda m, f, x: f("lif2", -m.square(-f("lif1", m.a(x)))),
    "quotient": lambda m, f, x: f("lif2", m.square(f("lif1", m.a(x))) / m.factor),
    "quotient by a parameter": lambda m, f, x: f("lif2", m.square(f("lif1", m.a(x))) / m.scale),
    "parameters": lambda m, f, x: f("lif2", m.scale * m.square(f("lif1", m.a(x))) + m.bias),
    "parameter before a layer": lambda m, f, x: f("lif2", m.square(m.scale * f("lif1", m.a(x)) + m.bias)),
    "buffer": lambda m, f, x: f("lif2", m.shift + m.square(f("lif1", m.a(x)))),
    "mask": lambda m, f, x: f("lif2", m.square(f("lif1", m.a(x) * m.mask) * m.mask)),
    "shared layer": lambda m, f, x: f("lif2", m.square(m.square(s := f("lif1", m.a(x)))) + m.square(s)),
    "one layer, two neurons": lambda m, f, x: f("lif3", f("lif1", y := m.a(x)) + f("lif2", m.square(y))),
    "in place": lambda m, f, x: f("lif2", in_place(m, f("lif1", m.a(x)), x)),
    "sum of three": lambda m, f, x: f("lif2", sum([m.square(f("lif1", m.a(x))), m.direct(x), m.bias])),
    "no layer between": lambda m, f, x: f("lif2", f("lif1", m.a(x))),
    "view": lambda m, f, x: f("lif2", m.square(f("lif1", m.a(x.view(x.size(0), -1))).reshape(len(x), -1))),
    "flatten": lambda m, f, x: f("lif2", m.square(f("lif1", m.a(torch.flatten(x, 1))).squeeze())),
}


def in_place(m: Joined, spikes: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    total = m.square(spikes)
    total += m.direct(x)
    total *= 0.75
    total -= m.bias
    return total


# joins of values with an axis of channels
IMAGES = ("channels", "view", "flatten")
LOOPS: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "frames": lambda m, x: torch.stack(over(m, x)),
    "indices": lambda m, x: torch.stack(over(m, (x[t] for t in range(x.shape[0])))),
    "unbind": lambda m, x: torch.stack(over(m, x.unbind(0)), dim=0),
    "a list": lambda m, x: over(m, x),
    "batch first": lambda m, x: torch.stack(over(m, x), dim=1).transpose(0, 1),
    "a tuple": lambda m, x: (torch.stack(over(m, x)), None),
    "time moved": lambda m, x: torch.stack(over(m, x.transpose(0, 1).unbind(1))),
    "merged layer": lambda m, x: torch.stack(over(m, m.first(x.flatten(0, 1)).unflatten(0, (x.shape[0], x.shape[1])))),
    "layer before the loop": lambda m, x: torch.stack(over(m, m.first(x))),
}


def joined(name: str, framework: str, seed: int) -> Instance:
    d = Draw(seed, 30, sum(map(ord, name)), framework == "norse")
    module = Joined(d, framework, JOINS[name]).eval()
    loop = by_step if framework == "snntorch" else from_nothing
    shape = (1, module.n) if name in IMAGES else (module.n,)
    return Instance(module, d.sample(shape), loop)


def looped(name: str, framework: str, seed: int) -> Instance:
    d = Draw(seed, 31, sum(map(ord, name)), framework == "norse")
    body = JOINS[d.one("cat of spikes", "sum of layers", "residual of spikes", "parameters", "shared layer")]
    module = InsideLoop(d, framework, body, LOOPS[name])
    module.first = d.linear(module.n, module.n, 1.5)
    return Instance(module.eval(), d.sample((module.n,)), at_once)


def repeated(framework: str, seed: int) -> Instance:
    """One frame, shown in every step."""
    d = Draw(seed, 32, framework == "norse")
    steps = d.whole(20, 40)
    body = JOINS[d.one("cat of spikes", "sum of layers", "residual of spikes", "parameters")]
    module = InsideLoop(d, framework, body, lambda m, x: torch.stack(over(m, [x] * steps))).eval()
    x = d.sample((module.n,), steps=1)
    return Instance(module, x.repeat(steps, 0), held)


# fifty of each: half of them in each framework
HALF = {f: partial(Case, framework=f, instances=25) for f in FRAMEWORKS}
CASES = [HALF[f](f"{name}, {f}", make=partial(joined, name, f)) for name in JOINS for f in FRAMEWORKS]
CASES += [HALF[f](f"loop: {name}, {f}", make=partial(looped, name, f)) for name in LOOPS for f in FRAMEWORKS]
CASES += [HALF[f](f"loop: held frame, {f}", make=partial(repeated, f)) for f in FRAMEWORKS]
