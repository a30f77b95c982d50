"""What `benchmarks/quantisation.py` measured, as tables; the numbers are committed beside it."""

from __future__ import annotations

import json
from pathlib import Path

from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "benchmarks" / "quantisation.json"


def quantisation() -> str:
    """Methods on networks, as `benchmarks/quantisation.py` measured them."""
    head = (
        "network",
        "method",
        "accuracy",
        "95 %",
        "p",
        "kept",
        "cosine",
        "synapses",
        "axons",
        "cores",
    )
    rows: list[tuple[str, ...]] = []
    for part in json.loads(MEASURED.read_text("utf-8")).values():
        for row in part["rows"]:
            low, high = row["interval"]
            first = f"{row['network']} ({row['samples']:,})" if row["method"] == "float" else ""
            cost = [f"{row[name]:,}" if row["cores"] else "" for name in ("synapses", "axons", "cores")]
            paired = "" if row["method"] == "float" else f"{row['mcnemar']:.2g}"
            kept = (f"{row['accuracy']:.2%}", f"{low:.1%} to {high:.1%}", paired, f"{row['kept']:.1%}")
            rows.append((first, f"`{row['method']}`", *kept, f"{row['cosine']:.3f}", *cost))
    return table(head, rows)


def bits() -> str:
    """Accuracy over the bits of a weight."""
    curves = [row for part in json.loads(MEASURED.read_text("utf-8")).values() for row in part.get("curves", ())]
    widths = sorted({row["bits"] for row in curves})
    by_name: dict[tuple[str, str], dict[int, float]] = {}
    for row in curves:
        by_name.setdefault((row["network"], row["method"]), {})[row["bits"]] = row["accuracy"]
    head = ("network", "method", *(f"{n} bit" for n in widths))
    lines = [
        (network, f"`{method}`", *(f"{found[n]:.2%}" for n in widths)) for (network, method), found in by_name.items()
    ]
    return table(head, lines)
