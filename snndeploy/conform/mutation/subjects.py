"""The networks that faults are planted in, with inputs on which every part of them matters."""

from __future__ import annotations

from functools import cache

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten
from snndeploy.network.network import Input, Network, Population, Projection
from snndeploy.network.registers import AdaptationRegisters, Format, Registers
from snndeploy.network.rule import Adaptation, Receptor, Refractory, Reset, Rule

STEPS, BATCH = 40, 3


def _input(shape: tuple[int, ...], seed: int, rate: float = 0.35) -> Array:
    return (np.random.default_rng(seed).random((STEPS, BATCH, *shape)) < rate).astype(np.int64)


@cache
def subjects() -> dict[str, tuple[Network, Array]]:
    """Networks by name, each with its input (time, batch, *shape)."""
    return {
        "float dense": (_float_dense(), _input((6,), 1)),
        "float convolution": (_float_conv(), _input((2, 5, 5), 2, 0.25)),
        "float late": (_float_late(), _input((5,), 3, 0.4)),
        "integer dense": (_integer_dense(), _input((6,), 4, 0.45)),
        "integer convolution": (_integer_conv(), _input((2, 5, 5), 5, 0.3)),
        "integer overflow": (_integer_overflow(), _input((4,), 6, 0.6)),
        "float lattice": (_float_lattice(), _input((5,), 7, 0.4)),
        "integer lattice": (_integer_lattice(), _input((5,), 8, 0.4)),
    }


def _float_dense() -> Network:
    """Two layers with a current each, biases, soft resets, and a loop."""
    rng = np.random.default_rng(11)
    hidden = Rule(
        beta=rng.uniform(0.8, 0.95, 7),
        threshold=1.0,
        receptors=(Receptor(alpha=rng.uniform(0.4, 0.8, 7), constant=rng.uniform(0.02, 0.1, 7)),),
        bias=rng.uniform(0.03, 0.08, 7),
        reset=Reset("by", 1.0),
    )
    out = Rule(beta=0.9, threshold=0.8, receptors=(Receptor(alpha=0.6, gain=0.9),), reset=Reset("to", 0.0))
    return Network(
        1e-3,
        (Input("in", (6,)),),
        (Population("hidden", (7,), hidden), Population("out", (4,), out)),
        (
            Projection("in", "hidden", (Dense(rng.normal(0.15, 0.35, (7, 6))),)),
            Projection("hidden", "hidden", (Dense(rng.normal(0, 0.25, (7, 7))),), delay=1),
            Projection("hidden", "out", (Dense(rng.normal(0.15, 0.4, (4, 7))),)),
        ),
        ("out",),
    )


def _float_conv() -> Network:
    """A convolution, a dense layer behind it, and a readout that emits v."""
    rng = np.random.default_rng(12)
    return Network(
        1e-3,
        (Input("in", (2, 5, 5)),),
        (
            Population("conv", (3, 3, 3), Rule(beta=0.8, threshold=0.9, reset=Reset("to", 0.0))),
            Population("dense", (5,), Rule(beta=0.85, threshold=1.0, bias=0.05, reset=Reset("to", 0.1))),
            Population("readout", (3,), Rule(beta=0.9, threshold=None, reset=Reset("none"))),
        ),
        (
            Projection("in", "conv", (Conv(rng.normal(0.12, 0.25, (3, 2, 3, 3))),)),
            Projection("conv", "dense", (Flatten(), Dense(rng.normal(0.05, 0.2, (5, 27))))),
            Projection("dense", "readout", (Dense(rng.normal(0, 0.4, (3, 5))),)),
        ),
        ("readout",),
    )


def _float_late() -> Network:
    """Resets in the next step, delays, a refractory period, an adaptive threshold."""
    rng = np.random.default_rng(13)
    first = Rule(beta=0.9, threshold=1.0, receptors=(Receptor(alpha=0.5),), reset=Reset("by", 1.0, "next"))
    second = Rule(
        beta=rng.uniform(0.7, 0.9, 6),
        threshold=0.7,
        reset=Reset("to", 0.0),
        refractory=Refractory(2),
        adaptation=Adaptation(0.8, 0.15),
    )
    return Network(
        1e-3,
        (Input("in", (5,)),),
        (Population("first", (6,), first), Population("second", (6,), second)),
        (
            Projection("in", "first", (Dense(rng.normal(0.2, 0.4, (6, 5))),), delay=1),
            Projection("first", "second", (Dense(rng.normal(0.3, 0.4, (6, 6))),), delay=2),
        ),
        ("second",),
    )


