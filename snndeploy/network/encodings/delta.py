"""Delta: an event for each step that a value has moved, up or down (send-on-delta).

    y[t] = decay·y[t-1] + threshold·event[t]        |x[t] - y[t]| < threshold where no more than `most` are due
    event: so many whole thresholds that x[t] is above what y has decayed to, negative below; at most `most` a step

The encoder follows y, which is what the current of the fed population becomes: it had no memory (alpha = 0) and gets
one of `decay`, so that it adds the events up. A chip's current loses at least one part in 4096 per step; the encoder
knows and sends it again. y never passes x, so that |y| <= top bounds the current, whatever the number of events.
Source: M. Miskowicz, "Send-on-delta concept", Sensors 6, 2006.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.encoding import ON_GRID, Case, Encoding, Plane, checked, refusal
from snndeploy.network.registers import DECAY_UNITY
from snndeploy.network.rule import Rule

if TYPE_CHECKING:
    from snndeploy.network.network import Network, Population

PARTS = 16


@dataclass(frozen=True, eq=False)
class Delta(Encoding):
    """threshold: the step, top: the largest magnitude, in the caller's units. most: thresholds in one event.

    decay: per step, of the current that adds events up.
    """

    threshold: float
    top: float
    most: int = 1
    decay: float = (DECAY_UNITY - 1) / DECAY_UNITY

    name: ClassVar[str] = "delta"
    summary: ClassVar[str] = "an event per step that a value has moved, up or down (threshold, most=1, top, beyond)"

    @classmethod
    def chosen(cls, case: Case, **settings: Any) -> Delta:
        given, chip = case.given, case.chip
        known = {"threshold": 0.0, "most": 1, "top": 0.0, "beyond": ("refuse", "clip")}
        said = checked(cls.name, given.name, known, settings)
        top = float(said["top"]) or float(abs(case.samples).max(initial=0)) or 1.0
        threshold, most = float(said["threshold"]) or top / PARTS, said["most"]
        if threshold < 0 or top < 0 or most != int(most) or not 1 <= most <= chip.most:
            what = f"threshold = {threshold:g}, top = {top:g}, most = {most}"
            fix = f"threshold and top are positive; an event of {chip.name} carries 1 to {chip.most:,}"
            raise refusal(cls.name, given.name, what, fix)
        # events go down as well, whatever the sign of the values
        return cls(
            given.name,
            given.shape,
            case.kind,
            threshold,
            top,
            int(most),
            signed=True,
            pair=case.apart,
            beyond=said["beyond"],
        )

    @property
    def parts(self) -> tuple[Plane, ...]:
        return (Plane("", self.threshold),)

    @property
    def largest(self) -> int:
        return self.most

    @property
    def reach(self) -> float:
        """The largest |y|, in thresholds."""
        return self.top * (1 + ON_GRID) / self.threshold

    @property
    def said(self) -> str:
        several = f", up to {self.most:,} at a time" if self.most > 1 else ""
        return (
            f"an event up or down per {self.threshold:.6g}{several}; the current adds them up, decay {self.decay:.6g}"
        )

    def problems(self) -> list[str]:
        found = [] if 0 < self.threshold < float("inf") else [f"a threshold of {self.threshold!r}"]
        found += [] if 0 < self.top < float("inf") else [f"top = {self.top!r}"]
        found += [] if 0 < self.most < 2**53 else [f"up to {self.most!r} thresholds an event"]
        found += [] if self.signed else ["one sign"]
        return found + ([] if 0 <= self.decay < 1 else [f"a decay of {self.decay!r}"])

    def encode(self, x: Array) -> tuple[Array, ...]:
        value = np.asarray(x, np.float64)
        if self.beyond == "refuse" and value.size and np.abs(value).max() > self.top * (1 + ON_GRID):
            what = f"{float(np.abs(value).max()):.6g} is beyond {self.top:.6g}, the largest value that was expected"
            fix = "calibrate on data of the whole range, or clip: delta:beyond=clip"
            raise error("SD612", f"input {self.input!r}", what, fix)
        value = np.clip(value, -self.top, self.top)
        found = np.zeros(value.shape, np.int64)
        y = np.zeros(value.shape[1:])
        for t in range(len(value)):
            y = y * self.decay
            found[t] = np.clip(np.trunc((value[t] - y) / self.threshold), -self.most, self.most)
            y = y + found[t] * self.threshold
        return (found,)

    def decode(self, events: Mapping[str, Array]) -> Array:
        steps = super().decode(events)
        y = np.zeros(steps.shape)
        for t in range(len(steps)):
            y[t] = steps[t] if t == 0 else y[t - 1] * self.decay + steps[t]
        return y

    def applied(self, network: Network) -> Network:
        fed = {p.target for p in network.projections if p.source == self.input}
        populations = tuple(self._adding(each, network) if each.name in fed else each for each in network.populations)
        return super().applied(network.with_(populations=populations))

    def _adding(self, each: Population, network: Network) -> Population:
        """The population with a current that adds events up."""
        rule = each.rule
        assert isinstance(rule, Rule)
        others = [p.name for p in network.into(each.name) if p.source != self.input]
        receptor = rule.receptors[0]
        where = f"population {each.name!r}"
        fix = "use graded, planes or rate, or compute the first layer on the host"
        if len(rule.receptors) > 1 or np.any(receptor.alpha) or receptor.reset:
            raise self.refuse(f"the current of {where} has a memory of its own, and cannot add events up", fix)
        if others:
            raise self.refuse(f"the current of {where} takes {', '.join(others)} too, which would be added up", fix)
        if np.any(receptor.constant) or np.any(receptor.initial):
            from_first = rule.synapse == "sequential"
            bias = rule.bias + receptor.gain * receptor.constant
            onset = receptor.onset + (not from_first)
            if np.any(receptor.initial) or (np.any(rule.bias) and rule.bias_onset != onset):
                raise self.refuse(f"the current of {where} starts with what would be added up", fix)
            rule = replace(rule, bias=bias, bias_onset=onset)
        if rule.refractory is not None and rule.refractory.freezes != "membrane":
            raise self.refuse(f"the current of {where} stands still in its refractory period", fix)
        return replace(each, rule=replace(rule, receptors=(replace(receptor, alpha=self.decay, constant=0.0),)))
