"""Settings at the edge: neurons alone, parameters of unusual types and shapes, first values, nested containers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import snntorch as snn
import torch
from checking import Case, Instance, at_once, by_step, from_nothing, with_states
from drawing import Draw
from layer_instances import FRAMEWORKS, Weighted, neuron
from norse_neurons import P, cell, refusal
from snntorch_neurons import NORSE_REFUSES, RESETS, decays, follow, place, recurrence
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse

FIRST_ORDER = (snn.Leaky, snn.Synaptic, snn.Lapicque)


def reset_of(d: Draw, cls: type, *without: str) -> tuple[str, bool]:
    while True:
        reset = d.one(*RESETS)
        if (cls in (snn.Lapicque, snn.RSynaptic, snn.Alpha) and not reset[1]) or reset[0] in without:
            continue
        if cls is snn.Alpha and reset[0] == "subtract":
            continue
        return reset


def a_neuron(d: Draw, cls: type, shape: tuple[int, ...], reset: tuple[str, bool], **options: Any) -> Any:
    """One of snnTorch's, with plain options."""
    given: dict[str, Any] = {"threshold": d.number(0.3, 0.9), "init_hidden": True, "reset_mechanism": reset[0]}
    if cls is snn.Alpha:
        slow = d.number(0.7, 0.9)
        return cls(**(given | {"alpha": slow, "beta": slow * 0.75, "threshold": d.number(0.1, 0.3)} | options))
    if cls is snn.Lapicque:
        return cls(**(given | {"beta": d.number(0.5, 0.95)} | options))
    if cls in (snn.RLeaky, snn.RSynaptic):
        given |= recurrence(d, "linear" if len(shape) == 1 and d.flag() else "one to one", shape)
    return cls(**(given | decays(d, cls, shape) | {"reset_delay": reset[1]} | options))


def alone(framework: str, seed: int) -> Instance:
    """The module is a neuron, and nothing else."""
    d = Draw(seed, 50, framework == "norse")
    shape = tuple(d.whole(1, 3) for _ in range(d.whole(1, 3)))
    x = d.sample(shape, kind="real")
    if framework == "snntorch":
        cls = d.one(snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic, snn.Lapicque, snn.Alpha)
        reset = reset_of(d, cls)
        hidden = d.flag()
        lif = a_neuron(d, cls, shape, reset, output=d.flag(), init_hidden=hidden)
        states = lif.reset_mem()
        loop = by_step if hidden else with_states(*(states if isinstance(states, tuple) else (states,)))
        return Instance(lif.eval(), x, loop, {}, NORSE_REFUSES.get((cls.__name__, *reset), ""))
    name = d.one("LIFBoxCell", "IAFCell", "LIFCell", "LIFRefracCell")
    p = P(d, name, shape)
    return Instance(cell(name, p, 0, False, False).eval(), 3 * x, from_nothing, {}, refusal(name, p), p.dt)


def broadcast(cls: type, seed: int) -> Instance:
    """Parameters with one number per channel, per row, or per column of an image."""
    d = Draw(seed, 51, len(cls.__name__))
    size, before, shape = place(d, True)
    reset = reset_of(d, cls)

    def part(low: float, high: float) -> torch.Tensor:
        few = tuple(n if d.flag() else 1 for n in shape)
        return d.tensor(low, high, few if d.flag() else few[1:])

    more = {"beta": part(0.3, 0.95), "threshold": part(0.3, 0.9)}
    if "Synaptic" in cls.__name__:
        more["alpha"] = part(0.2, 0.8)
    if cls.__name__.startswith("R"):
        more |= {"all_to_all": False, "V": part(-0.5, 0.5)}
        more.pop("linear_features", None)
    lif = a_neuron(d, cls, shape, reset, **more)
    return Instance(
        nn.Sequential(before, lif).eval(), d.sample(size), by_step, {}, NORSE_REFUSES.get((cls.__name__, *reset), "")
    )


def types(cls: type, seed: int) -> Instance:
    """Parameters in float64, in float16, or whole numbers; snnTorch computes with what torch makes of them."""
    d = Draw(seed, 52, len(cls.__name__))
    size, before, shape = place(d, False)
    reset = reset_of(d, cls)

    def typed(low: float, high: float) -> Any:
        dtype = d.one(torch.float64, torch.float16, torch.bfloat16)
        return d.tensor(low, high, shape if d.flag() else ()).to(dtype)

    more: dict[str, Any] = {"threshold": d.one(1, typed(0.3, 0.9))}
    if cls is not snn.Lapicque:
        more["beta"] = typed(0.3, 0.95)
    if cls is snn.Synaptic:
        more["alpha"] = typed(0.2, 0.8)
    lif = a_neuron(d, cls, shape, reset, **more)
    return Instance(
        nn.Sequential(before, lif).eval(), d.sample(size), by_step, {}, NORSE_REFUSES.get((cls.__name__, *reset), "")
    )


