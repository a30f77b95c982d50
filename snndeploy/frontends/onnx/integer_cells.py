"""One population in the integer form as nodes. The arithmetic is in `network/registers.py`; all states are int32."""

from __future__ import annotations

import numpy as np

from snndeploy.frontends.onnx.cells import Held, Sets, Updated
from snndeploy.frontends.onnx.scope import Scope
from snndeploy.frontends.onnx.whole import (
    Whole,
    add,
    chosen,
    clip24,
    decay,
    minus,
    number,
    register,
    times,
    wrap24,
    wrap32,
)
from snndeploy.network.network import Population
from snndeploy.network.registers import DECAY_UNITY, STATE_MAX, STATE_SHIFT, Registers


class IntegerCells:
    """Adds the nodes of one step."""

    def __init__(self, population: Population):
        assert isinstance(population.rule, Registers)
        self.name, self.shape, self.rule = population.name, population.shape, population.rule
        rule = self.rule
        self.keep_u = DECAY_UNITY - 1 - np.asarray(rule.du)
        self.keep_v = DECAY_UNITY - np.asarray(rule.dv)
        mantissa, exponent = np.broadcast_arrays(np.asarray(rule.bias_mant), np.asarray(rule.bias_exp))
        self.bias = mantissa << exponent
        self.resets = rule.spiking and rule.reset.kind != "none"
        self.late = self.resets and rule.reset.when in ("next", "residual")
        self.rests = rule.refractory is not None and rule.spiking
        self.freezes_u = rule.refractory is not None and rule.refractory.freezes == "membrane and current"
        self.onsets = {rule.bias_onset} if self.bias.any() else set()

    @property
    def states(self) -> tuple[Held, ...]:
        rule, zero = self.rule, np.zeros((), np.int32)
        found = [Held("v", "int32", self.shape, np.asarray(rule.initial_v, np.int32))]
        if self.keep_u.any() or self.freezes_u:
            found.append(Held("u", "int32", self.shape, np.asarray(rule.initial_u, np.int32)))
        if rule.adaptation is not None:
            found.append(Held("adaptation", "int32", self.shape, zero))
            if self.late:
                found.append(Held("moved", "int32", self.shape, zero))
        if self.rests:
            found.append(Held("waiting", "int32", self.shape, zero))
        return tuple(found)

    def reach(self, a: Whole | None) -> int:
        """A bound on |u|, if every current before this step was within it."""
        arrives, keep = 0 if a is None else a.size, int(self.keep_u.max(initial=0))
        start = int(np.abs(np.asarray(self.rule.initial_u)).max(initial=0))
        settled = -(-arrives * DECAY_UNITY // (DECAY_UNITY - keep))
        if max(settled, start) <= STATE_MAX:
            return max(settled, start)
        once = (STATE_MAX + 1) * keep // DECAY_UNITY + arrives
        return STATE_MAX + 1 if once <= 2**31 - 1 and once - 2**24 <= STATE_MAX + 1 else 2**31 - 1

    def step(self, g: Scope, held: dict[str, str], drive: list[Whole | None], on: Sets) -> Updated:
        """Takes the current that arrives, in state units and wrapped to 32 bits."""
        rule, own = self.rule, self.name
        old_v, after = register(held["v"], STATE_MAX), {}
        u = self._current(g, held, drive[0])
        q = self._membrane(g, old_v, u, on)
        if not rule.spiking:
            after = {"v": q.name} | ({"u": u.name} if "u" in held else {})
            return Updated(None, q.name, (u.name,), after)
        theta, faded, moved = self._threshold(g, held)
        p, pending = q, None
        if self.late:
            last = theta
            if rule.adaptation is not None:
                before = register(held["moved"], STATE_MAX)
                last = add(g, self._edge(g), before, f"{own}.theta.before") or theta
            pending = self._mask(g, g.op("Greater", (old_v.name, last.name), f"{own}.pending"))
            p = self._reset(g, pending, q, f"{own}.p")
        s = g.op("Greater", (p.name, theta.name), f"{own}.crosses")
        frozen = None
        if self.rests:
            rests = g.op("Greater", (held["waiting"], g.constant(0, "int32", "zero")), f"{own}.resting")
            frozen = self._mask(g, rests)
            s = g.op("And", (s, g.op("Not", (rests,), f"{own}.awake")), f"{own}.fires")
        mask = self._mask(g, s)
        v = p
        if self.resets and rule.reset.when == "now":
            v = self._reset(g, mask, p, f"{own}.reset")
        elif pending is not None and rule.reset.when == "residual":
            more = minus(g, mask, pending, f"{own}.more")
            v = clip24(g, minus(g, p, times(g, more, self._taken(g, p), f"{own}.taken"), f"{own}.left"), f"{own}.kept")
        if frozen is not None and rule.refractory is not None:
            v = chosen(g, frozen, old_v, v, f"{own}.v.frozen")
            if self.freezes_u:
                u = chosen(g, frozen, register(held["u"], u.size), u, f"{own}.u.frozen")
            after["waiting"] = self._waiting(g, held["waiting"], mask, rule.refractory.steps)
        if faded is not None and rule.adaptation is not None:
            jump = times(g, mask, number(g, rule.adaptation.jump, f"{own}.jump"), f"{own}.jumps")
            grown = add(g, faded, jump, f"{own}.grown") or jump
            after["adaptation"] = clip24(g, grown, f"{own}.adapted").name
            if "moved" in held:
                after["moved"] = moved
        after |= {"v": v.name} | ({"u": u.name} if "u" in held else {})
        return Updated(s, v.name, (u.name,), after)

    def _current(self, g: Scope, held: dict[str, str], a: Whole | None) -> Whole:
        kept = (
            decay(g, register(held["u"], self.reach(a)), self.keep_u, f"{self.name}.u.decayed") if "u" in held else None
        )
        whole = add(g, kept, a, f"{self.name}.u.sum")
        if whole is None:
            nothing = g.op("Sub", (held["v"], held["v"]), f"{self.name}.nothing")
            return Whole(nothing, "int32", 0, 0)
        return wrap24(g, wrap32(g, whole, f"{self.name}.u.wrapped"), f"{self.name}.u")

    def _membrane(self, g: Scope, v: Whole, u: Whole, on: Sets) -> Whole:
        own = self.name
        q = add(g, decay(g, v, self.keep_v, f"{own}.v.decayed"), u, f"{own}.v.sum") or u
        if self.bias.any():
            bias, begun = number(g, self.bias, f"{own}.bias"), on(self.rule.bias_onset)
            if begun is not None:
                bias = times(g, self._mask(g, begun), bias, f"{own}.bias.begun")
            q = add(g, q, bias, f"{own}.v.biased") or q
        return clip24(g, wrap32(g, q, f"{own}.v.wrapped"), f"{own}.q")

    def _mask(self, g: Scope, truth: str) -> Whole:
        return Whole(g.cast(truth, "int32"), "int32", 0, 1)

    def _edge(self, g: Scope) -> Whole:
        return number(g, np.asarray(self.rule.vth) << STATE_SHIFT, f"{self.name}.threshold")

    def _threshold(self, g: Scope, held: dict[str, str]) -> tuple[Whole, Whole | None, str]:
        """The threshold of this step, the adaptation that spikes add to, and the part of the threshold that moves."""
        moves, own = self.rule.adaptation, self.name
        if moves is None:
            return self._edge(g), None, ""
        old = register(held["adaptation"], STATE_MAX)
        faded = decay(g, old, DECAY_UNITY - np.asarray(moves.da), f"{own}.adaptation.decayed")
        assert faded is not None  # da is at most 4095
        used = faded if moves.decays == "before" else old
        return add(g, self._edge(g), used, f"{own}.theta") or used, faded, used.name

    def _reset(self, g: Scope, mask: Whole, y: Whole, name: str) -> Whole:
        value = number(g, self.rule.reset.value, f"{self.name}.reset.value")
        if self.rule.reset.kind == "to":
            return clip24(g, chosen(g, mask, value, y, name), f"{name}.kept")
        return clip24(g, minus(g, y, times(g, mask, value, f"{name}.amount"), name), f"{name}.kept")

    def _taken(self, g: Scope, p: Whole) -> Whole:
        """What a reset takes away: p - reset(p)."""
        value = number(g, self.rule.reset.value, f"{self.name}.reset.value")
        return value if self.rule.reset.kind == "by" else minus(g, p, value, f"{self.name}.amount")

    def _waiting(self, g: Scope, before: str, mask: Whole, steps: int) -> str:
        """Steps left without spikes; a neuron that spikes has none left."""
        one, zero = g.constant(1, "int32", "one"), g.constant(0, "int32", "zero")
        less = g.op("Max", (g.op("Sub", (before, one), f"{self.name}.waiting.less"), zero), f"{self.name}.waiting.left")
        begun = g.op("Mul", (mask.name, g.constant(steps, "int32", f"{self.name}.rest")), f"{self.name}.waiting.begun")
        return g.op("Add", (less, begun), f"{self.name}.waiting")
