"""What a kernel knows when it is written, and the leaves that its step reads."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, Literal

from snndeploy.engines.torch.kernels.expression import Choice, Kind, Value, leaf

Form = Literal["int32", "float32", "float64"]
# the flags that a general kernel reads when it runs, in this order
FLAGS = ("now", "late", "residual", "by", "decays_before", "freezes_u", "synchronous")


@dataclass(frozen=True)
class Options:
    """A choice is True or False in a kernel that is written for it, and a flag in a general one.

    Attributes:
        form: the type of every state.
        receptors: how many currents there are.
        memory: u is kept from step to step; False: alpha = 0, du = 4095.
        bias: something is added to q.
        gains, floors: float form only: u is scaled; q and v are bounded below.
        now, late, residual: when a reset happens; late includes residual. All False: never.
        by: reset by an amount; else to a value.
        rests, adapts: a refractory period; a threshold that moves. Neutral numbers do nothing.
        decays_before, freezes_u, synchronous: as in the rules.
        clears: receptors may be reset with the membrane.
    """

    form: Form
    receptors: int = 1
    memory: bool = True
    bias: bool = True
    gains: bool = False
    floors: bool = False
    now: Choice = False
    late: Choice = False
    residual: Choice = False
    by: Choice = False
    rests: bool = False
    adapts: bool = False
    decays_before: Choice = False
    freezes_u: Choice = False
    synchronous: Choice = False
    clears: bool = False

    @property
    def general(self) -> bool:
        return isinstance(self.now, Value)

    @property
    def label(self) -> str:
        """A name for files: the same options, the same name."""
        if self.general:
            return f"{self.form}_general_{self.receptors}"
        on = [each.name for each in fields(self) if getattr(self, each.name) is True]
        return "_".join([self.form, *on])


@cache
def general(form: Form, receptors: int) -> Options:
    """Options that leave everything to flags and numbers; always the same ones."""
    flags: Any = {name: leaf(name, "truth") for name in FLAGS}
    real = form != "int32"
    return replace(Options(form, receptors, gains=real, floors=real, rests=True, adapts=True, clears=real), **flags)


class Leaves:
    """What a step reads. `numbers` and `states` name them in the order of the arrays that hold them."""

    def __init__(self, o: Options):
        kind: Kind = "whole" if o.form == "int32" else "real"
        several = range(o.receptors)

        def one(name: str) -> Value:
            return leaf(name, kind)

        def each(name: str) -> tuple[Value, ...]:
            return tuple(leaf(f"{name}{k}", kind) for k in several)

        self.drive, self.u = each("x"), each("u")
        self.alpha, self.gain, self.constant = each("alpha"), each("gain"), each("constant")
        self.cleared = each("cleared")
        self.onset = tuple(leaf(f"on{k}", "truth") for k in several)
        self.biased = leaf("biased", "truth")
        self.v, self.edge, self.adapted, self.waiting = map(one, ("v", "edge", "adapted", "waiting"))
        self.keep_u, self.keep_v, self.bias, self.theta, self.value = map(
            one, ("keep_u", "keep_v", "bias", "theta", "value")
        )
        self.keep_a, self.jump, self.rest = map(one, ("keep_a", "jump", "rest"))
        self.floor, self.state_floor = one("floor"), one("state_floor")


def numbers(o: Options) -> tuple[str, ...]:
    """The parameters of a neuron that a kernel reads."""
    found = ["keep_v", "theta", "value"]
    if o.form == "int32":
        found += ["keep_u"] * o.memory
    else:
        for k in range(o.receptors):
            found += [f"alpha{k}"] * o.memory + [f"gain{k}"] * o.gains + [f"constant{k}"]
            found += [f"cleared{k}"] * o.clears
        found += ["floor", "state_floor"] * o.floors
    found += ["bias"] * o.bias
    found += ["rest"] * o.rests
    return (*found, *(["keep_a", "jump"] * o.adapts))


def states(o: Options) -> tuple[str, ...]:
    """What a neuron remembers."""
    return (
        *(f"u{k}" for k in range(o.receptors)),
        "v",
        *(["edge", "adapted"] * o.adapts),
        *(["waiting"] * o.rests),
    )
