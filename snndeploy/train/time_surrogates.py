"""The derivative of a spike: that of the library's own function, evaluated for many steps at once, or written into the
kernels where it is one that they know, and that is found to be the same."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from snndeploy.engines.torch.kernels.expression import leaf
from snndeploy.errors import error
from snndeploy.files import short
from snndeploy.train.adjoint import evaluated
from snndeploy.train.time_plan import INLINE, ROWS

Surrogate = Callable[[Tensor], Tensor]
# what was found of a function; a training step asks each time
_FOUND: dict[Any, tuple[str, float]] = {}
MOST = 256
# what a library calls it -> (name here, its parameter, factor)
KNOWN = {
    "atan": ("atan", "alpha", pi / 2),
    "fast_sigmoid": ("fast_sigmoid", "slope", 1.0),
    "straight_through_estimator": ("straight_through", None, 1.0),
    "super": ("fast_sigmoid", None, 1.0),
}


def never(x: Tensor) -> Tensor:
    """Of neurons that do not spike."""
    return x


def derivative(surrogate: Surrogate, x: Tensor, of_s: Tensor | None = None) -> Tensor:
    """ds/dx of each number, as the library's own backward pass has it."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        s = surrogate(x)
        if not s.requires_grad:
            return torch.zeros_like(x)
        found = torch.autograd.grad(s, x, torch.ones_like(s) if of_s is None else of_s, allow_unused=True)[0]
    return torch.zeros_like(x) if found is None else found


def around() -> Tensor:
    return torch.cat([torch.linspace(-3, 3, 48), torch.tensor([-1e-3, 0.0, 1e-3])])


def inlined(surrogate: Any, known: tuple[str, float] | None = None) -> tuple[str, float]:
    """(name in `INLINE`, slope) of a library's function, where the kernels have it; else (ROWS, 0).

    Args:
        known: its name in `KNOWN` and its parameter, where they cannot be read from the function.
    """
    if known is None and not isinstance(surrogate, FunctionType):
        return ROWS, 0.0
    key = known or surrogate
    if key not in _FOUND:
        if len(_FOUND) >= MOST:
            _FOUND.clear()
        _FOUND[key] = _inlined(surrogate, known)
    return _FOUND[key]


def _inlined(surrogate: Any, known: tuple[str, float] | None) -> tuple[str, float]:
    if known is None:
        name, _, inner = getattr(surrogate, "__qualname__", "").partition(".")
        if getattr(surrogate, "__module__", "") != "snntorch.surrogate" or inner != "<locals>.inner":
            return ROWS, 0.0
        cells = dict(zip(surrogate.__code__.co_freevars, surrogate.__closure__ or (), strict=False))
        wanted = KNOWN.get(name, (None, None, 1.0))[1]
        slope = 1.0 if wanted is None or wanted not in cells else cells[wanted].cell_contents
    else:
        name, slope = known
    if name not in KNOWN:
        return ROWS, 0.0
    kind, _, factor = KNOWN[name]
    try:
        # Norse 1.1 computes "super" without its alpha: its slope is that which its derivative has
        slope = slope_of(surrogate) if name == "super" else float(slope) * factor
        x = around()
        own = derivative(surrogate, x)
    except Exception:
        return ROWS, 0.0
    ours = evaluated(INLINE[kind](leaf("x", "real"), leaf("slope", "real")), {"x": x, "slope": torch.tensor(slope)})
    same = torch.allclose(own, torch.as_tensor(ours).expand_as(x), rtol=1e-5, atol=1e-8)
    return (kind, slope) if same else (ROWS, 0.0)


def slope_of(surrogate: Surrogate) -> float:
    """The slope of 1 / (slope·|x| + 1)², by its value at 1."""
    return float(derivative(surrogate, torch.ones(1)) ** -0.5 - 1)


def check_surrogate(surrogate: Surrogate, where: str) -> None:
    """Its derivative is a function of each number alone, and its gradient a multiple of it. Raises SD846."""
    name = getattr(surrogate, "__qualname__", type(surrogate).__name__).removesuffix(".<locals>.inner")
    with torch.random.fork_rng(devices=[]):
        x = around()
        given = torch.cos(7 * torch.arange(len(x)))
        try:
            whole = derivative(surrogate, x)
            alone = torch.cat([derivative(surrogate, each) for each in x.unsqueeze(1)])
            times = derivative(surrogate, x, given)
        except Exception as problem:
            what = f"its surrogate gradient {name} fails: {type(problem).__name__}: {short(problem)}"
            raise error("SD846", where, what, "train without acceleration") from problem
    if not (torch.equal(whole, alone) and torch.allclose(times, whole * given, rtol=1e-5, atol=1e-7)):
        what = f"its surrogate gradient {name} is unknown: no function of each membrane alone, the same every time"
        raise error("SD846", where, what, "use another surrogate, or train without acceleration")
