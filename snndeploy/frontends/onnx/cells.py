"""What the neurons of both forms give to a graph, and what they keep between steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape

# the name of a mask "this step is not before `onset`", or None where it always holds
Sets = Callable[[int], str | None]


@dataclass(frozen=True)
class Held:
    """Something that is kept from step to step, (batch, *shape) in `dtype`; `initial` broadcasts to the shape."""

    what: str
    dtype: str
    shape: Shape
    initial: Array


@dataclass(frozen=True)
class Updated:
    """The tensors of one step.

    Attributes:
        spikes: bool, or None where the population emits v.
        held: what is kept, by its `what`.
        u: one per receptor.
    """

    spikes: str | None
    v: str
    u: tuple[str, ...]
    held: dict[str, str] = field(default_factory=dict)
