"""A population as arrays, and a kernel that moves it on: what is the same for both forms and all compilers.

    scan(info, x0, x1, ..., work, spikes, u_rows, v_rows[, p_rows, back, fed])

Cells are samples · neurons, in this order. `x<k>` (steps · cells) is what arrives at receptor k; `work` holds what the
cells remember and their numbers; `spikes` (past + steps, cells), flattened, is written from
row `past` on; the rows (receptors or 1, steps · cells) are written unless they are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from snndeploy.engines.torch.kernels import numba_source
from snndeploy.engines.torch.kernels.feedback import Feedback
from snndeploy.engines.torch.kernels.modules import load
from snndeploy.engines.torch.kernels.numba_source import layout
from snndeploy.engines.torch.kernels.options import FLAGS, Options, numbers, states
from snndeploy.network.arrays import Array


@dataclass(frozen=True, eq=False)
class Cells:
    """A population, without its state.

    Attributes:
        options: what its kernel is written for.
        numbers: (names, neurons), in the order of `options.numbers`.
        flags: what a general kernel is told.
        onsets: first step of each receptor's constant, then of the bias.
        initial: (names, neurons), in the order of `options.states`.
        back: projections onto itself; only general kernels have them.
    """

    options: Options
    numbers: Array
    flags: Mapping[str, bool]
    onsets: tuple[int, ...]
    initial: Array
    back: Feedback

    @property
    def size(self) -> int:
        return int(self.numbers.shape[1])

    def start(self, batch: int) -> Array:
        """The work array before the first step. What feeds itself starts a new block with each sample."""
        plan = layout(self.options)
        span, spans = (self.size, batch) if len(self.back.links) else (batch * self.size, 1)
        blocks = -(-span // plan.block)
        work = np.zeros((spans, blocks, len(plan.names), plan.block), self.options.form)
        room = np.zeros((spans, blocks * plan.block), self.options.form)
        for k, row in enumerate([*self.numbers, *self.initial]):
            room[:, :span].reshape(spans, -1, self.size)[...] = row
            work[:, :, k] = room.reshape(spans, blocks, plan.block)
        return work.reshape(-1)


def pack(
    o: Options,
    size: int,
    given: Mapping[str, Array],
    first: Mapping[str, Array],
    flags: Mapping[str, bool],
    onsets: Sequence[int],
    back: Feedback,
) -> Cells:
    """Numbers and first states by name, each of `size` neurons; other states start at 0."""
    values = np.array([given[name] for name in numbers(o)], o.form).reshape(-1, size)
    zero = np.zeros(size, o.form)
    initial = np.array([first.get(name, zero) for name in states(o)], o.form).reshape(-1, size)
    return Cells(o, values, flags, tuple(onsets), initial, back)


@cache
def compiled(options: Options) -> Callable[..., None]:
    """The Numba kernel; it is compiled when it is first called, or was by an earlier process."""
    return load(options.label, numba_source.source(options)).scan  # type: ignore[no-any-return]


@dataclass
class Rows:
    """What a scan writes. Rows that are not wanted stay empty.

    Attributes:
        spikes: bool (past + steps, cells). u: (receptors, steps, cells). v, p: (steps, cells).
    """

    spikes: Array
    u: Array
    v: Array
    p: Array


def rows(cells: Cells, steps: int, batch: int, before: Array | None, u: bool, v: bool, p: bool = False) -> Rows:
    """Room for what `steps` steps write; `before`: the spikes of the `back.reach` steps before."""
    o, past, count = cells.options, cells.back.reach, batch * cells.size
    spikes = np.empty((past + steps, count), np.bool_)
    spikes[:past] = False if before is None else before.reshape(past, count)
    return Rows(
        spikes,
        np.empty((o.receptors, steps if u else 0, count), o.form),
        np.empty((steps if v else 0, count), o.form),
        np.empty((steps if p else 0, count), o.form),
    )


def scan(cells: Cells, first: int, drive: Sequence[Array | None], work: Array, out: Rows) -> None:
    """Steps `first`... of a population; `work` moves on. Threads may do this with different ones at a time.

    Args:
        drive: for each receptor, (steps, cells), or None where nothing arrives.
    """
    o, past = cells.options, cells.back.reach
    steps, count = out.spikes.shape[0] - past, out.spikes.shape[1]
    flags = [cells.flags[name] for name in FLAGS] if o.general else []
    info = np.array([steps, count, cells.size, first, past, *cells.onsets, *flags], np.int64)
    fed = np.array([each is not None for each in drive])
    silent = not o.general and any(x is None for x in drive)
    idle: Array = np.zeros(steps * count if silent else 0, o.form)
    arrived = [idle if x is None else np.ascontiguousarray(x, o.form).reshape(-1) for x in drive]
    given: list[Any] = [info, *arrived, work, out.spikes.reshape(-1)]
    given += [out.u.reshape(len(out.u), -1), out.v.reshape(1, -1)]
    if o.general:
        back = cells.back
        given += [out.p.reshape(1, -1), back.arrays, fed]
    compiled(o)(*given)
