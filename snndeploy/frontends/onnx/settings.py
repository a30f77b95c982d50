"""What a model is built for, and the names in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from snndeploy.network.maps import Shape

Form = Literal["step", "sequence"]
# 28 is the newest that onnxruntime 1.32 runs; every operator used here means the same from 21 on
OPSET, OPSET_MIN = 28, 21


@dataclass(frozen=True)
class Settings:
    """How a network becomes a model.

    Attributes:
        form: "step": one step; "sequence": all steps of a sample.
        dtype: "float32" or "float64", of the float form.
        batch: samples; None: any number.
        states: the sequence takes the state before and gives the one after, so that it runs in parts; a step always.
        record: of "spikes", "u" and "v".
        populations: what is recorded of; None: the outputs of the network.
        largest: the largest magnitude of an input of counts or signed numbers, by name; it has the smallest type of
            uint8, int8, int32 and int64 that holds it.
        floats: integer convolutions in float32 where that is exact; the CPU is faster so, other devices may not be
            exact.
    """

    form: Form = "sequence"
    dtype: str = "float32"
    batch: int | None = None
    states: bool = False
    record: tuple[str, ...] = ("spikes",)
    populations: tuple[str, ...] | None = None
    largest: Mapping[str, int] = field(default_factory=dict)
    floats: bool = False
    opset: int = OPSET

    def count_type(self, name: str, signed: bool = False) -> tuple[str, int, int]:
        """The type of an input of whole numbers, and the least and most that it holds (of int64: what was said)."""
        most = self.largest.get(name, 127 if signed else 255)
        if most <= (127 if signed else 255):
            return ("int8", -128, 127) if signed else ("uint8", 0, 255)
        if most < 2**31:
            return "int32", -(2**31) if signed else 0, 2**31 - 1
        return "int64", -most if signed else 0, most


@dataclass(frozen=True)
class State:
    """What a model takes and gives back: the tensor before, and after. It is all zeros before the first step.

    Attributes:
        shape: (batch, *shape); (delay, batch, *shape) of what was emitted before; () of the step counter.
    """

    before: str
    after: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Interface:
    """The names of a model's inputs and outputs, each by name of input or population."""

    inputs: Mapping[str, str]
    types: Mapping[str, str]
    spikes: Mapping[str, str]
    u: Mapping[str, str]
    v: Mapping[str, str]
    states: tuple[State, ...] = ()

    def zeros(self, batch: int) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Type and shape of every state before the first step."""
        return {s.before: (s.dtype, tuple(batch if n == "batch" else int(n) for n in s.shape)) for s in self.states}


def known(shape: Shape, batch: int | None) -> tuple[int | str, ...]:
    return ("batch" if batch is None else batch, *shape)