def _mantissas(rng: np.random.Generator, size: tuple[int, ...], mean: float, spread: float) -> Array:
    return np.clip(np.round(rng.normal(mean, spread, size) / 2) * 2, -256, 254).astype(np.int64)


def _integer_dense() -> Network:
    """Currents and membranes with decays, biases, soft reset in the first layer."""
    rng = np.random.default_rng(14)
    hidden = Registers(
        du=rng.integers(800, 2500, 7),
        dv=rng.integers(200, 700, 7),
        vth=500,
        bias_mant=rng.integers(5, 40, 7),
        bias_exp=6,
        reset=Reset("by", 500 << 6),
    )
    out = Registers(du=1500, dv=400, vth=450, reset=Reset("to", 0), adaptation=AdaptationRegisters(600, 3000))
    return Network(
        1e-3,
        (Input("in", (6,)),),
        (Population("hidden", (7,), hidden), Population("out", (4,), out)),
        (
            Projection("in", "hidden", (Dense(_mantissas(rng, (7, 6), 30, 70)),), format=Format(0)),
            Projection("hidden", "hidden", (Dense(_mantissas(rng, (7, 7), 0, 60)),), delay=1, format=Format(-1)),
            Projection("hidden", "out", (Dense(_mantissas(rng, (4, 7), 40, 80)),), format=Format(0)),
        ),
        ("out",),
    )


def _integer_conv() -> Network:
    rng = np.random.default_rng(15)
    conv = Registers(du=4095, dv=600, vth=220, reset=Reset("to", 0))
    out = Registers(
        du=1000, dv=300, vth=500, bias_mant=20, bias_exp=5, reset=Reset("to", 0, "next"), refractory=Refractory(1)
    )
    return Network(
        1e-3,
        (Input("in", (2, 5, 5)),),
        (Population("conv", (3, 3, 3), conv), Population("out", (4,), out)),
        (
            Projection("in", "conv", (Conv(_mantissas(rng, (3, 2, 3, 3), 25, 60)),), format=Format(0)),
            Projection("conv", "out", (Flatten(), Dense(_mantissas(rng, (4, 27), 10, 60))), format=Format(0)),
        ),
        ("out",),
    )


def _integer_overflow() -> Network:
    """Sums that leave 24 bits: u wraps in the first layer, v saturates in the second."""
    rng = np.random.default_rng(16)
    wraps = Registers(du=300, dv=3000, vth=2**16, reset=Reset("to", 0))
    signs = np.array([[1], [-1], [1], [-1]])
    ends = Registers(du=200, dv=100, vth=2**17 - 40, reset=Reset("to", 0))
    return Network(
        1e-3,
        (Input("in", (4,)),),
        (Population("wraps", (5,), wraps), Population("ends", (4,), ends)),
        (
            Projection("in", "wraps", (Dense(np.abs(_mantissas(rng, (5, 4), 150, 60)) // 2 * 2),), format=Format(6)),
            Projection("wraps", "ends", (Dense(signs * np.abs(_mantissas(rng, (4, 5), 120, 60))),), format=Format(4)),
        ),
        ("ends",),
    )


def _float_lattice() -> Network:
    """Multiples of 1/8, so that membranes meet the threshold exactly."""
    rng = np.random.default_rng(17)
    rule = Rule(beta=0.5, threshold=0.75, reset=Reset("to", 0.0))
    sums = Rule(beta=1.0, threshold=1.0, reset=Reset("by", 1.0))
    return Network(
        1e-3,
        (Input("in", (5,)),),
        (Population("half", (6,), rule), Population("sums", (5,), sums)),
        (
            Projection("in", "half", (Dense(np.round(rng.normal(0.3, 0.4, (6, 5)) * 8) / 8),)),
            Projection("half", "sums", (Dense(np.round(rng.normal(0.3, 0.4, (5, 6)) * 8) / 8),)),
        ),
        ("sums",),
    )


def _integer_lattice() -> Network:
    """Weights on the lattice of the threshold."""
    rng = np.random.default_rng(18)
    first = Registers(du=4095, dv=0, vth=60, reset=Reset("to", 0))
    second = Registers(du=4095, dv=2048, vth=40, reset=Reset("by", 40 << 6))
    return Network(
        1e-3,
        (Input("in", (5,)),),
        (Population("first", (6,), first), Population("second", (5,), second)),
        (
            Projection("in", "first", (Dense(_mantissas(rng, (6, 5), 3, 6) * 5 // 2 * 2),), format=Format(0)),
            Projection("first", "second", (Dense(_mantissas(rng, (5, 6), 3, 5) * 4),), format=Format(0)),
        ),
        ("second",),
    )
