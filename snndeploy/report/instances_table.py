"""What the random instances counted, as `tests/instances/summary.py` left it in docs/instances.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "instances.json"
HEAD = (
    *("random modules", "settings", "modules", "bins", "proven ties", "mismatches"),
    *("bins in the other framework", "proven ties there", "refused"),
)
NUMBERS = ("cases", "instances", "bins", "ties", "mismatches", "there", "ties_there")


def summary(measured: list[dict[str, Any]] | None = None) -> str:
    """A row per part, and the codes of what was refused."""
    held = measured or json.loads(MEASURED.read_text("utf-8"))
    rows = []
    for part in held:
        told = ", ".join(f"{code} {times:,}" for code, times in sorted(part["refused"].items())) or "none"
        rows.append((part["title"], *(f"{part[name]:,}" for name in NUMBERS), told))
    whole = ["all", *(f"{sum(part[name] for part in held):,}" for name in NUMBERS), ""]
    return table(HEAD, [*rows, tuple(whole)])
