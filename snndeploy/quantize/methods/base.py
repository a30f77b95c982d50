"""What a method is: up to six steps, each with a default, so that methods can be joined by name ("signs+split").

layout    float network -> the same network with its weights spread over more projections
scales    scales of one population to try
draft     formats at one scale, and an estimate of the error
finish    the integers of a draft
select    the finished choices in the order in which they are to be taken
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.registers import Format, natural_sign
from snndeploy.quantize.choice import Choice, Part
from snndeploy.quantize.grid import mantissas
from snndeploy.quantize.search import Draft, Search

# drafts that are finished and compared in full at a time
FINALISTS = 8
# how far a scale is lowered where rounding up has just broken the worst case
LOWERED = 1 - np.arange(1, 9) / 64

Scale = Array | float
Layout = Callable[[Network], Network]
Scales = Callable[[Search], Iterable[Scale]]
DraftAt = Callable[[Search, Scale], Draft | None]
Fit = Callable[[Search, Draft], tuple[Sequence[Array], float]]
Parts = Callable[[Search, Draft, Sequence[Array]], tuple[tuple[Part, ...], ...]]
Select = Callable[[Search, Sequence[Choice]], Sequence[Choice]]
Choices = Callable[[Search], Iterator[Choice]]
STEPS = ("layout", "scales", "draft", "fit", "parts", "select", "choices")


def finest(choice: Choice) -> tuple[float, float]:
    """Orders choices: the smallest error, then the largest scale."""
    return choice.error, -float(np.max(choice.scale))


@dataclass(frozen=True)
class Method:
    """One way to quantise. What is None is done as "adaptive" does it.

    Attributes:
        summary: one line for people.
        layout, scales, draft, fit, parts, select: see the module.
        choices: all but the layout by itself, best first; the first that the certificate passes is taken.
    """

    name: str
    summary: str
    layout: Layout | None = None
    scales: Scales | None = None
    draft: DraftAt | None = None
    fit: Fit | None = None
    parts: Parts | None = None
    select: Select | None = None
    choices: Choices | None = None

    def ranked(self, case: Search) -> Iterator[Choice]:
        """What one population may take, best first."""
        if self.choices is not None:
            yield from self.choices(case)
            return
        scales = (self.scales or Search.candidates)(case)
        drafts = [d for d in ((self.draft or Search.evaluate)(case, s) for s in scales) if d is not None]
        drafts.sort(key=lambda d: (d.error, -float(np.max(d.scale))))
        for start in range(0, len(drafts), FINALISTS):
            finished = sorted((self.finished(case, d) for d in drafts[start : start + FINALISTS]), key=finest)
            yield from (self.select(case, finished) if self.select else finished)

    def finished(self, case: Search, draft: Draft) -> Choice:
        """The integers of a draft."""
        values, error = self.fit(case, draft) if self.fit else case.fitted(draft.scale, draft.grids)
        parts = (self.parts or whole)(case, draft, values)
        return Choice(np.asarray(draft.scale), parts, error)


def whole(case: Search, draft: Draft, values: Sequence[Array]) -> tuple[tuple[Part, ...], ...]:
    """Grids are formats: one part each."""
    del case
    return tuple((Part(cast(Format, grid), v),) for grid, v in zip(draft.grids, values, strict=True))


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
        parts = []
        for d, sign in zip(case.drives, signs, strict=True):
            form = Format(e, bits, sign)
            parts.append((Part(form, mantissas(d.weight, scale, form)),))
        yield Choice(np.asarray(scale), tuple(parts), 0.0)
