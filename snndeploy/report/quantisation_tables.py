"""What `benchmarks/quantisation.py` measured, as tables; the numbers are committed beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "benchmarks" / "quantisation.json"


def quantisation(measured: dict[str, Any] | None = None) -> str:
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
    for part in (measured or held()).values():
        for row in part["rows"]:
            taken = taken_by_auto(part, row["network"], row["method"])
            low, high = row["interval"]
            first = f"{row['network']} ({row['samples']:,})" if row["method"] == "float" else ""
            cost = [f"{row[name]:,}" if row["cores"] else "" for name in ("synapses", "axons", "cores")]
            paired = "" if row["method"] == "float" else f"{row['mcnemar']:.2g}"
            kept = (f"{row['accuracy']:.2%}", f"{low:.1%} to {high:.1%}", paired, f"{row['kept']:.1%}")
            rows.append((first, f"`{row['method']}`{taken}", *kept, f"{row['cosine']:.3f}", *cost))
    return table(head, rows)


def taken_by_auto(part: dict[str, Any], network: str, method: str) -> str:
    """Says so where `auto` chose this method, and with how many synapses per weight."""
    searches = part.get("searches", {}).get(network, {})
    by = [name.removeprefix("auto, ")[0] for name, found in searches.items() if found["method"] == method]
    return f" (`auto`, {' and '.join(by)})" if by else ""


def held() -> dict[str, Any]:
    """By network, as committed."""
    read: dict[str, Any] = json.loads(MEASURED.read_text("utf-8"))
    return read


def bits(measured: dict[str, Any] | None = None) -> str:
    """Accuracy over the bits of a weight."""
    curves = [row for part in (measured or held()).values() for row in part.get("curves", ())]
    widths = sorted({row["bits"] for row in curves})
    by_name: dict[tuple[str, str], dict[int, float]] = {}
    for row in curves:
        by_name.setdefault((row["network"], row["method"]), {})[row["bits"]] = row["accuracy"]
    head = ("network", "method", *(f"{n} bit" for n in widths))
    lines = [
        (network, f"`{method}`", *(f"{found[n]:.2%}" for n in widths)) for (network, method), found in by_name.items()
    ]
    return table(head, lines)
