"""docs/mutations.md: faults planted on purpose, and what the verdicts made of them.

`python -m snndeploy.report.mutations docs/mutations.md` writes it.

Faults that change no spike, u or v on the input are listed apart: there the networks are equivalent, and nothing can be
seen.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from snndeploy.conform.mutation import Outcome, outcomes
from snndeploy.files import replacing
from snndeploy.report.markdown import table


def document(found: list[Outcome]) -> str:
    """The whole file."""
    counted = [each for each in found if not each.same]
    right = [sum(getattr(each, name) for each in counted) for name in ("detected", "right_layer", "right_cause")]
    lines = [
        "# Planted faults",
        "",
        "Written by `python -m snndeploy.report.mutations docs/mutations.md`. Each fault is planted in one layer of",
        "one network; its trace (spikes, u, v) is compared with that of the network itself. *Detected*: the verdict is",
        "weaker than state-identical, and by more than rounding. *Layer*, *cause*: what the diagnosis names.",
        "",
        f"{len(counted)} faults that have an effect: {right[0]} detected, {right[1]} in the right layer, {right[2]} "
        f"({right[2] / len(counted):.1%}) with the right cause. {len(found) - len(counted)} more change nothing.",
        "",
    ]
    kinds = sorted({each.fault.kind for each in counted})
    rows = []
    for kind in kinds:
        those = [each for each in counted if each.fault.kind == kind]
        sums = [sum(getattr(each, name) for each in those) for name in ("detected", "right_layer", "right_cause")]
        rows.append((kind, str(len(those)), *map(str, sums)))
    lines += [table(("cause", "planted", "detected", "right layer", "right cause"), rows), ""]
    missed = [each for each in counted if not (each.detected and each.right_cause)]
    if missed:
        lines += ["## Not named as planted", ""]
        shown = [(str(m.fault), m.fault.kind, "-" if m.diagnosis is None else str(m.diagnosis.cause)) for m in missed]
        lines += [table(("fault", "planted", "named"), shown), ""]
    lines += ["## Equivalent on the input", ""]
    same = Counter((each.fault.subject, each.fault.layer) for each in found if each.same)
    names = {
        key: "; ".join(e.fault.name for e in found if e.same and (e.fault.subject, e.fault.layer) == key)
        for key in same
    }
    lines += [table(("network", "layer", "faults"), [(*key, names[key]) for key in sorted(same)]), ""]
    return "\n".join(lines)


def main(path: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(document(outcomes()), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path("docs") / "mutations.md"))
