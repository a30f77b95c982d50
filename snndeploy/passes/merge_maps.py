"""A chain of maps as one weighted map: what a synapse is.

Average pools become sum pools and a factor; factors go into the weights; sum pools without overlap go into the next
convolution or the next dense map, and pools of any stride into the convolution before. A sum pool alone becomes a
convolution in which each channel has its own kernel. What none of this can join becomes one sparse matrix. The result
delivers the same, up to the rounding of the products; for binary spikes the order of additions is the only other
difference.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import prod

import numpy as np

from snndeploy.errors import SnnDeployError
from snndeploy.network.arrays import Array
from snndeploy.network.maps import (
    ENTRIES_LIMIT,
    Conv,
    Dense,
    Flatten,
    Map,
    Pool,
    Reshape,
    Scale,
    Shape,
    Sparse,
    at_most,
    chain_matrix,
    chain_shape,
)
from snndeploy.network.network import Network, Projection

Chain = tuple[Map, ...]
# kernels that are added up, one shifted against the other
TERMS_LIMIT = 2**12


def merge_maps(network: Network) -> Network:
    """Every projection with exactly one weighted map, at most flattens and reshapes beside it.

    Raises:
        SnnDeployError SD115: what has to become a matrix has more than ENTRIES_LIMIT synapses, all of it together.
    """
    with at_most(ENTRIES_LIMIT):
        projections = [p if is_merged(p.maps) else _merged(p, network.shapes[p.source]) for p in network.projections]
    if all(a is b for a, b in zip(projections, network.projections, strict=True)):
        return network
    return network.with_(projections=tuple(projections), source=None)


def _merged(p: Projection, shape: Shape) -> Projection:
    try:
        return replace(p, maps=merged(p.maps, shape))
    except SnnDeployError as problem:
        named = (replace(each, where=f"projection {p.name!r}, {each.where}") for each in problem.findings)
        raise SnnDeployError(named) from problem


def is_merged(maps: Chain) -> bool:
    """One weighted map, otherwise only flattens and reshapes."""
    return sum(each.weighted for each in maps) == 1 and all(
        each.weighted or isinstance(each, (Flatten, Reshape)) for each in maps
    )


def merged(maps: Chain, shape: Shape) -> Chain:
    """The same linear map with one weighted map; see the module."""
    chain = tuple(part for each in maps for part in _plain(each))
    moved = True
    while moved and not is_merged(chain):
        moved = False
        at = shape
        for i in range(len(chain) - 1):
            joined = _join(chain[i], chain[i + 1], chain[i + 2 : i + 3], at)
            if joined is not None:
                used, parts = joined
                chain, moved = (*chain[:i], *parts, *chain[i + used :]), True
                break
            at = chain[i].shape_out(at)
    if is_merged(chain):
        return chain
    alone = tuple(_kernels(each, chain_shape(chain[:i], shape)) for i, each in enumerate(chain))
    if is_merged(alone):
        return alone
    whole = chain_matrix(maps, shape).astype(np.float64)
    return (Sparse(whole, shape, chain_shape(maps, shape)),)


def _kernels(each: Map, shape: Shape) -> Map:
    """A sum over windows as a convolution, each channel with its own kernel of ones; other maps as they are."""
    if not isinstance(each, Pool) or each.kind != "sum":
        return each
    wanted = each.shape_out(shape)[1:]
    reach = [(m - 1) * s + k - n for m, s, k, n in zip(wanted, each.stride, each.kernel, shape[1:], strict=True)]
    padding = tuple((p, max(p, r - p)) for p, r in zip(each.padding, reach, strict=True))
    kernels = np.ones((shape[0], 1, *each.kernel))
    return Conv(kernels, each.stride, padding, tuple(1 for _ in each.kernel), shape[0])


def _small(entries: int, times: int = 1) -> bool:
    """A joined weight is made only if it can be; `times` is how often all of it is added to."""
    return entries <= ENTRIES_LIMIT and entries * times <= 2**9 * ENTRIES_LIMIT


def _plain(each: Map) -> Chain:
    """Average pools over windows of one size as a sum and a factor; factors of 1 and empty flattens as nothing."""
    if isinstance(each, Scale) and np.all(each.factor == 1):
        return ()
    if isinstance(each, Flatten) and each.rank == 1:
        return ()
    if isinstance(each, Reshape) and each.shape_from == each.shape_to:
        return ()
    if isinstance(each, Pool) and each.kind == "average" and not each.ceil_mode and not any(each.padding):
        return replace(each, kind="sum"), Scale(np.asarray(1.0 / prod(each.kernel)))
    return (each,)


def _join(first: Map, second: Map, third: Chain, shape: Shape) -> tuple[int, Chain] | None:
    """(how many maps were used, what replaces them), or None. `shape` comes into `first`."""
    match first, second:
        case Scale(), Scale():
            return 2, (Scale(first.factor * second.factor),)
        case Scale(), (Pool() | Flatten() | Reshape()) if first.factor.size == 1:
            return 2, (second, Scale(first.factor.reshape(())))
        case Scale(), Dense() if len(shape) == 1 or first.factor.size == 1:
            return 2, (Dense(second.weight * first.factor.reshape(-1)),)
        case Scale(), Conv() if (factor := _per_channel(first, shape)) is not None:
            each = second.weight.shape[1]
            group = np.arange(second.weight.shape[0]) // (second.weight.shape[0] // second.groups)
            columns = factor[group[:, None] * each + np.arange(each)]
            return 2, (
                replace(second, weight=second.weight * columns.reshape(*columns.shape, *(1,) * len(second.kernel))),
            )
        case Dense(), Scale() if first.shape_out(shape) == first.shape_out(shape)[-1:] or second.factor.size == 1:
            return 2, (Dense(first.weight * second.factor.reshape(-1, 1)),)
        case Conv(), Scale() if (factor := _per_channel(second, first.shape_out(shape))) is not None:
            return 2, (replace(first, weight=first.weight * factor.reshape(-1, *(1,) * (first.weight.ndim - 1))),)
        case Sparse(), Scale() if second.factor.size == 1:
            return 2, (Sparse(first.weight * second.factor.item(), first.shape_from, first.shape_to),)
        case Dense(), Dense() if _small(len(second.weight) * first.weight.shape[1], len(first.weight)):
            return 2, (Dense(second.weight @ first.weight),)
        case Pool(), Conv() if (
            _tiles(first)
            and _clear_of_the_rest(first, second, shape)
            and _small(second.weight.size * prod(first.kernel))
        ):
            return 2, (_pool_into_conv(first, second),)
        case Pool(), Flatten() if third and isinstance(third[0], Dense) and _tiles(first):
            whole = second.rank == len(shape) and second._span() == (0, second.rank - 1)
            if whole and _small(len(third[0].weight) * prod(shape)):
                return 3, (second, _pool_into_dense(first, third[0], shape))
        case Conv(), Pool() if (joined := conv_then_pool(first, second)) is not None:
            return 2, (joined,)
    return None


def _per_channel(scale: Scale, shape: Shape) -> Array | None:
    """A factor per channel, if the scale is the same at every place."""
    whole = np.broadcast_to(scale.factor, shape).reshape(shape[0], -1)
    return whole[:, 0] if np.all(whole == whole[:, :1]) else None


def _tiles(pool: Pool) -> bool:
    """True for a sum over windows that neither overlap nor leave gaps."""
    return pool.kind == "sum" and pool.kernel == pool.stride and not any(pool.padding) and not pool.ceil_mode


def _clear_of_the_rest(pool: Pool, conv: Conv, shape: Shape) -> bool:
    """The joined kernel must not see rows that the pool dropped: it can where the convolution pads behind them."""
    rest = [n % k for n, k in zip(shape[1:], pool.kernel, strict=True)]
    pads = [after for _, after in conv.padding]
    return all(d == 1 for d in conv.dilation) and not any(r and p for r, p in zip(rest, pads, strict=True))


def _pool_into_conv(pool: Pool, conv: Conv) -> Conv:
    weight = conv.weight
    for axis, k in enumerate(pool.kernel):
        weight = np.repeat(weight, k, axis=2 + axis)
    sizes = pool.kernel
    stride = tuple(s * k for s, k in zip(conv.stride, sizes, strict=True))
    padding = tuple((a * k, b * k) for (a, b), k in zip(conv.padding, sizes, strict=True))
    return replace(conv, weight=weight, stride=stride, padding=padding)


def _pool_into_dense(pool: Pool, dense: Dense, shape: Shape) -> Dense:
    weight = dense.weight.reshape(-1, *pool.shape_out(shape))
    for axis, k in enumerate(pool.kernel):
        weight = np.repeat(weight, k, axis=2 + axis)
    rest = [(0, n - m) for n, m in zip(shape[1:], weight.shape[2:], strict=True)]
    return Dense(np.pad(weight, ((0, 0), (0, 0), *rest)).reshape(len(dense.weight), -1))


def conv_then_pool(conv: Conv, pool: Pool) -> Conv | None:
    """A convolution and the sum pool behind it as one: the sum of k kernels, each shifted by the convolution's stride.

    None where windows differ in size, or the kernel would be too large.
    """
    if pool.kind != "sum" or pool.ceil_mode or any(pool.padding) or any(d != 1 for d in conv.dilation):
        return None
    sizes = [(k - 1) * s + n for k, s, n in zip(pool.kernel, conv.stride, conv.kernel, strict=True)]
    if prod(pool.kernel) > TERMS_LIMIT or not _small(prod(conv.weight.shape[:2]) * prod(sizes)):
        return None
    weight = np.zeros((*conv.weight.shape[:2], *sizes))
    for shift in product(*(range(k) for k in pool.kernel)):
        starts = [a * s for a, s in zip(shift, conv.stride, strict=True)]
        window = tuple(slice(a, a + n) for a, n in zip(starts, conv.kernel, strict=True))
        weight[(slice(None), slice(None), *window)] += conv.weight
    stride = tuple(a * b for a, b in zip(conv.stride, pool.stride, strict=True))
    return replace(conv, weight=weight, stride=stride)
