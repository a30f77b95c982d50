"""Layers that only move numbers, and transposed convolutions: (shape, layer, options that were given) of a draw."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from drawing import Draw
from torch import nn

Made = tuple[tuple[int, ...], nn.Module, dict[str, Any]]


def padded(cls: type[nn.Module], dims: int, d: Draw) -> Made:
    """Unequal on every side; at most what is inside, which is all that mirrors and circles can take."""
    shape = (d.whole(1, 3), *(d.whole(3, 5) for _ in range(dims)))
    options: dict[str, Any] = {
        "padding": tuple(d.whole(0, 2) for _ in range(2 * dims)) if d.flag(0.8) else d.whole(1, 2)
    }
    if cls in (nn.ConstantPad1d, nn.ConstantPad2d):
        options["value"] = 0.0
    return shape, cls(**options), options


def upsampled(cls: type[nn.Module], d: Draw) -> Made:
    shape, each = (d.whole(1, 3), 2, 3), d.flag()
    if cls is nn.UpsamplingNearest2d:
        options: dict[str, Any] = {"size": (d.whole(2, 5), d.whole(3, 6))} if each else {"scale_factor": d.whole(2, 3)}
    elif each:
        options = {"size": d.one((4, 6), (3, 3), (2, 5))}
    else:
        options = {"scale_factor": d.one(2, 3, (1, 2), 1.5), "recompute_scale_factor": True}
    return shape, cls(**options), options


def unflattened(d: Draw) -> Made:
    a, b = d.whole(2, 4), d.whole(1, 3)
    options = {"dim": d.one(1, -1), "unflattened_size": d.one((a, b), (b, a), (-1, a))}
    return (a * b,), nn.Unflatten(**options), options


def shuffled(cls: type[nn.Module], name: str, d: Draw) -> Made:
    by = d.one(2, 3) if cls is nn.ChannelShuffle else 2
    shape = (by * by * d.whole(1, 2), 2 * d.whole(1, 2), 2)
    return shape, cls(**{name: by}), {name: by}


def unfolded(d: Draw) -> Made:
    options: dict[str, Any] = {}
    if d.flag(0.75):
        options["dilation"] = d.one(2, (1, 2))
    if d.flag(0.75):
        options["padding"] = d.one(1, (0, 1))
    if d.flag(0.75):
        options["stride"] = d.one(2, (2, 1))
    return (d.whole(1, 2), d.whole(3, 4), d.whole(3, 4)), nn.Unfold(d.one(2, (2, 1), (1, 2)), **options), options


def transposed(cls: type[nn.Module], dims: int, d: Draw) -> Made:
    options: dict[str, Any] = {}
    if d.flag(0.85):
        options["stride"] = 2
    if d.flag(0.75):
        options["padding"] = 1
    if "stride" in options and d.flag(0.8):
        options["output_padding"] = 1
    if d.flag(0.75):
        options["groups"] = 2
    if d.flag(0.75):
        options["bias"] = False
    if d.flag(0.75):
        options["dilation"] = 2
    layer = cls(4, 2 * d.whole(1, 2), d.whole(2, 3), **options)
    return (4, *(d.whole(3, 4) for _ in range(dims))), d.loud(layer), options


PADS = ("ZeroPad", "ConstantPad", "CircularPad", "ReflectionPad", "ReplicationPad")
# name -> (what makes one, instances per framework)
MOVING: dict[str, tuple[Callable[[Draw], Made], int]] = {
    f"{name}{n}d": (partial(padded, getattr(nn, f"{name}{n}d"), n), 25) for name in PADS for n in (1, 2)
}
MOVING |= {
    "Unflatten": (unflattened, 25),
    "PixelShuffle": (partial(shuffled, nn.PixelShuffle, "upscale_factor"), 25),
    "PixelUnshuffle": (partial(shuffled, nn.PixelUnshuffle, "downscale_factor"), 25),
    "ChannelShuffle": (partial(shuffled, nn.ChannelShuffle, "groups"), 25),
    "Upsample": (partial(upsampled, nn.Upsample), 60),
    "UpsamplingNearest2d": (partial(upsampled, nn.UpsamplingNearest2d), 60),
    "Unfold": (unfolded, 40),
    "ConvTranspose1d": (partial(transposed, nn.ConvTranspose1d, 1), 45),
    "ConvTranspose2d": (partial(transposed, nn.ConvTranspose2d, 2), 45),
}
