"""How a run is cut: blocks of samples, computed one by one; chunks of time; tiles that stay in cache."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from snndeploy.errors import error

# Bytes that a tile of drive may take: about a core's second cache. Smaller tiles take more calls.
TILE = 2**21
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


@dataclass(frozen=True)
class Needs:
    """Memory that a network takes while it runs, in bytes.

    Attributes:
        row: one step of one sample. sample: one sample, besides. tile: each thread, besides.
        together: samples that a block may have; None: all samples are one block.
    """

    row: int
    sample: int
    tile: int = 0
    together: int | None = 1


def cut(steps: int, batch: int, needs: Needs, memory: int, threads: int) -> Cut:
    """Blocks and chunks whose working memory stays within a budget.

    Raises:
        SnnDeployError SD525: not even one step fits.
    """
    row, fixed = needs.row, needs.sample
    threads = min(threads, batch) if needs.together else 1
    least = threads * (needs.tile + (row + fixed) * (1 if needs.together else batch))
    if least > memory:
        what = f"memory={memory:,} bytes is less than the {least:,} that one step takes"
        raise error("SD525", "engine 'torch'", what, "give more memory" + ", or fewer threads" * (threads > 1))
    share = memory // threads - needs.tile
    if needs.together is None:
        return Cut(max(1, min(steps, (share // batch - fixed) // row)), (slice(0, batch),))
    rows = max(ROWS, LEAST // row)
    chunk = max(1, min(steps, rows, (share - fixed) // row))
    samples = min(-(-batch // threads), rows // chunk, share // (fixed + chunk * row), needs.together)
    count = -(-batch // max(1, samples))
    return Cut(chunk, even(batch, min(batch, -(-count // threads) * threads)))
