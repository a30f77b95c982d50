"""The arguments of forward: which are inputs of the network, which are fixed, and which are states."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

INPUT = "input"
STAR = "*"


@dataclass(frozen=True)
class Slot:
    """Where forward gets one input of the network: an argument, or a part of one.

    Attributes:
        name: of the network's input.
        argument: of forward; "*xs" where `forward(self, *xs)` takes any number.
        key: place in a tuple or dict that is the argument; None: the argument is the tensor.
    """

    name: str
    argument: str
    key: int | str | None = None


@dataclass(frozen=True)
class Arguments:
    """How forward is called.

    Attributes:
        slots: one per input of the network.
        leading: arguments that are passed by position, in order; the others go by name.
        within: argument -> the type of structure that it is, tuple, list or dict.
        fixed: argument -> number or text that is the same in every call.
    """

    slots: tuple[Slot, ...]
    leading: tuple[str, ...] = ()
    within: Mapping[str, type] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def call(self, tensors: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and named arguments of one call, from a tensor per input."""
        named = dict(self.fixed)
        for slot in self.slots:
            if slot.key is None:
                named[slot.argument] = tensors[slot.name]
            else:
                named.setdefault(slot.argument, {})[slot.key] = tensors[slot.name]
        for argument, kind in self.within.items():
            if kind is not dict:
                named[argument] = kind(named[argument].values())
        args: list[Any] = []
        for argument in self.leading:
            value = named.pop(argument)
            args += value if argument.startswith(STAR) else [value]
        return args, named


def one(name: str = INPUT) -> Arguments:
    """One tensor, as the first argument."""
    return Arguments((Slot(name, INPUT),), (INPUT,))


def parameters(module: torch.nn.Module) -> list[inspect.Parameter]:
    """Those of forward, without self."""
    return list(inspect.signature(type(module).forward).parameters.values())[1:]


def state_arguments(module: torch.nn.Module, arguments: Arguments) -> dict[str, bool]:
    """Other arguments of forward, which can be states: name -> has a default (which is None)."""
    known = [p for p in parameters(module) if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    used = {slot.argument for slot in arguments.slots} | {*arguments.fixed}
    if arguments.leading == (INPUT,):
        # the first, whatever its name
        used.add(known[0].name if known else INPUT)
    open_ = [p for p in known if p.name not in used and (p.default is None or p.default is p.empty)]
    return {p.name: p.default is None for p in open_}
