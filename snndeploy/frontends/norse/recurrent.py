"""norse.torch.LIFRecurrentCell: j = (i + W_in x) + W_rec z[t-1]; everything else as LIFCell.

The cell zeroes the diagonal of W_rec when it is built, unless autapses=True; the weights are taken as they are now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from norse.torch.functional.lif import LIFState, lif_step
from norse.torch.module.lif import LIFRecurrentCell

from snndeploy.frontends.layers import numbers
from snndeploy.frontends.neurons import Cell, neuron
from snndeploy.frontends.norse.base import NorseFamily
from snndeploy.frontends.norse.lif import LIF
from snndeploy.frontends.value import Affine
from snndeploy.network.maps import Dense, Shape


class Recurrent(NorseFamily):
    """A cell behind a dense layer, which feeds itself one step late."""

    echo = "z"

    def out_shape(self, module: Any, shape: Shape) -> Shape:
        return (*shape[:-1], int(module.hidden_size))

    def read(self, module: Any, where: str, shape: Shape, dt: float) -> Cell:
        cell = super().read(module, where, shape, dt)
        return replace(
            cell,
            entry=Affine((Dense(numbers(module.input_weights)),)),
            feedback=Affine((Dense(numbers(module.recurrent_weights)),)),
        )


@neuron
class LIFRecurrent(Recurrent, LIF):
    """LIF with both layers."""

    cls: type = LIFRecurrentCell
    states: tuple[str, ...] = ("z", "v", "i")
    state: type = LIFState
    step = staticmethod(lif_step)

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """j, computed as the cell does."""
        x, states = self.given(args, kwargs)
        arrived = torch.nn.functional.linear(x, module.input_weights)
        if states["i"] is None:
            return arrived
        return states["i"] + arrived + torch.nn.functional.linear(states["z"], module.recurrent_weights)
