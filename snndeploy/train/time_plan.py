"""What a kernel over time computes, keeps for its way back, and computes there: the same for every compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from math import pi

from snndeploy.engines.torch.kernels.expression import Value, Writer, constant, greatest, leaf
from snndeploy.train.adjoint import adjoint, order, within
from snndeploy.train.time_rules import MATRIX, Rule, Step

# surrogates that are written into the kernel; "rows": their derivatives arrive as an array
ROWS = "rows"


def fast_sigmoid(x: Value, slope: Value) -> Value:
    """1 / (slope·|x| + 1)²: snnTorch's fast_sigmoid, Norse's SuperSpike."""
    under = slope * greatest(x, constant(0, "real") - x) + 1
    return constant(1, "real") / (under * under)


def atan(x: Value, slope: Value) -> Value:
    """a/2 / (1 + (pi/2·a·x)²), with slope = pi/2·a: snnTorch's atan."""
    at = slope * x
    return slope * Value("constant", "real", (), repr(1 / pi)) / (at * at + 1)


def straight_through(x: Value, slope: Value) -> Value:
    """1."""
    del x, slope
    return constant(1, "real")


INLINE = {each.__name__: each for each in (fast_sigmoid, atan, straight_through)}


@dataclass(frozen=True)
class Plan:
    """One kernel forward and one back.

    Attributes:
        rule: what a step computes.
        learned: numbers whose gradient is wanted.
        shown: the membrane of every step is wanted.
        back: there is a way back. watched: p is kept whether it is needed or not.
        surrogate: one of `INLINE`, or ROWS.
    """

    rule: Rule
    learned: tuple[str, ...] = ()
    shown: bool = False
    back: bool = True
    watched: bool = False
    surrogate: str = ROWS

    @cached_property
    def step(self) -> Step:
        return self.rule.step

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Rows of the numbers: those of the rule, then that of the surrogate."""
        own = self.rule.numbers
        return own if self.surrogate in (ROWS, "straight_through") else (*own, "slope")

    @property
    def fed(self) -> bool:
        """Its own spikes come back through a matrix."""
        return self.rule.fed == MATRIX

    @cached_property
    def inputs(self) -> dict[str, Value]:
        """The leaves of a step by name."""
        step = self.step
        values = [*step.after.values(), step.v, *([] if step.s is None else [step.s])]
        return {each.name: each for each in order(values) if each.op == "leaf"}

    @cached_property
    def gradients(self) -> dict[str, Value]:
        """Of x, of the states before the step, and of the learned numbers; made of leaves `of_...` too."""
        if not self.back:
            return {}
        step = self.step
        given = [(value, leaf(f"of_{name}", "real")) for name, value in step.after.items()]
        if step.s is not None:
            given.append((step.s, leaf("of_s", "real")))
        if self.shown or step.s is None:
            given.append((step.v, leaf("of_emitted", "real")))
        names = ["x", *self.rule.states, *self.learned]
        nothing = constant(0, "real")
        wanted = {self.inputs[name]: name for name in names if name in self.inputs}
        found = adjoint(given, set(wanted), self._sharp)
        return dict.fromkeys(names, nothing) | {name: found[each] for each, name in wanted.items()}

    def _sharp(self, p: Value, theta: Value) -> Value:
        if self.surrogate == ROWS:
            return self.sharp
        return INLINE[self.surrogate](p - theta, self.slope)

    @cached_property
    def sharp(self) -> Value:
        return leaf("sharp", "real")

    @cached_property
    def slope(self) -> Value:
        return leaf("slope", "real")

    @cached_property
    def kept(self) -> dict[str, Value]:
        """Rows that are kept, by name: a state's (its value behind each step, and the first one before), or a value's.

        Of what the way back needs, the fewest bytes from which it can be computed again.
        """
        step, found = self.step, dict[str, Value]()
        own = set(order([*step.after.values(), step.v, *([] if step.s is None else [step.s])]))
        wanted = [each for each in within(self.gradients.values(), own) if each in own]
        if step.p is not None and (self.watched or self.sharpened or step.p in wanted):
            wanted.insert(0, step.p)
        for value in wanted:
            self._keep(value, found)
        return found

    @cached_property
    def sharpened(self) -> bool:
        """The way back reads derivatives of spikes from rows."""
        return any(each is self.sharp for each in order(self.gradients.values()))

    def _state_of(self, value: Value) -> str | None:
        return next((name for name, after in self.step.after.items() if after is value), None)

    def known(self, value: Value, kept: dict[str, Value]) -> bool:
        """Whether the way back can compute a value of the step from what is kept."""
        if value in kept.values() or value.op == "constant":
            return True
        if value.op == "leaf":
            return value.name in self.numbers or (value.name in self.rule.states and value.name in kept)
        return all(self.known(each, kept) for each in value.args)

    def _keep(self, value: Value, kept: dict[str, Value]) -> None:
        if self.known(value, kept):
            return
        state = self._state_of(value)
        if state is not None:
            kept[state] = value
            return
        sources = list(dict.fromkeys(self._sources(value, kept)))
        cost = sum(1 if each.kind == "truth" else 4 for each in sources)
        for each in sources if value.op == "leaf" or value.kind == "truth" or cost < 4 else (value,):
            if each.op == "leaf" and each.name in self.rule.states:
                kept[each.name] = self.step.after[each.name]
            else:
                kept[each.name if each.op == "leaf" else f"k{len(kept)}"] = each

    def _sources(self, value: Value, kept: dict[str, Value]) -> Iterable[Value]:
        """Truths and leaves from which a value can be computed."""
        if self.known(value, kept):
            return
        if value.op == "leaf" or value.kind == "truth":
            yield value
            return
        for each in value.args:
            yield from self._sources(each, kept)

    def ends(self) -> dict[str, Value]:
        """What a step forward writes: states (`state_...`), s, v, and what is kept (`kept_...`)."""
        step = self.step
        found = {f"state_{name}": value for name, value in step.after.items()}
        if step.s is not None:
            found["s"] = step.s
        if self.shown or step.s is None:
            found["v"] = step.v
        return found | {f"kept_{name}": value for name, value in self.kept.items()}

    def ends_back(self) -> dict[str, Value]:
        """What a step back writes: of_x, gradients of states (`before_...`), and what is added to those of numbers
        (`more_...`)."""
        own = self.gradients
        found = {"of_x": own["x"]} | {f"before_{name}": own[name] for name in self.rule.states}
        return found | {f"more_{name}": own[name] for name in self.learned}

    def later(self, name: str) -> bool:
        """Kept rows of states begin with the one before the first step."""
        return name in self.rule.states


def written(ends: dict[str, Value], write: Writer) -> dict[str, str]:
    """The texts of what a step writes, behind the lines of the writer."""
    return {name: write.name(value) for name, value in ends.items()}


def read_back(plan: Plan, write: Writer, row: Callable[[str, bool], str]) -> None:
    """Lines that read what was kept.

    Args:
        row: (name, whether behind the step) -> text.
    """
    for name, value in plan.kept.items():
        if value.op != "leaf":
            truth = " != 0" if value.kind == "truth" else ""
            write.names[value] = f"{name}_behind"
            write.lines.append(f"{name}_behind = {row(name, plan.later(name))}{truth}")
