"""The optimised arrangement: METIS divides cores over chips and tiles, swaps improve what it gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.placement.greedy import greedy
from snndeploy.placement.sites import distance, sites
from snndeploy.placement.swaps import improved
from snndeploy.targets import Target

# METIS takes whole numbers: the heaviest edge is so many
HEAVIEST = 10_000
# rounds over all chips, in which each is improved beside the others as they lie
ROUNDS = 3
# runs of METIS where there are few cores
STARTS = 8
# sites of a machine over all of which swaps are looked for, borders of chips or not
WHOLE = 512


def optimised(both: Any, target: Target, seed: int) -> Array:
    """Site number of each core, int64 (cores,): the best of greedy and several runs of METIS, all improved by swaps."""
    runs = max(1, min(STARTS, 256 // both.shape[0]))
    starts = [greedy(both, target), *(_by_metis(both, target, seed + i) for i in range(runs))]
    found = [_improved(both, start, target) for start in starts]
    best = min(found, key=lambda number: cost(both, number, target))
    return _from_the_corner(_across(both, best, target), target)


def _from_the_corner(number: Array, target: Target) -> Array:
    """The same arrangement, moved to the first chips of a board where it needs one board only."""
    mesh, per = target.mesh, target.chip.cores.value
    chip, site = np.divmod(number, per)
    y, x = np.divmod(chip, mesh.chips_x.value)
    if len(np.unique(y // mesh.chips_y.value)) > 1:
        return number
    return np.asarray(((y - y.min()) * mesh.chips_x.value + x - x.min()) * per + site)


def cost(both: Any, number: Array, target: Target) -> float:
    """Traffic in both directions times hops; twice what `arrange.hops` counts."""
    where = sites(number, target)
    rows = np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
    return float(both.data @ distance(where[rows], where[both.indices], target))


def parts(both: Any, sizes: Array, seed: int) -> Array:
    """A part for each core, int64 (cores,), by METIS; part i gets at most sizes[i] cores, whose sum suffices.

    METIS keeps to sizes roughly only, so cores that lose least are moved from parts that are too full.
    """
    import pymetis

    cores = both.shape[0]
    if len(sizes) == 1:
        return np.zeros(cores, np.int64)
    weight = np.maximum(1, np.round(both.data * (HEAVIEST / both.data.max()))).astype(int) if both.nnz else []
    settings = pymetis.Options(seed=seed)
    wanted = (np.asarray(sizes, float) / np.sum(sizes)).tolist()
    _, part = pymetis.part_graph(
        len(sizes),
        pymetis.CSRAdjacency(both.indptr.tolist(), both.indices.tolist()),
        eweights=np.asarray(weight, int).tolist(),
        tpwgts=wanted,
        options=settings,
        recursive=True,
    )
    return _fitted(both, np.asarray(part, np.int64), np.asarray(sizes, np.int64))


def _fitted(both: Any, part: Array, sizes: Array) -> Array:
    """Moves cores out of parts that are too full, each time the one that loses least."""
    from scipy import sparse

    held = np.bincount(part, minlength=len(sizes))
    while (held > sizes).any():
        full = int((held - sizes).argmax())
        members = np.flatnonzero(part == full)
        share = sparse.csr_array((np.ones(len(part)), (np.arange(len(part)), part)), (len(part), len(sizes)))
        pull = (both[members] @ share).toarray()
        loss = pull[:, [full]] - np.where(held < sizes, pull, -np.inf)
        core, to = np.unravel_index(int(loss.argmin()), loss.shape)
        part[members[core]] = to
        held[full] -= 1
        held[to] += 1
    return part


def _by_metis(both: Any, target: Target, seed: int) -> Array:
    per, cores = target.chip.cores.value, both.shape[0]
    chips = -(-cores // per)
    part = parts(both, np.full(chips, per), seed)
    where = _chips_beside_each_other(both, part, chips, target)
    number = np.zeros(cores, np.int64)
    tiles = target.mesh.tiles_x.value * target.mesh.tiles_y.value
    held = np.minimum(target.mesh.cores_per_tile.value, per - np.arange(tiles) * target.mesh.cores_per_tile.value)
    held = held[held > 0]
    for chip in range(chips):
        mine = np.flatnonzero(part == chip)
        inner = both[mine][:, mine]
        used = held[: _tiles_for(len(mine), held)]
        tile = parts(inner, used, seed) if len(mine) else np.zeros(0, np.int64)
        # within a tile any order does: the n-th core of a tile on its n-th site
        order = np.argsort(tile, kind="stable")
        rank = np.arange(len(mine)) - np.searchsorted(tile[order], tile[order])
        number[mine[order]] = where[chip] * per + tile[order] * target.mesh.cores_per_tile.value + rank
    return number


def _tiles_for(cores: int, held: Array) -> int:
    """The fewest tiles, the first ones, that hold so many cores."""
    return int(np.searchsorted(np.cumsum(held), cores)) + 1


def _chips_beside_each_other(both: Any, part: Array, chips: int, target: Target) -> Array:
    """A chip number for each part, of all chips of the boards that they need."""
    from scipy import sparse

    share = sparse.csr_array((np.ones(len(part)), (np.arange(len(part)), part)), (len(part), chips))
    flow = (share.T @ both @ share).toarray()
    np.fill_diagonal(flow, 0)
    board = target.mesh.chips_x.value * target.mesh.chips_y.value
    where = np.zeros((-(-chips // board) * board, 3), np.int64)
    where[:, 0] = np.arange(len(where))
    apart = distance(where[:, None], where[None], target).astype(float)
    return improved(flow, apart, np.zeros((chips, len(where))), np.arange(chips))


def _improved(both: Any, number: Array, target: Target) -> Array:
    """Swaps on each chip, where the others are as they lie, until a round helps no more."""
    per = target.chip.cores.value
    number = number.copy()
    chips = np.unique(number // per)
    for _ in range(ROUNDS if len(chips) > 1 else 1):
        moved = False
        for chip in chips:
            mine = np.flatnonzero(number // per == chip)
            beside = np.setdiff1d(np.unique(both[mine].indices), mine)
            after = _swapped(both, number, mine, beside, chip * per + np.arange(per), target)
            moved |= not np.array_equal(after, number[mine])
            number[mine] = after
        if not moved:
            break
    return number


def _across(both: Any, number: Array, target: Target) -> Array:
    """Swaps over the borders of chips too, where there are few."""
    per = target.chip.cores.value
    chips = np.unique(number // per)
    if len(chips) == 1 or len(chips) * per > WHOLE:
        return number
    everywhere = (chips[:, None] * per + np.arange(per)).ravel()
    return _swapped(both, number, np.arange(len(number)), np.arange(0), everywhere, target)


def _swapped(both: Any, number: Array, mine: Array, beside: Array, free: Array, target: Target) -> Array:
    """New site numbers of the cores `mine`, of `free`, while those `beside` them stay."""
    rows, here = both[mine], sites(free, target)
    outside = rows[:, beside] @ distance(sites(number[beside], target)[:, None], here[None], target)
    apart = distance(here[:, None], here[None], target).astype(float)
    at = improved(rows[:, mine].toarray(), apart, np.asarray(outside, float), np.searchsorted(free, number[mine]))
    return np.asarray(free[at])
