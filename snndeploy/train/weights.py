"""Whole-number weights that can learn: a real number is kept, its rounding is used, its gradient passes.

Straight-through: d round(w)/dw = 1 (Bengio, Leonard and Courville, arXiv:1308.3432, 2013).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from snndeploy.engines.torch.linear import chain, columns, padded, tensor
from snndeploy.engines.torch.link import exact_type, wrap32
from snndeploy.engines.torch.settings import Settings
from snndeploy.network.maps import Conv, Dense, Map, Shape, Sparse, values_of, with_values
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import Format, natural_sign
from snndeploy.quantize.choice import MARK
from snndeploy.quantize.drive import weighted_map

Weighted = Callable[[Tensor, Tensor], Tensor]


class Rounded(torch.autograd.Function):
    """The nearest multiple of `step` within `low`..`high`; the gradient is that of the number itself."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, step: int, low: int, high: int) -> Tensor:
        del ctx
        return (torch.round(y / step) * step).clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        del ctx
        return grads[0], None, None, None


def rounded(y: Tensor, step: int, low: int, high: int) -> Tensor:
    """See `Rounded`."""
    whole: Tensor = Rounded.apply(y, step, low, high)  # type: ignore[no-untyped-call]
    return whole


class Shifted(torch.autograd.Function):
    """A sum of mantissas times 2^exponent, floor where it is negative, in 32 bits; the gradient is 2^exponent."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, exponent: int) -> Tensor:
        ctx.exponent = exponent
        whole = y.to(torch.int64)
        return wrap32(whole << exponent if exponent >= 0 else whole >> -exponent).to(torch.float64)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return grads[0] * 2.0**ctx.exponent, None


def weighted(each: Map, shape: Shape) -> Weighted:
    """A map as a function of what arrives `(n, *shape)` and of its weights, differentiable in both."""
    match each:
        case Dense():
            return lambda x, weight: x @ weight.T
        case Conv():
            return _conv(each, shape)
        case Sparse():
            return _sparse(each, shape)
    raise TypeError(type(each).__name__)


def _conv(each: Conv, shape: Shape) -> Weighted:
    convolve = functional.conv1d if len(each.kernel) == 1 else functional.conv2d
    even = all(before == behind for before, behind in each.padding)
    around = tuple(before for before, _ in each.padding) if even else 0

    def apply(x: Tensor, weight: Tensor) -> Tensor:
        if x.device.type == "cuda":
            return columns(each, shape, weight)(x)
        x = x if even else padded(x, each.padding)
        return convolve(x, weight, None, each.stride, around, each.dilation, each.groups)

    return apply


def _sparse(each: Sparse, shape: Shape) -> Weighted:
    coo, out = each.weight.tocoo(), each.shape_out(shape)
    rows, sources = each.weight.shape
    places = torch.tensor(np.stack([coo.row, coo.col]).astype(np.int64))

    def apply(x: Tensor, weight: Tensor) -> Tensor:
        matrix = torch.sparse_coo_tensor(
            places.to(x.device), weight, (rows, sources), is_coalesced=True, check_invariants=False
        )
        y: Tensor = torch.sparse.mm(matrix, x.reshape(x.shape[0], sources).T)
        return y.T.reshape(x.shape[0], *out)

    return apply


class Synapses(nn.Module):
    """A projection whose mantissas learn: `(steps, batch, *shape) -> float64 (steps, batch, *shape of the target)`.

    weight: float32, the mantissas before they are rounded; `Format` says on which grid. In one of several parts of a
    projection (signs, bands, high and low) what is zero stays zero: it is a synapse of another part, or none.
    """

    def __init__(self, network: Network, projection: Projection, largest: int, settings: Settings, learns: bool):
        super().__init__()
        at, each = weighted_map(projection)
        shape = network.shapes[projection.source]
        self.projection, self.place, self.map = projection, at, each
        self.form: Format = projection.format  # type: ignore[assignment]
        self.out = network.shape_after(projection)
        # the type must hold every sum that the grid allows, not only today's
        most = max(map(abs, self.form.limits))
        full = with_values(each, np.full_like(values_of(each), most))
        maps = (*projection.maps[:at], full, *projection.maps[at + 1 :])
        self.dtype = exact_type(replace(projection, maps=maps), largest, settings)
        between = shape
        for one in projection.maps[:at]:
            between = one.shape_out(between)
        self.ahead = chain(projection.maps[:at], shape, self.dtype, settings.device)
        self.apply_map = weighted(each, between)
        self.behind = chain(projection.maps[at + 1 :], each.shape_out(between), self.dtype, settings.device)
        self.weight = nn.Parameter(tensor(values_of(each), torch.float32, settings.device), requires_grad=learns)
        self.there = self.weight.detach() != 0 if MARK in projection.name else None

    def mantissas(self) -> Tensor:
        """Of now, whole numbers."""
        weight = self.weight if self.there is None else self.weight * self.there
        return rounded(weight, self.form.step, *self.form.limits)

    def sums(self, x: Tensor, weight: Tensor) -> Tensor:
        """Of `mantissas` in `dtype`, before the exponent: float32 or float64, whichever holds all of them exactly."""
        y = self.behind(self.apply_map(self.ahead(x.to(self.dtype).flatten(0, 1)), weight))
        return y.reshape(*x.shape[:2], *self.out)

    def forward(self, x: Tensor) -> Tensor:
        arrived: Tensor = Shifted.apply(  # type: ignore[no-untyped-call]
            self.sums(x, self.mantissas().to(self.dtype)), self.form.exponent
        )
        return arrived

    @torch.no_grad()
    def confine(self) -> None:
        """Back inside the grid, so that no weight has to come back from beyond it first."""
        self.weight.clamp_(*self.form.limits)

    @torch.no_grad()
    def deployed(self) -> Projection:
        """The projection with the mantissas of now."""
        values = self.mantissas().cpu().numpy().astype(np.int64)
        form = self.form
        if np.array_equal(values, values_of(self.map)):
            return self.projection
        if form.sign == "mixed":  # what is left of one sign lies on that sign's finer grid too
            form = replace(form, sign=natural_sign(values))
        maps = self.projection.maps
        changed = with_values(self.map, values)
        return replace(self.projection, maps=(*maps[: self.place], changed, *maps[self.place + 1 :]), format=form)
