"""The gradients of a step of neurons, from the expressions that say what the step computes.

Reverse mode over the values of `engines.torch.kernels.expression`: sums, products, choices, and spikes, whose
derivative is that of a surrogate. Comparisons have none: what a framework detaches is written as one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from snndeploy.engines.torch.kernels.expression import Value, constant, where

# (p, threshold) -> ds/dp
Sharp = Callable[[Value, Value], Value]


def order(values: Iterable[Value]) -> list[Value]:
    """All values that these are made of, each behind its arguments."""
    found: dict[Value, None] = {}

    def visit(value: Value) -> None:
        if value not in found:
            for each in value.args:
                visit(each)
            found[value] = None

    for value in values:
        visit(value)
    return list(found)


def adjoint(given: Iterable[tuple[Value, Value]], wanted: set[Value], sharp: Sharp) -> dict[Value, Value]:
    """The gradients of `wanted` leaves; 0 where nothing comes back.

    Args:
        given: (value, its gradient); a value may come more than once.
        sharp: the derivative of a spike.
    """
    pairs = list(given)
    values = order(value for value, _ in pairs)
    # only what depends on a wanted leaf has a gradient that anybody looks at
    active: set[Value] = set()
    for value in values:
        if value in wanted or any(each in active for each in value.args):
            active.add(value)
    found: dict[Value, Value] = {}

    def add(to: Value, gradient: Value) -> None:
        if to in active:
            found[to] = found[to] + gradient if to in found else gradient

    for value, gradient in pairs:
        add(value, gradient)
    zero = constant(0, "real")
    for value in reversed(values):
        if value not in found or not value.args:
            continue
        g, args = found[value], value.args
        if value.op == "+":
            add(args[0], g)
            add(args[1], g)
        elif value.op == "-":
            add(args[0], g)
            add(args[1], zero - g)
        elif value.op == "*":
            add(args[0], g * args[1])
            add(args[1], g * args[0])
        elif value.op == "where":
            add(args[1], where(args[0], g, zero))
            add(args[2], where(args[0], zero, g))
        elif value.op == "spike":
            through = g * sharp(*args)
            add(args[0], through)
            add(args[1], zero - through)
    return {leaf: found.get(leaf, zero) for leaf in wanted}


def within(values: Iterable[Value], stop: Mapping[Value, object] | set[Value]) -> list[Value]:
    """What these are made of, down to the values at which it stops; those are part of it."""
    found: dict[Value, None] = {}

    def visit(value: Value) -> None:
        if value not in found:
            found[value] = None
            for each in () if value in stop else value.args:
                visit(each)

    for value in values:
        visit(value)
    return list(found)


def evaluated(value: Value, leaves: Mapping[str, Any]) -> Any:
    """A value of tensors, by the name of each leaf."""
    if value.op == "leaf":
        return leaves[value.name]
    if value.op == "constant":
        return float(value.name)
    args = [evaluated(each, leaves) for each in value.args]
    if value.op == "where":
        return torch.where(*args)
    return OPERATIONS[value.op](*args)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "<": operator.lt, ">": operator.gt
}  # fmt: skip
