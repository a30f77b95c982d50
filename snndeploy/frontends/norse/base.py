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
        x, came = self.arguments(args, kwargs)
        return x, self.unpack(came) if isinstance(came, self.state) else dict.fromkeys(self.states, came)

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
        """The input and the state of a call."""
        named = dict(zip(("input_tensor", "state"), args, strict=False)) | dict(kwargs)
        return named.get("input_tensor"), named.get("state")

    def unpack(self, state: Any) -> dict[str, Any]:
        """The state variables by name."""
        return {name: getattr(state, name) for name in self.states}

    def pack(self, states: Mapping[str, Any]) -> Any:
        """The structure that the cell returns."""
        return self.state(**states)

    def parameters(self, module: Any) -> Any:
        """Those of the membrane: v_leak, v_th, v_reset, method, ..."""
        return module.p

    def answer(self, module: Any, emitted: Any, states: Mapping[str, Any]) -> Any:
        del module
        return emitted, self.pack(states)

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
        self.check_step(module, where, found)
        if not found and self.spiking:
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

    def check_step(self, module: Any, where: str, found: list[Finding]) -> None:
        """The cell must compute the step that the equations were taken from."""
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

    def rule(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Rule:
        """The rule of a cell whose settings were checked."""
        raise NotImplementedError

    def check_spikes(self, module: Any, where: str, found: list[Finding]) -> None:
        around, p = torch.tensor([-1.0, -1e-30, 0.0, 1e-30, 1.0]), self.parameters(module)
        try:
            with torch.no_grad():
                spikes = heaviside(around, p.method, p.alpha).tolist()
        except ValueError:
            spikes = []
        if spikes != [0.0, 0.0, 0.0, 1.0, 1.0]:
            found.append(
                Finding("SD308", where, f"method {p.method!r} is no threshold", "use method='super' or 'heaviside'")
            )

    def initial(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Array:
        """v before the first step, as the cell itself sets it."""
        silence = torch.zeros(*(1, 1) if self.over_time else (1,), *shape)
        try:
            fallback = self.fallback(module, silence)
        except Exception as problem:
            found.append(
                Finding(
                    "SD312", where, f"its initial state fails: {problem}", "make every parameter of p a torch tensor"
                )
            )
            raise_errors(found)
        v = self.unpack(fallback)["v"].detach()
        if v.ndim > len(shape):
            v = v[0]
        return effective(v)

    def fallback(self, module: Any, x: torch.Tensor) -> Any:
        """The state that a call without state starts from."""
        return module.state_fallback(x)

    def membrane(self, module: Any) -> tuple[Array, Array]:
        """k = dt·tau_mem_inv in float32, and v_leak."""
        p = self.parameters(module)
        return effective(module.dt * p.tau_mem_inv), effective(p.v_leak)

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        del module
        x, _ = self.given(args, kwargs)
        return x

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        del module
        emitted, state = output
        return Seen(emitted, before, torch.as_tensor(self.unpack(state)["v"]).expand(emitted.shape))


def to_value(parameters: Any) -> Reset:
    """v = (1 - z) v + z v_reset."""
    return Reset("to", effective(parameters.v_reset), "now")
