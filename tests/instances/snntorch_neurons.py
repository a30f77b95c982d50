"""Every neuron of snnTorch that is captured, in every setting: what makes random instances of each."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import snntorch as snn
import torch
from checking import Case, Instance, at_once, by_step, with_states
from drawing import Draw
from snntorch import surrogate
from torch import nn

RESETS = [(mechanism, delay) for mechanism in ("subtract", "zero", "none") for delay in (True, False)]
# what Norse does not do, by (class, mechanism, delay): a part of the refusal's text
RESIDUAL = "'by', 'residual'; Norse resets in the step of the spike"
CLEARED = "a current that is reset with the membrane"
FLOOR = "a floor of the membrane"
NORSE_REFUSES: dict[tuple[str, str, bool], str] = {
    ("Leaky", "subtract", False): RESIDUAL,
    ("Synaptic", "subtract", False): RESIDUAL,
    ("RLeaky", "subtract", False): RESIDUAL,
    ("Alpha", "zero", True): CLEARED,
}
# options with which snnTorch 1.0 itself raises when the neuron is built, or called
SNNTORCH_FAILS = {("Alpha", "learn_alpha"), ("Lapicque", "learn_beta")}
# by mechanism, for decays of 1 and 0: IAFCell, which alone does not leak, resets to a value
NORSE_REFUSES_CLAMPED = {
    ("none", True): "IAFCell, which does not leak, resets to a value",
    ("subtract", True): "IAFCell, which does not leak, resets to a value",
    ("subtract", False): "it subtracts in the step after a spike, and beta is 0",
}
SURROGATES: tuple[Callable[[], Any], ...] = (
    surrogate.atan,
    surrogate.fast_sigmoid,
    surrogate.sigmoid,
    surrogate.heaviside,
    surrogate.straight_through_estimator,
    surrogate.spike_rate_escape,
    surrogate.SFS,
    surrogate.triangular,
)


class Chain(nn.Module):
    """Layers, the neuron under test, and what follows it; `stages` take only what a neuron returns first."""

    def __init__(self, before: nn.Module, lif: nn.Module, after: nn.Module):
        super().__init__()
        self.before, self.lif, self.after = before, lif, after

    def step(self, x: torch.Tensor, *states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        emitted = self.lif(self.before(x), *states)
        if not isinstance(emitted, tuple):
            return (self.after(emitted),)
        # recurrent neurons return their spikes as the first of their states
        rest = emitted if type(self.lif).__name__.startswith("R") else emitted[1:]
        return (self.after(emitted[0]), *rest)


class Hidden(Chain):
    def forward(self, x):
        return self.step(x)[0]


class One(Chain):
    def forward(self, x, a):
        return self.step(x, a)


class Two(Chain):
    def forward(self, x, a, b):
        return self.step(x, a, b)


class Three(Chain):
    def forward(self, x, a, b, c):
        return self.step(x, a, b, c)


class Inside(Chain):
    """The loop over time in forward."""

    def forward(self, x):
        states = self.lif.reset_mem() if not self.lif.init_hidden else ()
        states = states if isinstance(states, tuple) else (states,)
        rows = []
        for frame in x:
            out, *now = self.step(frame, *states)
            states = () if self.lif.init_hidden else tuple(now)
            rows.append(out)
        return torch.stack(rows)


class AtOnce(nn.Module):
    """Neurons that take all steps in one call."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
            x = x[0] if isinstance(x, tuple) else x
        return x


def shared_options(d: Draw, cls: type, shape: tuple[int, ...], graded: bool) -> dict[str, Any]:
    """What several classes take; every option is left out in about half of the instances."""
    takes = inspect.signature(cls).parameters
    options: dict[str, Any] = {}
    for name in ("learn_beta", "learn_threshold", "learn_alpha", "learn_recurrent"):
        if name in takes and (cls.__name__, name) not in SNNTORCH_FAILS and d.flag():
            options[name] = name != "learn_recurrent"
    if d.flag(0.8):
        options["threshold"] = d.some(0.3, 1.2, shape)
    if d.flag(0.6):
        options["spike_grad"] = d.one(*SURROGATES)()
    if d.flag(0.6):
        options["surrogate_disable"] = True
    if graded and "graded_spikes_factor" in takes:
        options["graded_spikes_factor"] = d.some(0.5, 2.0, shape)
        if d.flag(0.9):
            options["learn_graded_spikes_factor"] = True
    return options


def decays(d: Draw, cls: type, shape: tuple[int, ...]) -> dict[str, Any]:
    options = {"beta": d.some(0.3, 0.95, shape)}
    if "Synaptic" in cls.__name__:
        options["alpha"] = d.some(0.2, 0.9, shape)
    return options


