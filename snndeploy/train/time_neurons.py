"""All steps of a neuron module in one pass forward and one back, in float32; its states come and go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from snndeploy.train.time_cells import Cells
from snndeploy.train.time_launch import LAUNCHERS
from snndeploy.train.time_plan import Plan
from snndeploy.train.time_surrogates import derivative

# cells · steps whose surrogate gradients exist at once
CHUNK = 2**18


@dataclass(eq=False)
class Call:
    """One call: what is computed, with which numbers (`table`), for `shape`: (steps, batch, *shape) of cells.

    `seen` takes p and theta.
    """

    cells: Cells
    plan: Plan
    table: Tensor
    shape: tuple[int, ...]
    seen: dict[str, Tensor] | None

    @property
    def rows(self) -> tuple[int, int]:
        """Steps and cells."""
        return self.shape[0], prod(self.shape[1:])

    def empty(self, like: Tensor, rows: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(rows, self.rows[1], dtype=dtype, device=like.device)

    def kept(self, like: Tensor, state: Tensor) -> list[Tensor]:
        """Room for what is kept; rows of states begin with the first one."""
        found = []
        for name, value in self.plan.kept.items():
            rows = self.rows[0] + self.plan.later(name)
            each = self.empty(like, rows, torch.int8 if value.kind == "truth" else torch.float32)
            if self.plan.later(name):
                each[0] = state[self.plan.rule.states.index(name)]
            found.append(each)
        return found

    def at(self, kept: list[Tensor], first: int, last: int) -> list[Tensor]:
        """Those rows of some steps."""
        return [each[first : last + self.plan.later(n)] for n, each in zip(self.plan.kept, kept, strict=True)]

    def p(self, kept: list[Tensor]) -> Tensor:
        """p of every step, where it is kept."""
        for (name, value), each in zip(self.plan.kept.items(), kept, strict=True):
            if value is self.plan.step.p:
                return each[1:] if self.plan.later(name) else each
        raise AssertionError("p is not kept")


class OverTime(torch.autograd.Function):
    """(x, state, weight and bias of the feedback, numbers) -> (s, v, state)."""

    @staticmethod
    def forward(
        ctx: Any, call: Call, x: Tensor, state: Tensor, weight: Tensor | None, bias: Tensor | None, *numbers: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor]:
        plan, (steps, cells), batch = call.plan, call.rows, call.shape[1]
        run = LAUNCHERS[x.device.type]
        flat = x.detach().contiguous().reshape(steps, cells)
        after = state.detach().reshape(len(state), cells).clone()
        own = after[: len(plan.rule.states)]
        kept = call.kept(x, own)
        s = call.empty(x, steps if plan.rule.spiking else 0)
        v = call.empty(x, steps if plan.shown else 0)
        none = call.empty(x, 0)
        if weight is None:
            run.forward(plan, flat, none, call.table, own, s, v, kept)
        else:
            before = after[-1]
            for t in range(steps):
                fed = linear(before.reshape(batch, *call.shape[2:]), weight, bias).reshape(1, -1)
                one = slice(t, t + 1)
                run.forward(plan, flat[one], fed, call.table, own, s[one], v[one], call.at(kept, t, t + 1))
                before = s[t]
            after[-1] = before
        if call.seen is not None and plan.rule.spiking:
            theta = call.cells.numbers["theta"].detach().to(x.device).expand(call.shape[1:])
            call.seen |= {"p": call.p(kept).reshape(call.shape), "theta": theta}
        spikes = s.reshape(call.shape) if plan.rule.spiking else None
        if plan.back:
            ctx.call, ctx.shapes = call, [each.shape for each in numbers]
            ctx.save_for_backward(weight, bias, spikes if weight is not None else None, state, *kept)
            ctx.set_materialize_grads(False)
        return spikes, v.reshape(call.shape) if plan.shown else None, after.reshape(state.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        call: Call = ctx.call
        plan, (steps, cells), shape = call.plan, call.rows, call.shape
        weight, bias, emitted, first, *kept = ctx.saved_tensors
        table = call.table
        run = LAUNCHERS[table.device.type]

        def given(k: int, rows: int) -> Tensor:
            grad = grads[k]
            if grad is None:
                return torch.zeros(rows, cells, device=table.device)
            return grad.contiguous().reshape(rows, cells)

        of_s = given(0, steps if plan.rule.spiking else 0)
        of_v = given(1, steps if plan.shown else 0)
        of_after = given(2, len(first)).clone()
        of_state = of_after[: len(plan.rule.states)]
        of_numbers = torch.zeros(len(plan.learned), cells, device=table.device)
        of_x = call.empty(table, steps)
        none = call.empty(table, 0)
        if weight is not None:
            # what later steps give back is added to it
            of_s = of_s.clone()
            of_s[-1] += of_after[-1]
        chunk = max(1, CHUNK // cells) if plan.sharpened else steps
        theta = call.cells.numbers["theta"].detach().to(table.device).expand(shape[1:]) if plan.sharpened else none
        for last in range(steps, 0, -chunk):
            low = max(0, last - chunk)
            sharp = none
            if plan.sharpened:
                p = call.p(kept)[low:last]
                sharp = derivative(call.cells.surrogate, p - theta.reshape(-1)).contiguous()
            for t in range(last - 1, low - 1, -1) if weight is not None else (low,):
                one = slice(t, t + 1 if weight is not None else last)
                if weight is not None and t + 1 < steps:
                    of_s[t] += (of_x[t + 1].reshape(shape[1:]) @ weight).reshape(-1)
                run.backward(
                    plan, of_s[one], of_v[one], sharp[one.start - low : one.stop - low], table, of_state, of_numbers,
                    of_x[one], call.at(kept, one.start, one.stop),
                )  # fmt: skip
        arrived = of_x.reshape(shape)
        of_weight = of_bias = None
        if weight is not None:
            of_after[-1] = (arrived[0] @ weight).reshape(-1)
            before = torch.cat([first[-1:].reshape(1, *shape[1:]), emitted[:-1]])
            if ctx.needs_input_grad[3]:
                of_weight = arrived.flatten(0, -2).T @ before.flatten(0, -2)
            if bias is not None and ctx.needs_input_grad[4]:
                of_bias = arrived.flatten(0, -2).sum(0)
        sums = dict(zip(plan.learned, of_numbers.reshape(-1, *shape[1:]).sum(1), strict=True))
        of_each = [
            sums[name].sum_to_size(size) if name in sums else None
            for name, size in zip(plan.rule.numbers, ctx.shapes, strict=True)
        ]
        return None, arrived, of_after.reshape(first.shape), of_weight, of_bias, *of_each


class Running:
    """A neuron module on its way through time, piece by piece: its states go from one to the next, with gradients.

    Attributes:
        showing: membranes are wanted; those of neurons without spikes always come. watching: p and theta are.
        out, v, seen: what the last piece emitted, (steps, batch, *shape), its membranes, p and theta.
        state: float32 (states, batch, *shape) behind the last piece; with a matrix, its own spikes last.
    """

    def __init__(self, cells: Cells, showing: bool = False, state: Tensor | None = None):
        self.cells, self.showing, self.watching = cells, showing or not cells.rule.spiking, False
        self.state, self.table = state, None if state is None else self.numbers(state)
        self.fresh()

    def fresh(self) -> None:
        """Ready for the next piece."""
        self.out: Tensor | None = None
        self.v: Tensor | None = None
        self.seen: dict[str, Tensor] = {}

    def numbers(self, like: Tensor) -> Tensor:
        """The table that kernels read; like: (any, batch, *shape)."""
        table = self.cells.table(tuple(like.shape[2:]), like.device)
        return LAUNCHERS[like.device.type].numbers(table, like.shape[1])

    def begin(self, batch: int, shape: tuple[int, ...], device: Any) -> Tensor:
        """The states before the first step."""
        states = self.cells.rule.states
        rows = torch.zeros(len(states) + (self.cells.feedback is not None), batch, *shape, device=device)
        for k, name in enumerate(states):
            start = self.cells.rule.start(name)
            if start is not None:
                rows[k] = self.cells.numbers[start].detach().to(device)
        return rows

    def advance(self, x: Tensor) -> Tensor:
        """What it emits; x: float32 (steps, batch, *shape)."""
        cells = self.cells
        if cells.entry is not None:
            x = linear(x, cells.entry)
        if self.state is None:
            self.state = self.begin(x.shape[1], tuple(x.shape[2:]), x.device)
        if self.table is None:
            self.table = self.numbers(x)
        weight, bias = cells.feedback or (None, None)
        numbers = [cells.numbers[name].to(x.device) for name in cells.rule.numbers]
        learned = (each is not None and each.requires_grad for each in (x, self.state, weight, bias, *numbers))
        back = torch.is_grad_enabled() and any(learned)
        plan = Plan(cells.rule, cells.learned if back else (), self.showing, back, False, cells.kind)
        if self.watching and cells.rule.spiking and plan.step.p not in plan.kept.values():
            plan = replace(plan, watched=True)
        call = Call(cells, plan, self.table, tuple(x.shape), self.seen if self.watching else None)
        given: Any = (call, x, self.state, weight, bias, *numbers)
        s, self.v, self.state = OverTime.apply(*given)  # type: ignore[no-untyped-call]
        if s is not None and not cells.differentiable:
            s = s.detach()
        self.out = self.v if s is None else s
        assert self.out is not None
        return self.out
