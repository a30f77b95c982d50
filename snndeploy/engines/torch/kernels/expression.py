"""The small language in which a step of a neuron is written: values, and the operations on them.

Whole numbers are int32 and wrap; real numbers are rounded after each operation, in the order that is written. A
back end names the leaves and writes each operation in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["whole", "real", "truth"]


@dataclass(frozen=True, eq=False)
class Value:
    """A leaf (`op` is "leaf" or "constant", its name in `name`), or an operation on `args`."""

    op: str
    kind: Kind
    args: tuple[Value, ...] = ()
    name: str = ""

    def _with(self, op: str, other: Value | int, kind: Kind | None = None) -> Value:
        right = other if isinstance(other, Value) else constant(other, self.kind)
        return Value(op, kind or self.kind, (self, right))

    def __add__(self, other: Value | int) -> Value:
        return self._with("+", other)

    def __sub__(self, other: Value | int) -> Value:
        return self._with("-", other)

    def __mul__(self, other: Value | int) -> Value:
        return self._with("*", other)

    def __truediv__(self, other: Value | int) -> Value:
        return self._with("/", other)

    def __lshift__(self, other: Value | int) -> Value:
        return self._with("<<", other)

    def __rshift__(self, other: Value | int) -> Value:
        return self._with(">>", other)

    def __and__(self, other: Value | int) -> Value:
        return self._with("&", other)

    def __gt__(self, other: Value | int) -> Value:
        return self._with(">", other, "truth")

    def __lt__(self, other: Value | int) -> Value:
        return self._with("<", other, "truth")

    def __le__(self, other: Value | int) -> Value:
        return self._with("<=", other, "truth")


# known when the source is written, or a flag that is read when it runs
Choice = bool | Value


def leaf(name: str, kind: Kind) -> Value:
    return Value("leaf", kind, (), name)


def constant(number: int, kind: Kind) -> Value:
    return Value("constant", kind, (), str(number))


def where(condition: Value, yes: Value | int, no: Value | int) -> Value:
    kind = yes.kind if isinstance(yes, Value) else no.kind if isinstance(no, Value) else "whole"
    both = [each if isinstance(each, Value) else constant(each, kind) for each in (yes, no)]
    return Value("where", kind, (condition, *both))


def spike(p: Value, threshold: Value) -> Value:
    """1 above the threshold, else 0, with the derivative of a surrogate: see `train.adjoint`."""
    return Value("spike", "real", (p, threshold))


def least(a: Value, b: Value | int) -> Value:
    return where(a > b, b, a)


def greatest(a: Value, b: Value | int) -> Value:
    """The larger one; NaN stays NaN."""
    return where(a < b, b, a)


def choose(choice: Choice, yes: Value, no: Value) -> Value:
    """`yes` where the choice is true; what is known not to be chosen is never written."""
    if isinstance(choice, Value):
        return where(choice, yes, no)
    return yes if choice else no


class Writer:
    """Values as lines of source, one assignment per operation; what is used twice is written once.

    Args:
        leaves: the text that reads a leaf, by its name.
        operation: (op, kind, texts of the arguments) -> text.
        number: (constant, kind) -> text.
    """

    def __init__(
        self,
        leaves: Mapping[str, str],
        operation: Callable[[str, Kind, list[str]], str],
        number: Callable[[str, Kind], str],
    ):
        self.leaves, self.operation, self.number = leaves, operation, number
        self.lines: list[str] = []
        self.names: dict[Value, str] = {}

    def name(self, value: Value) -> str:
        """The name, or the text, that holds a value; lines are added as needed."""
        if value.op == "constant":
            return self.number(value.name, value.kind)
        if value not in self.names:
            read = value.op == "leaf"
            text = (
                self.leaves[value.name]
                if read
                else self.operation(value.op, value.kind, [self.name(each) for each in value.args])
            )
            if read and text.isidentifier():
                return text
            self.names[value] = f"{value.name}_" if read else f"t{len(self.lines)}"
            self.lines.append(f"{self.names[value]} = {text}")
        return self.names[value]
