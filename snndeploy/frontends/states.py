"""The states of a neuron that come with a call: each must be its own, of the step before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends import layers, neurons
from snndeploy.frontends.value import State, Steps, Sum, Unknown, Value

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

# stands for all states of a neuron in one structure
WHOLE = "state"


class Missing:
    """Stands for an argument of forward whose owner is not known yet: the neuron that takes it claims it."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del func, types
        leaves = torch.utils._pytree.tree_leaves((args, kwargs or {}))
        return next(each for each in leaves if isinstance(each, cls)).asked()

    def __init__(self, argument: str):
        self.argument = argument

    def unclaimed(self, where: str) -> Finding:
        return Finding(
            "SD305",
            where,
            f"the first value of forward's argument {self.argument!r} is not known",
            f"if it is an input, name it in the sample: {{{self.argument!r}: array, ...}}; if it is a state, give it "
            "the default None, and let forward start from zeros where it is None",
        )

    def asked(self, *_: Any) -> Any:
        """Whatever is done with it."""
        raise SnnDeployError(self.unclaimed("forward"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.asked()

    __getitem__ = __iter__ = __len__ = __bool__ = asked
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = asked


def check_states(
    tracer: Tracer, family: neurons.Family, module: nn.Module, name: str, where: str, came: dict[str, Any], now: int
) -> None:
    """Each neuron must get its own states of the step before."""
    fix = "return the new state from forward and take it as an argument in the next step"
    for state, given in came.items():
        if isinstance(given, Missing):
            tracer.claims[given.argument] = (name, WHOLE if family.packed else state)
        elif given is None:
            if now > 0 and not family.remembers(module):
                tracer.note(Finding("SD305", where, f"its {state!r} is dropped, so it starts anew at every step", fix))
        elif isinstance(given, Value):
            tracer.use(given)
            meaning = given.meaning
            own = isinstance(meaning, State) and (meaning.neuron, meaning.name) == (name, state)
            own = own or (state == family.echo and isinstance(meaning, Sum) and meaning.bare == name)
            step = meaning.step if isinstance(meaning, State) else now - 1
            if not own and not isinstance(meaning, Unknown):
                other = f"{meaning.name!r} of {meaning.neuron!r}" if isinstance(meaning, State) else "another value"
                way = fix
                if isinstance(meaning, Sum) and meaning.bare in tracer.inputs:
                    other = f"the input {meaning.bare!r}"
                    way = "leave it out of the sample"
                tracer.note(Finding("SD305", where, f"as its {state!r} it gets {other}", way))
            elif own and step != now - 1:
                tracer.note(Finding("SD305", where, f"its {state!r} is not that of the step before", fix))
        elif isinstance(given, torch.Tensor) and now == 0 and not bool(torch.count_nonzero(given)):
            continue
        elif isinstance(given, torch.Tensor) and now == 0 and family.begin is not None and is_one_row(given):
            tracer.begins.setdefault(name, {})[state] = layers.numbers(given[0])
        elif isinstance(given, torch.Tensor):
            what = "set anew at every step" if now else "not zero before the first step"
            tracer.note(Finding("SD305", where, f"its {state!r} is {what}", fix))
        else:
            tracer.note(Finding("SD305", where, f"as its {state!r} it gets a {type(given).__name__}, no tensor", fix))


def refused_as_state(tracer: Tracer, name: str, values: list[Value]) -> bool:
    """True, and a finding, where an operation uses a state as a value."""
    for value in values:
        for meaning in value.meaning.items if isinstance(value.meaning, Steps) else (value.meaning,):
            if isinstance(meaning, State):
                tracer.refuse(
                    "SD302",
                    f"{name.strip('_')} uses {meaning.name!r}, a state of {meaning.neuron!r}, as a value",
                    "send on what the neuron returns first; a membrane leaves a network only from a neuron without "
                    "threshold",
                )
                return True
    return False


def is_one_row(given: torch.Tensor) -> bool:
    """The same in every sample."""
    return given.ndim > 0 and bool((given == given[:1]).all())
