"""One call of a layer while a module is traced: its linear maps and its constant join what entered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.frontends import layers, moving_layers, transposed  # noqa: F401  (they register theirs)
from snndeploy.frontends.entering import entering
from snndeploy.frontends.reductions import as_total
from snndeploy.frontends.value import Affine, State, Steps, Unknown, Value, each_step, item_shape, make, plain, through
from snndeploy.network.maps import Shape

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def call_layer(tracer: Tracer, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = next(iter((*args, *kwargs.values())), None)
    x, meaning = entering(tracer, path, given, type(module).__name__)
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        result = type(module).forward(module, x)
    shape, where = item_shape(x, meaning), tracer.named(path)
    if isinstance(meaning, Steps) and (meaning.axis >= 0 or meaning.total):
        if type(module) is nn.Flatten:
            return tracer.operation(torch.flatten, (given, module.start_dim, module.end_dim), {})
        if type(module) is nn.Unflatten:
            return tracer.operation(torch.unflatten, (given, module.dim, module.unflattened_size), {})
    return affine_call(
        tracer,
        given if isinstance(given, Value) else make(tracer, x, meaning),
        result,
        f"{type(module).__name__} {path!r}",
        path,
        key=(path, shape),
        read=lambda: layers.LAYERS[type(module)](module, where, shape),
        each_step_alone=type(module) not in layers.LAST_AXIS,
        where=where,
    )


def affine_call(
    tracer: Tracer,
    given: Value,
    result: torch.Tensor,
    title: str,
    layer: str,
    key: tuple[str, Shape],
    read: Callable[[], Affine],
    each_step_alone: bool,
    where: str = "",
) -> Any:
    """What maps and a constant make of a value.

    Args:
        title: of the layer, for messages; `layer`: its path, after which a projection is named.
        key, read: how the maps are found, and under which key they are known already.
        where: for messages; "": the line that is being executed.
        each_step_alone: it cannot take all steps in one tensor.
    """
    meaning, shape = given.meaning, item_shape(given, given.meaning)
    if as_total(tracer, meaning) is not None:
        what = f"{title} gets a sum over time, and a network computes step by step"
        tracer.refuse("SD302", what, "call it in every step, and sum what it returns; or return the sum itself", where)
        return tracer.unknown(result)
    if isinstance(meaning, Steps) and meaning.axis >= 0 and each_step_alone:
        tracer.refuse(
            "SD302",
            f"{title} gets all steps in one tensor of {tuple(plain(given).shape)}",
            "call it inside the loop over time, or merge time and batch first: x.flatten(0, 1)",
        )
        return tracer.unknown(result)
    try:
        if key not in tracer.affines:
            tracer.affines[key] = read()
        affine = tracer.affines[key]
    except SnnDeployError as problem:
        for finding in problem.findings:
            tracer.note(finding)
        return tracer.unknown(result)
    if isinstance(meaning, Unknown):
        return tracer.unknown(result)
    state = next((m for m in getattr(meaning, "items", (meaning,)) if isinstance(m, State)), None)
    if state is not None:
        what = f"{title} gets {state.name!r}, a state of {state.neuron!r}"
        tracer.refuse("SD302", what, "send it what the neuron returns first", where)
        return tracer.unknown(result)
    if not affine.maps and affine.constant is None:
        return given
    value = make(tracer, result, each_step(lambda total: through(total, affine, shape, layer), meaning))
    if not any(each.weighted for each in affine.maps):
        given.aliased = value.aliased = True
    return value
