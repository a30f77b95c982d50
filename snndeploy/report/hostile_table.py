"""What hostile files ended in, as `tests/hostile/hostile_campaign.py` left it in docs/hostile.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snndeploy.errors import CODES
from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "hostile.json"
# codes of a smaller part are added up
FEW = 0.01
KINDS = {
    "bytes": "bytes",
    "structure": "HDF5 structure",
    "values": "values",
    "graph": "graphs and layers",
    "block": "blocks and registers",
}
TEXT = """\
{files:,} mutated `.nir` and `.net` files ({groups}) went through `read`, `inspect`, `lint` or `convert`: \
{errors:,} end in a coded error, {legal:,} in a legal network (every second one, unless large, is also written, \
read again and run). {failures}. The slowest took {cpu:.1f} s of processor time; opening a file is stopped after \
{limit:g} s. The most memory: {parent:,.0f} MiB beside the interpreter, {child:,.0f} MiB in the process that opens \
the file."""


def summary(measured: dict[str, Any] | None = None) -> str:
    """A paragraph, and the outcomes by code."""
    held = measured or json.loads(MEASURED.read_text("utf-8"))
    outcomes = dict(held["outcomes"])
    legal = outcomes.pop("legal", 0)
    counted = sorted(((times, code) for code, times in outcomes.items() if code in CODES), reverse=True)
    few = [times for times, _ in counted if times < FEW * held["files"]]
    rows = [(f"{times:,}", f"{code} {CODES[code]}") for times, code in counted[: len(counted) - len(few)]]
    failures = f"{held['failures']} fail" if held["failures"] else "No traceback, hang, crash, or file left behind"
    told = TEXT.format(
        files=held["files"],
        groups=", ".join(f"{KINDS[name]} {times:,}" for name, times in sorted(held["groups"].items()) if name in KINDS),
        errors=sum(times for times, _ in counted),
        legal=legal,
        failures=failures,
        limit=held["limit"],
        **{name: each["most"] for name, each in held["worst"].items()},
    )
    rest = [(f"{sum(few):,}", f"{len(few)} other codes")] if few else []
    return f"{told}\n\n" + table(("files", "ended in"), [*rows, *rest])
