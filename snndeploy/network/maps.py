"""Linear maps: what a projection does to spikes on their way.

Each map is one frozen dataclass with three methods that every engine can rely on:
`shape_out(shape)`, `apply(x)` on arrays with any leading axes, and `matrix(shape)`, the same map as a sparse
matrix over flattened (row-major) vectors. Weights are float64 in the float form and int64 in the integer form.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array

Shape = tuple[int, ...]
# entries of a matrix of synapses: some GiB while it is built
ENTRIES_LIMIT = 2**27


def _frozen(value: Any) -> Array:
    """Weights keep their kind: whole numbers become int64, everything else float64."""
    given = np.asarray(value)
    array = np.array(given, dtype=np.int64 if given.dtype.kind in "iub" else np.float64)
    array.setflags(write=False)
    return array


class Map:
    """A linear map between shapes. Subclasses are listed in `MAPS`."""

    weighted: ClassVar[bool] = False

    def shape_out(self, shape: Shape) -> Shape:
        """The shape that comes out. Raises ValueError with both shapes if `shape` does not fit."""
        raise NotImplementedError

    def apply(self, x: Array) -> Array:
        """`x: number (..., *shape_in)` -> `(..., *shape_out)`; the core shape is the map's last axes."""
        raise NotImplementedError

    def matrix(self, shape: Shape) -> Any:
        """`scipy.sparse.csr_array (prod(shape_out), prod(shape))` with `y.ravel() = M @ x.ravel()`."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Dense(Map):
    """y = W x on the last axis. `weight: (out, in)`. Shape (..., in) -> (..., out)."""

    weight: Array
    weighted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _frozen(self.weight))

    def shape_out(self, shape: Shape) -> Shape:
        if self.weight.ndim != 2 or not shape or shape[-1] != self.weight.shape[1]:
            raise ValueError(f"a dense weight of shape {self.weight.shape} cannot take {shape}")
        return (*shape[:-1], self.weight.shape[0])

    def apply(self, x: Array) -> Array:
        return x @ self.weight.T

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        self.shape_out(shape)
        _check_matrix(self, shape)
        rows = prod(shape[:-1])
        one = sparse.csr_array(self.weight)
        return one if rows == 1 else sparse.csr_array(sparse.kron(sparse.eye_array(rows, dtype=one.dtype), one))


@dataclass(frozen=True, eq=False)
class Sparse(Map):
    """y = W x on the flattened array, W a `scipy.sparse.csr_array (prod(shape_to), prod(shape_from))`."""

    weight: Any
    shape_from: Shape
    shape_to: Shape
    weighted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        from scipy import sparse

        weight = sparse.csr_array(self.weight, copy=True)
        weight = weight.astype(np.int64 if weight.dtype.kind in "iub" else np.float64)
        weight.sum_duplicates()
        object.__setattr__(self, "weight", weight)

    def shape_out(self, shape: Shape) -> Shape:
        if shape != self.shape_from or self.weight.shape != (prod(self.shape_to), prod(self.shape_from)):
            raise ValueError(f"a sparse weight for {self.shape_from} -> {self.shape_to} cannot take {shape}")
        return self.shape_to

    def apply(self, x: Array) -> Array:
        lead = x.shape[: x.ndim - len(self.shape_from)]
        flat = x.reshape(prod(lead), -1)
        return np.asarray((self.weight @ flat.T).T).reshape(*lead, *self.shape_to)

    def matrix(self, shape: Shape) -> Any:
        self.shape_out(shape)
        return self.weight


@dataclass(frozen=True, eq=False)
class Conv(Map):
    """Cross-correlation in one or two dimensions, torch's convention.

    y[o, p] = sum over i, k of weight[o, i, k] · x_padded[i, p·stride + k·dilation]

    Attributes:
        weight: (out channels, in channels / groups, *kernel).
        stride, dilation: steps per spatial axis.
        padding: (before, after) zeros per spatial axis.
    """

    weight: Array
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    weighted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _frozen(self.weight))

    @property
    def kernel(self) -> Shape:
        return self.weight.shape[2:]

    def shape_out(self, shape: Shape) -> Shape:
        dims = len(self.kernel)
        rank_fits = len(shape) == dims + 1 and dims in (1, 2)
        if not rank_fits or any(len(part) != dims for part in (self.stride, self.padding, self.dilation)):
            raise ValueError(f"a convolution with weight {self.weight.shape} cannot take {shape}")
        least = min(*self.stride, *self.dilation, *self.kernel, self.groups)
        if least < 1 or any(n < 0 for part in self.padding for n in part):
            raise ValueError(
                f"a convolution cannot take {shape} with kernel {self.kernel}, stride {self.stride}, "
                f"dilation {self.dilation}, groups {self.groups}, padding {self.padding}: only padding may be 0"
            )
        if shape[0] != self.weight.shape[1] * self.groups or self.weight.shape[0] % self.groups:
            raise ValueError(
                f"a convolution with weight {self.weight.shape} and {self.groups} groups cannot take {shape}"
            )
        extents = zip(shape[1:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        space = tuple((n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in extents)
        if min(space) < 1:
            raise ValueError(f"a kernel of {self.kernel} is larger than its padded input {shape}")
        if shape[0] * prod(n + sum(p) for n, p in zip(shape[1:], self.padding, strict=True)) > ENTRIES_LIMIT:
            raise ValueError(f"a padding of {self.padding} makes more than {ENTRIES_LIMIT:,} numbers of {shape}")
        return (self.weight.shape[0], *space)

    def apply(self, x: Array) -> Array:
        dims = len(self.kernel)
        lead, shape = x.shape[: -dims - 1], x.shape[-dims - 1 :]
        out = self.shape_out(shape)
        flat = x.reshape(-1, *shape)
        padded = np.pad(flat, ((0, 0), (0, 0), *self.padding))
        reach = tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + dims)))
        steps = tuple(slice(None, None, s) for s in self.stride)
        taps = tuple(slice(None, None, d) for d in self.dilation)
        windows = windows[(slice(None), slice(None), *steps, *taps)]
        per, each = out[0] // self.groups, self.weight.shape[1]
        parts = []
        for g in range(self.groups):
            part = np.moveaxis(windows[:, g * each : (g + 1) * each], 1, 1 + dims)
            columns = part.reshape(flat.shape[0] * prod(out[1:]), -1)
            kernel = self.weight[g * per : (g + 1) * per].reshape(per, -1)
            parts.append((columns @ kernel.T).reshape(flat.shape[0], *out[1:], per))
        return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1).reshape(*lead, *out)

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        out = self.shape_out(shape)
        _check_matrix(self, shape)
        dims = len(self.kernel)
        grids = np.meshgrid(*(np.arange(n) for n in (*self.weight.shape, *out[1:])), indexing="ij", sparse=True)
        channel_out, channel_in, *rest = grids
        taps, places = rest[:dims], rest[dims:]
        source = channel_in + (channel_out // (out[0] // self.groups)) * self.weight.shape[1]
        target = channel_out
        inside: Any = True
        for axis in range(dims):
            at = places[axis] * self.stride[axis] + taps[axis] * self.dilation[axis] - self.padding[axis][0]
            inside = inside & (at >= 0) & (at < shape[1 + axis])
            source = source * shape[1 + axis] + at
            target = target * out[1 + axis] + places[axis]
        full = (*self.weight.shape, *out[1:])
        keep = np.broadcast_to(inside, full)
        values = np.broadcast_to(self.weight.reshape(*self.weight.shape, *(1,) * dims), full)[keep]
        where = (np.broadcast_to(target, full)[keep], np.broadcast_to(source, full)[keep])
        return sparse.csr_array(sparse.coo_array((values, where), shape=(prod(out), prod(shape))))


@dataclass(frozen=True, eq=False)
class Pool(Map):
    """Sum or average over windows, torch's convention, in one or two dimensions.

    Attributes:
        kind: "sum", or "average" (the sum divided by the window's size, where zeros of the padding count if
            `count_include_pad`).
        padding: zeros on both sides per spatial axis.
        ceil_mode: windows may leave the padded input, if they start inside it.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] = (0, 0)
    kind: Literal["sum", "average"] = "average"
    ceil_mode: bool = False
    count_include_pad: bool = True

    def shape_out(self, shape: Shape) -> Shape:
        dims = len(self.kernel)
        if len(shape) != dims + 1 or any(len(part) != dims for part in (self.stride, self.padding)):
            raise ValueError(f"a pool of {self.kernel} cannot take {shape}")
        if min(*self.kernel, *self.stride) < 1 or any(
            not 0 <= 2 * p <= k for p, k in zip(self.padding, self.kernel, strict=True)
        ):
            raise ValueError(
                f"a pool cannot take {shape} with kernel {self.kernel}, stride {self.stride}, padding {self.padding}: "
                "padding is 0 to half the kernel, the rest at least 1"
            )
        space = []
        for n, k, s, p in zip(shape[1:], self.kernel, self.stride, self.padding, strict=True):
            span = n + 2 * p - k
            count = (-(-span // s) if self.ceil_mode else span // s) + 1
            if self.ceil_mode and (count - 1) * s >= n + p:
                count -= 1
            space.append(count)
        if min(space) < 1:
            raise ValueError(f"a pool of {self.kernel} is larger than its padded input {shape}")
        return (shape[0], *space)

    def apply(self, x: Array) -> Array:
        dims = len(self.kernel)
        lead, shape = x.shape[: -dims - 1], x.shape[-dims - 1 :]
        flat = x.reshape(prod(lead), prod(shape))
        return np.asarray((_pool_matrix(self, shape) @ flat.T).T).reshape(*lead, *self.shape_out(shape))

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        space = self.shape_out(shape)[1:]
        _check_matrix(self, shape)
        whole: Any = None
        for axis, (n, k, s, p) in enumerate(zip(shape[1:], self.kernel, self.stride, self.padding, strict=True)):
            at = np.arange(space[axis])[:, None] * s + np.arange(k) - p
            keep = (at >= 0) & (at < n)
            where = (np.broadcast_to(np.arange(space[axis])[:, None], at.shape)[keep], at[keep])
            line = sparse.csr_array(sparse.coo_array((np.ones(keep.sum(), np.int64), where), (space[axis], n)))
            whole = line if whole is None else sparse.kron(whole, line)
        if self.kind == "average":
            sizes = np.ones(1)
            for axis, (n, k, s, p) in enumerate(zip(shape[1:], self.kernel, self.stride, self.padding, strict=True)):
                start = np.arange(space[axis]) * s - p
                end = np.minimum(start + k, n + p)
                size = end - start if self.count_include_pad else np.minimum(end, n) - np.maximum(start, 0)
                sizes = np.multiply.outer(sizes, size).ravel()
            whole = sparse.diags_array(1.0 / sizes) @ whole
        return sparse.csr_array(sparse.kron(sparse.eye_array(shape[0], dtype=np.int64), whole))


@lru_cache(maxsize=64)
def _pool_matrix(pool: Pool, shape: Shape) -> Any:
    """A pool is applied at every step: its matrix is built once."""
    return pool.matrix(shape)


@dataclass(frozen=True, eq=False)
class Flatten(Map):
    """Axes `start`..`end` of the shape (without time and batch) become one, row-major."""

    start: int = 0
    end: int = -1
    rank: int = 3

    def _span(self) -> tuple[int, int]:
        return self.start % self.rank, self.end % self.rank

    def shape_out(self, shape: Shape) -> Shape:
        if len(shape) != self.rank:
            raise ValueError(f"a flatten of {self.rank} axes cannot take {shape}")
        inside = all(-self.rank <= axis < self.rank for axis in (self.start, self.end))
        if not inside or self._span()[0] > self._span()[1]:
            raise ValueError(f"a flatten of axes {self.start}..{self.end} cannot take {shape}")
        start, end = self._span()
        return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])

    def apply(self, x: Array) -> Array:
        shape = x.shape[x.ndim - self.rank :]
        return x.reshape(*x.shape[: x.ndim - self.rank], *self.shape_out(shape))

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        self.shape_out(shape)
        return sparse.csr_array(sparse.eye_array(prod(shape), dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Scale(Map):
    """y = factor · x, element by element. `factor` broadcasts to the shape that comes in."""

    factor: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", _frozen(self.factor))

    def shape_out(self, shape: Shape) -> Shape:
        try:
            fits = np.broadcast_shapes(self.factor.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"a scale of shape {self.factor.shape} cannot take {shape}")
        return shape

    def apply(self, x: Array) -> Array:
        return x * self.factor

    def matrix(self, shape: Shape) -> Any:
        from scipy import sparse

        factor = np.broadcast_to(self.factor, self.shape_out(shape)).ravel()
        return sparse.csr_array(sparse.diags_array(factor, dtype=factor.dtype))


def taps(each: Map) -> int:
    """How many of the numbers that come in one that goes out is made of, at most."""
    match each:
        case Dense():
            return int(each.weight.shape[1])
        case Sparse():
            return int(np.diff(each.weight.indptr).max(initial=0))
        case Conv():
            return prod(each.weight.shape[1:])
        case Pool():
            return prod(each.kernel)
    return 1


_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextmanager
def at_most(entries: int) -> Iterator[None]:
    """Inside, all matrices of synapses together have at most so many entries, else SD115: for networks of strangers."""
    token = _left.set([entries])
    try:
        yield
    finally:
        _left.reset(token)


def check_entries(entries: int, what: str) -> None:
    """Before `entries` synapses are written out.

    Raises:
        SnnDeployError SD115: they are more than ENTRIES_LIMIT, or than `at_most` leaves.
    """
    left = _left.get()
    if left is not None:
        left[0] -= entries
    if entries > ENTRIES_LIMIT or (left is not None and left[0] < 0):
        told = f"it takes {entries:,} synapses to write it out, more than the {ENTRIES_LIMIT:,} allowed"
        raise error("SD115", what, told if entries > ENTRIES_LIMIT else f"{told} together", "make the layer smaller")


def _check_matrix(each: Map, shape: Shape, reach: int = 1, joined: int = 0) -> None:
    """`reach`: taps of what is in front; `joined`: of both together. 64 products of a sum are counted as a synapse."""
    out, size = prod(each.shape_out(shape)), taps(each)
    check_entries(max(out * (joined or size), out * size * reach // 64), f"{type(each).__name__.lower()} on {shape}")


MAPS: tuple[type[Map], ...] = (Dense, Sparse, Conv, Pool, Flatten, Scale)


def chain_shape(maps: tuple[Map, ...], shape: Shape) -> Shape:
    """The shape behind a chain of maps. Raises ValueError where one does not fit."""
    for each in maps:
        shape = each.shape_out(shape)
    return shape


def chain_work(maps: tuple[Map, ...], shape: Shape) -> int:
    """What one `chain_apply` takes, in numbers that are written: 64 products of a matrix count as one."""
    total = 0
    for each in maps:
        out, size = each.shape_out(shape), taps(each)
        match each:
            case Conv():
                padded = shape[0] * prod(n + sum(p) for n, p in zip(shape[1:], each.padding, strict=True))
                total += padded + prod(out[1:]) * size * each.groups
            case Pool():
                total += prod(out) * size
        total += prod(out) * max(1, size // 64)
        shape = out
    return total


def chain_apply(maps: tuple[Map, ...], x: Array) -> Array:
    """`x: (..., *shape)` through all maps."""
    for each in maps:
        x = each.apply(x)
    return x


def chain_matrix(maps: tuple[Map, ...], shape: Shape) -> Any:
    """The whole chain as one `csr_array (prod(shape_out), prod(shape))`, without stored zeros.

    Raises:
        SnnDeployError SD115: it has more than ENTRIES_LIMIT synapses.
    """
    from scipy import sparse

    whole = sparse.csr_array(sparse.eye_array(prod(shape), dtype=np.int64))
    size, reach = prod(shape), 1
    for each in maps:
        before, reach = reach, min(size, reach * taps(each))
        _check_matrix(each, shape, before, reach)
        whole = sparse.csr_array(each.matrix(shape) @ whole)
        shape = each.shape_out(shape)
    whole.sum_duplicates()
    whole.eliminate_zeros()
    return whole
