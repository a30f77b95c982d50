"""RuleLIF: what Lava's LIF lacks, as a Lava process."""

from __future__ import annotations

import typing as ty

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var


class RuleLIF(AbstractProcess):  # type: ignore[misc]
    """Leaky integrate-and-fire neurons that wait for their start, with any reset, initial state and onset.

    Until `start` steps have passed, state and output stay as they are: initial values and zero.

    Parameters
    ----------
    numbers : dict of arrays, (size,) each, or (receptors, size) for u, alpha, gain and constant. Fixed point: du, dv,
        vth, bias_mant, bias_exp, u, v, reset_value, and adapt_da, adapt_jump where the rule has them. Floating point:
        alpha, gain, constant, beta, vth, bias, v, u, reset_value, value, and floor, state_floor, adapt_decay,
        adapt_jump where the rule has them.
    settings : dict of the words and whole numbers that `neurons.py` lists.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        start: int,
        numbers: dict[str, np.ndarray],
        settings: dict[str, ty.Any],
    ) -> None:
        super().__init__(shape=shape, start=start, numbers=numbers, settings=settings)
        self.a_in = InPort(shape=shape)
        self.a_in_1 = InPort(shape=shape)
        self.a_in_2 = InPort(shape=shape)
        self.a_in_3 = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = Var(shape=numbers["u"].shape, init=numbers["u"])
        self.v = Var(shape=shape, init=numbers["v"])
