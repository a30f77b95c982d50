"""Every neuron of Norse that is captured, in every setting: what makes random instances of each."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import torch
from checking import Case, Instance, at_once, from_nothing
from drawing import Draw
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse
    from norse.torch.functional.reset import reset_subtract, reset_value

METHODS = ("super", "heaviside", "triangle", "tanh", "circ", "heavi_erfc")
REFRACTORY = "a refractory period"
ADAPTIVE = "an adaptive threshold"
# what snnTorch does not do, by class: a part of the refusal's text
SNNTORCH_REFUSES = {
    "LIFRefracCell": REFRACTORY,
    "LIFRefracRecurrentCell": REFRACTORY,
    "LIFRefracRecurrent": REFRACTORY,
    "LSNNCell": ADAPTIVE,
    "LSNNRecurrentCell": ADAPTIVE,
    "LSNN": ADAPTIVE,
    "LSNNRecurrent": ADAPTIVE,
}
OVER_TIME = ("LIF", "LI", "IAF", "LSNN", "LIFRecurrent", "LSNNRecurrent", "LIFRefracRecurrent")
# parameters that Norse's own first state takes as one number
ONE_LEAK = ("LI", "LIF", "LIFRecurrentCell", "LIFRecurrent", "LIFRefracCell", "LIFRefracRecurrent")
ONE_LEAK += ("LSNNCell", "LSNNRecurrentCell", "LSNN", "LSNNRecurrent", "LIFRefracRecurrentCell")
DTS = (1e-3, 1e-3, 5e-4, 2e-3, 2.0**-10, 0.1, 1.0)


class Cells(nn.Module):
    """A cell between layers, with its state as an argument."""

    def __init__(self, before: nn.Module, cell: nn.Module, after: nn.Module):
        super().__init__()
        self.before, self.cell, self.after = before, cell, after

    def forward(self, x, state=None):
        emitted, state = self.cell(self.before(x), state)
        return self.after(emitted), state


class Inside(Cells):
    """The loop over time in forward."""

    def forward(self, x):
        state, rows = None, []
        for frame in x:
            emitted, state = self.cell(self.before(frame), state)
            rows.append(self.after(emitted))
        return torch.stack(rows)


class P:
    """Parameters of one instance: rates as multiples of 1/dt, so that k = dt·rate is what was drawn."""

    def __init__(self, d: Draw, name: str, shape: tuple[int, ...]):
        self.d, self.name, self.shape = d, name, shape
        self.dt = d.one(*DTS)
        self.given: dict[str, Any] = {}

    def per(self, low: float, high: float, one: bool = False) -> torch.Tensor:
        """A number, or one per neuron."""
        return self.d.tensor(low, high, self.shape if not one and self.d.flag() else ())

    def rate(self, low: float, high: float) -> torch.Tensor:
        return self.per(low, high) / self.dt

    def options(self, *names: str) -> dict[str, Any]:
        """Each parameter is left at Norse's default in some instances, where that default fits this dt."""
        d = self.d
        one = self.name in ONE_LEAK
        draws = {
            "tau_syn_inv": lambda: self.rate(0.1, 0.9),
            "tau_mem_inv": lambda: self.rate(0.1, 0.9),
            "tau_adapt_inv": lambda: self.rate(0.01, 0.4),
            "v_leak": lambda: self.per(-0.2, 0.2, one),
            "v_th": lambda: self.per(0.3, 0.9, self.name.startswith("LSNN")),
            "v_reset": lambda: self.per(-0.4, 0.2),
            "beta": lambda: self.per(0.0, 0.6),
            "method": lambda: d.one(*METHODS),
            "alpha": lambda: d.tensor(1.0, 100.0),
        }
        found = {}
        for name in names:
            if name.startswith("tau") or name == "beta" or d.flag(0.85):
                found[name] = draws[name]()
        self.given |= found
        return found


LIF = ("tau_syn_inv", "tau_mem_inv", "v_leak", "v_th", "v_reset", "method", "alpha")


