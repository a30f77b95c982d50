"""torch.cat along an axis of the neurons: every part goes to its own rows of the whole, by a map of zeros and ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from snndeploy.frontends.value import MERGED, Affine, Steps, Sum, Value, each_step, item_shape, make, merge, through
from snndeploy.network.maps import Conv, Dense, Map, Shape, Sparse

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


@lru_cache(maxsize=64)
def placed(part: Shape, whole: Shape, axis: int, offset: int) -> Affine:
    """The map from a part to its place in the whole; what follows it folds into weights where it can."""
    rows = np.eye(whole[axis], part[axis], -offset)
    if len(whole) == 1:
        return Affine((Dense(rows),))
    each: Map
    if axis == 0 and len(whole) in (2, 3):
        dims = len(whole) - 1
        each = Conv(rows.reshape(*rows.shape, *(1,) * dims), (1,) * dims, ((0, 0),) * dims, (1,) * dims)
    else:
        from scipy import sparse

        to = np.arange(prod(whole)).reshape(whole).take(range(offset, offset + part[axis]), axis).ravel()
        ones = (np.ones(to.size), (to, np.arange(to.size)))
        each = Sparse(sparse.csr_array(sparse.coo_array(ones, shape=(prod(whole), to.size))), part, whole)
    return Affine((each,))


def cat(tracer: Tracer, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: torch.Tensor) -> Any:
    """See the module."""
    parts = args[0] if args else kwargs["tensors"]
    axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else 0)) % result.ndim
    several = [p.meaning for p in parts if isinstance(p, Value) and isinstance(p.meaning, Steps)]
    axes, lengths = {m.axis for m in several}, {len(m.items) for m in several}
    lead = 2 if axes == {0} else 1
    whole = tuple(result.shape[lead:])
    fits = not several or (axes in ({0}, {MERGED}) and len(lengths) == 1 and len(several) == len(parts))
    if axis < lead or not fits:
        tracer.refuse(
            "SD302",
            "cat() joins steps or samples, not neurons",
            "record steps in a list and torch.stack it; join axis 1",
        )
        return tracer.unknown(result)
    total: Any = Sum()
    offset = 0
    for part in parts:
        if isinstance(part, Value):
            shape = item_shape(part, part.meaning)
            there = placed(shape, whole, axis - lead, offset)
            total = each_step(merge, total, each_step(partial(_through, affine=there, shape=shape), part.meaning))
        elif tracer.is_silence(part):
            total = each_step(merge, total, Sum(silent=True))
        else:
            tracer.refuse("SD303", "cat() joins a tensor that does not come from the input", "pass it as input")
            return tracer.unknown(result)
        offset += part.shape[axis]
    return make(tracer, result, total)


def _through(total: Sum, *, affine: Affine, shape: Shape) -> Sum:
    return through(total, affine, shape)