def recurrence(d: Draw, kind: str, shape: tuple[int, ...]) -> dict[str, Any]:
    match kind:
        case "linear":
            return {"linear_features": shape[-1]}
        case "one to one":
            return {"all_to_all": False, "V": d.some(-0.6, 0.6, shape)}
    return {"conv2d_channels": shape[0], "kernel_size": d.one(1, 3, (3, 1), (1, 3))}


def place(d: Draw, image: bool) -> tuple[tuple[int, ...], nn.Module, tuple[int, ...]]:
    """Shape of the input, the layer before the neuron, shape of the neuron."""
    if not image:
        size_in, size = d.whole(2, 6), d.whole(2, 6)
        return (size_in,), d.linear(size_in, size), (size,)
    channels, out = d.whole(1, 2), d.whole(1, 3)
    conv = d.loud(nn.Conv2d(channels, out, 2, padding=d.whole(0, 1), bias=d.flag()))
    size = (channels, d.whole(3, 4), d.whole(3, 4))
    return size, conv, tuple(conv(torch.zeros(1, *size)).shape[1:])


def follow(d: Draw, shape: tuple[int, ...]) -> nn.Module:
    """A layer and a neuron behind the one under test."""
    size = d.whole(2, 4)
    last = snn.Leaky(d.number(0.4, 0.95), threshold=d.number(0.3, 0.9), init_hidden=True, reset_mechanism="zero")
    flat = [nn.Flatten()] if len(shape) > 1 else []
    return nn.Sequential(*flat, d.linear(int(np.prod(shape)), size, 2.0), last)


def wrapped(d: Draw, before: nn.Module, lif: Any, after: nn.Module, hidden: bool) -> tuple[nn.Module, Any]:
    """A module around a neuron, and how it is called."""
    if d.flag(0.25):
        return Inside(before, lif, after), at_once
    if not hidden:
        states = lif.reset_mem()
        states = states if isinstance(states, tuple) else (states,)
        return (One, Two, Three)[len(states) - 1](before, lif, after), with_states(*states)
    if lif.output and not isinstance(after, nn.Identity):
        return Hidden(before, lif, after), by_step
    return nn.Sequential(before, lif, after) if not lif.output else nn.Sequential(before, lif), by_step


def around(d: Draw, cls: type, reset: tuple[str, bool], hidden: bool, options: dict[str, Any], place: Any) -> Instance:
    """The instance for a neuron class with these options, behind a layer and sometimes in front of others."""
    size, before, shape = place
    graded = d.flag(0.4)
    options = options | shared_options(d, cls, shape, graded)
    options |= {"init_hidden": hidden, "reset_mechanism": reset[0]}
    takes = inspect.signature(cls).parameters
    if "reset_delay" in takes:
        options["reset_delay"] = reset[1]
    if hidden and d.flag(0.6):
        options["output"] = True
    lif = cls(**options)
    after = follow(d, shape) if graded or d.flag(0.3) else nn.Identity()
    module, loop = wrapped(d, before, lif, after, hidden)
    other = NORSE_REFUSES.get((cls.__name__, *reset), "")
    return Instance(module.eval(), d.sample(size), loop, options, other)


def first_order(cls: type, reset: tuple[str, bool], hidden: bool, seed: int) -> Instance:
    """Leaky and Synaptic."""
    d = Draw(seed, 1, hidden, RESETS.index(reset), len(cls.__name__))
    here = place(d, d.flag(0.3))
    return around(d, cls, reset, hidden, decays(d, cls, here[2]), here)


def recurrent(cls: type, reset: tuple[str, bool], kind: str, seed: int) -> Instance:
    """RLeaky and RSynaptic; whether they keep their states is drawn."""
    d = Draw(seed, 2, RESETS.index(reset), len(kind), len(cls.__name__))
    here = place(d, kind == "convolution" or (kind == "one to one" and d.flag(0.3)))
    options = decays(d, cls, here[2]) | recurrence(d, kind, here[2])
    return around(d, cls, reset, d.flag(), options, here)


def clamped(cls: type, reset: tuple[str, bool], low: float, high: float, seed: int) -> Instance:
    """A decay that snnTorch clamps to 0 or to 1."""
    d = Draw(seed, 8, RESETS.index(reset), len(cls.__name__), high > 1)
    here = place(d, d.flag(0.3))
    options = {"beta": d.some(low, high, here[2])}
    if cls is snn.Synaptic:
        options["alpha"] = d.some(0.2, 0.9, here[2]) if high > 1 else d.some(-0.5, 0.0, here[2])
    found = around(d, cls, reset, d.flag(), options, here)
    if cls is snn.Synaptic and reset == ("zero", True) and high > 1:
        return replace(found, other="its reset is 'to', 'next'; Norse resets in the step of the spike")
    return replace(found, other=found.other or NORSE_REFUSES_CLAMPED.get((reset[0], high > 1), ""))


