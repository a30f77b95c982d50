"""Scores as a table."""

from __future__ import annotations

from collections.abc import Sequence

from snndeploy.tuning.score import Score

HEAD = ("method", "accuracy", "95 %", "p", "kept", "cosine", "synapses", "axons", "thresholds", "cores", "s")


def cells(each: Score) -> tuple[str, ...]:
    """One row as text, as `HEAD`."""
    if each.refused:
        return (each.method, each.refused, *("",) * (len(HEAD) - 2))
    low, high = each.interval or (0.0, 0.0)
    return (
        each.method,
        "" if each.accuracy is None else f"{each.accuracy:.3f}",
        "" if each.interval is None else f"{low:.3f}-{high:.3f}",
        "" if each.mcnemar is None else f"{each.mcnemar:.2g}",
        "" if each.kept is None else f"{each.kept:.1%}",
        f"{each.cosine:.3f}",
        f"{each.synapses:,}" if each.cores else "",
        f"{each.axons:,}" if each.cores else "",
        f"{each.thresholds:,}" if each.cores else "",
        f"{each.cores:,}" if each.cores else "",
        f"{each.seconds:.1f}" if each.seconds else "",
    )


def table(scores: Sequence[Score]) -> str:
    """Aligned columns; columns in which nothing stands are left out, what was refused is told below."""
    rows = [HEAD, *(cells(each) for each in scores if not each.refused)]
    used = [i for i in range(len(HEAD)) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in used}
    lines = ["  ".join(row[i].ljust(widths[i]) if i == 0 else row[i].rjust(widths[i]) for i in used) for row in rows]
    return "\n".join([*lines, *(f"{each.method}: {each.refused}" for each in scores if each.refused)])
