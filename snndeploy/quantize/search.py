"""The scale of a population and the formats of its projections, by the error that they cause.

A scale S says how many weight LSB one unit of the membrane is. It is bounded from above by every register; below that
bound all scales of two octaves are tried (further down a doubled scale and an exponent one higher repeat each other),
and the powers of two, in which dyadic networks are exact. What is minimised is the expected squared error of the
membrane relative to the threshold theta, for weights off by d and sources of mean m and variance s² (calibration)::

    E = mean over neurons of
        [G2·sum_j d_j² s_j² + (G1·sum_j d_j m_j)² + (G1·d_bias)² + d_theta² + d_reset² + t²] / theta²

    k[n] = sum_i alpha^i beta^(n-i)     what one input adds to the membrane n steps later
    G1 = sum_n k[n], G2 = sum_n k[n]²   errors that repeat add up, independent ones do not; n < time between spikes
    t = G1 / 2 state units              what truncation takes

A scale by the largest weight spends its bits on that one weight; here each projection has its own exponent and clips
where that costs less than it gains. The best scales are then rounded for good (`quantize/rounding.py`), which makes
the second term small, and compared again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Format
from snndeploy.network.rule import Rule
from snndeploy.quantize import evidence as seen
from snndeploy.quantize.activity import Activity
from snndeploy.quantize.choice import Grid
from snndeploy.quantize.drive import Drive, drive
from snndeploy.quantize.grid import formats, mantissas
from snndeploy.quantize.problem import UNIT, Problem
from snndeploy.quantize.rounding import rounded
from snndeploy.quantize.worst_case import arriving
from snndeploy.targets import Target

PER_OCTAVE = 32
OCTAVES = 2
POWERS_OF_TWO = 14
# weights of a projection by which scales are compared
SAMPLED = 2**17


@dataclass(frozen=True)
class Draft:
    """A scale, for all neurons or broadcasting to them, and the grid of each projection; not rounded yet."""

    scale: Array | float
    grids: tuple[Grid, ...]
    error: float


@dataclass(frozen=True, eq=False)
class Search(Problem):
    """Scales of one population, by the error E. network: laid out; evidence: what the float network did, if known."""

    network: Network
    evidence: Trace | None = None

    @cached_property
    def form(self) -> seen.Form | None:
        """E as a quadratic form over the calibration; see `quantize/evidence.py`."""
        return None if self.evidence is None else seen.form(self.network, self.name, self.evidence, self.target)

    def candidates(self) -> Iterator[float]:
        """Scales to try, largest first."""
        top = self.top()
        yield from top * 2.0 ** -(np.arange(OCTAVES * PER_OCTAVE) / PER_OCTAVE)
        yield from 2.0 ** (np.floor(np.log2(top)) - np.arange(POWERS_OF_TWO))

    def evaluate(self, scale: Array | float, clip: bool = True) -> Draft | None:
        """The best formats at this scale, by nearest rounding; None if the registers cannot hold it.

        What repeats in the errors of a row is left out where the final rounding makes it cancel.
        """
        chosen: list[Format] = []
        error = self.own_error(scale)
        for whole, (d, theta, rows) in zip(self.drives, self.parts, strict=True):
            unit = self.row_scale(scale, whole)
            ends = whole.ends * unit if unit.ndim == 0 else whole.scaled_ends(unit)
            unit = unit if unit.ndim == 0 or d.row is not None else unit[rows]
            tried = []
            for form in formats(ends, 1.0, self.target)[: None if clip else 1]:
                noise, repeated = self.drive_error(d, theta, unit, form, mantissas(d.weight, unit, form))
                tried.append((noise + (0.0 if d.row is None else repeated), form))
            if not tried:
                return None
            least, form = min(tried, key=lambda pair: pair[0])
            error += least
            chosen.append(form)
        return Draft(scale, tuple(chosen), error)

    @cached_property
    def parts(self) -> tuple[tuple[Drive, Array, slice], ...]:
        """Some rows of each drive with their thresholds, and which rows: enough to compare scales."""
        cut = ((d.part(SAMPLED), self.per_row(self.theta, d.row_count)) for d in self.drives)
        return tuple((part, theta[every], every) for (part, every), theta in cut)

    def drive_error(
        self, d: Drive, theta: Array, scale: Array | float, form: Grid, values: Array
    ) -> tuple[float, float]:
        """The first two terms of E for one projection; `theta`: (rows,)."""
        squared, moved = d.error(values * (2.0**form.exponent / scale) - d.weight)
        g1, g2 = self.gains
        return float(np.mean(g2 * squared / theta**2)), float(np.mean((g1 * moved / theta) ** 2))

    def own_error(self, scale: Array | float) -> float:
        """The terms of E that do not depend on the weights, but for the bias."""
        rule, g1 = self.rule, self.gains[0]
        edge: Array = np.zeros(())
        if rule.threshold is not None:
            edge = ((np.rint(rule.threshold * scale) / scale - rule.threshold) / self.theta) ** 2
        if rule.reset.kind == "by":
            units = scale * UNIT
            edge = edge + ((np.rint(rule.reset.value * units) / units - rule.reset.value) / self.theta) ** 2
        truncation = (0.5 * g1 / (UNIT * scale) / self.theta) ** 2 if self._truncates() else np.zeros(())
        return float(np.mean((g1 * self.bias_error(scale) / self.theta) ** 2) + np.mean(edge) + np.mean(truncation))

    def fitted(self, scale: Array | float, grids: Sequence[Grid]) -> tuple[list[Array], float]:
        """Mantissas of every projection, rounded row by row, and E with them; `scale` broadcasts to the population.

        Small projections come first: the others make up for them.
        """
        order = sorted(range(len(self.drives)), key=lambda i: self.drives[i].weight.size)
        values: dict[int, Array] = {}
        drift: dict[int, Array] = {}
        error = self.own_error(scale)
        for i in order:
            d, grid = self.drives[i], grids[i]
            rows, unit = d.row_count, self.row_scale(scale, d)
            before = drift.get(rows, self.per_row(self.bias_error(scale), rows) * self._filter())
            values[i] = rounded(d, unit, grid, self.gains, before)
            wrong = values[i] * (2.0**grid.exponent / unit) - d.weight
            drift[rows] = before + d.error(wrong)[1]
            error += self.drive_error(d, self.per_row(self.theta, rows), unit, grid, values[i])[0]
        g1 = self.gains[0]
        error += sum(float(np.mean((g1 * moved / self.per_row(self.theta, n)) ** 2)) for n, moved in drift.items())
        return [values[i] for i in range(len(order))], error

    def _filter(self) -> float:
        """A bias acts on the membrane, past the current's filter: what it is off by, as an arrival."""
        return 1.0 - float(np.mean(self.rule.receptors[0].alpha))

    def _truncates(self) -> bool:
        beta, alpha = np.asarray(self.rule.beta), np.asarray(self.rule.receptors[0].alpha)
        return bool(np.any((beta != 0) & (beta != 1)) or np.any(alpha))


def search(network: Network, name: str, target: Target, activity: Activity, evidence: Trace | None = None) -> Search:
    """The search for one population of a prepared float network."""
    each = network.population[name]
    assert isinstance(each.rule, Rule)
    drives = tuple(drive(p, activity) for p in network.into(name))
    return Search(
        name,
        each.shape,
        each.rule,
        drives,
        target,
        activity,
        arriving(network, name, activity.largest),
        network,
        evidence,
    )
