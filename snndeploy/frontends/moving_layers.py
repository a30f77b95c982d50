"""Layers that only move numbers: unflatten, padding, nearest upsampling, shuffles, windows as columns."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from snndeploy.errors import error
from snndeploy.frontends.layers import layer
from snndeploy.frontends.selections import moved, selection
from snndeploy.frontends.value import Affine
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape

MOVING = (
    *(nn.Unflatten, nn.ZeroPad1d, nn.ZeroPad2d, nn.ConstantPad1d, nn.ConstantPad2d),
    *(nn.CircularPad1d, nn.CircularPad2d, nn.ReflectionPad1d, nn.ReflectionPad2d),
    *(nn.ReplicationPad1d, nn.ReplicationPad2d, nn.Upsample, nn.UpsamplingNearest2d),
    *(nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, nn.Unfold),
)


def one_sample(found: Array | None, size: int) -> Array | None:
    """What two samples of `size` numbers tell about each: None if one takes numbers of the other, or differs."""
    if found is None or found.ndim == 0 or len(found) != 2:
        return None
    first, second = found
    alike = ((first > 0) == (second > 0)).all() and (second[first > 0] - first[first > 0] == size).all()
    return first if alike and first.max(initial=0) <= size else None


@layer(*MOVING)
def moving(module: nn.Module, where: str, shape: Shape) -> Affine:
    """y[i] = x[place of i] or 0, whatever the module's settings are."""
    kind = type(module)
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        try:
            found = moved(lambda x: kind.forward(module, x), (2, *shape))
        except Exception as problem:
            what = f"two samples of {shape} do not go through it: {str(problem).splitlines()[0][:120]}"
            raise error("SD308", where, what, "let it work on the axes behind the samples") from None
    each = one_sample(found, _size(shape))
    if each is None:
        raise error("SD308", where, *_why(module))
    return selection(each, shape)


def _size(shape: Shape) -> int:
    return int(torch.Size(shape).numel())


def _why(module: Any) -> tuple[str, str]:
    if getattr(module, "value", 0):
        return f"it pads with {module.value}, which no spike stands for", "pad with 0"
    if getattr(module, "mode", "nearest") != "nearest":
        return f"its mode is {module.mode!r}, which computes new values", "use mode='nearest'"
    return "it does more than move the numbers of a sample", "use it on each sample alone"
