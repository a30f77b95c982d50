"""The cores of a placement on their chips, as SVG: what lies where, and how full it is."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from markupsafe import Markup, escape

from snndeploy.placement import Placement
from snndeploy.report.html.figures import svg, text

# Okabe-Ito; letters tell populations apart where colours do not
COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#999999")
# chips that are drawn
CHIPS = 4
CORE, GAP, WIDTH = 22.0, 5.0, 720.0


def core_map(plan: Placement) -> Markup:
    """A square per core in the tile where it lies; its height of colour is the share of what fills it most."""
    names = list(plan.core_of)
    chips = np.unique(plan.sites[:, 0])
    drawn = chips[:CHIPS]
    tiles_x, tiles_y = (int(plan.sites[:, axis].max()) + 1 for axis in (1, 2))
    per = int(max(np.unique(plan.sites, axis=0, return_counts=True)[1], default=1))
    side = ceil(sqrt(per))
    tile = side * CORE + GAP
    chip_w, chip_h = tiles_x * tile + GAP, tiles_y * tile + GAP + 18
    across = max(1, min(len(drawn), int(WIDTH // (chip_w + 12))))
    parts: list[str] = []
    taken: dict[tuple[int, int, int], int] = {}
    for n, chip in enumerate(drawn):
        x0, y0 = (n % across) * (chip_w + 12), (n // across) * (chip_h + 8)
        parts.append(text(x0 + 2, y0 + 12, f"chip {chip}", kind="soft"))
        here = np.flatnonzero(plan.sites[:, 0] == chip)
        for x, y in {(int(a), int(b)) for a, b in plan.sites[here, 1:]}:
            box = f'x="{x0 + x * tile + 1:.1f}" y="{y0 + 18 + y * tile + 1:.1f}"'
            parts.append(f'<rect {box} width="{tile - 2:.1f}" height="{tile - 2:.1f}" rx="3" class="tile"/>')
        for i in here:
            site = (int(chip), int(plan.sites[i, 1]), int(plan.sites[i, 2]))
            k = taken[site] = taken.get(site, -1) + 1
            left = x0 + site[1] * tile + GAP / 2 + (k % side) * CORE
            top = y0 + 18 + site[2] * tile + GAP / 2 + (k // side) * CORE
            parts.append(_core(plan, int(i), left, top, names))
    rows = -(-len(drawn) // across)
    label = f"{len(plan.cores)} cores of {plan.target} on {len(chips)} chips; the table names what each core holds"
    return svg(max(across * (chip_w + 12), 80.0), rows * (chip_h + 8), parts, label, "plain")


def letter(place: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    head, tail = divmod(place, 26)
    return (letter(head - 1) if head else "") + chr(65 + tail)


def _core(plan: Placement, number: int, x: float, y: float, names: list[str]) -> str:
    core = plan.cores[number]
    main = max(core.populations, key=lambda name: core.populations[name], default="")
    share = min(1.0, max([*core.share.values(), 0.0]))
    full = (CORE - 2) * share
    rank = names.index(main) if main in names else 0
    held = ", ".join(f"{name} {count:,}" for name, count in core.populations.items())
    told = escape(f"core {core.index}: {held}; {share:.0%} of what fills it most")
    box = f'width="{CORE - 2}" x="{x:.1f}"'
    return (
        f"<g><title>{told}</title>"
        f'<rect {box} y="{y:.1f}" height="{CORE - 2}" class="core free"/>'
        f'<rect {box} y="{y + CORE - 2 - full:.1f}" height="{full:.1f}" class="core" fill="{COLOURS[rank % 8]}"/>'
        f"{text(x + (CORE - 2) / 2, y + 14, letter(rank), 'middle', 'on')}</g>"
    )
