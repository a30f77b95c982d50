"""What a tensor that enters a layer or a neuron means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch

from snndeploy.errors import Finding
from snndeploy.frontends.arguments import Arguments
from snndeploy.frontends.states import Missing
from snndeploy.frontends.value import Meaning, Sum, Unknown, Value, plain

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


class Stop(Exception):
    """Nothing more can be found out."""


def entering(tracer: Tracer, path: str, given: Any, what: str) -> tuple[torch.Tensor, Meaning]:
    """A tensor that enters a layer or a neuron, and its meaning."""
    if isinstance(given, Value):
        tracer.use(given)
        return plain(given), given.meaning
    if isinstance(given, Missing):
        tracer.note(given.unclaimed(tracer.named(path)))
        raise Stop
    if not isinstance(given, torch.Tensor):
        fix = _tuple_fix(given, tracer.arguments)
        tracer.refuse("SD312", f"{what} {path!r} gets a {type(given).__name__}, not a tensor", fix)
        raise Stop
    if tracer.is_silence(given):
        return given, Sum(silent=True)
    tracer.note(
        Finding("SD303", tracer.named(path), "a tensor that does not come from the input enters it", "pass it as input")
    )
    return given, Unknown()


def _tuple_fix(given: Any, arguments: Arguments) -> str:
    for argument, kind in arguments.within.items():
        inside = [slot.name for slot in arguments.slots if slot.argument == argument]
        if type(given) is kind and len(cast(Any, given)) == len(inside):
            names = ", ".join(inside)
            what = f"not all of {names} are arguments of forward, so the sample went in whole as {argument!r}"
            return f"{what}; name the arguments of forward, and no others"
    if isinstance(given, tuple):
        return "take the first of what the neuron returns, or build it with init_hidden=True and output=False"
    return "pass the tensor"
