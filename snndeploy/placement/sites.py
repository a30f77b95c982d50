"""Sites: the places of a machine where a core can lie, and how many hops there are between them."""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.targets import Target


def sites(number: Array, target: Target) -> Array:
    """Chip, x and y of the tile of the sites of these numbers, int64 (..., 3).

    Sites are counted chip by chip, on a chip tile by tile, row by row; a tile holds several of them.
    """
    mesh = target.mesh
    chip, on_chip = np.divmod(np.asarray(number, np.int64), target.chip.cores.value)
    tile = on_chip // mesh.cores_per_tile.value
    return np.stack([chip, tile % mesh.tiles_x.value, tile // mesh.tiles_x.value], axis=-1)


def in_rows(cores: int, target: Target) -> Array:
    """Core i on site i, int64 (cores, 3)."""
    return sites(np.arange(cores), target)


def positions(where: Array, target: Target) -> Array:
    """Sites (..., 3) on the grid of the whole machine: x and y of the tile, x and y of the chip, board; int64 (..., 5).

    The tiles of neighbouring chips are neighbours, and so are those of the next board, along y.
    """
    mesh = target.mesh
    board, on_board = np.divmod(where[..., 0], mesh.chips_x.value * mesh.chips_y.value)
    chip_x, row = on_board % mesh.chips_x.value, on_board // mesh.chips_x.value
    chip_y = board * mesh.chips_y.value + row
    x = chip_x * mesh.tiles_x.value + where[..., 1]
    y = chip_y * mesh.tiles_y.value + where[..., 2]
    return np.stack([x, y, chip_x, chip_y, board], axis=-1)


def steps(a: Array, b: Array, target: Target) -> Array:
    """What a spike passes from sites a to sites b, int64 (..., 4).

    Hops along x, hops along y, borders of chips, borders of boards. a, b: (..., 3), broadcast.
    """
    apart = np.abs(positions(a, target) - positions(b, target))
    return np.stack([apart[..., 0], apart[..., 1], apart[..., 2] + apart[..., 3], apart[..., 4]], axis=-1)


def distance(a: Array, b: Array, target: Target) -> Array:
    """Hops from sites a to sites b with the borders of chips and boards as the target weighs them, int64 (...)."""
    mesh = target.mesh
    weights = np.array([1, 1, mesh.chip_hops.value, mesh.board_hops.value])
    return np.asarray(steps(a, b, target) @ weights)
