"""One population in the float form as nodes. The equation is in `network/rule.py`, and so is the order of operations.

Masks are 0 and 1 in the type of the states: y·mask and y·(1 - mask) are exact, and faster than onnxruntime's Where.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snndeploy.frontends.onnx.cells import Held, Sets, Updated
from snndeploy.frontends.onnx.scope import Scope
from snndeploy.network.network import Population
from snndeploy.network.rule import Rule


class FloatCells:
    """Adds the nodes of one step."""

    def __init__(self, population: Population, dtype: str):
        assert isinstance(population.rule, Rule)
        self.name, self.shape, self.rule, self.dtype = population.name, population.shape, population.rule, dtype
        rule = self.rule
        self.resets = rule.spiking and rule.reset.kind != "none"
        self.late = self.resets and rule.reset.when in ("next", "residual")
        self.rests = rule.refractory is not None and rule.spiking
        self.freezes_u = rule.refractory is not None and rule.refractory.freezes == "membrane and current"
        self.onsets = {r.onset for r in rule.receptors if np.any(r.constant)}
        self.onsets |= {rule.bias_onset} if np.any(rule.bias) else set()

    def _names(self) -> list[str]:
        several = len(self.rule.receptors) > 1
        return [f"u.{k}" if several else "u" for k in range(len(self.rule.receptors))]

    @property
    def states(self) -> tuple[Held, ...]:
        rule, zero = self.rule, np.zeros(())
        found = [Held("v", self.dtype, self.shape, np.asarray(rule.initial))]
        for what, each in zip(self._names(), rule.receptors, strict=True):
            if np.any(each.alpha) or rule.synapse == "synchronous" or self.freezes_u:
                found.append(Held(what, self.dtype, self.shape, np.asarray(each.initial)))
        if rule.adaptation is not None:
            found.append(Held("adaptation", self.dtype, self.shape, zero))
            if self.late:
                found.append(Held("moved", self.dtype, self.shape, zero))
        if self.rests:
            found.append(Held("waiting", "int32", self.shape, np.zeros((), np.int32)))
        return tuple(found)

    def step(self, g: Scope, held: dict[str, str], drive: list[str | None], on: Sets) -> Updated:
        """Takes `drive: (batch, *shape)` per receptor, None where nothing arrives."""
        rule, own, names = self.rule, self.name, self._names()
        after = [self._current(g, k, held, x, on) for k, x in enumerate(drive)]
        p = self._membrane(g, held, after if rule.synapse == "sequential" else [held[each] for each in names], on)
        pending = None
        theta, faded, moved = self._threshold(g, held) if rule.spiking else ("", None, "")
        if self.late:
            last = theta
            if rule.adaptation is not None:
                last = g.op(
                    "Add", (self._constant(g, rule.threshold, "threshold"), held["moved"]), f"{own}.theta.before"
                )
            pending = g.cast(g.op("Greater", (held["v"], last), f"{own}.pending"), self.dtype)
            p = self._reset(g, pending, p, f"{own}.p")
        s, frozen = None, None
        if rule.spiking:
            s = g.op("Greater", (p, theta), f"{own}.crosses")
            if self.rests:
                rests = g.op("Greater", (held["waiting"], g.constant(0, "int32", "zero")), f"{own}.resting")
                s = g.op("And", (s, g.op("Not", (rests,), f"{own}.awake")), f"{own}.fires")
                frozen = g.cast(rests, self.dtype)
        mask = None if s is None else g.cast(s, self.dtype)
        v, gone = p, pending
        if self.resets and rule.reset.when == "now" and mask is not None:
            v, gone = self._reset(g, mask, p, f"{own}.reset"), mask
        elif pending is not None and rule.reset.when == "residual" and mask is not None:
            more = g.op("Sub", (mask, pending), f"{own}.more")
            v = g.op("Sub", (p, g.op("Mul", (more, self._taken(g, p)), f"{own}.taken")), f"{own}.kept")
        if rule.state_floor is not None:
            v = g.op("Max", (v, self._constant(g, rule.state_floor, "state_floor")), f"{own}.v.bounded")
        if gone is not None:
            for k, each in enumerate(rule.receptors):
                if each.reset:
                    after[k] = g.op("Mul", (after[k], self._other(g, gone)), f"{own}.{names[k]}.reset")
        kept: dict[str, str] = {}
        if frozen is not None and rule.refractory is not None and s is not None:
            v = self._chosen(g, frozen, held["v"], v, f"{own}.v.frozen")
            if self.freezes_u:
                after = [
                    self._chosen(g, frozen, held[what], new, f"{own}.{what}.frozen")
                    for what, new in zip(names, after, strict=True)
                ]
            kept["waiting"] = self._waiting(g, held["waiting"], g.cast(s, "int32"), rule.refractory.steps)
        if rule.adaptation is not None and faded is not None and mask is not None:
            jump = g.op("Mul", (self._constant(g, rule.adaptation.jump, "jump"), mask), f"{own}.jumps")
            kept["adaptation"] = g.op("Add", (faded, jump), f"{own}.adapted")
            kept |= {"moved": moved} if "moved" in held else {}
        kept |= {"v": v, **{what: u for what, u in zip(names, after, strict=True) if what in held}}
        return Updated(s, v, tuple(after), kept)

    def _constant(self, g: Scope, value: Any, what: str) -> str:
        return g.constant(np.asarray(value, np.float64), self.dtype, f"{self.name}.{what}")

    def _current(self, g: Scope, k: int, held: dict[str, str], x: str | None, on: Sets) -> str:
        """u[t] before a reset."""
        each, what = self.rule.receptors[k], self._names()[k]
        own, y = f"{self.name}.{what}", x
        if np.any(each.alpha):
            y = g.op("Mul", (self._constant(g, each.alpha, f"{what}.alpha"), held[what]), f"{own}.decayed")
            y = y if x is None else g.op("Add", (y, x), f"{own}.sum")
        if y is None:
            y = g.op("Mul", (held["v"], g.constant(0, self.dtype, "zero")), f"{own}.nothing")
        if not np.any(each.constant):
            return y
        return g.op("Add", (y, self._begun(g, each.constant, each.onset, f"{what}.constant", on)), own)

    def _begun(self, g: Scope, value: Any, onset: int, what: str, on: Sets) -> str:
        """A number that is 0 before its onset."""
        whole, begun = self._constant(g, value, what), on(onset)
        return whole if begun is None else g.op("Mul", (whole, g.cast(begun, self.dtype)), f"{self.name}.{what}.begun")

    def _membrane(self, g: Scope, held: dict[str, str], used: list[str], on: Sets) -> str:
        rule, own = self.rule, self.name
        parts = [
            u if np.all(r.gain == 1) else g.op("Mul", (self._constant(g, r.gain, f"{k}.gain"), u), f"{own}.gained")
            for k, (r, u) in enumerate(zip(rule.receptors, used, strict=True))
        ]
        total = parts[0]
        for part in parts[1:]:
            total = g.op("Add", (total, part), f"{own}.currents")
        q = total
        if np.any(rule.beta):
            leaked = g.op("Mul", (self._constant(g, rule.beta, "beta"), held["v"]), f"{own}.v.decayed")
            q = g.op("Add", (leaked, total), f"{own}.v.sum")
        if np.any(rule.bias):
            q = g.op("Add", (q, self._begun(g, rule.bias, rule.bias_onset, "bias", on)), f"{own}.v.biased")
        return q if rule.floor is None else g.op("Max", (q, self._constant(g, rule.floor, "floor")), f"{own}.q")

    def _threshold(self, g: Scope, held: dict[str, str]) -> tuple[str, str | None, str]:
        """The threshold of this step, the adaptation that spikes add to, and the part of the threshold that moves."""
        moves, threshold = self.rule.adaptation, self._constant(g, self.rule.threshold, "threshold")
        if moves is None:
            return threshold, None, ""
        decayed = (self._constant(g, moves.decay, "adaptation.decay"), held["adaptation"])
        faded = g.op("Mul", decayed, f"{self.name}.adaptation.decayed")
        used = faded if moves.decays == "before" else held["adaptation"]
        return g.op("Add", (threshold, used), f"{self.name}.theta"), faded, used

    def _other(self, g: Scope, mask: str) -> str:
        return g.once("Sub", (g.constant(1, self.dtype, "one"), mask), f"{mask}.not")

    def _chosen(self, g: Scope, mask: str, x: str, y: str, name: str) -> str:
        """x where the mask is 1, else y."""
        one, two = g.op("Mul", (x, mask), f"{name}.in"), g.op("Mul", (y, self._other(g, mask)), f"{name}.out")
        return g.op("Add", (one, two), name)

    def _reset(self, g: Scope, mask: str, y: str, name: str) -> str:
        value = self._constant(g, self.rule.reset.value, "reset.value")
        if self.rule.reset.kind == "by":
            return g.op("Sub", (y, g.op("Mul", (value, mask), f"{name}.amount")), name)
        if not np.any(self.rule.reset.value):
            return g.op("Mul", (y, self._other(g, mask)), name)
        return self._chosen(g, mask, value, y, name)

    def _taken(self, g: Scope, p: str) -> str:
        """What a reset takes away: p - reset(p)."""
        value = self._constant(g, self.rule.reset.value, "reset.value")
        left = g.op("Sub", (p, value), f"{self.name}.left") if self.rule.reset.kind == "by" else value
        return g.op("Sub", (p, left), f"{self.name}.amount")

    def _waiting(self, g: Scope, before: str, mask: str, steps: int) -> str:
        """Steps left without spikes; a neuron that spikes has none left."""
        one, zero = g.constant(1, "int32", "one"), g.constant(0, "int32", "zero")
        less = g.op("Max", (g.op("Sub", (before, one), f"{self.name}.waiting.less"), zero), f"{self.name}.waiting.left")
        begun = g.op("Mul", (mask, g.constant(steps, "int32", f"{self.name}.rest")), f"{self.name}.waiting.begun")
        return g.op("Add", (less, begun), f"{self.name}.waiting")
