"""How much memory a map may take once its synapses are written out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod

from snndeploy.errors import error
from snndeploy.network.maps.base import Map, Shape

# entries of a matrix of synapses: some GiB while it is built
ENTRIES_LIMIT = 2**27


_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextmanager
def at_most(entries: int) -> Iterator[None]:
    """Inside, all matrices of synapses together have at most so many entries, else SD115.

    Inside another `at_most` that leaves less, its rest counts.
    """
    outer = _left.get()
    token = _left.set(outer if outer is not None and outer[0] < entries else [entries])
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


def check_matrix(each: Map, shape: Shape, reach: int = 1, joined: int = 0) -> None:
    """`reach`: taps of what is in front; `joined`: of both together. 64 products of a sum are counted as a synapse."""
    out, size = prod(each.shape_out(shape)), each.taps
    check_entries(max(out * (joined or size), out * size * reach // 64), f"{type(each).__name__.lower()} on {shape}")