def worth(cls: type, seed: int) -> Instance:
    """graded_spikes_factor of neurons whose constructor does not take it; in recurrent ones it comes back, too."""
    d = Draw(seed, 53, len(cls.__name__))
    size, before, shape = place(d, d.flag(0.3))
    reset = reset_of(d, cls)
    lif = a_neuron(d, cls, shape, reset)
    factor = d.array(0.5, 2.0, d.one((), (1,), shape))
    lif.graded_spikes_factor = torch.from_numpy(np.asarray(-factor if d.flag(0.3) else factor))
    module = nn.Sequential(before, lif, follow(d, shape))
    return Instance(module.eval(), d.sample(size), by_step, {}, NORSE_REFUSES.get((cls.__name__, *reset), ""))


def low(cls: type, seed: int) -> Instance:
    """Thresholds at zero and below it."""
    d = Draw(seed, 54, len(cls.__name__))
    size, before, shape = place(d, False)
    reset = reset_of(d, cls, "zero")
    threshold = d.one(0.0, d.number(-0.5, 0.0), d.tensor(-0.4, 0.2, shape))
    with torch.no_grad():
        before.weight.mul_(-0.5)
    lif = a_neuron(d, cls, shape, reset, threshold=threshold)
    other = NORSE_REFUSES.get((cls.__name__, *reset), "")
    if reset == ("subtract", True) and bool((torch.as_tensor(threshold) < 0).any()):
        other = "it starts above its threshold"
    return Instance(nn.Sequential(before, lif).eval(), d.sample(size), by_step, {}, other)


class Started(nn.Module):
    """States that start from learned values, the same in every sample."""

    def __init__(self, before: nn.Module, lif: nn.Module, starts: list[torch.Tensor]):
        super().__init__()
        self.before, self.lif = before, lif
        self.starts = nn.ParameterList(starts)

    def forward(self, x, state=None):
        if state is None:
            state = tuple(s.expand(len(x), *s.shape) for s in self.starts)
        emitted, *state = self.lif(self.before(x), *state)
        return emitted, tuple(state)


def started(cls: type, seed: int) -> Instance:
    d = Draw(seed, 55, len(cls.__name__))
    size, before, shape = place(d, d.flag(0.3))
    reset = reset_of(d, cls)
    lif = a_neuron(d, cls, shape, reset, init_hidden=False)
    top = float(torch.as_tensor(lif.threshold).min())
    names = ("syn", "mem") if cls is snn.Synaptic else ("mem",)
    values = {"syn": d.tensor(-0.5, 1.0, shape), "mem": d.tensor(-0.5, top, shape)}
    module = Started(before, lif, [values[name] for name in names])
    return Instance(module.eval(), d.sample(size), from_nothing, {}, NORSE_REFUSES.get((cls.__name__, *reset), ""))


def nested(framework: str, seed: int) -> Instance:
    """Containers in containers, a layer that is used twice, dropouts and identities between."""
    d = Draw(seed, 56, framework == "norse")
    n, k = d.whole(1, 5), d.whole(1, 5)
    shared = d.linear(k, k)
    box: Any = nn.Sequential if framework == "snntorch" else norse.SequentialState
    inner = box(d.linear(n, k), neuron(d, framework, 0.2, 0.6), nn.Identity())
    middle = box(nn.Sequential(shared, nn.Dropout(0.5)), neuron(d, framework, 0.2, 0.6))
    module = box(inner, box(middle, nn.Sequential(nn.Identity())), shared, neuron(d, framework, 0.2, 0.6))
    loop = by_step if framework == "snntorch" else from_nothing
    return Instance(module.eval(), d.sample((n,), batch=d.whole(1, 2)), loop)


def pools(framework: str, seed: int) -> Instance:
    """Max-pools of max-pools, then an average."""
    d = Draw(seed, 57, framework == "norse")
    shape = (d.whole(1, 2), d.whole(5, 7), d.whole(5, 7))
    layers = [Weighted(d.tensor(0.2, 1.0, shape)), neuron(d, framework), nn.MaxPool2d(2, stride=d.whole(1, 2))]
    layers += [nn.MaxPool2d(2, stride=1, padding=1), nn.AvgPool2d(2, stride=1), neuron(d, framework, 0.2, 0.6)]
    if framework == "norse":
        return Instance(norse.SequentialState(*layers).eval(), d.sample(shape), from_nothing)
    return Instance(nn.Sequential(*layers).eval(), d.sample(shape), by_step)


