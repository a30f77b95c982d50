"""Figures as SVG: membranes, budget, accuracies. Colours are those of page.css; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup, escape

from snndeploy.network.arrays import Array
from snndeploy.report.html.content import Accuracy, Curve


def svg(width: float, height: float, parts: Iterable[str], label: str, kind: str = "full") -> Markup:
    """`parts` are elements; `label` is what somebody hears who does not see it."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" class="{kind}"'
    return Markup(f'<svg {size} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>')


def text(x: float, y: float, said: object, anchor: str = "start", kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(str(said))}</text>'


def curve(held: Curve) -> Markup:
    """Membranes of two runs, thresholds, spikes as triangles, a band at the first difference."""
    width, height, left, right, top, bottom = 720.0, 240.0, 58.0, 12.0, 54.0, 34.0
    steps = np.arange(held.start, held.start + len(held.a))
    levels = [level for level in (held.threshold_a, held.threshold_b) if level is not None]
    low = min(0.0, float(min(held.a.min(), held.b.min()))) if held.a.size else 0.0
    high = max([*levels, float(max(held.a.max(), held.b.max()))]) if held.a.size else 1.0
    reach = (high - low) or 1.0

    def x(step: float) -> float:
        return left + (step - held.start + 0.5) / max(1, len(steps)) * (width - left - right)

    def y(v: float) -> float:
        return top + (high - v) / reach * (height - top - bottom)

    parts = []
    if held.step is not None:
        half = max(4.0, (x(1) - x(0)) / 2)
        band = (
            f'x="{x(held.step) - half:.1f}" y="{top - 40}" width="{2 * half:.1f}" height="{height - top - bottom + 40}"'
        )
        parts.append(f'<rect {band} class="mark"/>')
    for value in _ticks(low, high):
        parts.append(f'<path d="M{left} {y(value):.1f}H{width - right}" class="axis"/>')
        parts.append(text(left - 6, y(value) + 4, f"{value:g}", "end", "soft"))
    apart = len(levels) == 2 and abs(levels[0] - levels[1]) > 0.05 * reach
    for n, level in enumerate(levels if apart else levels[:1]):
        parts.append(f'<path d="M{left} {y(level):.1f}H{width - right}" class="theta"/>')
        parts.append(text(width - right, y(level) - 4, "θ" if not n else "θ of b", "end", "soft"))
    for step in _steps(steps):
        parts.append(text(x(step), height - bottom + 16, f"{step}", "middle", "soft"))
    parts.append(text(width - right, height - 4, "step", "end", "soft"))
    for mark, line, fired, row in (("a", held.a, held.spikes_a, 0), ("b", held.b, held.spikes_b, 1)):
        points = " ".join(f"{x(float(s)):.1f},{y(float(v)):.1f}" for s, v in zip(steps, line, strict=True))
        parts.append(f'<polyline points="{points}" class="line-{mark}"/>')
        at = top - 32 + 12 * row
        parts.append(text(left - 6, at + 4, mark, "end", "soft"))
        for s in steps[np.asarray(fired, bool)]:
            centre = x(float(s))
            shape = f"M{centre - 4:.1f} {at - 4}L{centre + 4:.1f} {at - 4}L{centre:.1f} {at + 4}Z"
            parts.append(f'<path d="{shape}" class="dot-{mark}"/>')
    where = f"{held.population}{list(held.index)}, sample {held.sample}"
    return svg(
        width, height, parts, f"Membrane of {where}, runs a and b, steps {held.start} to {held.start + len(steps)}"
    )


def _ticks(low: float, high: float, count: int = 4) -> list[float]:
    raw = (high - low) / count or 1.0
    power = 10.0 ** np.floor(np.log10(raw))
    gap = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    first = np.ceil(low / gap) * gap
    return [float(np.round(v, 12)) + 0.0 for v in np.arange(first, high + gap / 1000, gap)]


def _steps(steps: Array, most: int = 12) -> list[int]:
    if not len(steps):
        return []
    gap = next(m for m in (1, 2, 5, 10, 20, 50, 100, 1000) if len(steps) / m <= most or m == 1000)
    return [int(s) for s in steps if s % gap == 0]


def bars(rows: Sequence[tuple[str, float, float]], whole: float, label: str) -> Markup:
    """Horizontal bars, (name, alone, all others); a line where all parts together are."""
    left, width, row, top = 170.0, 720.0, 34.0, 8.0
    most = max([whole, *(max(one, other) for _, one, other in rows)]) or 1.0
    height = top + row * len(rows) + 26

    def x(value: float) -> float:
        return left + value / most * (width - left - 80)

    parts = []
    for i, (name, alone, others) in enumerate(rows):
        y = top + row * i
        parts.append(text(left - 8, y + 18, name, "end"))
        for value, at, kind in ((alone, y + 3, "bar-a"), (others, y + 17, "bar-b")):
            parts.append(
                f'<rect x="{left}" y="{at}" width="{max(0.0, x(value) - left):.1f}" height="11" class="{kind}"/>'
            )
            parts.append(text(x(value) + 5, at + 10, f"{value:.4g}", kind="soft"))
    parts.append(f'<path d="M{x(whole):.1f} {top - 4}V{top + row * len(rows) + 4}" class="range"/>')
    parts.append(text(x(whole), height - 6, f"all: {whole:.4g}", "middle", "soft"))
    return svg(width, height, parts, label)


def intervals(rows: Sequence[Accuracy]) -> Markup:
    """A point and its 95 % interval per row."""
    left, width, row, top = 230.0, 720.0, 26.0, 8.0
    low = max(0.0, min(each.interval[0] for each in rows) - 0.01)
    high = min(1.0, max(each.interval[1] for each in rows) + 0.01)
    height = top + row * len(rows) + 24

    def x(share: float) -> float:
        return left + (share - low) / ((high - low) or 1.0) * (width - left - 20)

    parts = []
    for share in _ticks(low, high, 5):
        parts.append(f'<path d="M{x(share):.1f} {top}V{top + row * len(rows)}" class="axis"/>')
        parts.append(text(x(share), height - 6, f"{share:.4g}", "middle", "soft"))
    for i, each in enumerate(rows):
        y = top + row * (i + 0.5)
        parts.append(text(left - 10, y + 4, f"{each.engine}, {each.form}", "end"))
        a, b = (x(side) for side in each.interval)
        parts.append(f'<path d="M{a:.1f} {y}H{b:.1f}M{a:.1f} {y - 5}v10M{b:.1f} {y - 5}v10" class="range"/>')
        parts.append(f'<circle cx="{x(each.right / each.samples):.1f}" cy="{y}" r="4.5" class="point"/>')
    return svg(width, height, parts, "Accuracy of each engine with its 95 % interval; the numbers are in the table")
