"""What registers make of decays: time constants, what truncation takes, and the least input that reaches the threshold.

A state y decays to trunc(y·k / 4096), k = 4096 - d (d = dv, or du + 1). No state but 0 decays to itself if d > 0, for
the step takes ceil(|y|·d / 4096) >= 1: there is no dead zone. But up to 4096/d units a state falls by one unit a step,
and on average over all states a step takes (1 - gcd(k, 4096)/4096) / 2 units more than the decay itself.

A constant x units a step into the membrane reaches above theta if x > max over y <= theta of ceil(y·d / 4096)::

    x >= ceil(theta·d / 4096) + 1          the float network: x > theta·(1 - beta)

and a constant of a LSB arriving through the current gives x = floor((64·a - 1)·4096 / (du + 1)) + 1 at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.registers import DECAY_UNITY, STATE_SHIFT, Registers
from snndeploy.network.rule import Rule


@dataclass(frozen=True)
class Decay:
    """One state of one population; of several values that which is off most.

    Attributes:
        state: "u" or "v".
        asked, realised: time constant in steps, 1 / (1 - decay); None: it does not decay.
        error: |realised / asked - 1|.
        linear: up to so many state units it falls by one unit a step; 0: it does not decay.
        lost: state units that truncation takes in a step, on average over all states.
    """

    state: Literal["u", "v"]
    asked: float | None
    realised: float | None
    error: float
    linear: int
    lost: float


@dataclass(frozen=True)
class Least:
    """The least constant input per step, in units of the weights, with which a neuron ever spikes; see the module.

    asked: any more than that in the float network. realised: the integers; their bias included. Of the neuron that is
    off most; 0: it spikes without input.
    """

    asked: float
    realised: float


def decays_of(rule: Rule, made: Registers) -> tuple[Decay, ...]:
    """Of the states that remember something; `rule` is prepared."""
    found = []
    for state, wanted, lost in (
        ("u", np.asarray(rule.receptors[0].alpha), np.asarray(made.du) + 1),
        ("v", np.asarray(rule.beta), np.asarray(made.dv)),
    ):
        wanted, lost = np.broadcast_arrays(wanted, lost)
        if not np.any(wanted) and np.all(lost >= DECAY_UNITY - 1):
            continue
        worst = int(np.abs(lost / DECAY_UNITY - (1 - wanted)).argmax())
        asked, d = float(1 - wanted.flat[worst]), int(lost.flat[worst])
        error = 0.0 if asked == d / DECAY_UNITY else abs(asked * DECAY_UNITY / d - 1) if d else np.inf
        found.append(
            Decay(
                "u" if state == "u" else "v",
                1 / asked if asked else None,
                DECAY_UNITY / d if d else None,
                float(error),
                DECAY_UNITY // d if d else 0,
                (1 - np.gcd(DECAY_UNITY - d, DECAY_UNITY) / DECAY_UNITY) / 2 if d else 0.0,
            )
        )
    return tuple(found)


def least_input(rule: Rule, made: Registers) -> Least | None:
    """None for a population without threshold, or whose threshold moves."""
    if rule.threshold is None or made.vth is None or rule.adaptation is not None:
        return None
    alpha, beta = np.asarray(rule.receptors[0].alpha), np.asarray(rule.beta)
    asked = np.maximum((np.asarray(rule.threshold) * (1 - beta) - rule.bias) * (1 - alpha), 0.0)
    realised = least_arrival(made) * 2**STATE_SHIFT / np.asarray(made.scale)
    asked, realised = np.broadcast_arrays(asked, realised)
    worst = int(np.abs(realised - asked).argmax())
    return Least(float(asked.flat[worst]), float(realised.flat[worst]))


def least_arrival(made: Registers) -> Array:
    """The least whole number of LSB that arriving in every step makes a neuron spike, int64; see the module."""
    theta = np.asarray(made.vth) << STATE_SHIFT
    bias = np.asarray(made.bias_mant) << np.asarray(made.bias_exp)
    into_v = -(-theta * np.asarray(made.dv) // DECAY_UNITY) + 1 - bias
    # floor((64·a - 1)·4096 / m) + 1 >= need
    m = np.asarray(made.du) + 1
    through = -(-m * (np.maximum(into_v, 1) - 1) // DECAY_UNITY) + 1
    return np.where(into_v <= 0, 0, -(-through // 2**STATE_SHIFT))


def text(rows: Sequence[tuple[str, Sequence[Decay], Least | None]], dt: float) -> str:
    """A line per state: time constants in steps, what truncation does, the least input."""
    head = (
        "population",
        "state",
        "τ asked",
        "τ realised",
        "off",
        "one unit a step below",
        "lost a step",
        "least input",
    )
    lines: list[tuple[str, ...]] = [head]
    for name, decays, least in rows:
        known = "" if least is None else f"{least.realised:.4g} (float: {least.asked:.4g})"
        for each in decays:
            zone, lost = (f"{each.linear:,} units", f"{each.lost:.2f} units") if each.realised else ("", "")
            taus = [_steps(tau, dt) for tau in (each.asked, each.realised)]
            lines.append((name, each.state, *taus, f"{each.error:.2%}", zone, lost, known if each.state == "v" else ""))
        if not any(each.state == "v" for each in decays) and known:
            lines.append((name, "", "", "", "", "", "", known))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _steps(tau: float | None, dt: float) -> str:
    return "none" if tau is None else f"{tau:.5g} steps ({tau * dt * 1e3:.4g} ms)"
