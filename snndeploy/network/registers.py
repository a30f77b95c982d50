"""The integer form of a population: the registers of a Loihi core and the arithmetic on them.

Step t, all integers, a the sum of the projections' accumulations::

    u[t] = wrap24(decay(u[t-1], 4096 - (du + 1)) + (a << 6))
    q    = clip24(decay(v[t-1], 4096 - dv) + u[t] + (bias_mant << bias_exp)·[t >= bias_onset])
    theta = (vth << 6) + a'                                               a' without adaptation: 0
    R    = v[t-1] > theta[t-1]
    p    = clip24(reset(q)) where R, if when is "next" or "residual"; else q
    s    = p > theta and not resting                                      strict
    v[t] = clip24(reset(p)) where s, if when is "now"; clip24(p - (s - R)·amount), if "residual"; else p

    a'   = decay(a[t-1], 4096 - da) if it decays "before", else a[t-1];   a[0] = 0
    a[t] = clip24(decay(a[t-1], 4096 - da) + jump·s)
    resting: in the `refractory.steps` steps after a spike; v keeps its value then, and u too if it says so

    decay(y, d) = sign(y)·((|y|·d) >> 12)            truncates toward zero
    wrap24(y)   = y - 2^24 if y > 2^23; y + 2^24 if y <= -2^23; else y    one wrap only, in 32 bits
    clip24(y)   = y limited to -(2^23 - 1) .. 2^23 - 1

`reset` and `amount` as in the float rule, `value` in state units. This is what Lava's bit-accurate LIF computes for
kind "to", value 0, when "now", and it was recorded on a Loihi chip; the other resets and the adaptive threshold
need the programmable neurons of Loihi 2. Refractory periods are those of Loihi: nengo-loihi's compartments hold v at
its reset of zero. Source: lava-nc 0.10.0, PyLifModelBitAcc; Davies et al., IEEE Micro 38(1), 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from snndeploy.network.arrays import Array, Numbers, freeze
from snndeploy.network.rule import Refractory, Reset

STATE_MAX = 2**23 - 1
STATE_SHIFT = 6
DECAY_UNITY = 2**12
DECAY_MAX = 2**12 - 1
VTH_MAX = 2**17 - 1
BIAS_MANT_MIN, BIAS_MANT_MAX = -(2**12), 2**12 - 1
BIAS_EXP_MAX = 2**3 - 1
WEIGHT_EXP_MIN, WEIGHT_EXP_MAX = -8, 7

SignMode = Literal["mixed", "excitatory", "inhibitory"]


@dataclass(frozen=True, eq=False)
class AdaptationRegisters:
    """A threshold that moves with the neuron's own spikes, by a: see the module. Numbers broadcast to the shape.

    Attributes:
        da: int64, 0..4095, decay of a in 1/4096 per step. jump: int64, state units, what a spike adds to a.
    """

    da: Numbers
    jump: Numbers
    decays: Literal["before", "after"] = "after"

    def __post_init__(self) -> None:
        for name in ("da", "jump"):
            object.__setattr__(self, name, freeze(getattr(self, name), np.int64))


@dataclass(frozen=True, eq=False)
class Registers:
    """The integer form of a population. See the module for the equation; numbers broadcast to the shape.

    Attributes:
        du, dv: int64, 0..4095, current and membrane decay. du = 4095: no memory; dv = 0: no leak.
        vth: int64, 0..131071, threshold mantissa (state units / 64); None: never spikes, emits v.
        bias_mant, bias_exp: int64, -4096..4095 and 0..7.
        reset: `value` in state units.
        refractory, adaptation: None where a neuron has none.
        initial_u, initial_v: int64, state units.
        scale: state units per unit of the float membrane; offset: the float membrane where the state is 0.
            v_float = v / scale + offset. For reading only: they take no part in the arithmetic.
    """

    du: Numbers
    dv: Numbers
    vth: Numbers | None
    bias_mant: Numbers = 0
    bias_exp: Numbers = 0
    bias_onset: int = 0
    reset: Reset = Reset("to", 0)
    initial_u: Numbers = 0
    initial_v: Numbers = 0
    scale: Numbers = 1.0
    offset: Numbers = 0.0
    refractory: Refractory | None = None
    adaptation: AdaptationRegisters | None = None

    def __post_init__(self) -> None:
        for name in ("du", "dv", "vth", "bias_mant", "bias_exp", "initial_u", "initial_v"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, freeze(value, np.int64))
        whole = freeze(self.reset.value, np.int64)
        object.__setattr__(self, "reset", Reset(self.reset.kind, whole, self.reset.when))
        object.__setattr__(self, "scale", freeze(self.scale))
        object.__setattr__(self, "offset", freeze(self.offset))

    @property
    def spiking(self) -> bool:
        return self.vth is not None

    @property
    def plain(self) -> bool:
        """True without refractory period and adaptation."""
        return self.refractory is None and self.adaptation is None


@dataclass(frozen=True, eq=False)
class Format:
    """How the integers of a projection are stored: weight = mantissa << exponent, applied to the sum.

    Attributes:
        exponent: -8..7; a negative one shifts the sum right (floor), as Lava does.
        bits: weight bits without sign.
        sign: "mixed" mantissas lie on the even grid -2^bits .. 2^bits - 2 (8 bits: -256..254); "excitatory" ones
            in 0..2^bits - 1; "inhibitory" ones in -(2^bits - 1)..0.
    """

    exponent: int = 0
    bits: int = 8
    sign: SignMode = "mixed"

    @property
    def step(self) -> int:
        """Distance between neighbouring mantissas."""
        return (1 << (8 - self.bits)) * (2 if self.sign == "mixed" else 1)

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest mantissa."""
        low = {"mixed": -256, "excitatory": 0, "inhibitory": -255}[self.sign]
        high = {"mixed": 255, "excitatory": 255, "inhibitory": 0}[self.sign]
        # toward zero from the clip limit: inhibitory weights are stored as magnitudes
        return -(-low // self.step * self.step), high // self.step * self.step


def natural_sign(weight: Array) -> SignMode:
    """The sign mode that Lava derives from the mantissas of one matrix."""
    if weight.size == 0 or weight.min() >= 0:
        return "excitatory"
    return "inhibitory" if weight.max() <= 0 else "mixed"
