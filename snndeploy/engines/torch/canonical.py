"""A projection as pools in front of one convolution, or as a sparse matrix: what the integer units know how to do."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Shape, Sparse, chain_shape


@dataclass(frozen=True, eq=False)
class Canonical:
    """y = core(pools(x)).

    Attributes:
        shape: (channels, *space), of what comes in; a vector is (channels, 1).
        pools: sums over windows.
        core: a convolution over (channels, *space), or a sparse matrix over rows; its integers are mantissas.
    """

    shape: Shape
    pools: tuple[Pool, ...]
    core: Conv | Sparse

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape in front of each pool."""
        return tuple(chain_shape(self.pools[:i], self.shape) for i in range(len(self.pools)))

    @property
    def between(self) -> Shape:
        """The shape that the core takes."""
        return chain_shape(self.pools, self.shape)

    @property
    def space(self) -> Shape:
        """The places of the target."""
        assert isinstance(self.core, Conv)
        return self.core.shape_out(self.between)[1:]


def _as_conv(each: Map, shape: Shape) -> Conv:
    """A dense map is a convolution whose kernel covers all places."""
    if isinstance(each, Conv):
        return each
    assert isinstance(each, Dense)
    rank = len(shape) - 1
    weight = np.asarray(each.weight).reshape(-1, *shape)
    return Conv(weight, (1,) * rank, ((0, 0),) * rank, (1,) * rank)


def canonical(maps: tuple[Map, ...], shape: Shape, target: Shape) -> Canonical | None:
    """None where a chain of integer maps from `shape` to `target` has another form."""
    count = next((i for i, each in enumerate(maps) if not isinstance(each, Pool)), len(maps))
    pools, rest = tuple(each for each in maps[:count] if isinstance(each, Pool)), maps[count:]
    at = [i for i, each in enumerate(rest) if not isinstance(each, Flatten | Reshape)]
    if len(at) != 1 or any(each.kind != "sum" for each in pools):
        return None
    core, before = rest[at[0]], rest[: at[0]]
    if isinstance(core, Sparse):
        return None if pools else Canonical((1, prod(shape)), (), core)
    arrives = chain_shape((*pools, *before), shape)
    whole = shape if len(shape) > 1 else (*shape, 1)
    flat = isinstance(core, Dense) and len(arrives) == 1
    if len(whole) > 3 or not (flat or (isinstance(core, Conv) and not before)):
        return None
    found = Canonical(whole, pools, _as_conv(core, chain_shape(pools, whole)))
    given = (found.core.weight.shape[0], *found.space)
    alone = target == given[:1] and prod(found.space) == 1
    return found if target == given or alone else None
