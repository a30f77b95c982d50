"""What one step of the neurons of snnTorch and Norse computes, in float32, in the order of their own code.

`x` is what arrives, `fed` what the neurons' own spikes of the step before send through a matrix. The gradients follow
from these equations: see `adjoint`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar

from snndeploy.engines.torch.kernels.expression import Value, constant, leaf, spike, where

ONE, NIL = constant(1, "real"), constant(0, "real")
# ZERO_AFTER: of the membrane behind the input (RLeaky, Synaptic, Lapicque); ZERO_BEFORE: before it (Leaky)
NONE, SUBTRACT, ZERO_BEFORE, ZERO_AFTER = "none", "subtract", "zero before the input", "zero after the input"
TO_VALUE, BY_THRESHOLD = "to a value", "by the threshold"
# the neurons' own spikes: through a matrix, or each through a number V
MATRIX, ONE_TO_ONE = "matrix", "one to one"


@dataclass(frozen=True)
class Step:
    """after: the states behind the step. v: the membrane that is shown. s, p, theta: spikes, where p > theta."""

    after: dict[str, Value]
    v: Value
    s: Value | None = None
    p: Value | None = None
    theta: Value | None = None


@dataclass(frozen=True)
class SnnTorch:
    """Leaky, RLeaky, Lapicque, Synaptic, RSynaptic (snnTorch 1.0)::

        R = m > theta (constant);  u = alpha·u + x + fed (else u = x + fed);  p = beta·m + u, reset by R;  s = p > theta
        m = p; without delay reset by s - R

    Args:
        reset: NONE, SUBTRACT, ZERO_BEFORE or ZERO_AFTER. delay: a spike resets in the next step.
        current: there is a u. gain: x is x·r·rate·step first (Lapicque). fed: "", MATRIX or ONE_TO_ONE.
    """

    reset: str
    delay: bool = True
    current: bool = False
    gain: bool = False
    fed: str = ""
    spiking: ClassVar[bool] = True

    @property
    def numbers(self) -> tuple[str, ...]:
        more = ("alpha",) * self.current + ("r", "rate", "step") * self.gain
        return ("beta", "theta", *more, *(("own",) if self.fed == ONE_TO_ONE else ()))

    @property
    def states(self) -> tuple[str, ...]:
        return ("m", *("u",) * self.current, *(("z",) if self.fed == ONE_TO_ONE else ()))

    def start(self, name: str) -> str | None:
        """The number at which a state starts; None: 0."""
        del name
        return None

    @cached_property
    def step(self) -> Step:
        get = cache(_real)
        m, theta = get("m"), get("theta")
        was = where(m > theta, ONE, NIL)
        x = get("x")
        for name in ("r", "rate", "step") if self.gain else ():
            x = x * get(name)
        if self.reset == ZERO_BEFORE:
            m = (ONE - was) * m
        arrived = get("alpha") * get("u") + x if self.current else get("beta") * m + x
        if self.fed:
            arrived = arrived + (get("fed") if self.fed == MATRIX else get("z") * get("own"))
        p = get("beta") * m + arrived if self.current else arrived
        if self.reset == SUBTRACT:
            p = p - was * theta
        elif self.reset == ZERO_AFTER:
            p = p - was * p
        s = spike(p, theta)
        v = p
        if not self.delay and self.reset != NONE:
            again = s - was
            v = p - again * (theta if self.reset == SUBTRACT else p)
        after = {"m": v} | ({"u": arrived} if self.current else {})
        # what it stores is not reset yet, what is shown is: see `frontends.snntorch.leaky`
        shown = where(p > theta, NIL, p) if self.delay and self.reset == ZERO_BEFORE else v
        return Step(after | ({"z": s} if self.fed == ONE_TO_ONE else {}), shown, s, p, theta)


@dataclass(frozen=True)
class Norse:
    """LIF, LIFBox, IAF, LI, LIBox and the recurrent LIF (Norse 1.1)::

        j = i + x + fed;  p = v + k·((leak - v) + j);  i = j - ks·j        with a current
        p = v + k·((x + leak) - v)                                         without (LIBox: the order of LI)
        p = v + x                                                          IAF
        s = p > theta;  v = (1 - s)·p + s·reset, or (1 - s)·p + s·(p - theta)

    Args:
        form: "current", "box" or "sum". reset: TO_VALUE or BY_THRESHOLD; NONE: no spikes.
        constant: the reset lets no gradient through. fed: "" or MATRIX.
    """

    form: str
    reset: str
    constant: bool = False
    fed: str = ""

    @property
    def spiking(self) -> bool:
        return self.reset != NONE

    @property
    def numbers(self) -> tuple[str, ...]:
        leaks = {"current": ("k", "leak", "ks"), "box": ("k", "leak"), "sum": ()}[self.form]
        return (*leaks, *("theta",) * self.spiking, *("value",) * (self.reset == TO_VALUE))

    @property
    def states(self) -> tuple[str, ...]:
        return ("v", *("i",) * (self.form == "current"))

    def start(self, name: str) -> str | None:
        return "leak" if name == "v" and self.form != "sum" else None

    @cached_property
    def step(self) -> Step:
        get = cache(_real)
        v, x = get("v"), get("x")
        after = {}
        if self.form == "sum":
            p = v + x
        elif self.form == "box" and self.spiking:
            p = v + get("k") * ((x + get("leak")) - v)
        elif self.form == "box":
            p = v + get("k") * ((get("leak") - v) + x)
        else:
            j = get("i") + x
            if self.fed:
                j = j + get("fed")
            p = v + get("k") * ((get("leak") - v) + j)
            after["i"] = j - get("ks") * j
        if not self.spiking:
            return Step({"v": p, **after}, p)
        theta = get("theta")
        s = spike(p, theta)
        z = where(p > theta, ONE, NIL) if self.constant else s
        other = get("value") if self.reset == TO_VALUE else p - theta
        v = (ONE - z) * p + z * other
        return Step({"v": v, **after}, v, s, p, theta)


Rule = SnnTorch | Norse


def _real(name: str) -> Value:
    return leaf(name, "real")
