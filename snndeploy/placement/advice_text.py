"""Advice as text, at most 100 columns wide."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from snndeploy.placement.report import count

if TYPE_CHECKING:
    from snndeploy.placement.tried import Advice, Tried

WIDTH = 100
EXACT = {"exact": "yes", "chip": "yes", "quantised": "no", "rounded": "no", "retrain": "train it"}


def text(advice: Advice) -> str:
    """What was tried, cheapest first; what did not help, and why; what to do."""
    helped = [each for each in advice.tried if each.plan is not None]
    lines = [_head(advice), ""]
    rows: list[tuple[str, ...]] = [
        ("", "change", "exact", "cores", "chips", "weights", "spikes", "decisions", "accuracy")
    ]
    rows += [_row("", advice.as_is), *(_row(str(i + 1), each) for i, each in enumerate(helped))]
    used = [i for i in range(len(rows[0])) if i < 6 or any(row[i] != "-" for row in rows[1:])]
    rows = [tuple(row[i] for i in used) for row in rows]
    longest = WIDTH - 2 * (len(used) - 1) - sum(max(len(row[i]) for row in rows) for i in range(len(used)) if i != 1)
    widths = [min(max(len(row[i]) for row in rows), longest if i == 1 else WIDTH) for i in range(len(used))]
    for row in rows:
        title = wrap(row[1], widths[1], subsequent_indent="  ") or [""]
        cells = [title[0].ljust(w) if i == 1 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
        lines += [" " * (widths[0] + 2) + more for more in title[1:]]
    lines.insert(3, "-" * max(map(len, lines[2:])))
    lines.append("")
    lines += _notes(helped)
    for each in advice.tried:
        if each.plan is None:
            lines += wrap(f"does not help: {each.title}: {each.refused}", WIDTH, subsequent_indent="    ")
    if advice.untried:
        said = f"no time was left for: {'; '.join(advice.untried)} (--seconds)"
        lines += wrap(said, WIDTH, subsequent_indent="    ")
    return "\n".join([*lines, *_verdict(advice)])


def _head(advice: Advice) -> str:
    ran = (
        f"; {advice.samples:,} samples were run" if advice.samples else "; nothing was run: --data x.npy measures drift"
    )
    return f"{len(advice.tried)} changes made and placed in {advice.seconds:.1f} s, cheapest first{ran}"


def _row(number: str, each: Tried) -> tuple[str, ...]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    cores, chips = (f"{len(each.plan.cores):,}", f"{each.plan.chips:,}") if each.plan else ("no fit", "-")
    moved = share(each.weights) if each.weights else "-" if each.kind in ("quantised", "retrain") else "same"
    shown = (share(each.spikes), share(each.kept), share(each.accuracy))
    return (number, each.title, EXACT[each.kind], cores, chips, moved, *shown)


def _notes(helped: list[Tried]) -> list[str]:
    said = "weights: how far they moved, of their norm"
    if any(each.spikes is not None for each in helped):
        said += "; spikes: bins of the outputs that differ, of all spikes"
    lines = [said]
    for number, each in enumerate(helped, 1):
        if each.note:
            lines += wrap(f"{number}: {each.note}", WIDTH, subsequent_indent="   ")
    return lines


def _cores(each: Tried) -> str:
    return f"{count(len(each.plan.cores) if each.plan else 0)} of {each.target}"


def _verdict(advice: Advice) -> list[str]:
    best, as_is = advice.best, advice.as_is
    if as_is.plan is not None and as_is.plan.chips == 1:
        less = any(each.less_than(as_is) for each in advice.tried)
        more = "" if less else ", and nothing that was tried takes fewer cores"
        return [f"it fits as it is, on {_cores(as_is)}{more}"]
    if best is None or best.plan is None:
        said = "nothing that was tried makes it fit: make the layers that are named smaller and train again"
        return wrap(said, WIDTH)
    if as_is.plan is not None and best.plan.chips >= as_is.plan.chips:
        return [f"as it is, it fits on {as_is.plan.chips} chips; nothing that was tried takes fewer"]
    cheapest = f"the cheapest change that makes it fit: {best.title}"
    if as_is.plan is not None:
        chips = "one chip" if best.plan.chips == 1 else f"{best.plan.chips} chips"
        cheapest = f"as it is, it fits on {as_is.plan.chips} chips; the cheapest change for {chips}: {best.title}"
    train = ", to be trained" if best.kind == "retrain" else ""
    return wrap(f"{cheapest} ({_cores(best)}{train})", WIDTH)
