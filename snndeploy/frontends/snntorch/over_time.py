"""snnTorch's neurons that take (time, batch, features) at once, and never reset.

* LeakyParallel: h' = max(0, W x + b_ih + w h + b_hh), s = h' > θ: a floor at 0. w is the diagonal of `weight_hh_l0`; it
  is what decays, `beta` is copied into it when the neuron is built.
* StateLeaky: m is x convolved with exp(-t/τ), so it decays with exp(-1/τ), not with beta = 1 - 1/τ.
* LinearLeaky: StateLeaky behind a linear layer.

The two last ones multiply a spike by graded_spikes_factor twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import snntorch
import torch

from snndeploy.errors import Finding, raise_errors
from snndeploy.frontends.layers import numbers
from snndeploy.frontends.neurons import BASES, Cell, Family, Seen, neuron
from snndeploy.frontends.snntorch.base import parameter, spikes_above_zero
from snndeploy.frontends.snntorch.probe import behaves_over_time
from snndeploy.frontends.value import Affine
from snndeploy.network.maps import Dense, Shape
from snndeploy.network.rule import Reset, Rule

BASES.add(snntorch.LeakyParallel)


class OverTime(Family):
    """What they have in common: no state goes in, the reading of threshold and factor."""

    framework = "snntorch"
    over_time = True
    states: tuple[str, ...] = ()

    def given(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        return (args[0] if args else kwargs.get("input_")), {}

    def remembers(self, module: Any) -> bool:
        """There is one call, and it starts at rest."""
        del module
        return True

    def read(self, module: Any, where: str, shape: Shape, dt: float) -> Cell:
        del dt
        found: list[Finding] = []
        cell = self.cell(module, where, shape, found)
        if cell.rule.spiking:
            spikes_above_zero(module, where, found)
            if np.any(cell.rule.value == 0):
                what = "graded_spikes_factor is 0, so spikes vanish"
                found.append(Finding("SD308", where, what, "remove the neurons, or set it to 1"))
        raise_errors(found)
        wrong = behaves_over_time(self.cls)
        if wrong:
            found.append(Finding("SD311", where, wrong, "install snntorch 1.0: pip install 'snntorch>=1.0,<1.1'"))
        raise_errors(found)
        return cell

    def cell(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Cell:
        """What the module means; appends what does not fit."""
        raise NotImplementedError


@neuron
class LeakyParallel(OverTime):
    """β = diagonal of W_hh, floor 0, no reset."""

    cls = snntorch.LeakyParallel

    def out_shape(self, module: Any, shape: Shape) -> Shape:
        return (*shape[:-1], int(module.hidden_size))

    def cell(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Cell:
        rnn = module.rnn
        weight = numbers(rnn.weight_hh_l0)
        if np.any(weight != np.diag(np.diag(weight))):
            what = "its recurrent weights are not diagonal, so membranes flow into each other"
            found.append(Finding("SD308", where, what, "build it with weight_hh_enable=False, or use RLeaky"))
        if rnn.num_layers != 1 or rnn.bidirectional or rnn.nonlinearity != "relu" or rnn.batch_first:
            found.append(Finding("SD308", where, "its rnn was replaced", "build the neuron anew"))
        rule = Rule(
            beta=np.diag(weight),
            threshold=parameter(module.threshold, shape, where, "threshold", found),
            reset=Reset("none"),
            floor=0.0,
            value=parameter(module.graded_spikes_factor, shape, where, "graded_spikes_factor", found),
        )
        constant = numbers(rnn.bias_ih_l0) + numbers(rnn.bias_hh_l0) if rnn.bias else None
        return Cell(rule, entry=Affine((Dense(numbers(rnn.weight_ih_l0)),), constant))

    def answer(self, module: Any, emitted: Any, states: Mapping[str, Any]) -> Any:
        del module, states
        return emitted

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What arrives, and the membranes, which the module does not return."""
        x, _ = self.given(args, kwargs)
        rnn = module.rnn
        bias = rnn.bias_ih_l0 + rnn.bias_hh_l0 if rnn.bias else None
        return torch.nn.functional.linear(x, rnn.weight_ih_l0, bias), rnn(x)[0]

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        del module
        return Seen(output, *before)


@neuron
class StateLeaky(OverTime):
    """β = exp(-1/τ), no reset; without `output` it emits its membrane."""

    cls: type = snntorch.StateLeaky

    def cell(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Cell:
        tau = parameter(module.tau, shape, where, "tau", found)
        if np.any(tau <= 0):
            found.append(Finding("SD308", where, f"tau = {tau.min():g} is not positive", "train with 0 <= beta < 1"))
        if module.kernel_truncation_steps is not None:
            what = f"it forgets everything after {module.kernel_truncation_steps} steps (kernel_truncation_steps)"
            found.append(Finding("SD308", where, what, "use kernel_truncation_steps=None"))
        if module.state_quant:
            what = "state_quant rounds the membrane in training"
            found.append(Finding("SD308", where, what, "train without it; quantize() does it exactly"))
        raise_errors(found)
        value = parameter(module.graded_spikes_factor, shape, where, "graded_spikes_factor", found)
        threshold = parameter(module.threshold, shape, where, "threshold", found)
        return Cell(
            Rule(
                beta=np.exp(-1.0 / tau),
                threshold=threshold if module.output else None,
                reset=Reset("none"),
                value=value * value if module.output else 1.0,
            )
        )

    def answer(self, module: Any, emitted: Any, states: Mapping[str, Any]) -> Any:
        return (emitted, states["mem"]) if module.output else emitted

    states = ("mem",)

    def given(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        return super().given(args, kwargs)[0], {}

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        del module
        return self.given(args, kwargs)[0]

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        emitted, mem = output if module.output else (output, output)
        return Seen(emitted, before, mem)


@neuron
class LinearLeaky(StateLeaky):
    """StateLeaky and its layer."""

    cls = snntorch.LinearLeaky

    def out_shape(self, module: Any, shape: Shape) -> Shape:
        return (*shape[:-1], int(module.linear.out_features))

    def cell(self, module: Any, where: str, shape: Shape, found: list[Finding]) -> Cell:
        linear = module.linear
        constant = None if linear.bias is None else numbers(linear.bias)
        cell = super().cell(module, where, shape, found)
        return replace(cell, entry=Affine((Dense(numbers(linear.weight)),), constant))

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        return module.linear(self.given(args, kwargs)[0])