def parameters(name: str, p: P, subtract: bool) -> Any:
    """The parameters of a class."""
    d = p.d
    if name.startswith("LIFRefrac"):
        lif = norse.LIFParameters(**p.options(*LIF))
        rest = torch.tensor(float(d.one(1, 2.5, 3, 5, 7.25)))
        p.given["rho_reset"] = rest
        return norse.LIFRefracParameters(lif, rest)
    if name.startswith("LSNN"):
        return norse.LSNNParameters(**p.options(*LIF, "tau_adapt_inv", "beta"))
    if name.startswith("LIFBox"):
        more = {"reset_method": reset_subtract} if subtract else {"reset_method": reset_value} if d.flag() else {}
        p.given |= more
        return norse.LIFBoxParameters(**p.options(*(n for n in LIF if n != "tau_syn_inv")), **more)
    if name.startswith("IAF"):
        return norse.IAFParameters(**p.options("v_th", "v_reset", "method", "alpha"))
    if name.startswith("LIBox"):
        return norse.LIBoxParameters(**p.options("tau_mem_inv", "v_leak"))
    if name.startswith("LIF"):
        return norse.LIFParameters(**p.options(*LIF))
    return norse.LIParameters(**p.options("tau_syn_inv", "tau_mem_inv", "v_leak"))


def cell(name: str, p: P, size_in: int, subtract: bool, autapses: bool) -> nn.Module:
    """A module of one class; recurrent ones and LILinearCell hold their layers."""
    cls: Any = getattr(norse, name)
    options: dict[str, Any] = {"p": parameters(name, p, subtract)}
    if p.dt != 1e-3 or p.d.flag():
        options["dt"] = p.dt
    if name in OVER_TIME and name != "IAF" and p.d.flag(0.85):
        options["record_states"] = True
    p.given |= {key: value for key, value in options.items() if key != "p"}
    if name == "LILinearCell":
        made = cls(size_in, p.shape[0], **options)
        with torch.no_grad():
            made.input_weights.copy_(p.d.linear(size_in, p.shape[0], 2.0).weight)
        return made
    if "Recurrent" not in name:
        return cls(**options)
    options["autapses"] = autapses
    p.given["autapses"] = autapses
    weights = {
        "input_weights": p.d.linear(size_in, p.shape[0], 2.0 / K).weight.detach().clone(),
        "recurrent_weights": p.d.linear(p.shape[0], p.shape[0], 1.0).weight.detach().clone(),
    }
    if p.d.flag(0.65):
        p.given |= weights
        return cls(size_in, p.shape[0], **options, **weights)
    made = cls(size_in, p.shape[0], **options)
    with torch.no_grad():
        for key, value in weights.items():
            kept = getattr(made, key)
            kept.copy_(value)
            if key == "recurrent_weights" and not autapses:
                kept.fill_diagonal_(0.0)
    return made


def refusal(name: str, p: P) -> str:
    """Why snnTorch cannot hold it; a rest of one step is a reset in the step after the spike."""
    one_step = name.startswith("LIFRefrac") and bool(p.given["rho_reset"] <= 1)
    return "" if one_step else SNNTORCH_REFUSES.get(name, "")


K = 0.5


def instance(name: str, subtract: bool, autapses: bool, seed: int) -> Instance:
    """A cell behind a layer, and sometimes in front of another neuron; lines, and images where the cell has no size."""
    d = Draw(seed, 7, len(name), subtract, autapses, sum(map(ord, name)))
    layered = "Recurrent" in name or name == "LILinearCell"
    over_time = name in OVER_TIME
    image = not layered and not over_time and d.flag(0.3)
    gain = 1.5 if name.startswith("IAF") else 1.5 / K
    if image:
        size = (d.whole(1, 2), d.whole(3, 4), d.whole(3, 4))
        before: nn.Module = d.loud(nn.Conv2d(size[0], d.whole(1, 3), 2, bias=d.flag()), gain)
        shape = tuple(before(torch.zeros(1, *size)).shape[1:])
    else:
        size, shape = (d.whole(2, 6),), (d.whole(2, 6),)
        before = nn.Identity() if layered else d.linear(size[0], shape[0], gain)
    p = P(d, name, shape)
    made = cell(name, p, size[0], subtract, autapses)
    other = refusal(name, p)
    quiet = name.startswith(("LI", "LIBox")) and not name.startswith("LIF")
    flat = [nn.Flatten()] if image else []
    tail: list[nn.Module] = []
    if d.flag(0.4) and not over_time and not quiet:
        last = norse.LIFBoxCell(norse.LIFBoxParameters(torch.tensor(0.5 / p.dt), v_th=torch.tensor(0.25)), dt=p.dt)
        tail = [*flat, d.linear(int(np.prod(shape)), 3, 3.0), last]
    layers = [before, made] if not isinstance(before, nn.Identity) else [made]
    kind = "binary" if d.flag(0.5) else ""
    x = d.sample(size, kind=kind)
    if not tail and not over_time and d.flag(0.4):
        inside = d.flag()
        module: nn.Module = (Inside if inside else Cells)(before, made, nn.Identity())
        return Instance(module.eval(), x, at_once if inside else from_nothing, p.given, other, p.dt)
    module = norse.SequentialState(*layers, *tail)
    return Instance(module.eval(), x, at_once if over_time else from_nothing, p.given, other, p.dt)


