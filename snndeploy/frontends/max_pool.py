"""Max-pool of spikes: the or of a window, which is exact.

A population without memory sums each window and fires above half a spike: v = sum, s = v > value / 2.
Over values that are not spikes a maximum is not linear, and is refused.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from snndeploy.errors import Finding, SnnDeployError, error
from snndeploy.frontends import neurons
from snndeploy.frontends.entering import entering
from snndeploy.frontends.layers import each_axis
from snndeploy.frontends.value import Affine, Path, Sum, Unknown, item_shape, make, through
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Map, Pool, Shape
from snndeploy.network.rule import Reset, Rule

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

POOLS: tuple[type, ...] = (nn.MaxPool1d, nn.MaxPool2d)
TWO_WAYS = "move it behind the neuron, where it is exact; or use average pooling, which is linear, and fine-tune"


def windows(module: Any, where: str, shape: Shape) -> tuple[Map, ...]:
    """The sum over the windows of a max-pool, with all its options."""
    dims = 2 if isinstance(module, nn.MaxPool2d) else 1
    if module.return_indices:
        raise error("SD308", where, "return_indices: a place in a window is no spike", "use return_indices=False")
    if len(shape) != dims + 1:
        raise error("SD308", where, f"it gets {shape} without the batch axis, not {dims + 1} axes")
    kernel, stride, padding, dilation = (
        each_axis(v, dims) for v in (module.kernel_size, module.stride, module.padding, module.dilation)
    )
    pool = Pool(kernel, stride, padding, "sum", bool(module.ceil_mode))
    if all(d == 1 for d in dilation):
        return (pool,)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    space = Pool(reach, stride, padding, "sum", bool(module.ceil_mode)).shape_out(shape)[1:]
    pads = tuple(
        (p, max(p, (out - 1) * s + r - n - p))
        for out, s, r, n, p in zip(space, stride, reach, shape[1:], padding, strict=True)
    )
    ones = np.ones((shape[0], 1, *kernel))
    return (Conv(ones, stride, pads, dilation, groups=shape[0]),)


def gate(value: Array) -> Rule | None:
    """The rule of a window's or, for spikes that are worth `value`; None where that is not one number above 0."""
    if prod(value.shape) != 1 or value.item() <= 0:
        return None
    return Rule(beta=0.0, threshold=0.5 * value.item(), reset=Reset("to", 0.0, "now"), value=value.item())


def call_pool(tracer: Tracer, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A population that ors the spikes of each window; each neuron that is pooled gets one of its own."""
    x, meaning = entering(tracer, path, next(iter((*args, *kwargs.values())), None), type(module).__name__)
    shape, where = item_shape(x, meaning), tracer.named(path)
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        result = type(module).forward(module, x)
    if isinstance(meaning, Unknown) or (isinstance(meaning, Sum) and refused(tracer, meaning.bare)):
        return tracer.unknown(result)
    source = meaning.bare if isinstance(meaning, Sum) else None
    step = meaning.paths[0].step if isinstance(meaning, Sum) and source else None
    cell = tracer.cells.get(source or "")
    if isinstance(meaning, Sum) and meaning.silent and not meaning.paths and meaning.constant is None:
        return make(tracer, result, meaning)
    spikes = cell is not None and cell.rule is not None and cell.rule.spiking
    rule = gate(cell.rule.value) if cell is not None and spikes else None
    if source in tracer.binary and step is not None:
        rule = gate(np.asarray(1.0))
    if rule is None or source is None or step is None:
        what = f"{type(module).__name__} takes the maximum of values that are not the spikes of one neuron"
        tracer.note(Finding("SD302", where, what, TWO_WAYS))
        return tracer.unknown(result)
    try:
        maps = windows(module, where, shape)
    except SnnDeployError as problem:
        for finding in problem.findings:
            tracer.note(finding)
        return tracer.unknown(result)
    name = tracer.pools.setdefault((path, source), path if path not in tracer.cells else f"{path}.{source}")
    tracer.cells[name], tracer.shapes[name] = neurons.Cell(rule), tuple(result.shape[1:])
    tracer.arrivals += [{} for _ in range(step + 1 - len(tracer.arrivals))]
    if name not in tracer.arrivals[step]:
        tracer.arrivals[step][name] = through(cast(Sum, meaning), Affine(maps), shape, path)
        tracer.calls[name] = tracer.calls.get(name, 0) + 1
    return make(tracer, torch.zeros_like(result), Sum((Path(name, step),)), aliased=True)


def refused(tracer: Tracer, name: str | None) -> bool:
    """True for a neuron whose settings were refused."""
    return name in tracer.cells and tracer.cells[name].rule is None
