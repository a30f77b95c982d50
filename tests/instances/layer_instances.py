"""Every layer that is captured, with every option, between neurons of either framework."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import snntorch as snn
import torch
from checking import POOLS, Case, Instance, by_step, from_nothing
from drawing import Draw
from moving_instances import MOVING
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse

DT = 1e-3
FRAMEWORKS = ("snntorch", "norse")


def neuron(d: Draw, framework: str, low: float = 0.3, high: float = 0.9) -> nn.Module:
    """A neuron that both frameworks can hold."""
    if framework == "norse":
        k = d.one(0.25, 0.5, 0.75) if d.coarse else d.number(0.2, 0.8)
        p = norse.LIFBoxParameters(torch.tensor(k / DT), v_th=d.tensor(low * 0.6, high * 0.6))
        return norse.LIFBoxCell(p, dt=DT)
    reset, beta, threshold = d.one("zero", "subtract", "none"), d.number(0.3, 0.9), d.number(low, high)
    return snn.Leaky(beta, threshold=threshold, reset_mechanism=reset, init_hidden=True)


def assembled(framework: str, layers: list[nn.Module], x: np.ndarray, options: dict[str, Any]) -> Instance:
    if framework == "norse":
        return Instance(norse.SequentialState(*layers).eval(), x, from_nothing, options)
    return Instance(nn.Sequential(*layers).eval(), x, by_step, options)


# one layer: (d) -> shape that it gets, the layer, its options


def sizes(d: Draw, dims: int, low: int, high: int) -> Any:
    """A number for all axes, or one for each."""
    return d.whole(low, high) if d.flag() else tuple(d.whole(low, high) for _ in range(dims))


def linear(d: Draw) -> tuple[tuple[int, ...], nn.Module, dict[str, Any]]:
    shape = tuple(d.whole(2, 4) for _ in range(d.whole(1, 3)))
    options = {"bias": False} if d.flag(0.65) else {}
    return shape, d.loud(nn.Linear(shape[-1], d.whole(2, 5), **options), 2.0), options


def convolution(dims: int, d: Draw) -> tuple[tuple[int, ...], nn.Module, dict[str, Any]]:
    cls = (nn.Conv1d, nn.Conv2d)[dims - 1]
    while True:
        options: dict[str, Any] = {}
        groups = d.whole(1, 3)
        if d.flag(0.65):
            options["groups"] = groups
        if d.flag(0.65):
            options["dilation"] = sizes(d, dims, 1, 3)
        if d.flag(0.75):
            options["padding"] = d.one("same", "valid", sizes(d, dims, 0, 3))
        if d.flag(0.85) and options.get("padding") != "same":
            options["stride"] = sizes(d, dims, 1, 3)
        if d.flag(0.65):
            options["bias"] = False
        channels, out = groups * d.whole(1, 2), groups * d.whole(1, 2)
        shape = (channels, *(d.whole(3, 6) for _ in range(dims)))
        layer = cls(channels, out, sizes(d, dims, 1, 4), **options)
        if fits(layer, shape):
            return shape, d.loud(layer, 2.0), options


def fits(layer: nn.Module, shape: tuple[int, ...]) -> bool:
    """torch takes it, and something comes out; what torch warns of is left out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return layer.eval()(torch.zeros(1, *shape)).numel() > 0
    except (RuntimeError, UserWarning):
        return False


