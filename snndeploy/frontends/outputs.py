"""The outputs of a network: what of the values that forward returned is one, and what is a state.

Every returned value is an output, in the order of forward: the spikes of a neuron, or a value without a neuron behind
it, which becomes a population that emits it. What goes back into forward in the next step is a state. So is a
membrane, except that of a neuron which feeds no other: it is there to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from snndeploy.errors import Finding
from snndeploy.frontends.structures import Place
from snndeploy.frontends.value import State, Sum, at_step
from snndeploy.network.maps import Shape

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


@dataclass(frozen=True, eq=False)
class Returned:
    """One returned tensor, or list of a tensor per step.

    Attributes:
        items: what it means, step by step; a step that is not there yet is the empty sum.
        first: step of the first item.
        shape: of one step of one sample.
        axis: of time in the tensor.
        state: it goes back into forward.
    """

    place: Place
    items: tuple[Sum | State, ...]
    shape: Shape
    first: int = 0
    axis: int = 0
    state: bool = False


@dataclass(frozen=True)
class Outputs:
    """Names of the output populations; place and axis of time of those that no neuron is behind."""

    names: tuple[str, ...] = ()
    heads: dict[str, Place] = field(default_factory=dict)
    axes: dict[str, int] = field(default_factory=dict)


def outputs_of(tracer: Tracer, returned: Sequence[Returned]) -> Outputs:
    """See the module; adds populations without a neuron to the trace."""
    heads: dict[str, Place] = {}
    axes: dict[str, int] = {}
    named: dict[int, str] = {}
    sums = [i for i, each in enumerate(returned) if not isinstance(each.items[-1], State)]
    own = [i for i in sums if not returned[i].state]
    for i in own or [i for i in sums if len(returned[i].place) < 2]:
        each = returned[i]
        name = _neuron(tracer, each)
        if name is None:
            name = _head(tracer, each)
            if name is None:
                continue
            heads[name], axes[name] = each.place, each.axis
        named[i] = name
    arrivals = tracer.arrivals[-1] if tracer.arrivals else {}
    feeding = {p.source for name, total in arrivals.items() for p in total.paths if p.source != name}
    if not own and any(name not in feeding for name in named.values()):
        named = {i: name for i, name in named.items() if name not in feeding}
    membranes = {i: cast(State, each.items[-1]).neuron for i, each in enumerate(returned) if i not in sums}
    if not tracer.findings:
        read = {i: name for i, name in membranes.items() if name not in feeding and name not in named.values()}
        named |= read if named or read else membranes
    if not named and not tracer.findings:
        stacked = "torch.stack of the recorded spikes" if tracer.time != "outside" else "the spikes of the last neuron"
        what = "forward returns no tensor that comes from the input"
        tracer.note(Finding("SD313", tracer.named(""), what, f"return {stacked} first"))
    return Outputs(tuple(dict.fromkeys(named[i] for i in sorted(named))), heads, axes)


def _neuron(tracer: Tracer, each: Returned) -> str | None:
    """The neuron whose spikes this is, in every step those of that step."""
    shown = {
        (total.bare, total.paths[0].step == k) if isinstance(total, Sum) and total.bare else (None, False)
        for k, total in enumerate(each.items, start=each.first)
    }
    name, in_time = next(iter(shown))
    return name if len(shown) == 1 and in_time and name in tracer.cells else None


def _head(tracer: Tracer, each: Returned) -> str | None:
    """A new population without a neuron, named after the last layer."""
    steps = len(tracer.arrivals) if tracer.time == "outside" else tracer.steps
    if len(each.items) != steps or each.axis < 0:
        number = each.place[0] if each.place else 0
        tracer.note(
            Finding(
                "SD313",
                tracer.named(""),
                f"returned value {number} holds no neuron's spikes of all {steps} steps",
                "append one value per step to a list and return torch.stack(list); sum them behind the module",
            )
        )
        return None
    last = cast(Sum, each.items[-1])
    layer = next((p.layers[-1] for p in reversed(last.paths) if p.layers), "output")
    taken = {*tracer.inputs, *(name for arrivals in tracer.arrivals for name in arrivals)}
    name, number = layer, 1
    while name in taken:
        name, number = f"{layer}.output" + (str(number) if number > 1 else ""), number + 1
    tracer.arrivals += [{} for _ in range(steps - len(tracer.arrivals))]
    for k, total in enumerate(each.items):
        tracer.arrivals[k][name] = at_step(total, k) if isinstance(total, Sum) else Sum()
    tracer.shapes[name] = each.shape
    return name
