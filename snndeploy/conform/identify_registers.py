"""The registers that a recording of whole numbers shows: dv, vth and the weights that give every membrane exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from snndeploy.conform.diagnosis.evidence import delayed
from snndeploy.engines.reference.integer_rule import IntegerState
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_matrix
from snndeploy.network.network import Network
from snndeploy.network.registers import DECAY_MAX, DECAY_UNITY, STATE_SHIFT, VTH_MAX, Registers
from snndeploy.network.rule import Reset, Rule

# below this a membrane is a few whole numbers by chance
LEAST = 64


@dataclass(frozen=True, eq=False)
class Whole:
    """The integer form of the population, and bins (spikes, and membranes where no spike is) that it does not give."""

    registers: Registers
    weights: Array
    differing: int
    bins: int

    @property
    def text(self) -> str:
        r, w = self.registers, self.weights
        parts = [f"dv {_range(r.dv)}", f"vth {_range(r.vth)}", f"weights {_range(w)}"]
        return f"registers: {', '.join(parts)}; {self.differing:,} of {self.bins:,} bins differ, membranes included"


def _range(value: object) -> str:
    array = np.asarray(value)
    return f"{array.min()}" if array.min() == array.max() else f"{array.min()} to {array.max()}"


def whole(
    network: Network,
    name: str,
    emitted: Mapping[str, Array],
    spikes: Array,
    v: Array,
    reading: tuple[Rule, float, int],
) -> Whole | None:
    """The registers nearest to a float reading, rounded down or up, that give the most of a recording.

    Args:
        reading: (the float rule, recorded units per unit of its membrane, steps by which the recording is late).

    Returns:
        None where membranes are no whole numbers, or the population has currents with memory, constants or several
        projections, of which one scale says too little.
    """
    rule, scale, late = reading
    into = network.into(name)
    plain = len(rule.receptors) == 1 and not np.any(rule.receptors[0].alpha) and not np.any(rule.bias)
    if not plain or np.any(rule.receptors[0].constant) or len(into) != 1 or into[0].source == name:
        return None
    if np.any(v != np.round(v)) or np.abs(v).max() < LEAST or scale <= 0:
        return None
    (p,) = into
    rows = delayed(np.asarray(emitted[p.source]), p.delay).reshape(len(spikes), spikes.shape[1], -1).astype(np.int64)
    unit = scale / (1 << STATE_SHIFT)
    matrix = np.asarray(chain_matrix(p.maps, network.shapes[p.source]).todense(), np.float64)
    gain = np.broadcast_to(rule.receptors[0].gain, network.shapes[name]).reshape(-1, 1)
    exact = [np.asarray(x, np.float64) for x in (DECAY_UNITY * (1 - rule.beta), np.asarray(rule.threshold) * unit)]
    steps = len(spikes) - late
    fired, shown = spikes[late:] != 0, v[late:]
    found: list[Whole] = []
    for round_dv, round_vth, round_w in product((np.floor, np.ceil), repeat=3):
        dv, vth = round_dv(exact[0]).astype(np.int64), round_vth(exact[1]).astype(np.int64)
        weights = round_w(matrix * gain * unit).astype(np.int64)
        if dv.max() > DECAY_MAX or vth.max() > VTH_MAX or dv.min() < 0 or vth.min() < 0:
            continue
        value = np.zeros(1, np.int64) if rule.reset.kind != "by" else vth << STATE_SHIFT
        registers = Registers(DECAY_MAX, dv, vth, reset=Reset(rule.reset.kind, value, rule.reset.when))
        state = IntegerState(registers, spikes.shape[1:])
        wrong = 0
        for t in range(steps):
            state.step(t, [(rows[t] @ weights.T).reshape(spikes.shape[1:])])
            # some record a marker in the step of a spike
            wrong += int(np.count_nonzero((state.s != fired[t]) | (~fired[t] & (state.v != shown[t]))))
        found.append(Whole(registers, weights, wrong, int(fired.size)))
    return min(found, key=lambda each: each.differing, default=None)
