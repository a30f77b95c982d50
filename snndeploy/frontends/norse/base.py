"""What Norse's cells have in common.

k = dt·tau_mem_inv is computed in float32, as Norse does; then β = 1 - k in float64.
Norse adds k·(v_leak - v + drive) to v, so β = 1 - k, the gain of the drive is k, and the bias is k·v_leak.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from norse.torch.functional.threshold import threshold as heaviside
from norse.torch.module.snn import SNN, SNNCell, SNNRecurrent, SNNRecurrentCell

from snndeploy.errors import Finding, raise_errors
from snndeploy.frontends.neurons import BASES, Cell, Family, Seen
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Reset, Rule

BASES.update({SNN, SNNCell, SNNRecurrent, SNNRecurrentCell})


def effective(value: Any) -> Array:
    """A number as Norse's float32 arithmetic uses it, as float64: single numbers take the type of the tensors."""
    tensor = torch.as_tensor(value).detach().cpu()
    if tensor.ndim == 0:
        tensor = tensor.to(torch.float32)
    return np.asarray(tensor.to(torch.float64).numpy())


class NorseFamily(Family):
    """Base of the families: state, dt, parameters."""

    framework = "norse"
    packed = True
    # the functional step that the equations were taken from
    step: Callable[..., Any]
    state: type
    spiking = True
    uses_dt = True

    def given(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        named = dict(zip(("input_tensor", "state"), args, strict=False)) | dict(kwargs)
        came = named.get("state")
        if isinstance(came, self.state):
            return named.get("input_tensor"), {name: getattr(came, name) for name in self.states}
        return named.get("input_tensor"), dict.fromkeys(self.states, came)

    def answer(self, module: Any, emitted: Any, states: Mapping[str, Any]) -> Any:
        del module
        return emitted, self.state(**states)

    def remembers(self, module: Any) -> bool:
        del module
        return False

    def read(self, module: Any, where: str, shape: Shape, dt: float) -> Cell:
        found: list[Finding] = []
        if self.uses_dt and float(module.dt) != float(dt):
            found.append(
                Finding(
                    "SD309",
                    where,
                    f"its dt is {float(module.dt):g} s, the capture's is {float(dt):g} s",
                    f"capture with dt={float(module.dt):g}, or build the cell with dt={float(dt):g}",
                )
            )
        if module.activation is not self.step:
            name = getattr(module.activation, "__name__", str(module.activation))
            found.append(
                Finding(
                    "SD308",
                    where,
                    f"it computes {name}, not {self.step.__name__}",
                    "use the default method of the cell",
                )
            )
        elif self.spiking:
            self.check_spikes(module, where, found)
        raise_errors(found)
        rule = self.rule(module, where, shape, found)
        for name in ("beta", "threshold", "bias", "initial"):
            value = getattr(rule, name)
            try:
                fits = value is None or np.broadcast_shapes(value.shape, shape) == shape
            except ValueError:
                fits = False
            if not fits:
                found.append(
                    Finding(
                        "SD308",
                        where,
                        f"{name} of shape {value.shape} does not broadcast to {shape}",
                        "give it one axis per axis of the neurons",
                    )
                )
        raise_errors(found)
        return Cell(rule)

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        """The rule of a cell whose settings were checked."""
        raise NotImplementedError

    def check_spikes(self, module: Any, where: str, found: list[Finding]) -> None:
        around = torch.tensor([-1.0, -1e-30, 0.0, 1e-30, 1.0])
        try:
            with torch.no_grad():
                spikes = heaviside(around, module.p.method, module.p.alpha).tolist()
        except ValueError:
            spikes = []
        if spikes != [0.0, 0.0, 0.0, 1.0, 1.0]:
            found.append(
                Finding(
                    "SD308", where, f"method {module.p.method!r} is no threshold", "use method='super' or 'heaviside'"
                )
            )

    def initial(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Array:
        """v before the first step, as the cell itself sets it."""
        try:
            fallback = module.state_fallback(torch.zeros(1, *shape))
        except Exception as problem:
            found.append(
                Finding(
                    "SD312", where, f"its initial state fails: {problem}", "make every parameter of p a torch tensor"
                )
            )
            raise_errors(found)
        v = fallback.v.detach()
        if v.ndim > len(shape):
            v = v[0]
        return effective(v)

    def membrane(self, module: Any) -> tuple[Array, Array]:
        """k = dt·tau_mem_inv in float32, and v_leak."""
        return effective(module.dt * module.p.tau_mem_inv), effective(module.p.v_leak)

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        del module
        x, _ = self.given(args, kwargs)
        return x

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        del module
        emitted, state = output
        return Seen(emitted, before, torch.as_tensor(state.v).expand(emitted.shape))


def to_value(module: Any) -> Reset:
    """v = (1 - z) v + z v_reset."""
    return Reset("to", effective(module.p.v_reset), "now")
