"""How many synapses each source neuron has on each core, without a list of all synapses where a map has a structure.

The exact counts: a neuron at the border of a convolution reaches fewer targets, a weight of zero is no synapse. Chains
of maps that join paths (windows that overlap, sums behind a weight) may cancel, so they are written out.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Shape, chain_matrix
from snndeploy.network.network import Projection
from snndeploy.placement.windows import Windows

# numbers that are held at a time while a convolution is followed
CHUNK = 2**22


def axon_counts(projection: Projection, shape: Shape, core: Array, cores: int) -> Any:
    """Synapses of every axon of a projection, `csr_array int64 (cores, neurons of the source)`, no stored zeros.

    Args:
        shape: of the source.
        core: int64 (neurons of the target,), the core of each.
        cores: their number.
    """
    from scipy import sparse

    size = len(core)
    hosts = sparse.csr_array((np.ones(size, np.int64), (core, np.arange(size))), (cores, size))
    maps = projection.maps
    if not _one_path(maps):
        return _clean(hosts @ _pattern(chain_matrix(maps, shape)))
    shapes = [shape]
    for each in maps:
        shapes.append(each.shape_out(shapes[-1]))
    found: Any = hosts
    for each, arrives in zip(reversed(maps), reversed(shapes[:-1]), strict=True):
        found = _back(each, arrives, found)
    return _clean(found)


def _one_path(maps: tuple[Map, ...]) -> bool:
    """Whether each pair of neurons is joined by one product of weights at most, so that none can cancel."""
    found = False
    for each in maps:
        if isinstance(each, Flatten | Reshape):
            continue
        apart = isinstance(each, Pool) and all(s >= k for s, k in zip(each.stride, each.kernel, strict=True))
        # whoever feeds a single number only may stand in front of anything, and nothing behind a sum
        if found:
            return False
        found = not apart
    return True


def _back(each: Map, shape: Shape, found: Any) -> Any:
    """Paths from the numbers in front of a map, from those behind it. `found: csr_array (cores, prod(shape_out))`."""
    match each:
        case Flatten() | Reshape():
            return found
        case Conv():
            return _back_through(each, shape, found)
        case Dense() if len(shape) == 1:
            return found @ _pattern(np.asarray(each.weight))
    return found @ _pattern(each.matrix(shape))


def _back_through(conv: Conv, shape: Shape, found: Any) -> Any:
    """Of a convolution: for each place and core, the channels that it holds times the taps that are not zero."""
    from scipy import sparse

    out = conv.shape_out(shape)
    area, inside = prod(out[1:]), prod(shape[1:])
    entries = sparse.coo_array(found)
    core, target = (np.asarray(x, np.int64) for x in entries.coords)
    # a pair is a core at a place of the output
    pairs, pair = np.unique(core * area + target % area, return_inverse=True)
    held = sparse.csr_array((entries.data, (pair, target // area)), (len(pairs), out[0]))
    kernel = _taps(conv, shape[0])
    meets = Windows(conv, shape).table
    parts: Any = sparse.csr_array((found.shape[0], prod(shape)), dtype=np.int64)
    taps = meets.shape[1]
    step = max(1, CHUNK // max(1, shape[0] * taps))
    # where a core holds all channels of a place, as most do, the product is the same for all of them
    full = (np.diff(held.indptr) == out[0]) & (np.asarray(held.max(axis=1).todense()).ravel() == 1)
    every = np.asarray(kernel.sum(axis=0))[None]
    for start in range(0, len(pairs), step):
        on, place = np.divmod(pairs[start : start + step], area)
        if full[start : start + step].all():
            counts: Any = np.broadcast_to(every, (len(on), every.shape[1]))
        else:
            counts = held[start : start + step] @ kernel
        if sparse.issparse(counts):
            flat = counts.tocoo()
            row, column, number = flat.coords[0], flat.coords[1], flat.data
        else:
            row, column = np.nonzero(counts)
            number = counts[row, column]
        channel, tap = np.divmod(column, taps)
        source = meets[place[row], tap]
        keep = source >= 0
        row, number = row[keep], number[keep]
        at = channel[keep].astype(np.int64) * inside + source[keep]
        parts = parts + sparse.csr_array((number, (on[row], at)), parts.shape)
    return parts


def _taps(conv: Conv, channels: int) -> Any:
    """Which weights are not zero, int64 (channels out, all channels in · taps), sparse where channels are grouped."""
    from scipy import sparse

    there = (conv.weight != 0).astype(np.int64).reshape(conv.weight.shape[0], conv.weight.shape[1], -1)
    if conv.groups == 1:
        return there.reshape(len(there), -1)
    per = conv.weight.shape[0] // conv.groups
    first = np.arange(len(there)) // per * conv.weight.shape[1]
    row, inner, tap = np.nonzero(there)
    column = (first[row] + inner) * there.shape[2] + tap
    return sparse.csr_array((np.ones(len(row), np.int64), (row, column)), (len(there), channels * there.shape[2]))


def _pattern(matrix: Any) -> Any:
    """Ones where a matrix is not zero; sparse stays sparse."""
    from scipy import sparse

    if not sparse.issparse(matrix):
        return sparse.csr_array((matrix != 0).astype(np.int64))
    ones = (matrix.data != 0).astype(np.int64)
    return sparse.csr_array((ones, matrix.indices, matrix.indptr), matrix.shape)


def _clean(found: Any) -> Any:
    from scipy import sparse

    whole = sparse.csr_array(found)
    whole.sum_duplicates()
    whole.eliminate_zeros()
    return whole
