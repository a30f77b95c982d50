"""What a functional operation does to values: a few keep the meaning, all others are refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import torch

from snndeploy.errors import SnnDeployError
from snndeploy.frontends.layers import flattening
from snndeploy.frontends.value import State, Sum, Unknown, Value, make, merge, plain, through

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

# answers about a tensor that do not depend on its numbers
ASKS = {
    *("size", "dim", "ndimension", "numel", "nelement", "stride", "__len__", "__repr__", "__format__", "__hash__"),
    *("is_floating_point", "is_complex", "get_device", "element_size", "is_contiguous", "shape", "ndim", "device"),
    *("dtype", "layout", "is_cuda", "is_sparse", "is_leaf", "requires_grad", "grad", "grad_fn", "names", "itemsize"),
    *("is_quantized", "is_meta", "is_nested", "_version", "is_mkldnn", "__reduce_ex__", "data_ptr"),
}
# results that hold the same numbers
KEEPS = {"detach", "clone", "contiguous", "float", "double", "to", "cpu", "cuda", "requires_grad_", "data", "type_as"}
# answers that depend on the numbers
READS = {"__bool__", "item", "tolist", "numpy", "__float__", "__int__", "__index__", "__array__", "__contains__"}
# new tensors that only borrow shape and type
FRESH = {"zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_full", "new_empty"}

FIXES = {
    "getitem": "let forward take one step: x of shape (batch, *shape); capture does the time loop",
    "unbind": "let forward take one step: x of shape (batch, *shape); capture does the time loop",
    "stack": "let forward take one step and return its spikes; capture does the time loop",
    "cat": "use one layer per part and add their results: fc_a(a) + fc_b(b)",
    "mul": "put the factor into the weights of the layer before or behind",
    "div": "put the factor into the weights of the layer before or behind",
    "neg": "put the sign into the weights of the layer before or behind",
    "sub": "negate the weights of the second layer and add",
    "linear": "use an nn.Linear module",
    "matmul": "use an nn.Linear module",
    "conv2d": "use an nn.Conv2d module",
    "avg_pool2d": "use an nn.AvgPool2d module",
    "max_pool2d": "use nn.AvgPool2d, which is linear",
    "dropout": "use an nn.Dropout module, which eval() turns off",
    "relu": "use a spiking neuron, or leave it out",
}

Handler = Callable[["Tracer", tuple[Any, ...], Mapping[str, Any], Any], Any]


def name_of(func: Any) -> str:
    """The plain name of a torch function or property."""
    name = getattr(func, "__name__", str(func))
    if name in ("__get__", "__set__"):
        owner = getattr(func.__self__, "__name__", "attribute")
        return owner if name == "__get__" else f"setting {owner}"
    return str(name)


def operation(tracer: Tracer, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One torch operation on at least one value."""
    name = name_of(func)
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        if name in ("__eq__", "eq", "__ne__", "ne") and (args[1] is None):
            return name in ("__ne__", "ne")
        if name in READS:
            tracer.refuse(
                "SD307",
                f"{name.strip('_')}() reads the numbers of a tensor",
                "make forward do the same at every step, whatever the data",
            )
            return func(*plain(args), **plain(kwargs))
        result = func(*plain(args), **plain(kwargs))
        if name in ASKS or name in FRESH:
            return result
        return _meant(tracer, name, args, kwargs, result)


def _meant(tracer: Tracer, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> Any:
    values = [a for a in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(a, Value)]
    if any(isinstance(v.meaning, Unknown) for v in values):
        return tracer.unknown(result)
    first = values[0]
    if name in KEEPS and result.dtype == first.dtype:
        return tracer.like(first, result)
    state = next((v.meaning for v in values if isinstance(v.meaning, State)), None)
    if state is not None:
        tracer.refuse(
            "SD302",
            f"{name} uses {state.name!r}, a state of {state.neuron!r}, as a value",
            "send on what the neuron returns first; a membrane leaves a network only from a neuron without threshold",
        )
        return tracer.unknown(result)
    if name in ("add", "add_", "__add__", "__radd__", "__iadd__"):
        return _add(tracer, name, args, kwargs, result)
    if name in ("flatten", "view", "reshape") and isinstance(args[0], Value):
        return _reshaped(tracer, name, args[0], result)
    if name == "dropout" and kwargs.get("training", args[2] if len(args) > 2 else True) is False:
        return tracer.like(first, result)
    clean = name.strip("_")
    tracer.refuse(
        "SD302",
        f"{clean}() has no meaning in the network",
        FIXES.get(clean, "use modules: Linear, Conv2d, AvgPool2d, Flatten, BatchNorm, Dropout, neurons and +"),
    )
    return tracer.unknown(result)


def _add(tracer: Tracer, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> Any:
    a, b = args[0], kwargs.get("other", args[1] if len(args) > 1 else None)
    if kwargs.get("alpha", 1) != 1:
        tracer.refuse("SD302", f"add() with alpha={kwargs['alpha']}", FIXES["mul"])
        return tracer.unknown(result)
    if not (isinstance(a, Value) and isinstance(b, Value)):
        value, other = (a, b) if isinstance(a, Value) else (b, a)
        if not isinstance(other, torch.Tensor) and other == 0:
            return value
        if not (isinstance(other, torch.Tensor) and tracer.is_silence(other)):
            kind = (
                "a parameter"
                if isinstance(other, torch.nn.Parameter)
                else "a tensor"
                if isinstance(other, torch.Tensor)
                else f"the number {other}"
            )
            tracer.refuse("SD303", f"{kind} is added", "put it into the bias of the layer before: layer.bias += ...")
            return tracer.unknown(result)
        a, b = value, make(tracer, result, Sum())
    if plain(a).shape[1:] != plain(b).shape[1:]:
        tracer.refuse(
            "SD302",
            f"values of shapes {tuple(plain(a).shape[1:])} and {tuple(plain(b).shape[1:])} are added",
            "bring both to one shape",
        )
        return tracer.unknown(result)
    meaning = merge(cast(Sum, a.meaning), cast(Sum, b.meaning))
    if name in ("add_", "__iadd__"):
        if args[0].aliased:
            tracer.refuse("SD302", "+= changes a value that others may still use", "write a = a + b")
            return tracer.unknown(result)
        args[0].meaning = meaning
        return args[0]
    return make(tracer, result, meaning)


def _reshaped(tracer: Tracer, name: str, value: Value, result: torch.Tensor) -> Any:
    """Whatever the arguments were: the result tells whether neighbouring axes were merged and the batch was kept."""
    before, after = tuple(plain(value).shape), tuple(result.shape)
    if after == before:
        return tracer.like(value, result)
    for start in range(1, len(before)):
        for end in range(start + 1, len(before)):
            merged = 1
            for n in before[start : end + 1]:
                merged *= n
            if (*before[:start], merged, *before[end + 1 :]) != after:
                continue
            try:
                affine = flattening(start, end, "", before[1:])
            except SnnDeployError:
                continue
            new = tracer.like(value, result)
            new.meaning = through(cast(Sum, value.meaning), affine, before[1:])
            return new
    tracer.refuse(
        "SD302",
        f"{name}() from {before[1:]} to {after[1:]} does not merge neighbouring axes",
        "give the sample its final shape, or flatten with x.flatten(1)",
    )
    return tracer.unknown(result)
