"""Real numbers on the grids of the registers: mantissas, exponents, decays, biases."""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import DECAY_UNITY, Format, SignMode, natural_sign
from snndeploy.quantize.choice import Grid
from snndeploy.targets import Target


def decays(alpha: Array, beta: Array, target: Target) -> tuple[Array, Array]:
    """du = round(4096·(1 - alpha)) - 1 and dv = round(4096·(1 - beta)), at most the largest of the target."""
    most = target.neuron.decay_max.value
    du = np.clip(np.rint(DECAY_UNITY * (1 - alpha)) - 1, 0, most)
    dv = np.clip(np.rint(DECAY_UNITY * (1 - beta)), 0, most)
    return du.astype(np.int64), dv.astype(np.int64)


def realised_alpha(du: Array) -> Array:
    return np.asarray((DECAY_UNITY - 1 - du) / DECAY_UNITY)


def realised_beta(dv: Array) -> Array:
    return np.asarray((DECAY_UNITY - dv) / DECAY_UNITY)


def mantissas(weight: Array, scale: Array | float, form: Grid) -> Array:
    """The nearest mantissas: weight·scale / 2^exponent on the grid of the format, clipped to its limits. float64."""
    low, high = form.limits
    step = form.step
    return np.asarray(np.clip(np.rint(weight * (scale / 2.0**form.exponent / step)) * step, low, high))


def formats(weight: Array, scale: float, target: Target) -> list[Format]:
    """Formats worth trying: the finest in which no mantissa is clipped, and the next finer one, which clips some."""
    sign: SignMode = natural_sign(weight)
    bits, most = target.synapse.weight_bits.value, target.synapse.weight_exponent_max.value
    low, high = Format(0, bits, sign).limits
    top, bottom = (float(weight.max()), float(weight.min())) if weight.size else (0.0, 0.0)
    need = max(top * scale / high if high else 0.0, bottom * scale / low if low else 0.0)
    fitting = max(0, int(np.ceil(np.log2(need)))) if need > 0 else 0
    return [Format(e, bits, sign) for e in (fitting, fitting - 1) if 0 <= e <= most]


def biases(bias: Array, target: Target) -> tuple[Array, Array]:
    """Mantissa and exponent of `bias` (state units): the smallest exponent that holds it, per neuron."""
    most, top = target.neuron.bias_mantissa_max.value, target.neuron.bias_exponent_max.value
    exponent = np.zeros(bias.shape, np.int64)
    for e in range(top):
        exponent = np.where(np.abs(np.rint(bias / 2.0**e)) > most, e + 1, exponent)
    return np.rint(bias / 2.0**exponent).astype(np.int64), exponent
