"""How a run is cut: blocks of samples, computed one by one; chunks of time; tiles that stay in cache."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from snndeploy.errors import error

# Bytes that a tile of drive may take: half of what a core's second cache has.
TILE = 2**20
# Rows (steps · samples) of a chunk, so that matrix products are efficient, and its least bytes, so that calls are few.
ROWS, LEAST = 512, 2**22


@dataclass(frozen=True)
class Cut:
    """chunk: steps per chunk. blocks: samples of each block."""

    chunk: int
    blocks: tuple[slice, ...]


def even(count: int, parts: int) -> tuple[slice, ...]:
    """`count` things in `parts` slices whose sizes differ by one at most."""
    edges = [count * i // parts for i in range(parts + 1)]
    return tuple(slice(a, b) for a, b in pairwise(edges) if b > a)


def cut(steps: int, batch: int, row_bytes: int, fixed: int, memory: int, threads: int, several: bool) -> Cut:
    """Blocks and chunks whose working memory stays within a budget.

    Args:
        row_bytes: what one step of one sample takes. fixed: what one sample takes besides.
        several: samples may be split into blocks; else all are computed together.

    Raises:
        SnnDeployError SD525: not even one step fits.
    """
    threads = min(threads, batch) if several else 1
    least = threads * (row_bytes + fixed) if several else batch * (row_bytes + fixed)
    if least > memory:
        what = f"memory={memory:,} bytes is less than the {least:,} that one step takes"
        raise error("SD525", "engine 'torch'", what, "give more memory" + ", or fewer threads" * (threads > 1))
    if not several:
        return Cut(max(1, min(steps, (memory // batch - fixed) // row_bytes)), (slice(0, batch),))
    rows = max(ROWS, LEAST // row_bytes)
    chunk = max(1, min(steps, rows, (memory // threads - fixed) // row_bytes))
    samples = max(1, min(-(-batch // threads), rows // chunk, memory // threads // (fixed + chunk * row_bytes)))
    count = -(-batch // samples)
    return Cut(chunk, even(batch, min(batch, -(-count // threads) * threads)))
