"""Modules that a trace does not know: refused by name."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from torch import nn

from snndeploy.errors import Finding
from snndeploy.frontends import layers, neurons
from snndeploy.frontends.entering import Stop
from snndeploy.frontends.signs import never_negative
from snndeploy.frontends.value import plain

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

# frameworks whose modules are read by class and never descended into
FOREIGN = {"torch", "torchvision", "snntorch", "norse"}
STRANGERS = {
    "ReLU": "use a spiking neuron, or leave it out",
    "OptimizedModule": "capture the module as it was before torch.compile: module._orig_mod",
    "DataParallel": "capture what it holds: module.module",
}


def stranger(
    tracer: Tracer, path: str, module: nn.Module, parent: type | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A module that is not known: refused by name, then run on plain tensors to find out what else is wrong."""
    if type(module) is nn.ReLU and args and never_negative(tracer, args[0]):
        return tracer.like(args[0], plain(args[0]))
    name = type(module).__name__
    refusal = neurons.REFUSED.get(type(module))
    if refusal is not None:
        what, fix = f"{name} is not supported: {refusal.what}", refusal.fix
    elif parent is not None:
        what = f"{name} is a subclass of {parent.__name__} and may compute something else"
        fix = f"use {parent.__name__} itself" + (
            ", after torch.nn.utils.parametrize.remove_parametrizations" if name.startswith("Parametrized") else ""
        )
    else:
        what = f"{type(module).__module__.split('.')[0]}'s {name} is not supported"
        fix = neurons.NOT_NEURONS.get(type(module)) or STRANGERS.get(name, "supported are " + supported())
    tracer.note(Finding("SD301", tracer.named(path), what, fix))
    try:
        twin = copy.deepcopy(module)
        for each in twin.modules():
            each.__dict__.pop("forward", None)
        return tracer.unknown(type(twin).forward(twin, *plain(args), **plain(kwargs)))
    except Exception as problem:
        raise Stop from problem


def supported() -> str:
    """Every class that a trace understands, by name."""
    classes = [*layers.LAYERS, *neurons.FAMILIES, *layers.CONTAINERS, *neurons.CONTAINERS]
    return ", ".join(sorted({c.__name__ for c in classes}))
