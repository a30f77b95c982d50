"""Where a neuron lies inside the engine: channels last, so that what one place sends and gets lies side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Reset


@dataclass(frozen=True)
class Layout:
    """The order of the elements of `shape` in rows of `size` numbers.

    Attributes:
        moved: (channels, *space) is stored as (*space, channels); else row-major as it is.
    """

    shape: Shape
    moved: bool = False

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def stored(self) -> Shape:
        """The shape in which a row lies in memory."""
        return (*self.shape[1:], self.shape[0]) if self.moved else self.shape

    @cached_property
    def order(self) -> Array:
        """int64 (size,): which element of the row-major array lies at each place of a row."""
        numbers = np.arange(self.size).reshape(self.shape)
        return (np.moveaxis(numbers, 0, -1) if self.moved else numbers).reshape(-1)

    @cached_property
    def place(self) -> Array:
        """int64 (size,): where in a row each element of the row-major array lies."""
        found = np.empty(self.size, np.int64)
        found[self.order] = np.arange(self.size)
        return found

    @property
    def regular(self) -> bool:
        """Channels last, or there are no channels."""
        return self.moved or len(self.shape) < 2

    def rule(self, rule: Registers) -> Registers:
        """The same neurons in the order of rows, as a rule for the shape `stored`."""
        if not self.moved:
            return rule
        reset = Reset(rule.reset.kind, self._number(rule.reset.value), rule.reset.when)
        numbers = ("du", "dv", "vth", "bias_mant", "bias_exp", "initial_u", "initial_v")
        moves = rule.adaptation
        if moves is not None:
            moves = replace(moves, da=self._number(moves.da), jump=self._number(moves.jump))
        return replace(
            rule, adaptation=moves, reset=reset, **{name: self._number(getattr(rule, name)) for name in numbers}
        )

    def _number(self, value: Any) -> Any:
        if value is None or np.ndim(value) == 0:
            return value
        return np.moveaxis(np.broadcast_to(value, self.shape), 0, -1)

    def first(self, whole: Any) -> Any:
        """`whole: (..., *stored)` as a view (..., *shape), of NumPy or torch."""
        if not self.moved:
            return whole
        to = whole.ndim - len(self.shape)
        return np.moveaxis(whole, -1, to) if isinstance(whole, np.ndarray) else whole.movedim(-1, to)

    def natural(self, rows: Any) -> Any:
        """`rows: (..., size)` as a view (..., *shape), of NumPy or torch."""
        return self.first(rows.reshape(*rows.shape[:-1], *self.stored))
