"""What the kernels over time need of a neuron module, read from the module itself: numbers, settings, surrogate.

The derivative of a spike is that of the library's own function, evaluated once for many steps: nothing is written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snndeploy.errors import SnnDeployError, error
from snndeploy.files import short
from snndeploy.frontends.neurons import FAMILIES
from snndeploy.network.arrays import Array
from snndeploy.train import time_kernels as kernels

Surrogate = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Cells:
    """One neuron module over time.

    Attributes:
        norse: which of the two kernels; how: its settings.
        numbers: one row each, as the kernel reads them; single numbers, or of the shape of the neurons.
        theta: row of the threshold. surrogate: p - threshold -> spikes, with gradient.
        entry: what the module does to its input. feedback: (weight, bias) of its own spikes; None: none.
    """

    norse: bool
    how: tuple[int, ...]
    numbers: tuple[Tensor, ...]
    theta: int
    surrogate: Surrogate
    entry: Tensor | None = None
    feedback: tuple[Tensor, Tensor | None] | None = None

    @property
    def differentiable(self) -> bool:
        """Whether gradients pass its spikes."""
        with torch.enable_grad():
            return bool(self.surrogate(torch.zeros(1, requires_grad=True)).requires_grad)

    def tiled(self, batch: int, shape: tuple[int, ...]) -> Array:
        """The numbers of every cell, float32 (numbers, batch · neurons)."""
        rows = [each.expand(shape).reshape(1, -1).expand(batch, -1).reshape(-1) for each in self.numbers]
        return torch.stack(rows).numpy()


def refuse(where: str, what: str, fix: str = "train without acceleration") -> SnnDeployError:
    return error("SD846", where, what, fix)


def cells_of(module: nn.Module, where: str) -> Cells:
    """Raises SnnDeployError SD846 for a class, a setting or a surrogate that the kernels do not have."""
    family = FAMILIES.get(type(module))
    name = type(module).__name__
    key = ("" if family is None else family.framework, name)
    if key not in READERS:
        known = ", ".join(sorted(each for _, each in READERS))
        raise refuse(where, f"{name} has no kernel over time", f"train without acceleration, or with {known}")
    return READERS[key](module, where)


def number(value: Any, where: str, name: str) -> Tensor:
    """A constant parameter in float32. Raises SD846 if it learns."""
    tensor = torch.as_tensor(value)
    if tensor.requires_grad:
        raise refuse(where, f"its {name} learns, and the kernels take it as a constant")
    tensor = tensor.detach().to("cpu", torch.float32)
    while tensor.ndim > 1 and tensor.shape[0] == 1:
        tensor = tensor[0]
    return tensor


def leaky(module: Any, where: str) -> Cells:
    recurrent = hasattr(module, "recurrent")
    if not bool((torch.as_tensor(module.graded_spikes_factor) == 1).all()):
        raise refuse(where, "its graded_spikes_factor is not 1")
    if torch.as_tensor(module.graded_spikes_factor).requires_grad:
        raise refuse(where, "its graded_spikes_factor learns")
    zero = kernels.ZERO_AFTER if recurrent else kernels.ZERO_BEFORE
    reset = (kernels.SUBTRACT, zero, kernels.NONE)[int(module.reset_mechanism_val)]
    beta = number(module.beta, where, "beta").clamp(0, 1)
    feedback = None
    if recurrent:
        if type(module.recurrent) is not nn.Linear:
            raise refuse(where, f"its recurrence is {type(module.recurrent).__name__}, and the kernels have Linear")
        feedback = (module.recurrent.weight, module.recurrent.bias)
    how = (reset, int(bool(module.reset_delay)))
    numbers = (beta, number(module.threshold, where, "threshold"))
    return Cells(False, how, numbers, 1, module.spike_grad, feedback=feedback)


def norse(module: Any, where: str) -> Cells:
    from norse.torch.functional.reset import reset_subtract, reset_value
    from norse.torch.functional.threshold import threshold

    p = module.p
    current, recurrent = hasattr(p, "tau_syn_inv"), hasattr(module, "recurrent_weights")
    method = getattr(p, "reset_method", reset_value) if not current else reset_value
    if method not in (reset_value, reset_subtract):
        raise refuse(where, f"its reset {getattr(method, '__name__', method)!r} has no kernel")
    names = ("tau_mem_inv", "tau_syn_inv", "v_leak", "v_th", "v_reset")
    given = {name: number(getattr(p, name, 0.0), where, name) for name in names}
    k, ks = (torch.as_tensor(module.dt * torch.as_tensor(getattr(p, name, 0.0))).detach() for name in names[:2])
    numbers = (number(k, where, "k"), number(ks, where, "ks"), given["v_leak"], given["v_th"], given["v_reset"])
    reset = kernels.TO_VALUE if method is reset_value else kernels.BY_THRESHOLD
    # its recurrent step detaches the spikes in the reset, the others do not
    how = (int(current), reset, int(recurrent))

    def surrogate(x: Tensor) -> Tensor:
        spikes: Tensor = threshold(x, p.method, p.alpha)
        return spikes

    surrogate.__qualname__ = f"method {p.method!r}"
    entry, feedback = (module.input_weights, (module.recurrent_weights, None)) if recurrent else (None, None)
    return Cells(True, how, numbers, 3, surrogate, entry, feedback)


READERS: dict[tuple[str, str], Callable[[Any, str], Cells]] = {
    ("snntorch", "Leaky"): leaky,
    ("snntorch", "RLeaky"): leaky,
    ("norse", "LIFCell"): norse,
    ("norse", "LIFBoxCell"): norse,
    ("norse", "LIFRecurrentCell"): norse,
    ("norse", "LIF"): norse,
    ("norse", "LIFRecurrent"): norse,
}


def derivative(surrogate: Surrogate, x: Tensor, of_s: Tensor | None = None) -> Tensor:
    """ds/dx of each number, as the library's own backward pass has it."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        s = surrogate(x)
        if not s.requires_grad:
            return torch.zeros_like(x)
        found = torch.autograd.grad(s, x, torch.ones_like(s) if of_s is None else of_s, allow_unused=True)[0]
    return torch.zeros_like(x) if found is None else found


def check_surrogate(surrogate: Surrogate, where: str) -> None:
    """Its derivative is a function of each number alone, and its gradient a multiple of it. Raises SD846."""
    name = getattr(surrogate, "__qualname__", type(surrogate).__name__).removesuffix(".<locals>.inner")
    with torch.random.fork_rng(devices=[]):
        x = torch.cat([torch.linspace(-3, 3, 48), torch.tensor([-1e-3, 0.0, 1e-3])])
        given = torch.cos(7 * torch.arange(len(x)))
        try:
            whole = derivative(surrogate, x)
            alone = torch.cat([derivative(surrogate, each) for each in x.unsqueeze(1)])
            times = derivative(surrogate, x, given)
        except Exception as problem:
            what = f"its surrogate gradient {name} fails: {type(problem).__name__}: {short(problem)}"
            raise refuse(where, what) from problem
    if not (torch.equal(whole, alone) and torch.allclose(times, whole * given, rtol=1e-5, atol=1e-7)):
        what = f"its surrogate gradient {name} is unknown: no function of each membrane alone, the same every time"
        raise refuse(where, what, "use another surrogate, or train without acceleration")


def blank(rows: int, cells: int, dtype: torch.dtype = torch.float32) -> Array:
    """Memory as torch aligns it: its convolutions are slow on other."""
    return torch.empty(rows, cells, dtype=dtype).numpy()