def case(name: str, subtract: bool = False, autapses: bool = False) -> Case:
    words = [name]
    if name.startswith("LIFBox"):
        words.append("reset_subtract" if subtract else "reset_value")
    if "Recurrent" in name:
        words.append(f"autapses={autapses}")
    quiet = name.startswith("LI") and not name.startswith("LIF")
    # a class with one case has all its options there
    several = name.startswith("LIFBox") or "Recurrent" in name
    make = partial(instance, name, subtract, autapses)
    return Case(" ".join(words), "norse", make, quiet=quiet, instances=50 if several else 75)


CASES = [case("LIFBoxCell"), case("LIFBoxCell", subtract=True)]
CASES += [case(n) for n in ("LIBoxCell", "LICell", "LILinearCell", "IAFCell", "LIFCell", "LIFRefracCell", "LSNNCell")]
CASES += [case(n) for n in ("LIF", "LI", "IAF", "LSNN")]
CASES += [
    case(name, autapses=autapses)
    for name in ("LIFRecurrent", "LSNNRecurrent", "LIFRefracRecurrent")
    for autapses in (False, True)
]
CASES += [
    case(f"{name}Cell", autapses=autapses)
    for name in ("LIFRecurrent", "LSNNRecurrent", "LIFRefracRecurrent")
    for autapses in (False, True)
]


def refused(make: Any, seed: int) -> Instance:
    """A setting that no network form holds; `make(d, p)` is the cell of four neurons."""
    d = Draw(seed, 8)
    p = P(d, "LIF", (4,))
    made = make(d, p)
    module = norse.SequentialState(*([made] if "Recurrent" in type(made).__name__ else [d.linear(3, 4), made]))
    return Instance(module.eval(), d.sample((3,)), from_nothing, p.given, dt=p.dt)


def halved(z: torch.Tensor, v: torch.Tensor, *_: Any) -> torch.Tensor:
    return v - z * v / 2


def lif_of(p: P, **more: Any) -> Any:
    return norse.LIFParameters(**(p.options("tau_syn_inv", "tau_mem_inv", "v_th") | more))


def marked(p: P, name: str, value: Any) -> Any:
    p.given[name] = value
    return value


# what capture refuses, with its code in front
REFUSALS: dict[str, tuple[Any, str]] = {
    "LIFCell method=adjoint": (
        lambda d, p: norse.LIFCell(lif_of(p, method="adjoint"), dt=p.dt),
        "SD308 use the default method of the cell",
    ),
    "LIFRecurrentCell method=adjoint": (
        lambda d, p: norse.LIFRecurrentCell(3, 4, lif_of(p, method="adjoint"), dt=p.dt),
        "SD308 use the default method of the cell",
    ),
    "LSNNCell adjoint=True": (
        lambda d, p: norse.LSNNCell(norse.LSNNParameters(), adjoint=marked(p, "adjoint", True), dt=p.dt),
        "SD308 use the default method of the cell",
    ),
    "LSNNRecurrentCell adjoint=True": (
        lambda d, p: norse.LSNNRecurrentCell(3, 4, adjoint=marked(p, "adjoint", True), dt=p.dt),
        "SD308 use the default method of the cell",
    ),
    "LIFBoxCell reset_method of one's own": (
        lambda d, p: norse.LIFBoxCell(norse.LIFBoxParameters(reset_method=halved), dt=p.dt),
        "SD308 reset method halved is not known",
    ),
    "LIFCell of another dt": (lambda d, p: norse.LIFCell(lif_of(p), dt=3 * p.dt), "SD309 or build the cell with dt"),
    "LIFCell of an unknown method": (
        lambda d, p: norse.LIFCell(lif_of(p, method="soft"), dt=p.dt),
        "SD308 is no threshold",
    ),
    "LIFRefracCell rho per neuron": (
        lambda d, p: norse.LIFRefracCell(norse.LIFRefracParameters(lif_of(p), torch.arange(4.0)), dt=p.dt),
        "SD308 use one rho_reset for all neurons",
    ),
}
CASES += [Case(f"{name} refused", "norse", partial(refused, make), words) for name, (make, words) in REFUSALS.items()]
