"""An average pool behind a convolution, as one convolution with larger steps: the same sums, with fewer products.

A 3×3 kernel before a 2×2 pool is a 4×4 kernel in steps of two: 16 products for each pooled number instead of 36, and
what would lie between them is never written. Within `FewerProducts` a convolution waits until it is seen what is
done with it; anything but such a pool gets what it always gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad
from torch.overrides import TorchFunctionMode

from snndeploy.errors import error

Pair = tuple[int, int]
# id of a weight and how it is pooled -> (the weight, so that its id is not given away, the kernel)
Kernels = dict[Any, tuple[Tensor, Tensor]]
# what is asked of a tensor without looking at its numbers
TOLD = {Tensor.dim, Tensor.size, *(getattr(Tensor, name).__get__ for name in ("shape", "dtype", "device", "ndim"))}


@dataclass(frozen=True, eq=False)
class Convolution:
    """x (batch, channels, height, width) and all else that it takes."""

    x: Tensor
    weight: Tensor
    bias: Tensor | None
    stride: Pair
    padding: Pair
    groups: int

    @property
    def sizes(self) -> Pair:
        """Of what comes out."""
        whole = zip(self.x.shape[2:], self.weight.shape[2:], self.stride, self.padding, strict=True)
        high, wide = ((n + 2 * p - k) // s + 1 for n, k, s, p in whole)
        return high, wide

    def __call__(self) -> Tensor:
        return conv2d(self.x, self.weight, self.bias, self.stride, self.padding, 1, self.groups)


class Waiting(Tensor):
    """What a convolution gives, before it is computed."""

    of: Convolution
    kernels: Kernels
    value: Tensor | None

    @staticmethod
    def on(of: Convolution, kernels: Kernels) -> Waiting:
        shape = (len(of.x), len(of.weight), *of.sizes)
        made: Waiting = Tensor._make_wrapper_subclass(Waiting, shape, dtype=of.x.dtype, device=of.x.device)
        made.of, made.kernels, made.value = of, kernels, None
        return made

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in TOLD:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        if func is avg_pool2d and args and isinstance(args[0], Waiting):
            pooled = args[0].pooled(*args[1:], **kwargs)
            if pooled is not None:
                return pooled
        return func(*_computed(args), **_computed(kwargs))

    def pooled(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor | None:
        """What an average pool makes of it; None where that is no one convolution, or no cheaper one."""
        del count_include_pad  # nothing is padded
        of, window = self.of, _pair(kernel_size)
        apart = _pair(stride) if stride else window
        if _pair(padding) != (0, 0) or ceil_mode or divisor_override is not None:
            return None
        before, after = of.weight.shape[2:], zip(of.weight.shape[2:], of.stride, window, strict=True)
        high, wide = (k + s * (w - 1) for k, s, w in after)
        down, across = ((n - w) // a + 1 for n, w, a in zip(of.sizes, window, apart, strict=True))
        if high * wide * down * across >= before.numel() * of.sizes[0] * of.sizes[1]:
            return None
        key = (id(of.weight), window, of.stride)
        if key not in self.kernels:
            self.kernels[key] = (of.weight, spread(of.weight, window, of.stride))
        steps = (of.stride[0] * apart[0], of.stride[1] * apart[1])
        return conv2d(of.x, self.kernels[key][1], of.bias, steps, of.padding, 1, of.groups)

    def computed(self) -> Tensor:
        if self.value is None:
            self.value = self.of()
        return self.value

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        what = f"{func} looks at the numbers of a convolution past torch's functions"
        raise error("SD846", "conv2d", what, "train without acceleration")


class FewerProducts(TorchFunctionMode):
    """Within it, a convolution in two dimensions waits for what is done with it.

    An autograd function of the user's own that takes one as it is would lose its gradient: see `forwards.accelerated`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kernels: Kernels = {}
        self.waited = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is conv2d and (of := _convolution(*args, **kwargs)) is not None:
            self.waited = True
            return Waiting.on(of, self.kernels)
        return func(*args, **kwargs)


def _convolution(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Convolution | None:
    """None where it is not worth waiting for: one without a batch, with holes, or with a padding by name."""
    input = input.computed() if isinstance(input, Waiting) else input
    plain = input.dim() == 4 and input.is_floating_point() and not isinstance(padding, str)
    if not plain or _pair(dilation) != (1, 1) or torch.is_autocast_enabled(input.device.type):
        return None
    return Convolution(input, weight, bias, _pair(stride), _pair(padding), groups)


def spread(weight: Tensor, window: Pair, stride: Pair) -> Tensor:
    """The kernel of the pooled convolution: the mean of its shifts by multiples of the stride."""
    high, wide = (stride[0] * (window[0] - 1), stride[1] * (window[1] - 1))
    parts = [
        pad(weight, (j, wide - j, i, high - i))
        for i in range(0, high + 1, stride[0])
        for j in range(0, wide + 1, stride[1])
    ]
    return torch.stack(parts).sum(0) / len(parts)


def _pair(value: Any) -> Pair:
    if isinstance(value, int):
        return value, value
    values = tuple(value)
    return values[0], values[-1]


def _computed(given: Any) -> Any:
    if isinstance(given, Waiting):
        return given.computed()
    if isinstance(given, dict):
        return {name: _computed(each) for name, each in given.items()}
    if type(given) in (list, tuple):
        return type(given)(_computed(each) for each in given)
    return given