def lapicque(reset: tuple[str, bool], hidden: bool, seed: int) -> Instance:
    """beta alone; R and C; beta with R or with C; snnTorch asks whether they are true, so each is one number."""
    d = Draw(seed, 3, hidden, RESETS.index(reset))
    options: dict[str, Any] = {}
    if d.flag():
        options["time_step"] = d.number(0.2, 1.0)
    match d.whole(0, 3):
        case 0:
            options |= {"beta": d.number(0.5, 0.98)}
        case 1:
            options |= {"R": d.number(1, 5), "C": d.number(0.7, 3)}
        case 2:
            options |= {"beta": d.number(0.6, 0.98), "R": d.number(0.5, 3)}
        case _:
            options |= {"beta": d.number(0.6, 0.98), "C": d.number(1, 3)}
    return around(d, snn.Lapicque, reset, hidden, options, place(d, d.flag(0.3)))


def alpha(reset: tuple[str, bool], hidden: bool, seed: int) -> Instance:
    d = Draw(seed, 4, hidden, RESETS.index(reset))
    here = place(d, d.flag(0.3))
    slow = d.array(0.7, 0.95, here[2] if d.flag() else ())
    fast = slow * np.float32(0.75)
    options = {
        "alpha": torch.from_numpy(slow) if slow.ndim else float(slow),
        "beta": torch.from_numpy(fast) if fast.ndim else float(fast),
    }
    return around(d, snn.Alpha, reset, hidden, options, here)


def parallel(seed: int) -> Instance:
    d = Draw(seed, 5)
    size_in, size = d.whole(2, 5), d.whole(2, 5)
    options = shared_options(d, snn.LeakyParallel, (size,), graded := d.flag(0.65))
    if d.flag(0.7):
        options["beta"] = d.number(0.2, 0.98)
    if d.flag():
        options["bias"] = False
    if d.flag(0.6):
        options["dropout"] = 0.3
    with warnings.catch_warnings():
        # torch says that a dropout behind one layer does nothing
        warnings.simplefilter("ignore", UserWarning)
        lif = snn.LeakyParallel(size_in, size, **options)
    with torch.no_grad():
        lif.rnn.weight_ih_l0.copy_(d.linear(size_in, size, 1.2).weight)
        if "beta" not in options:
            lif.rnn.weight_hh_l0.copy_(torch.diag(d.tensor(-0.5, 0.95, (size,))))
        for name in ("bias_ih_l0", "bias_hh_l0") if lif.rnn.bias else ():
            getattr(lif.rnn, name).copy_(d.tensor(-0.2, 0.3, (size,)))
    after = [nn.Linear(size, 2), snn.StateLeaky(d.number(0.3, 0.9), 2, threshold=0.3)] if graded else []
    return Instance(AtOnce(lif, *after).eval(), d.sample((size_in,)), at_once, options, FLOOR)


def kernel(cls: type, output: bool, seed: int) -> Instance:
    """StateLeaky and LinearLeaky."""
    d = Draw(seed, 6, output, len(cls.__name__))
    size_in, size = d.whole(2, 5), d.whole(2, 5)
    beta = d.one(d.number(0.2, 0.95), d.tensor(0.2, 0.95, (size,)), d.tensor(0.2, 0.9, (1,)))
    options: dict[str, Any] = {"beta": beta}
    if d.flag():
        options["learn_beta"] = True
    graded = output and d.flag(0.65)
    if output:
        options |= {k: v for k, v in shared_options(d, cls, (size,), graded).items() if k != "learn_beta"}
        if d.flag():
            options["output"] = True
    else:
        options["output"] = False
    if cls is snn.LinearLeaky:
        if d.flag():
            options["bias"] = False
        lif = snn.LinearLeaky(in_features=size_in, out_features=size, **options)
        d.loud(lif.linear)
        layers = [lif]
    else:
        layers = [d.linear(size_in, size), snn.StateLeaky(channels=size, **options)]
    if graded:
        layers += [d.linear(size, 2), snn.StateLeaky(d.number(0.3, 0.9), 2, threshold=0.3)]
    return Instance(AtOnce(*layers).eval(), d.sample((size_in,)), at_once, options)


def named(cls: type, reset: tuple[str, bool], more: str) -> str:
    delay = "" if "reset_delay" not in inspect.signature(cls).parameters else f" reset_delay={reset[1]}"
    return f"{cls.__name__} {reset[0]}{delay} {more}".strip()


def kept(hidden: bool) -> str:
    return "init_hidden" if hidden else "explicit states"


