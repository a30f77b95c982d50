"""docs/verdicts.md: the tiers, the distances and the causes, from where they are defined.

`python -m snndeploy.report.verdicts docs/verdicts.md` writes it.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

from snndeploy.conform.diagnosis.kinds import MEANINGS
from snndeploy.conform.tiers import DEFINITIONS, Tolerances
from snndeploy.files import replacing
from snndeploy.report.markdown import table

DISTANCES = (
    ("`rate`", "Σ over trains of |n_a - n_b| / Σ of max(n_a, n_b)"),
    ("`jitter`", "largest distance of the i-th spikes of a train, where all trains have as many"),
    (
        "`van_rossum`",
        "D² = Σ exp(-Δ/τ) over pairs within a, plus within b, minus twice those between; as elephant does",
    ),
    ("`victor_purpura`", "least cost of turning a into b: 1 per spike added or removed, `cost` per step moved"),
    (
        "`coincidence`",
        "Γ = (N_coinc - chance·n_a) / ((n_a + n_b)/2) / (1 - chance), chance = 1 - (1 - n_b/steps)^(2·near + 1)",
    ),
)


def document() -> str:
    """The whole file."""
    tolerances = [(f"`{each.name}`", f"{each.default:g}") for each in fields(Tolerances)]
    lines = [
        "# Verdicts",
        "",
        "Written by `python -m snndeploy.report.verdicts docs/verdicts.md`.",
        "",
        "## Tiers, from the strongest",
        "",
        "A train is one neuron in one sample; p is the candidate that is compared with the threshold θ. A verdict is",
        "the strongest tier that every population satisfies. Lags are held against the latency that the network's form",
        "predicts if every projection takes k steps (`Verdict.cost`).",
        "",
        table(("tier", "definition"), [(f"`{tier}`", text) for tier, text in DEFINITIONS.items()]),
        "",
        "## Tolerances of the weaker tiers",
        "",
        table(("name", "default"), tolerances),
        "",
        "## Distances",
        "",
        "Means over the trains with a spike; times in steps. The tests hold `van_rossum` and `victor_purpura` against",
        "the elephant package.",
        "",
        table(("name", "definition"), DISTANCES),
        "",
        "## Causes",
        "",
        "A layer is guilty if it departs from the definition on the inputs and states that it recorded itself. With",
        "u and v recorded, every step is predicted alone: the current, the membrane given the current, the decision",
        "given both. Numbers are solved from the states, kinds of rules are tried; the change that leaves the fewest",
        "bins is named, with how many it explains; `also` lists others that do. [mutations.md](mutations.md)",
        "keeps the score.",
        "",
        table(("cause", "what was changed"), list(MEANINGS.items())),
        "",
    ]
    return "\n".join(lines)


def main(path: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(document(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path("docs") / "verdicts.md"))
