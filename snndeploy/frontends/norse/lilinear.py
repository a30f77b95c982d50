"""norse.torch.LILinearCell: LICell behind a dense layer of its own. v starts at v_leak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from norse.torch.functional.leaky_integrator import LIState, li_step
from norse.torch.module.leaky_integrator import LILinearCell

from snndeploy.errors import Finding
from snndeploy.frontends.layers import numbers
from snndeploy.frontends.neurons import BASES, Cell, neuron
from snndeploy.frontends.norse.li import LI
from snndeploy.frontends.value import Affine
from snndeploy.network.maps import Dense, Shape

BASES.add(LILinearCell)


@neuron
class LILinear(LI):
    """LI with its layer."""

    cls = LILinearCell
    step = staticmethod(li_step)

    def out_shape(self, module: Any, shape: Shape) -> Shape:
        return (*shape[:-1], int(module.hidden_size))

    def check_step(self, module: Any, where: str, found: list[Finding]) -> None:
        """Its forward names the step; there is nothing to choose."""

    def read(self, module: Any, where: str, shape: Shape, dt: float) -> Cell:
        return replace(super().read(module, where, shape, dt), entry=Affine((Dense(numbers(module.input_weights)),)))

    def fallback(self, module: Any, x: torch.Tensor) -> Any:
        return LIState(v=module.p.v_leak.detach(), i=torch.zeros_like(x))

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """j, computed as the cell does."""
        x, states = self.given(args, kwargs)
        arrived = torch.nn.functional.linear(x, module.input_weights)
        return arrived if states["i"] is None else states["i"] + arrived
