"""One call of a layer while a module is traced: its linear maps and its constant join what entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends import layers, moving_layers, transposed  # noqa: F401  (they register theirs)
from snndeploy.frontends.entering import entering
from snndeploy.frontends.value import State, Steps, Unknown, Value, each_step, item_shape, make, through

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def call_layer(tracer: Tracer, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = next(iter((*args, *kwargs.values())), None)
    x, meaning = entering(tracer, path, given, type(module).__name__)
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        result = type(module).forward(module, x)
    shape, where = item_shape(x, meaning), tracer.named(path)
    if isinstance(meaning, Steps) and (meaning.axis >= 0 or meaning.total) and type(module) not in layers.LAST_AXIS:
        if type(module) is nn.Flatten:
            return tracer.operation(torch.flatten, (given, module.start_dim, module.end_dim), {})
        if type(module) is nn.Unflatten:
            return tracer.operation(torch.unflatten, (given, module.dim, module.unflattened_size), {})
        tracer.refuse(
            "SD302",
            f"{type(module).__name__} {path!r} gets all steps in one tensor of {tuple(x.shape)}",
            "call it inside the loop over time, or merge time and batch first: x.flatten(0, 1)",
        )
        return tracer.unknown(result)
    try:
        if (path, shape) not in tracer.affines:
            tracer.affines[path, shape] = layers.LAYERS[type(module)](module, where, shape)
        affine = tracer.affines[path, shape]
    except SnnDeployError as problem:
        for finding in problem.findings:
            tracer.note(finding)
        return tracer.unknown(result)
    if isinstance(meaning, Unknown):
        return tracer.unknown(result)
    state = next((m for m in getattr(meaning, "items", (meaning,)) if isinstance(m, State)), None)
    if state is not None:
        tracer.note(
            Finding(
                "SD302",
                where,
                f"it gets {state.name!r}, a state of {state.neuron!r}",
                "send it what the neuron returns first",
            )
        )
        return tracer.unknown(result)
    if not affine.maps and affine.constant is None and isinstance(given, Value):
        return given
    value = make(tracer, result, each_step(lambda total: through(total, affine, shape, path), meaning))
    if isinstance(given, Value) and not any(each.weighted for each in affine.maps):
        given.aliased = value.aliased = True
    return value