CASES = [
    Case(named(cls, reset, kept(hidden)), "snntorch", partial(first_order, cls, reset, hidden))
    for cls in (snn.Leaky, snn.Synaptic)
    for reset in RESETS
    for hidden in (True, False)
]
CASES += [
    Case(named(cls, reset, kind), "snntorch", partial(recurrent, cls, reset, kind))
    for cls in (snn.RLeaky, snn.RSynaptic)
    for reset in RESETS
    for kind in ("linear", "one to one", "convolution")
    if cls is snn.RLeaky or reset[1]
]
CASES += [
    Case(named(cls, reset, f"beta clamped to {int(high > 1)}"), "snntorch", partial(clamped, cls, reset, low, high))
    for cls in (snn.Leaky, snn.Synaptic)
    for reset in RESETS
    if reset[1]
    for low, high in ((1.0, 1.5), (-0.5, 0.0))
]
CASES += [
    Case(named(snn.Lapicque, reset, kept(hidden)), "snntorch", partial(lapicque, reset, hidden))
    for reset in RESETS
    if reset[1]
    for hidden in (True, False)
]
CASES += [
    Case(named(snn.Alpha, reset, kept(hidden)), "snntorch", partial(alpha, reset, hidden))
    for reset in RESETS
    if reset[1] and reset[0] != "subtract"
    for hidden in (True, False)
]
CASES += [
    Case("LeakyParallel", "snntorch", parallel, instances=100),
    Case("StateLeaky", "snntorch", partial(kernel, snn.StateLeaky, True), instances=100),
    Case("StateLeaky output=False", "snntorch", partial(kernel, snn.StateLeaky, False), quiet=True),
    Case("LinearLeaky", "snntorch", partial(kernel, snn.LinearLeaky, True), instances=100),
    Case("LinearLeaky output=False", "snntorch", partial(kernel, snn.LinearLeaky, False), quiet=True),
]


def refused(cls: type, options: dict[str, Any], seed: int) -> Instance:
    """A setting that no network form holds, among options that are drawn."""
    d = Draw(seed, 9, len(cls.__name__), len(str(options)))
    size = (d.whole(2, 5),)
    given: dict[str, Any] = {"init_hidden": True, **recurrence(d, d.one("linear", "one to one"), size)}
    given = {k: v for k, v in given.items() if k in inspect.signature(cls).parameters}
    given |= {"beta": d.number(0.3, 0.6)} | shared_options(d, cls, size, d.flag()) | options
    if "alpha" in inspect.signature(cls).parameters:
        given["alpha"] = d.number(0.7, 0.9)
    x = d.sample((3,))
    if cls is snn.LeakyParallel:
        return Instance(AtOnce(cls(3, *size, **given)).eval(), x, at_once, given)
    if cls in (snn.StateLeaky, snn.LinearLeaky):
        sizes = {"channels": size[0]} if cls is snn.StateLeaky else {"in_features": size[0], "out_features": size[0]}
        return Instance(AtOnce(d.linear(3, *size), cls(**sizes, **given)).eval(), x, at_once, given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        lif = cls(**given)
    return Instance(nn.Sequential(d.linear(3, *size), lif).eval(), x, by_step, given)


def identity(m: torch.Tensor) -> torch.Tensor:
    return m


# classes, options, and the refusal of capture with its code in front
STEPPED = (snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic, snn.Lapicque, snn.Alpha)
REFUSALS: list[tuple[tuple[type, ...], dict[str, Any], str]] = [
    (STEPPED, {"inhibition": True}, "SD308 inhibition lets only one neuron spike per step"),
    (STEPPED, {"state_quant": identity}, "SD308 state_quant rounds the membrane in training"),
    ((snn.StateLeaky, snn.LinearLeaky), {"state_quant": identity}, "SD308 state_quant rounds the membrane in training"),
    ((snn.StateLeaky, snn.LinearLeaky), {"kernel_truncation_steps": 4}, "SD308 forgets everything after 4 steps"),
    ((snn.LeakyParallel,), {"weight_hh_enable": True}, "SD308 its recurrent weights are not diagonal"),
    ((snn.RSynaptic,), {"reset_delay": False}, "SD308 RSynaptic's reset_delay=False does not work in snntorch"),
    ((snn.Alpha,), {"reset_mechanism": "subtract"}, "SD308 Alpha's reset_mechanism 'subtract'"),
    ((snn.Leaky,), {"graded_spikes_factor": 0.0}, "SD308 graded_spikes_factor is 0"),
    (STEPPED, {"threshold": -0.25, "reset_mechanism": "zero"}, "SD308 a reset neuron is above it"),
    (STEPPED, {"spike_grad": torch.sigmoid, "surrogate_disable": False}, "SD308 its spike_grad gives"),
]
CASES += [
    Case(f"{cls.__name__} {next(iter(options))} refused", "snntorch", partial(refused, cls, options), words)
    for classes, options, words in REFUSALS
    for cls in classes
]
