"""Layers in functional form: `F.linear(x, self.weight)`, `F.conv2d`, `F.avg_pool2d`, `x @ self.w`.

They are read as their modules are; weights must be constants of the module, see `constants`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from snndeploy.errors import error
from snndeploy.frontends.layer_calls import affine_call
from snndeploy.frontends.layers import LAYERS, each_axis
from snndeploy.frontends.max_pool import call_pool
from snndeploy.frontends.value import Value, item_shape, plain

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer

CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
AVERAGE = ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
MAXIMUM = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
# operation -> the module that it is the inside of, and the names of its arguments
FORMS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "linear": (nn.Linear, ("input", "weight", "bias")),
    "conv1d": (nn.Conv1d, CONVOLUTION),
    "conv2d": (nn.Conv2d, CONVOLUTION),
    "conv_transpose1d": (nn.ConvTranspose1d, TRANSPOSED),
    "conv_transpose2d": (nn.ConvTranspose2d, TRANSPOSED),
    "avg_pool1d": (nn.AvgPool1d, AVERAGE[:-1]),
    "avg_pool2d": (nn.AvgPool2d, AVERAGE),
    "adaptive_avg_pool1d": (nn.AdaptiveAvgPool1d, ("input", "output_size")),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d, ("input", "output_size")),
    "lp_pool1d": (nn.LPPool1d, ("input", "norm_type", "kernel_size", "stride", "ceil_mode")),
    "lp_pool2d": (nn.LPPool2d, ("input", "norm_type", "kernel_size", "stride", "ceil_mode")),
    "max_pool1d": (nn.MaxPool1d, MAXIMUM),
    "max_pool2d": (nn.MaxPool2d, MAXIMUM),
    "adaptive_max_pool1d": (nn.AdaptiveMaxPool1d, ("input", "output_size", "return_indices")),
    "adaptive_max_pool2d": (nn.AdaptiveMaxPool2d, ("input", "output_size", "return_indices")),
    "batch_norm": (nn.BatchNorm1d, NORM),
    "matmul": (nn.Linear, ("input", "other")),
    "__matmul__": (nn.Linear, ("input", "other")),
    "mm": (nn.Linear, ("input", "mat2")),
}
DROPOUTS = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"}
CONSTANT = "make it a parameter or a buffer of the module, or use {}"


def functional(tracer: Tracer, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> Any:
    """The value behind one layer; refused where its weights are no constants."""
    kind, names = FORMS[name]
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    value = given.pop("input", given.pop("self", None))
    called = f"nn.{kind.__name__}"
    weights = {n: each for n, each in given.items() if isinstance(each, torch.Tensor)}
    strange = next((each for each in weights.values() if not tracer.constants.knows(each)), None)
    if not isinstance(value, Value) or strange is not None:
        size = tuple(value.shape if strange is None else strange.shape)
        what = f"{name.strip('_')}() with a tensor of {size} that is no parameter or buffer of the module"
        tracer.refuse("SD302", what, CONSTANT.format(called))
        return tracer.unknown(result)
    path = ".".join(filter(None, (tracer.stack[-1] if tracer.stack else "", name.strip("_"))))
    if "max_pool" in name:
        return call_pool(tracer, path, kind(**given), (value,), {}, shows=False)
    module = _module(name, kind, given)
    layer = next((each for t in weights.values() if (each := tracer.constants.layer(t))), path)
    settings = repr(sorted((n, each) for n, each in given.items() if n not in weights))
    numbers = hash(tuple((n, each.detach().cpu().numpy().tobytes()) for n, each in weights.items()))
    shape = item_shape(value, value.meaning)
    where = tracer.named(tracer.stack[-1] if tracer.stack else "")
    return affine_call(
        tracer,
        value,
        plain(result),
        f"{name.strip('_')}()",
        layer,
        key=(f"{name} {settings} {numbers} {[tuple(t.shape) for t in weights.values()]}", shape),
        read=lambda: LAYERS[kind](module, where, shape),
        each_step_alone=kind is not nn.Linear,
    )


def _module(name: str, kind: type[nn.Module], given: dict[str, Any]) -> Any:
    """What a reader of the module looks at."""
    if kind is nn.Linear:
        other = given.get("other", given.get("mat2"))
        weight = given["weight"] if other is None else _transposed(name, other)
        return SimpleNamespace(weight=weight, bias=given.get("bias"))
    if name == "batch_norm":
        absent = {"weight": None, "bias": None, "training": False, "eps": 1e-5}
        return SimpleNamespace(**(absent | given))
    if name.startswith("conv"):
        weight = given["weight"]
        absent = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}
        kernel = tuple(weight.shape[2:])
        settings = absent | given
        for n in ("stride", "padding", "dilation", "output_padding"):
            if not isinstance(settings[n], str):
                settings[n] = each_axis(settings[n], len(kernel))
        return SimpleNamespace(**settings, kernel_size=kernel, padding_mode="zeros")
    return kind(**given)


def _transposed(name: str, other: torch.Tensor) -> torch.Tensor:
    if other.ndim != 2:
        what = f"{name.strip('_')}() with a weight of {tuple(other.shape)}, not of (in, out)"
        raise error("SD302", "forward", what, "use an nn.Linear module")
    return other.T


def is_identity(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """A dropout that is switched off."""
    return name in DROPOUTS and kwargs.get("training", args[2] if len(args) > 2 else True) is False
