"""What snnTorch's neurons have in common: parameters, reset settings, state handling.

Equations as installed (snntorch 1.0): R = m > θ of the stored membrane, p the new one, s = p > θ.
All parameters are float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from snntorch._neurons.neurons import SpikingNeuron

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.frontends.neurons import BASES, Cell, Family, Seen
from snndeploy.frontends.snntorch.probe import behaves
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Receptor, Reset, Rule

BASES.add(SpikingNeuron)
MECHANISMS = ("subtract", "zero", "none")
FUNCTIONS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}


def parameter(value: Any, shape: Shape, where: str, name: str, found: list[Finding]) -> Array:
    """A parameter as the float64 of what snnTorch computes with: single numbers act as float32.

    Appends SD308 if it has no place in a population of `shape`.
    """
    tensor = torch.as_tensor(value).detach().cpu()
    if tensor.ndim == 0 or not tensor.dtype.is_floating_point:
        tensor = tensor.to(torch.float32)
    while tensor.ndim > max(len(shape), 1) and tensor.shape[0] == 1:
        tensor = tensor[0]
    array = np.asarray(tensor.to(torch.float64).numpy())
    try:
        fits = np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        found.append(
            Finding(
                "SD308",
                where,
                f"{name} of shape {array.shape} does not broadcast to {shape}",
                "give it one axis per axis of the neurons",
            )
        )
    elif not np.isfinite(array).all():
        found.append(Finding("SD308", where, f"{name} has values that are NaN or infinite", "check the training"))
    return array.reshape(()) if array.size == 1 else array


def begun(cell: Cell, starts: Mapping[str, Array], where: str) -> Cell:
    """The cell with a membrane or a current that does not start at 0.

    Raises:
        SnnDeployError SD308: a membrane that is reset at once starts above its threshold, where snnTorch resets first.
    """
    rule = cell.rule
    at_once = rule.reset.kind == "to" and rule.reset.when == "now"
    if at_once and np.any(starts.get("mem", rule.initial) > np.asarray(rule.threshold)):
        raise error("SD308", where, "its 'mem' starts above its threshold", "start it at or below the threshold")
    first = replace(rule.receptors[0], initial=starts.get("syn", rule.receptors[0].initial))
    rule = replace(rule, receptors=(first, *rule.receptors[1:]), initial=starts.get("mem", rule.initial))
    return replace(cell, rule=rule)


def spikes_above_zero(module: Any, where: str, found: list[Finding]) -> None:
    """Appends SD308 if the surrogate does something else in its forward pass."""
    around = torch.tensor([-1.0, -1e-30, 0.0, 1e-30, 1.0])
    with torch.no_grad():
        spikes = torch.as_tensor(module.spike_grad(around.clone())).tolist()
    if spikes != [0.0, 0.0, 0.0, 1.0, 1.0]:
        what = f"its spike_grad gives {spikes} for {around.tolist()}, not 1 above 0 and 0 elsewhere"
        found.append(Finding("SD308", where, what, "use a function of snntorch.surrogate"))


class SnnTorchFamily(Family):
    """Base of the families: state variables, settings and their reading."""

    framework = "snntorch"

    # how the calls look

    def given(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        named = dict(zip(("input_", *self.states), args, strict=False)) | dict(kwargs)
        return named.get("input_"), {state: named.get(state) for state in self.states}

    def answer(self, module: Any, emitted: Any, states: Mapping[str, Any]) -> Any:
        if module.init_hidden and not module.output:
            return emitted
        return (emitted, *(states[state] for state in self.states if state != "spk"))

    def remembers(self, module: Any) -> bool:
        del module
        return True

    def clear(self, module: Any) -> None:
        for state in self.states:
            setattr(module, state, torch.zeros(0, device=getattr(module, state).device))

    # what a module means

    def reset(self, mechanism: str, delay: bool, threshold: Array) -> Reset:
        """The reset of one setting."""
        raise NotImplementedError

    def decays(self, module: Any, shape: Shape, where: str, found: list[Finding]) -> tuple[Receptor, ...]:
        """The receptors, all of which get the input: one without filter, unless the family has a current."""
        del module, shape, where, found
        return (Receptor(),)

    def beta(self, module: Any, shape: Shape, where: str, found: list[Finding]) -> Array:
        """The decay of the membrane."""
        return parameter(module.beta.detach().clamp(0, 1), shape, where, "beta", found)

    def delayed(self, module: Any) -> bool:
        """Does the reset wait for the next step? Neurons without the option do."""
        return bool(getattr(module, "reset_delay", True))

    def read(self, module: Any, where: str, shape: Shape, dt: float) -> Cell:
        del dt
        found: list[Finding] = []
        mechanism = self.mechanism(module, where, found)
        beta = self.beta(module, shape, where, found)
        threshold = parameter(module.threshold, shape, where, "threshold", found)
        value = parameter(module.graded_spikes_factor, shape, where, "graded_spikes_factor", found)
        receptors, delay = self.decays(module, shape, where, found), self.delayed(module)
        if np.any(value == 0):
            found.append(
                Finding(
                    "SD308", where, "graded_spikes_factor is 0, so spikes vanish", "remove the neurons, or set it to 1"
                )
            )
        if mechanism == "zero" and np.any(threshold < 0):
            found.append(
                Finding(
                    "SD308",
                    where,
                    f"threshold {threshold.min():g} < 0 with reset_mechanism 'zero': a reset neuron is above it",
                    "use a threshold >= 0",
                )
            )
        self.settings(module, where, found)
        raise_errors(found)
        wrong = behaves(self.cls, mechanism, delay)
        if wrong:
            found.append(Finding("SD311", where, wrong, "install snntorch 1.0: pip install 'snntorch>=1.0,<1.1'"))
        raise_errors(found)
        rule = Rule(
            beta=beta,
            threshold=threshold,
            receptors=receptors,
            reset=self.reset(mechanism, delay, threshold),
            value=value,
        )
        return Cell(rule, receptors=tuple(range(len(receptors))))

    def mechanism(self, module: Any, where: str, found: list[Finding]) -> str:
        """The reset that is computed; it is fixed when the neuron is built, and can be set once more afterwards."""
        function = getattr(module.state_function, "__func__", None)
        owner: Any = getattr(module.state_function, "__self__", None)
        name = str(getattr(function, "__name__", ""))
        used = FUNCTIONS.get(name, "")
        if module is not owner or not used or function is not getattr(self.cls, name, None):
            found.append(Finding("SD308", where, "its state_function was replaced", "build the neuron anew"))
            return "none"
        value = int(module.reset_mechanism_val)
        said = MECHANISMS[value] if 0 <= value < len(MECHANISMS) else str(value)
        if said != used:
            found.append(
                Finding(
                    "SD308",
                    where,
                    f"it was built with reset_mechanism {used!r} and changed to {said!r}, and computes a mixture",
                    f"build it with reset_mechanism={said!r}, then load the weights",
                )
            )
        return used

    def settings(self, module: Any, where: str, found: list[Finding]) -> None:
        """Settings that have no place in the network."""
        if module.inhibition:
            found.append(
                Finding("SD308", where, "inhibition lets only one neuron spike per step", "train with inhibition=False")
            )
        if module.state_quant:
            found.append(
                Finding(
                    "SD308",
                    where,
                    "state_quant rounds the membrane in training",
                    "train without it; quantize() does it exactly",
                )
            )
        spikes_above_zero(module, where, found)

    # what a run shows

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        del module
        x, _ = self.given(args, kwargs)
        return x

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        emitted = output[0] if isinstance(output, tuple) else output
        return Seen(emitted, self.current(module, before), self.membrane(module, emitted))

    def current(self, module: Any, before: Any) -> torch.Tensor | None:
        """u of this step: what arrived."""
        del module
        arrived: torch.Tensor = before
        return arrived

    def membrane(self, module: Any, emitted: torch.Tensor) -> torch.Tensor:
        """v at the end of this step."""
        del emitted
        stored: torch.Tensor = module.mem
        return stored