def pool(cls: type, names: tuple[str, ...], d: Draw) -> tuple[tuple[int, ...], nn.Module, dict[str, Any]]:
    """A pool of one of torch's classes; `names`: its options."""
    dims = 1 if cls.__name__.endswith("1d") else 2
    while True:
        one = dims == 1 or d.flag()
        kernel = d.whole(1, 4) if one else tuple(d.whole(1, 4) for _ in range(dims))
        options: dict[str, Any] = {}
        for name in names:
            if not d.flag(0.7):
                continue
            low = min(kernel) if isinstance(kernel, tuple) else kernel
            options[name] = {
                "stride": lambda: d.whole(1, 4) if dims == 1 else sizes(d, dims, 1, 4),
                "padding": lambda low=low: d.whole(0, low // 2),
                "dilation": lambda: d.whole(1, 3) if dims == 1 else sizes(d, dims, 1, 3),
                "ceil_mode": lambda: True,
                "count_include_pad": lambda: False,
                "divisor_override": lambda: d.whole(1, 5),
            }[name]()
        shape = (d.whole(1, 3), *(d.whole(3, 7) for _ in range(dims)))
        first = (1.0,) if cls in (nn.LPPool1d, nn.LPPool2d) else ()
        layer = cls(*first, kernel, **options)
        if fits(layer, shape):
            return shape, layer, options


def adaptive(classes: tuple[type, type], dims: int, d: Draw) -> tuple[tuple[int, ...], nn.Module, dict[str, Any]]:
    out = [d.whole(1, 3) for _ in range(dims)]
    space = [n * d.whole(1, 3) for n in out]
    size: Any = tuple(out)
    if d.flag() and len(set(out)) == 1:
        size = out[0]
    elif dims == 2 and d.flag(0.3):
        size = (None, out[1])
    cls = classes[dims - 1]
    return (d.whole(1, 3), *space), cls(size), {"output_size": size}


def flatten(d: Draw) -> tuple[tuple[int, ...], nn.Module, dict[str, Any]]:
    shape = tuple(d.whole(1, 3) for _ in range(d.whole(1, 4)))
    options: dict[str, Any] = {}
    start = d.whole(1, len(shape))
    if d.flag(0.8):
        options["start_dim"] = d.one(start, start - len(shape) - 1)
    if d.flag(0.8):
        end = d.whole(start, len(shape))
        options["end_dim"] = d.one(end, end - len(shape) - 1)
    return shape, nn.Flatten(**options), options


def nothing(d: Draw) -> tuple[tuple[int, ...], nn.Module, dict[str, Any]]:
    cls = d.one(nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
    options: dict[str, Any] = {}
    if cls is not nn.Identity:
        options = {"p": d.number(0.1, 0.9)} | ({"inplace": True} if d.flag(0.7) else {})
    shape = tuple(d.whole(2, 4) for _ in range({nn.Dropout1d: 2, nn.Dropout2d: 3, nn.Dropout3d: 4}.get(cls, 2)))
    return shape, cls(**options), options


def norm(dims: int, d: Draw) -> tuple[tuple[int, ...], nn.Module, dict[str, Any]]:
    shape = (d.whole(2, 4), *(d.whole(2, 4) for _ in range(dims)))
    options: dict[str, Any] = {}
    if d.flag(0.6):
        options["affine"] = False
    if d.flag(0.7):
        options["bias"] = False
    if d.flag(0.7):
        options["eps"] = 10.0 ** -d.whole(1, 7)
    if d.flag(0.7):
        options["momentum"] = d.one(None, 0.3)
    layer: Any = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d)[dims](shape[0], **options)
    with torch.no_grad():
        layer.running_mean.copy_(d.tensor(-0.3, 0.3, shape[:1]))
        layer.running_var.copy_(d.tensor(0.25, 1.5, shape[:1]))
        if layer.affine:
            layer.weight.copy_(d.tensor(0.5, 2.0, shape[:1]))
            if layer.bias is not None:
                layer.bias.copy_(d.tensor(-0.2, 0.3, shape[:1]))
    return shape, layer, options


AVERAGE = ("stride", "padding", "ceil_mode", "count_include_pad")
LAYERS: dict[str, Callable[[Draw], Any]] = {
    "Linear": linear,
    "Conv1d": partial(convolution, 1),
    "Conv2d": partial(convolution, 2),
    "AvgPool1d": partial(pool, nn.AvgPool1d, AVERAGE),
    "AvgPool2d": partial(pool, nn.AvgPool2d, (*AVERAGE, "divisor_override")),
    "LPPool1d": partial(pool, nn.LPPool1d, ("stride", "ceil_mode")),
    "LPPool2d": partial(pool, nn.LPPool2d, ("stride", "ceil_mode")),
    "AdaptiveAvgPool1d": partial(adaptive, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), 1),
    "AdaptiveAvgPool2d": partial(adaptive, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), 2),
    "AdaptiveMaxPool1d": partial(adaptive, (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d), 1),
    "AdaptiveMaxPool2d": partial(adaptive, (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d), 2),
    "MaxPool1d": partial(pool, nn.MaxPool1d, ("stride", "padding", "dilation", "ceil_mode")),
    "MaxPool2d": partial(pool, nn.MaxPool2d, ("stride", "padding", "dilation", "ceil_mode")),
    "Flatten": flatten,
    "Identity and dropout": nothing,
    "BatchNorm1d of neurons": partial(norm, 0),
    "BatchNorm1d of channels": partial(norm, 1),
    "BatchNorm2d": partial(norm, 2),
}
LAYERS |= {name: make for name, (make, _) in MOVING.items()}


