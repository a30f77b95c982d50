"""What a module was given and its library makes no use of, which a reader of the results should know."""

from __future__ import annotations

from typing import Any

import torch

from snndeploy.train.time_surrogates import around, derivative


def unused(module: torch.nn.Module) -> tuple[str, ...]:
    """A note on the neurons of Norse whose surrogate gradient does not depend on the alpha that they were given.

    Norse 1.1.0 computes "super" as 1 / (|v - v_th| + 1)², where Zenke and Ganguli (Neural Computation 30(6), 2018) have
    1 / (alpha·|v - v_th| + 1)²: alpha changes nothing. Neurons with Norse's default are passed over.
    """
    found: dict[float, list[str]] = {}
    for name, each in module.named_modules():
        p: Any = getattr(each, "p", None)
        if type(each).__module__.partition(".")[0] != "norse" or getattr(p, "method", None) != "super":
            continue
        alpha = float(p.alpha)
        if alpha != float(type(p)._field_defaults["alpha"]) and _alike(alpha):
            found.setdefault(alpha, []).append(name or "neurons")
    return tuple(_note(alpha, names) for alpha, names in found.items())


def _alike(alpha: float) -> bool:
    """Whether Norse's derivative is the same at another alpha."""
    from norse.torch.functional.threshold import threshold

    def at(value: float) -> torch.Tensor:
        return derivative(lambda x: threshold(x, "super", value), around())

    return torch.equal(at(alpha), at(2 * alpha + 1))


def _note(alpha: float, names: list[str]) -> str:
    from importlib.metadata import version

    of = ", ".join(repr(each) for each in names)
    return (
        f"alpha = {alpha:g} of {of} has no effect: Norse {version('norse')} computes the surrogate gradient 'super' as "
        "1 / (|v - v_th| + 1)², whatever alpha is; methods tanh, triangle, circ and heavi_erfc make use of it"
    )
