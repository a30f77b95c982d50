"""What `benchmarks/placement.py` measured, as a table; the numbers are committed in docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "placement.json"
HEAD = ("neurons", "synapses", "strategy", "cores", "chips", "output axons", "seconds", "those that passed", "GiB")


def summary(measured: dict[str, Any] | None = None) -> str:
    """A row for every third size and each strategy; seconds are those of one processor."""
    rows = (measured or json.loads(MEASURED.read_text("utf-8")))["rows"]
    sizes = sorted({row["neurons"] for row in rows}, reverse=True)[::3]
    shown = [
        (
            f"{row['neurons']:,}",
            f"{row['synapses']:,}",
            f"`{row['strategy']}`",
            *(f"{row[name]:,}" for name in ("cores", "chips", "output_axons")),
            *(f"{row[name]:.1f}" for name in ("processor_seconds", "seconds")),
            f"{row['GiB']:.2f}",
        )
        for row in rows
        if row["neurons"] in sizes
    ]
    return table(HEAD, shown)