class Weighted(nn.Module):
    """One weight per element, so that a layer gets values that are no spikes, of both signs."""

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x):
        return x * self.weight


def around(name: str, framework: str, seed: int) -> Instance:
    """[neurons or weights or nothing], the layer, [an average], neurons, [a layer and neurons]."""
    d = Draw(seed, 20, sum(map(ord, name)), framework == "norse")
    shape, layer, options = LAYERS[name](d)
    layers: list[nn.Module] = []
    weighted = isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d))
    maximum = isinstance(layer, POOLS)
    how = d.whole(0, 2)
    if maximum and how == 1:
        how = 0
    kind = ""
    if how == 0:
        layers += [Weighted(d.tensor(0.3, 1.2, shape)), neuron(d, framework)]
    elif how == 1:
        layers += [Weighted(d.tensor(-0.5, 1.5, shape))]
    else:
        kind = "binary" if maximum else ""
    layers.append(layer)
    if how == 1 and d.flag(0.3) and not weighted:
        layers.append(d.one(nn.Identity(), nn.Dropout(0.3)))
    layers.append(neuron(d, framework, 0.15, 0.5))
    out = tuple(nn.Sequential(layer.eval())(torch.zeros(1, *shape)).shape[1:])
    if d.flag(0.3):
        flat = [nn.Flatten()] if len(out) > 1 else []
        layers += [*flat, d.linear(int(np.prod(out)), 2, 2.0), neuron(d, framework)]
    return assembled(framework, layers, d.sample(shape, kind=kind), options)


def refused(make: Callable[[Draw], tuple[tuple[int, ...], list[nn.Module]]], seed: int) -> Instance:
    d = Draw(seed, 21)
    framework = FRAMEWORKS[seed % 2]
    shape, layers = make(d)
    return assembled(framework, [*layers, neuron(d, framework)], d.sample(shape), {})


def image(d: Draw, layer: nn.Module) -> tuple[tuple[int, ...], list[nn.Module]]:
    return (2, 4, 6), [d.loud(nn.Conv2d(2, 2, 1)), layer]


UNKNOWN: tuple[Callable[[], nn.Module], ...] = (
    nn.ReLU,
    nn.Sigmoid,
    nn.Softmax,
    lambda: nn.GroupNorm(1, 2),
    lambda: nn.LayerNorm((2, 4, 6)),
    lambda: nn.InstanceNorm2d(2),
    lambda: nn.PReLU(),
    lambda: nn.LocalResponseNorm(2),
)
REFUSED: dict[str, tuple[Callable[[Draw], Any], str]] = {
    "padding_mode": (
        lambda d: image(d, nn.Conv2d(2, 2, 3, padding=1, padding_mode=d.one("reflect", "replicate", "circular"))),
        "SD308 retrain with padding_mode='zeros'",
    ),
    "norm_type": (lambda d: image(d, nn.LPPool2d(d.one(2, 3, 1.5), 2)), "SD308 is not linear"),
    "uneven windows": (
        lambda d: image(d, nn.AdaptiveAvgPool2d(d.one(4, (3, 4), 5))),
        "SD308 its windows differ in size",
    ),
    "start_dim=0": (lambda d: image(d, nn.Flatten(0, d.one(1, 2, 3, -1))), "SD308 it flattens the batch axis"),
    "track_running_stats": (
        lambda d: image(d, nn.BatchNorm2d(2, track_running_stats=False)),
        "SD308 it has no running statistics",
    ),
    "maximum of values": (lambda d: image(d, nn.MaxPool2d(d.whole(1, 3))), "SD302 takes the maximum of values"),
    "unknown layers": (lambda d: image(d, d.one(*UNKNOWN)()), "SD301 is not supported"),
}

CASES = [Case(f"{name}, {f}", f, partial(around, name, f)) for name in LAYERS for f in FRAMEWORKS if name not in MOVING]
CASES += [
    Case(f"{name}, {f}", f, partial(around, name, f), instances=count)
    for name, (_, count) in MOVING.items()
    for f in FRAMEWORKS
]
CASES += [Case(f"{name} refused", "both", partial(refused, make), words) for name, (make, words) in REFUSED.items()]
