"""Rate: a spike with a probability, or at a rate, that is the value; what it means is only right on average.

p[t] = |x[t]| / top
diffusion: c[t] = c[t-1] + p[t]     event[t] = floor(c[t] + 1/2) - floor(c[t-1] + 1/2)      no chance in it
bernoulli: event[t] = [r[t] < p[t]] r uniform from the seed and the sample itself, so that it does not matter
                                    which other samples are beside it
x'[t] = top·event[t]                events with the sign of x; diffusion sums each sign by itself
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from zlib import crc32

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.encoding import ON_GRID, Case, Encoding, Plane, checked, refusal


@dataclass(frozen=True, eq=False)
class Rate(Encoding):
    """top: the value that is a spike in every step."""

    top: float
    code: Literal["diffusion", "bernoulli"] = "diffusion"
    seed: int = 0

    name: ClassVar[str] = "rate"
    summary: ClassVar[str] = "a spike as often as the value says (code=diffusion or bernoulli, seed=0, top, beyond)"

    @classmethod
    def chosen(cls, case: Case, **settings: Any) -> Rate:
        given = case.given
        known = {"code": ("diffusion", "bernoulli"), "seed": 0, "top": 0.0, "beyond": ("refuse", "clip")}
        said = checked(cls.name, given.name, known, settings)
        top, seed = float(said["top"]) or float(abs(case.samples).max(initial=0)) or 1.0, said["seed"]
        if top < 0 or seed != int(seed) or not 0 <= seed < 2**32:
            what, fix = f"top = {top:g}, seed = {seed}", "top is positive, seed a whole number of 0 or more"
            raise refusal(cls.name, given.name, what, fix)
        return cls(
            given.name,
            given.shape,
            case.kind,
            top,
            said["code"],
            int(seed),
            signed=case.signed,
            pair=case.signed and case.apart,
            beyond=said["beyond"],
        )

    @property
    def parts(self) -> tuple[Plane, ...]:
        return (Plane("", self.top),)

    @property
    def said(self) -> str:
        how = "evenly spaced" if self.code == "diffusion" else f"at random, seed {self.seed}"
        return f"rate, {how}; {self.top:.6g} is a spike in every step{', signed' if self.signed else ''}"

    def problems(self) -> list[str]:
        found = [] if 0 < self.top < float("inf") else [f"top = {self.top!r}"]
        return found + ([] if 0 <= self.seed < 2**32 else [f"a seed of {self.seed!r}"])

    def encode(self, x: Array) -> tuple[Array, ...]:
        p = np.asarray(x, np.float64) / self.top
        if self.beyond == "refuse" and p.size and np.abs(p).max() > 1 + ON_GRID:
            what = f"{float(np.abs(x).max()):.6g} is beyond {self.top:.6g}, a spike in every step"
            fix = "calibrate on data of the whole range, or clip: rate:beyond=clip"
            raise error("SD612", f"input {self.input!r}", what, fix)
        p = np.clip(p, -1, 1)
        if self.code == "bernoulli":
            return (np.sign(p).astype(np.int64) * self._at_random(np.abs(p)),)
        return (_evenly(np.maximum(p, 0)) - _evenly(np.maximum(-p, 0)),)

    def _at_random(self, p: Array) -> Array:
        found = np.empty(p.shape, np.int64)
        for b in range(p.shape[1]):
            own = np.random.default_rng([self.seed, crc32(np.ascontiguousarray(p[:, b]).tobytes())])
            found[:, b] = own.random(p[:, b].shape) < p[:, b]
        return found


def _evenly(p: Array) -> Array:
    edges = np.floor(np.cumsum(p, axis=0) + 0.5)
    return np.diff(edges, axis=0, prepend=0).astype(np.int64)
