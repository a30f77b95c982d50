"""What the kernels over time need of a neuron module, read from the module itself: rule, numbers, surrogate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snndeploy.errors import SnnDeployError, error
from snndeploy.frontends.neurons import FAMILIES
from snndeploy.train import time_rules as rules
from snndeploy.train.time_plan import ROWS
from snndeploy.train.time_surrogates import Surrogate, inlined, never


@dataclass(frozen=True, eq=False)
class Cells:
    """One neuron module over time.

    Attributes:
        rule: what a step computes.
        numbers: by name, float32; single numbers, or of the shape of the neurons. Those that learn have a graph.
        surrogate: p - threshold -> spikes, with gradient. kind, slope: how the kernels know it; ROWS: they do not.
        entry: what the module does to its input. feedback: (weight, bias) of its own spikes; None: none.
    """

    rule: rules.Rule
    numbers: Mapping[str, Tensor]
    surrogate: Surrogate = never
    kind: str = ROWS
    slope: float = 0.0
    entry: Tensor | None = None
    feedback: tuple[Tensor, Tensor | None] | None = None

    @property
    def differentiable(self) -> bool:
        """Whether gradients pass its spikes."""
        with torch.enable_grad():
            return bool(self.surrogate(torch.zeros(1, requires_grad=True)).requires_grad)

    @property
    def learned(self) -> tuple[str, ...]:
        return tuple(name for name in self.rule.numbers if self.numbers[name].requires_grad)

    def table(self, shape: tuple[int, ...], device: Any) -> Tensor:
        """The numbers of every neuron, float32 (numbers, neurons)."""
        rows = [self.numbers[name].detach().to(device).expand(shape).reshape(-1) for name in self.rule.numbers]
        if self.kind not in (ROWS, "straight_through"):
            rows.append(torch.full(shape, self.slope, device=device).reshape(-1))
        return torch.stack(rows) if rows else torch.zeros(0, *shape, device=device).flatten(1)


def refuse(where: str, what: str, fix: str = "train without acceleration") -> SnnDeployError:
    return error("SD846", where, what, fix)


def cells_of(module: nn.Module, where: str) -> Cells:
    """Raises SnnDeployError SD846 for a class or a setting that the kernels do not have."""
    family = FAMILIES.get(type(module))
    name = type(module).__name__
    key = ("" if family is None else family.framework, name)
    if key not in READERS:
        known = ", ".join(sorted({each for _, each in READERS}))
        raise refuse(where, f"{name} has no kernel over time", f"train without acceleration, or with {known}")
    return READERS[key](module, where)


def number(value: Any) -> Tensor:
    """A parameter in float32, with its graph where it learns."""
    tensor = torch.as_tensor(value).to(torch.float32)
    while tensor.ndim > 1 and tensor.shape[0] == 1:
        tensor = tensor[0]
    return tensor


def snntorch(module: Any, where: str) -> Cells:
    """Leaky, RLeaky, Lapicque, Synaptic, RSynaptic."""
    graded = torch.as_tensor(module.graded_spikes_factor)
    if graded.requires_grad:
        raise refuse(where, "its graded_spikes_factor learns")
    if not bool((graded == 1).all()):
        raise refuse(where, "its graded_spikes_factor is not 1")
    gain, current, recurrent = hasattr(module, "time_step"), hasattr(module, "alpha"), hasattr(module, "recurrent")
    zero = rules.ZERO_AFTER if gain or current or recurrent else rules.ZERO_BEFORE
    reset = (rules.SUBTRACT, zero, rules.NONE)[int(module.reset_mechanism_val)]
    delay = bool(getattr(module, "reset_delay", True))
    if not delay and current and recurrent and reset != rules.NONE:
        raise refuse(where, "with reset_delay=False it resets what was given to it, not what it remembers")
    fed, feedback = "", None
    numbers = {"theta": number(module.threshold), "beta": number(torch.as_tensor(module.beta).clamp(0, 1))}
    if gain:
        numbers |= {"r": number(module.R), "rate": number(1 / (module.R * module.C)), "step": number(module.time_step)}
        numbers["beta"] = number(1 - (module.time_step / (module.R * module.C)))
    if current:
        numbers["alpha"] = number(module.alpha.clamp(0, 1))
    if recurrent and type(module.recurrent) is nn.Linear:
        fed, feedback = rules.MATRIX, (module.recurrent.weight, module.recurrent.bias)
    elif recurrent and type(module.recurrent).__name__ == "RecurrentOneToOne":
        fed, numbers["own"] = rules.ONE_TO_ONE, number(module.recurrent.V)
    elif recurrent:
        what = f"its recurrence is {type(module.recurrent).__name__}, and the kernels have Linear and one-to-one"
        raise refuse(where, what)
    rule = rules.SnnTorch(reset, delay, current, gain, fed)
    kind, slope = inlined(module.spike_grad)
    return Cells(rule, numbers, module.spike_grad, kind, slope, feedback=feedback)


def norse(module: Any, where: str) -> Cells:
    """LIF, LIFBox, IAF, LI, LIBox, by cell and over time; the recurrent LIF."""
    from norse.torch.functional.reset import reset_subtract, reset_value
    from norse.torch.functional.threshold import threshold

    p = module.p
    current, recurrent = hasattr(p, "tau_syn_inv"), hasattr(module, "recurrent_weights")
    form = "current" if current else "box" if hasattr(p, "tau_mem_inv") else "sum"
    numbers = {name: number(getattr(p, name)) for name in ("v_leak", "v_th", "v_reset") if hasattr(p, name)}
    named = {"leak": "v_leak", "theta": "v_th", "value": "v_reset"}
    numbers = {new: numbers[old] for new, old in named.items() if old in numbers}
    numbers |= {
        new: number(module.dt * torch.as_tensor(getattr(p, old)))
        for new, old in (("k", "tau_mem_inv"), ("ks", "tau_syn_inv"))
        if hasattr(p, old)
    }
    entry = module.input_weights if hasattr(module, "input_weights") else None
    if not hasattr(p, "v_th"):
        return Cells(rules.Norse(form, rules.NONE), numbers, entry=entry)
    method = reset_value if form != "box" else getattr(p, "reset_method", reset_value)
    if method not in (reset_value, reset_subtract):
        raise refuse(where, f"its reset {getattr(method, '__name__', method)!r} has no kernel")
    reset = rules.TO_VALUE if method is reset_value else rules.BY_THRESHOLD

    def surrogate(x: Tensor) -> Tensor:
        spikes: Tensor = threshold(x, p.method, p.alpha)
        return spikes

    surrogate.__qualname__ = f"method {p.method!r}"
    known = ("super", float(p.alpha)) if p.method == "super" else None
    kind, slope = inlined(surrogate, known)
    # its recurrent step detaches the spikes in the reset, the others do not
    rule = rules.Norse(form, reset, recurrent, rules.MATRIX if recurrent else "")
    feedback = (module.recurrent_weights, None) if recurrent else None
    return Cells(rule, numbers, surrogate, kind, slope, entry, feedback)


_NORSE = ("LIFCell", "LIFBoxCell", "LIFRecurrentCell", "LIF", "LIFRecurrent", "LICell", "LI", "LILinearCell")
READERS: dict[tuple[str, str], Callable[[Any, str], Cells]] = {
    **{("snntorch", name): snntorch for name in ("Leaky", "RLeaky", "Lapicque", "Synaptic", "RSynaptic")},
    **{("norse", name): norse for name in (*_NORSE, "LIBoxCell", "IAFCell", "IAF")},
}
