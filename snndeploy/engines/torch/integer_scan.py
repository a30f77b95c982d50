"""All steps of one population in the integer form in one pass over memory, on the CPU (Numba).

The arithmetic is that of `network/registers.py`. Projections of the population onto itself are added in the same pass,
one spike after the other: what does not spike costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_matrix
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import STATE_MAX, STATE_SHIFT
from snndeploy.network.rule import Reset

NEVER, NOW, NEXT, RESIDUAL = range(4)
WHEN = {"now": NOW, "next": NEXT, "residual": RESIDUAL}
# a wrap moves by the whole range of the register
RANGE = 2 * (STATE_MAX + 1)


def when_code(reset: Reset, spiking: bool) -> int:
    return WHEN[reset.when] if spiking and reset.kind != "none" else NEVER


@dataclass(frozen=True, eq=False)
class Feedback:
    """Projections of a population onto itself, column by column: what one spike of a source adds to its targets.

    Attributes:
        start: int64 (projections, sources + 1), into `target` and `weight`.
        target: int64; weight: int64, mantissas.
        delay, exponent: int64 (projections,).
    """

    start: Array
    target: Array
    weight: Array
    delay: Array
    exponent: Array

    @property
    def reach(self) -> int:
        """Steps before the first one that are looked at."""
        return int(self.delay.max(initial=0))

    def arrays(self) -> tuple[Array, ...]:
        return self.start, self.target, self.weight, self.delay, self.exponent


def feedback(network: Network, projections: Sequence[Projection], size: int) -> Feedback:
    """The projections of a population of `size` neurons onto itself."""
    columns = [chain_matrix(p.maps, network.shapes[p.source]).tocsc() for p in projections]
    sizes = np.cumsum([0, *(each.nnz for each in columns)])
    starts = [each.indptr.astype(np.int64) + first for each, first in zip(columns, sizes, strict=False)]

    def joined(parts: list[Array]) -> Array:
        return np.concatenate([np.zeros(0, np.int64), *(part.astype(np.int64) for part in parts)])

    return Feedback(
        np.array(starts, np.int64).reshape(len(columns), size + 1),
        joined([each.indices for each in columns]),
        joined([each.data for each in columns]),
        np.array([p.delay for p in projections], np.int64),
        np.array([0 if p.format is None else p.format.exponent for p in projections], np.int64),
    )


@njit(cache=True, nogil=True)
def decayed(y: Any, keep: Any) -> Any:
    """y·keep / 4096, toward zero."""
    return (y * keep) >> 12 if y >= 0 else -((-y * keep) >> 12)


@njit(cache=True, nogil=True)
def clipped(y: Any) -> Any:
    return min(max(y, -STATE_MAX), STATE_MAX)


@njit(cache=True, nogil=True)
def wrapped(y: Any) -> Any:
    """The value in a 32-bit register."""
    return np.int64(np.int32(y))


@njit(cache=True, nogil=True)
def arriving(t: Any, b: Any, spikes: Any, back: Any, sums: Any, total: Any) -> None:
    """Adds to `total` what the population sends itself in row t of `spikes`."""
    start, target, weight, delay, exponent = back
    for k in range(len(delay)):
        sums[:] = 0
        for source in range(spikes.shape[2]):
            if spikes[t - delay[k], b, source]:
                for i in range(start[k, source], start[k, source + 1]):
                    sums[target[i]] += weight[i]
        e = exponent[k]
        for n in range(len(sums)):
            total[n] += wrapped(sums[n] << e if e >= 0 else sums[n] >> -e)


@njit(cache=True, nogil=True)
def scan(
    a: Any, u: Any, v: Any, neurons: Any, rule: Any, back: Any, past: Any, spikes: Any, us: Any, vs: Any, ps: Any
) -> None:
    """Steps 0.. of `a`, in place.

    Args:
        a: int32 (steps, batch, neurons), what arrives from outside the population.
        u, v: int64 (batch, neurons), the state before the first step; after it, that after the last.
        neurons: keep_u, keep_v, bias, theta, value: int64 (neurons,).
        rule: (first step, step from which the bias acts, code of `when`, reset by an amount, spiking).
        back: `Feedback.arrays()`. past: rows of `spikes` that hold steps before the first one.
        spikes: bool (past + steps, batch, neurons), written from row `past` on.
        us, vs, ps: int64 (steps, batch, neurons) to be written, or of size 0: u, v, and p before its reset.
    """
    keep_u, keep_v, bias, theta, value = neurons
    first, onset, when, by, spiking = rule
    steps, batch, size = a.shape
    sums, extra = np.zeros(size, np.int64), np.zeros(size, np.int64)
    recurrent = len(back[3]) > 0
    for t in range(steps):
        biased = first + t >= onset
        for b in range(batch):
            if recurrent:
                extra[:] = 0
                arriving(past + t, b, spikes, back, sums, extra)
            for n in range(size):
                arrived = wrapped(wrapped(np.int64(a[t, b, n]) + extra[n]) << STATE_SHIFT)
                now = wrapped(decayed(u[b, n], keep_u[n]) + arrived)
                if now > STATE_MAX + 1:
                    now -= RANGE
                elif now <= -STATE_MAX - 1:
                    now += RANGE
                q = decayed(v[b, n], keep_v[n]) + now
                if biased:
                    q += bias[n]
                p = clipped(wrapped(q))
                stored = p
                if spiking:
                    pending = v[b, n] > theta[n]
                    if when >= 2 and pending:
                        p = clipped(p - value[n] if by else value[n])
                    spike = p > theta[n]
                    stored = p
                    reset = p - value[n] if by else value[n]
                    if when == 1:
                        if spike:
                            stored = clipped(reset)
                    elif when == 3:
                        stored = clipped(p - (np.int64(spike) - np.int64(pending)) * (p - reset))
                    spikes[past + t, b, n] = spike
                u[b, n] = now
                v[b, n] = stored
                if us.size:
                    us[t, b, n] = now
                if vs.size:
                    vs[t, b, n] = stored
                if ps.size:
                    ps[t, b, n] = p
