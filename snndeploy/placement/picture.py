"""The mesh as a picture: how full every core is, and which cores talk to each other. SVG, written here.

Colours: load from white to blue, traffic in black on a chip and orange over its border, which any colour vision tells
apart; so does grey, for the blues stay light. Arcs join tiles, tooltips tell the numbers of tiles and cores.
"""

from __future__ import annotations

from math import ceil, hypot, sqrt
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.placement.plan import Core, Placement
from snndeploy.placement.sites import positions, steps
from snndeploy.targets import Target

LOAD = ("#ffffff", "#f0f6fc", "#e1edf8", "#d2e4f3", "#c0daee", "#abd0e6", "#93c4de", "#79b5d9", "#60a6d1", "#4a97c9")
ON_CHIP, OFF_CHIP, EMPTY, LINE, TEXT = "#000000", "#d55e00", "#f4f4f4", "#999999", "#222222"
# arcs: the heaviest ones; pixels of a core, between tiles, between chips, around all, above all
ARCS = 120
CORE, GAP, APART, EDGE, HEAD = 20, 8, 30, 18, 64
LIMITS = {"neurons": "neurons", "input_axons": "input axons", "output_axons": "output axons", "memory": "memory"}


def picture(placement: Placement, between: Any, target: Target) -> str:
    """An SVG document: chips, tiles and cores where they lie, arcs for the heaviest traffic, tooltips on all of them.

    Args:
        between: `csr_array (cores, cores)`, spikes per step from core to core, as `traffic.traffic` counts them.
        target: that was placed on.
    """
    from scipy import sparse

    drawn = _Grid(placement, target)
    flow = sparse.csr_array(between)
    out, come = (np.asarray(flow.sum(axis=axis)).ravel() for axis in (1, 0))
    cores = [
        _core(c, drawn.corner(c.index), placement, f"sends {out[c.index]:,.3g}, receives {come[c.index]:,.3g}")
        for c in placement.cores
    ]
    heaviest, arcs = _arcs(between, drawn, placement, target)
    width, height = max(drawn.width, 560), drawn.height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_head(placement, heaviest, width),
        *drawn.chips(),
        *cores,
        *arcs,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Grid:
    """Where chips, tiles and cores are on the page."""

    def __init__(self, placement: Placement, target: Target):
        mesh = target.mesh
        self.side = ceil(sqrt(mesh.cores_per_tile.value))
        self.per_tile = mesh.cores_per_tile.value
        self.tiles = mesh.tiles_x.value, mesh.tiles_y.value
        self.tile = self.side * CORE
        self.chip = tuple(n * (self.tile + GAP) + GAP for n in self.tiles)
        used = np.unique(placement.sites[:, 0])
        self.numbers = used
        corner = np.stack([used, np.zeros_like(used), np.zeros_like(used)], axis=1)
        where = positions(corner, target)[:, 2:4]
        # rows and columns of chips that hold nothing are left out
        columns, rows = np.unique(where[:, 0]), np.unique(where[:, 1])
        self.at = {
            int(chip): (
                EDGE + int(np.searchsorted(columns, x)) * (self.chip[0] + APART),
                HEAD + EDGE + int(np.searchsorted(rows, y)) * (self.chip[1] + APART),
            )
            for chip, (x, y) in zip(used, where, strict=True)
        }
        self.width = EDGE + len(columns) * (self.chip[0] + APART)
        self.height = HEAD + EDGE + len(rows) * (self.chip[1] + APART)
        self.sites = placement.sites
        self.rank = _ranks(placement.sites)

    def tile_corner(self, chip: int, x: int, y: int) -> tuple[int, int]:
        left, top = self.at[chip]
        return left + GAP + x * (self.tile + GAP), top + GAP + y * (self.tile + GAP)

    def corner(self, core: int) -> tuple[int, int]:
        chip, x, y = (int(n) for n in self.sites[core])
        left, top = self.tile_corner(chip, x, y)
        row, column = divmod(int(self.rank[core]), self.side)
        return left + column * CORE, top + row * CORE

    def middle(self, site: Array) -> tuple[float, float]:
        """Of a tile."""
        x, y = self.tile_corner(*(int(n) for n in site))
        return x + self.tile / 2, y + self.tile / 2

    def chips(self) -> list[str]:
        """Frames of chips, and all of their places for cores, empty."""
        found = []
        for number in self.numbers:
            left, top = self.at[int(number)]
            found.append(f'<text x="{left}" y="{top - 4}" fill="{TEXT}">chip {int(number)}</text>')
            found.append(
                f'<rect x="{left}" y="{top}" width="{self.chip[0]}" height="{self.chip[1]}" rx="4" fill="none" '
                f'stroke="{LINE}"/>'
            )
            for x in range(self.tiles[0]):
                for y in range(self.tiles[1]):
                    a, b = self.tile_corner(int(number), x, y)
                    found.append(f'<rect x="{a}" y="{b}" width="{self.tile}" height="{self.tile}" fill="{EMPTY}"/>')
        return found