def learned(seed: int) -> Instance:
    """Norse's parameters as torch parameters."""
    d = Draw(seed, 58)
    n, k = d.whole(1, 5), d.whole(1, 5)
    name = d.one("LIFBoxCell", "LIFCell")
    p = P(d, name, (k,))
    made: Any = cell(name, p, n, d.flag(), False)
    made.p = type(made.p)(*(nn.Parameter(v) if isinstance(v, torch.Tensor) else v for v in made.p))
    module = norse.SequentialState(d.linear(n, k, 3.0), made)
    return Instance(module.eval(), d.sample((n,)), from_nothing, dt=p.dt)


def lifted(seed: int) -> Instance:
    """Norse's modules over time in a row, with layers that are lifted or not, and cells that are lifted."""
    d = Draw(seed, 59)
    n, last = d.whole(2, 4), d.flag(0.3)
    dt = d.one(1e-3, 0.5)
    layers: list[nn.Module] = []
    size = n
    for i in range(d.whole(1, 3)):
        wide = d.whole(2, 5)
        # behind a lifted cell, which hands its state on, Norse takes only what is lifted
        behind = bool(layers) and isinstance(layers[-1], norse.Lift)
        name = d.one("LIF", "IAF", "LIF" if behind else "LIFRecurrent", "LIFCell", "LIFBoxCell")
        p = P(d, name, (wide,))
        p.dt = dt
        if name != "LIFRecurrent":
            linear = d.linear(size, wide, 1.5 if name == "IAF" else 3.0)
            layers.append(norse.Lift(linear) if behind or d.flag() else linear)
        made = cell(name, p, size, d.flag(), d.flag())
        layers.append(norse.Lift(made) if name.endswith("Cell") else made)
        size = wide
        del i
    if last:
        p = P(d, "LI", (2,))
        p.dt = dt
        layers += [norse.Lift(d.linear(size, 2, 3.0)), cell("LI", p, size, False, False)]
    return Instance(norse.SequentialState(*layers).eval(), d.sample((n,)), at_once, dt=dt)


class Several(nn.Module):
    """Two populations are returned, and a membrane that is not looked at."""

    def __init__(self, d: Draw, n: int):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = d.linear(n, 3), d.linear(3, 2), d.linear(3, 2)
        self.lif1, self.lif2, self.lif3 = (
            snn.Leaky(
                d.number(0.4, 0.9), threshold=d.number(0.3, 0.8), reset_mechanism=d.one("zero", "none", "subtract")
            )
            for _ in range(3)
        )

    def forward(self, x):
        a, b, c = (lif.reset_mem() for lif in (self.lif1, self.lif2, self.lif3))
        rows: list[Any] = [[], [], []]
        for frame in x:
            spikes, a = self.lif1(self.fc1(frame), a)
            left, b = self.lif2(self.fc2(spikes), b)
            right, c = self.lif3(self.fc3(spikes), c)
            for row, value in zip(rows, (left, right, c), strict=True):
                row.append(value)
        return tuple(torch.stack(row) for row in rows)


def several(seed: int) -> Instance:
    d = Draw(seed, 60)
    n = d.whole(2, 4)
    return Instance(Several(d, n).eval(), d.sample((n,)), at_once)


def hidden_too(seed: int) -> Instance:
    """SequentialState returns what every layer returned."""
    d = Draw(seed, 61)
    n = d.whole(2, 4)
    layers = [d.linear(n, 3), neuron(d, "norse"), d.linear(3, 2), neuron(d, "norse")]
    return Instance(norse.SequentialState(*layers, return_hidden=True).eval(), d.sample((n,)), last_of_all)


def last_of_all(module: nn.Module, x: torch.Tensor) -> list[Any]:
    """The last of all outputs, and the state."""
    rows: list[Any] = []
    for frame in x:
        rows.append(module(frame, rows[-1][1]) if rows else module(frame))
    return [outputs[-1] for outputs, _ in rows]


STATEFUL = (snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic)
CORNERS: dict[str, tuple[tuple[type, ...], Callable[..., Instance]]] = {
    "parameters that broadcast": (STATEFUL, broadcast),
    "types of parameters": (FIRST_ORDER, types),
    "spikes worth": ((snn.Synaptic, snn.RLeaky, snn.RSynaptic, snn.Lapicque, snn.Alpha), worth),
    "low thresholds": ((*STATEFUL, snn.Lapicque), low),
    "first values": ((snn.Leaky, snn.Synaptic), started),
}
CASES = [
    Case(f"{name}, {cls.__name__}", "snntorch", partial(make, cls))
    for name, (classes, make) in CORNERS.items()
    for cls in classes
]
CASES += [
    Case(f"{name}, {f}", f, partial(make, f))
    for name, make in {"a neuron alone": alone, "nested containers": nested, "pools of pools": pools}.items()
    for f in FRAMEWORKS
]
CASES += [
    Case("learned parameters, norse", "norse", learned),
    Case("networks over time, norse", "norse", lifted, instances=75),
    Case("several outputs, snntorch", "snntorch", several),
    Case("return_hidden, norse", "norse", hidden_too),
]
