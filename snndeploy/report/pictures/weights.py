"""Weights: kernels as pictures, matrices as maps, and how they are distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.report.pictures.canvas import COLOURS, bare, figure

if TYPE_CHECKING:
    from snndeploy.network.network import Network

# kernels shown of a convolution, rows and columns of a matrix
MOST_KERNELS, MOST_SIDE = 64, 512


def weights(network: Network, projection: str | None = None) -> Any:
    """A row per projection: its kernels or its matrix, and a histogram of its values.

    Args:
        projection: "source -> target" or either name; None: all that have weights.

    Raises:
        SnnDeployError SD102: none is called so, or none has weights.
    """
    rows = [(f"{p.source} → {p.target}", each) for p in network.projections for each in p.maps if each.weighted]
    if projection is not None:
        parts = {part.strip() for part in projection.replace("→", "->").split("->")}
        rows = [(name, each) for name, each in rows if parts <= set(name.split(" → "))]
    if not rows:
        known = ", ".join(f"{p.source} -> {p.target}" for p in network.projections)
        where = "network" if projection is None else f"projection {projection!r}"
        raise error("SD102", where, "there are no weights", f"choose from {known}")
    made = figure(9, 2.7 * len(rows) + 0.3)
    grid = made.add_gridspec(len(rows), 2, width_ratios=(2.4, 1))
    for k, (name, each) in enumerate(rows):
        held: Any = each
        values = held.weight if isinstance(held.weight, np.ndarray) else held.weight.toarray()
        values = np.asarray(values, np.float64)
        left, right = made.add_subplot(grid[k, 0]), made.add_subplot(grid[k, 1])
        limit = float(np.abs(values).max()) or 1.0
        picture, said = tiles(values) if values.ndim > 2 else matrix(values)
        shown = left.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
        made.colorbar(shown, ax=left, shrink=0.8)
        left.set_title(f"{name}: {said}", fontsize=9)
        left.set_xticks([])
        left.set_yticks([])
        right.hist(values.ravel(), bins=64, color=COLOURS[0])
        right.set_title(f"{values.size:,} weights, {np.mean(values == 0):.1%} zero", fontsize=8)
        right.set_yticks([])
        right.xaxis.get_major_locator().set_params(nbins=4)
        bare(right)
    return made


def tiles(values: Array) -> tuple[Array, str]:
    """Kernels (out, in, *size) side by side: of each output the mean over inputs where there are several."""
    kernels = values[:, 0] if values.shape[1] == 1 else values.mean(axis=1)
    said = f"kernels {values.shape[2:]}" + ("" if values.shape[1] == 1 else f", mean over {values.shape[1]} inputs")
    kernels = kernels if kernels.ndim == 3 else kernels[:, None]
    shown = kernels[:MOST_KERNELS]
    wide = int(np.ceil(np.sqrt(len(shown) * 2.4)))
    high = -(-len(shown) // wide)
    h, w = shown.shape[1:]
    sheet = np.full((high * (h + 1) - 1, wide * (w + 1) - 1), np.nan)
    for i, kernel in enumerate(shown):
        y, x = (i // wide) * (h + 1), (i % wide) * (w + 1)
        sheet[y : y + h, x : x + w] = kernel
    more = "" if len(kernels) <= MOST_KERNELS else f" (first {MOST_KERNELS} of {len(kernels)})"
    return sheet, said + more


def matrix(values: Array) -> tuple[Array, str]:
    """A matrix (out, in), of a large one every n-th row and column."""
    step = [-(-n // MOST_SIDE) for n in values.shape]
    thin = "" if max(step) == 1 else f", one row in {step[0]} and one column in {step[1]}"
    return values[:: step[0], :: step[1]], f"{values.shape[0]:,} × {values.shape[1]:,}{thin}"