def _ranks(sites: Array) -> Array:
    """The number of each core on its tile."""
    _, tile = np.unique(sites, axis=0, return_inverse=True)
    order = np.argsort(tile.ravel(), kind="stable")
    rank = np.zeros(len(sites), np.int64)
    ordered = tile.ravel()[order]
    rank[order] = np.arange(len(sites)) - np.searchsorted(ordered, ordered)
    return rank


def _core(core: Core, corner: tuple[int, int], placement: Placement, sent: str) -> str:
    full = max(core.share[name] for name in LIMITS)
    chip, x, y = (int(n) for n in placement.sites[core.index])
    held = ", ".join(f"{name} {count:,}" for name, count in core.populations.items())
    shares = ", ".join(f"{said} {core.share[name]:.0%}" for name, said in LIMITS.items())
    title = f"core {core.index}: {held}\nchip {chip}, tile {x}, {y}\n{shares}\n{sent} spikes per step"
    return (
        f'<rect x="{corner[0]}" y="{corner[1]}" width="{CORE}" height="{CORE}" fill="{_colour(full)}" '
        f'stroke="{LINE}" stroke-width="0.5">'
        f"<title>{escape(title)}</title></rect>"
    )


def _colour(share: float) -> str:
    """White is empty, blue is full."""
    return LOAD[min(int(share * len(LOAD)), len(LOAD) - 1)]


def _arcs(between: Any, drawn: _Grid, placement: Placement, target: Target) -> tuple[float, list[str]]:
    """The heaviest traffic from tile to tile as arcs that bend to the right of their way, the widest one last."""
    from scipy import sparse

    tiles, tile = np.unique(placement.sites, axis=0, return_inverse=True)
    pairs = sparse.coo_array(between)
    onto = tuple(tile.ravel()[each] for each in pairs.coords)
    whole = sparse.csr_array(sparse.coo_array((pairs.data, onto), (len(tiles), len(tiles)))).tocoo()
    a, b = whole.coords
    there = np.flatnonzero((a != b) & (whole.data > 0))
    if not there.size:
        return 0.0, []
    kept = there[np.argsort(whole.data[there], kind="stable")][-ARCS:]
    heaviest = float(whole.data[kept].max())
    passed = steps(tiles[a[kept]], tiles[b[kept]], target)
    found = []
    for i, (hop_x, hop_y, borders, _) in zip(kept, passed, strict=True):
        (x, y), (u, v) = drawn.middle(tiles[a[i]]), drawn.middle(tiles[b[i]])
        long = hypot(u - x, v - y)
        bend = min(0.2 * long, 50) / long
        middle = (x + u) / 2 - (v - y) * bend, (y + v) / 2 + (u - x) * bend
        thick = 0.5 + 3.5 * float(whole.data[i]) / heaviest
        over = f", {borders} borders of chips" if borders > 1 else ", the border of a chip" if borders else ""
        ends = " to ".join(f"tile {p}, {q} of chip {chip}" for chip, p, q in (tiles[a[i]], tiles[b[i]]))
        title = f"{ends}: {whole.data[i]:,.3g} spikes per step over {_counted(hop_x + hop_y, 'hop')}{over}"
        found.append(
            f'<path d="M{x:.1f} {y:.1f}Q{middle[0]:.1f} {middle[1]:.1f} {u:.1f} {v:.1f}" fill="none" '
            f'stroke="{OFF_CHIP if borders else ON_CHIP}" stroke-opacity="0.5" stroke-width="{thick:.2f}" '
            f'stroke-linecap="round"><title>{escape(title)}</title></path>'
        )
    return heaviest, found


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _head(placement: Placement, heaviest: float, width: int) -> list[str]:
    count = f"{len(placement.cores):,} cores on {placement.chips:,} chips" if placement.chips > 1 else ""
    said = count or f"{len(placement.cores):,} of {placement.chip_cores:,} cores"
    found = [
        f'<text x="{EDGE}" y="22" font-size="15" fill="{TEXT}">{escape(f"{said} of {placement.target}")}</text>',
        f'<text x="{EDGE}" y="40" font-size="10" fill="{TEXT}">{escape(placement.arranged)}</text>',
        f'<text x="{EDGE}" y="57" fill="{TEXT}">load</text>',
    ]
    for i in range(len(LOAD)):
        colour = _colour((i + 0.5) / len(LOAD))
        found.append(f'<rect x="{EDGE + 34 + 12 * i}" y="47" width="12" height="11" fill="{colour}"/>')
    end = EDGE + 40 + 12 * len(LOAD)
    found.append(f'<text x="{end}" y="57" fill="{TEXT}">0 to 100 % of the fullest limit</text>')
    if heaviest:
        at = end + 190
        for colour, what, far in ((ON_CHIP, "on a chip", 0), (OFF_CHIP, "over a border", 82))[: placement.chips]:
            found.append(
                f'<line x1="{at + far}" x2="{at + far + 16}" y1="53" y2="53" stroke="{colour}" stroke-width="3"/>'
            )
            found.append(f'<text x="{at + far + 20}" y="57" fill="{TEXT}">{what}</text>')
        thickest = f"thickest arc: {heaviest:,.3g} spikes per step"
        found.append(f'<text x="{width - EDGE}" y="22" text-anchor="end" fill="{TEXT}">{thickest}</text>')
    return found
