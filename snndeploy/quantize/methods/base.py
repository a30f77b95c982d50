"""What a method is: up to six steps, each with a default, so that methods can be joined by name ("signs+split").

layout    float network -> the same network with its weights spread over more projections
scales    scales of one population to try
draft     formats at one scale, and an estimate of the error
finish    the integers of a draft
select    the finished choices in the order in which they are to be taken
decays    the decays whose registers are taken
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Format, natural_sign
from snndeploy.network.rule import Rule
from snndeploy.quantize.activity import Activity
from snndeploy.quantize.choice import Choice, Part
from snndeploy.quantize.grid import mantissas
from snndeploy.quantize.parts import parts
from snndeploy.quantize.search import Draft, Search

# how far a scale is lowered where rounding up has just broken the worst case
LOWERED = 1 - np.arange(1, 9) / 64

Scale = Array | float
Layout = Callable[[Network], Network]
Scales = Callable[[Search], Iterable[Scale]]
DraftAt = Callable[[Search, Scale], Draft | None]
Fit = Callable[[Search, Draft], tuple[Sequence[Array], float]]
Choices = Callable[[Search], Iterator[Choice]]
Decays = Callable[[Rule, str, Array, Activity], tuple[Array, Array]]
STEPS = ("layout", "scales", "draft", "fit", "choices", "decays")


def finest(choice: Choice) -> tuple[float, float]:
    """Orders choices: the smallest error, then the largest scale."""
    return choice.error, -float(np.max(choice.scale))


@dataclass(frozen=True)
class Method:
    """One way to quantise. What is None is done as "adaptive" does it.

    Attributes:
        summary: one line for people.
        layout, scales, draft, fit: see the module.
        decays: (rule, population, state units per unit, calibration) -> the decays to be rounded to registers.
        finalists: drafts that are finished and compared in full at a time.
        choices: all but the layout by itself, best first; the first that the certificate passes is taken.
    """

    name: str
    summary: str
    layout: Layout | None = None
    scales: Scales | None = None
    draft: DraftAt | None = None
    fit: Fit | None = None
    choices: Choices | None = None
    decays: Decays | None = None
    finalists: int = 8

    def ranked(self, case: Search) -> Iterator[Choice]:
        """What one population may take, best first."""
        if self.choices is not None:
            yield from self.choices(case)
            return
        scales = (self.scales or Search.candidates)(case)
        drafts = [d for d in ((self.draft or Search.evaluate)(case, s) for s in scales) if d is not None]
        drafts.sort(key=lambda d: (d.error, -float(np.max(d.scale))))
        for start in range(0, len(drafts), self.finalists):
            yield from sorted((self.finished(case, d) for d in drafts[start : start + self.finalists]), key=finest)

    def finished(self, case: Search, draft: Draft) -> Choice:
        """The integers of a draft."""
        values, error = self.fit(case, draft) if self.fit else case.fitted(draft.scale, draft.grids)
        return chosen(draft, values, error)


def chosen(draft: Draft, values: Sequence[Array], error: float) -> Choice:
    """Mantissas on the grids of a draft as a choice."""
    held = tuple(parts(grid, v) for grid, v in zip(draft.grids, values, strict=True))
    return Choice(np.asarray(draft.scale), held, error)


def one_scale(case: Search, clip: float) -> Iterator[Choice]:
    """All projections of a population in one format exponent, `clip` at the largest mantissa, nearest rounding::

    S = largest mantissa · 2^e / clip       the largest e that registers and the range of the membrane allow
    """
    bits, most = case.target.synapse.weight_bits.value, case.target.synapse.weight_exponent_max.value
    signs = [natural_sign(d.weight) for d in case.drives]
    full = Format(0, bits, "mixed" if "mixed" in signs else "excitatory").limits[1]
    top = case.top()
    scales = [(full * 2.0**e / clip, e) for e in range(most, -1, -1)] if clip > 0 else []
    scales = [(scale, e) for scale, e in scales if scale <= top] or [(top, 0)]
    for scale, e in [*scales, *((scales[-1][0] * part, 0) for part in LOWERED)]:
        found = []
        for d, sign in zip(case.drives, signs, strict=True):
            form = Format(e, bits, sign)
            found.append((Part(form, mantissas(d.weight, scale, form)),))
        yield Choice(np.asarray(scale), tuple(found), 0.0)
