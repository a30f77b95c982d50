"""What `benchmarks/encodings.py` measured, as a table; the numbers are committed beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "benchmarks" / "encodings.json"
HEAD = (
    "encoding",
    "values off by (rms)",
    "axons",
    "events a step",
    "float: accuracy",
    "kept",
    "cosine",
    "integers: accuracy",
    "95 %",
    "kept",
    "cosine",
)


def measured_encodings(measured: dict[str, Any] | None = None) -> str:
    """Every encoding on one network: accuracy, decisions and spikes kept against the float network on values."""
    rows = []
    for row in (measured or json.loads(MEASURED.read_text("utf-8")))["rows"]:
        name = f"`{row['encoding']}`"
        if "axons" not in row:
            rows.append((row["encoding"], "", "", "", f"{row['accuracy']:.1%}", "", "", "", "", "", ""))
            continue
        low, high = row["interval"]
        off = "" if row["error"] is None else f"{row['error']:.2g}"
        cost = (off, f"{row['axons']:,}", f"{row['events']:,.1f}")
        rows.append(
            (name, *cost, *_kept(row["float"]), f"{row['accuracy']:.1%}", f"{low:.1%} to {high:.1%}", *_kept(row)[1:])
        )
    return table(HEAD, rows)


def _kept(row: dict[str, Any]) -> tuple[str, str, str]:
    return f"{row['accuracy']:.1%}", f"{row['kept']:.1%}", f"{row['cosine']:.3f}"
