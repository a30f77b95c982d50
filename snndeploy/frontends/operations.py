"""What a functional operation does to values: a few keep the meaning, all others are refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from snndeploy.frontends import sequences
from snndeploy.frontends.arithmetic import ARITHMETIC, DIVIDES, IN_PLACE, MULTIPLIES, arithmetic
from snndeploy.frontends.concatenation import JOINS, join
from snndeploy.frontends.functional import FORMS, functional, is_identity
from snndeploy.frontends.rearranging import MOVES, rearranged
from snndeploy.frontends.recording import LIST, as_value, keep
from snndeploy.frontends.reductions import RANKS, REDUCES, kept_total, reduced
from snndeploy.frontends.signs import never_negative
from snndeploy.frontends.states import refused_as_state
from snndeploy.frontends.value import Steps, Sum, Unknown, Value, plain

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

NORMS = "use nn.BatchNorm, whose statistics are fixed in eval mode: these depend on each sample"
OUTSIDE = "use a spiking neuron there; of the output, take it of what the module returns, as in the loss"

RANDOM = "draw random numbers before, and pass them as input: a network gives the same every time"
CHECK = "leave checks of numbers out of forward; shapes can be checked"
TYPE = "keep float32, as the weights are"
COMPARE = "use a spiking neuron, which compares with its threshold"

FIXES = {
    **dict.fromkeys(
        ("rand_like", "randn_like", "randint_like", "bernoulli", "normal", "poisson", "multinomial"), RANDOM
    ),
    **dict.fromkeys(("isnan", "isinf", "isfinite", "any", "all", "allclose", "equal"), CHECK),
    **dict.fromkeys(("half", "double", "bfloat16", "long", "int", "bool", "to", "type"), TYPE),
    **dict.fromkeys(("gt", "lt", "ge", "le", "eq", "where", "sign", "heaviside"), COMPARE),
    "setitem": LIST,
    "dropout": "say F.dropout(x, p, training=self.training), or use an nn.Dropout module, which eval() turns off",
    "layer_norm": NORMS,
    "group_norm": NORMS,
    "instance_norm": NORMS,
    "softmax": OUTSIDE,
    "log_softmax": OUTSIDE,
    "sigmoid": OUTSIDE,
    "argmax": OUTSIDE,
    "einsum": "use an nn.Linear module, or x @ self.weight",
    "max_pool1d_with_indices": "use return_indices=False: a place in a window is no spike",
    "max_pool2d_with_indices": "use return_indices=False: a place in a window is no spike",
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
        if name == "__setitem__":
            return keep(tracer, args)
        if name in IN_PLACE and type(args[0]) is torch.Tensor and tracer.is_silence(args[0]):
            as_value(tracer, args[0], Sum())
        result = func(*plain(args), **plain(kwargs))
        if name in ASKS or name in FRESH:
            return result
        return _meant(tracer, name, func, args, kwargs, result)


def _meant(tracer: Tracer, name: str, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> Any:
    values = [a for a in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(a, Value)]
    if any(isinstance(v.meaning, Unknown) for v in values):
        return tracer.unknown(result)
    first, whole = values[0], args[0] if args else None
    if name in KEEPS and result.dtype == first.dtype:
        return tracer.like(first, result)
    if name in JOINS:
        return join(tracer, func, args, kwargs, result)
    if isinstance(whole, Value):
        if name == "__getitem__":
            return sequences.index(tracer, func, args, result)
        if name == "__iter__":
            return iter(sequences.apart(tracer, torch.unbind, (whole,), {}, tuple(result)))
        if name == "unbind":
            return sequences.apart(tracer, func, args, kwargs, result)
        if name in MOVES:
            return rearranged(tracer, name, func, args, kwargs, result)
        if name in REDUCES:
            return reduced(tracer, name, whole, args, kwargs, result)
    if refused_as_state(tracer, name, values):
        return tracer.unknown(result)
    kept = kept_total(tracer, name, args, result) if name in RANKS | MULTIPLIES | DIVIDES else None
    if kept is not None:
        return kept
    if any(isinstance(v.meaning, Steps) and v.meaning.total for v in values):
        tracer.refuse("SD302", f"{name} uses a sum over time", "return it, or the recorded spikes")
        return tracer.unknown(result)
    if name in ARITHMETIC:
        return arithmetic(tracer, name, args, kwargs, result)
    if is_identity(name, args, kwargs) or (name == "relu" and never_negative(tracer, whole)):
        return tracer.like(first, result)
    if name in FORMS:
        return functional(tracer, name, args, kwargs, result)
    clean = name.strip("_")
    tracer.refuse(
        "SD302",
        f"{clean}() has no meaning in the network",
        FIXES.get(clean, "use linear layers, neurons, +, slices and reshapes; the README lists what capture reads"),
    )
    return tracer.unknown(result)
