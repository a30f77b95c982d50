"""What every backend does with the conformance suite, as tables: `python -m snndeploy.report.conformance_table`.

That runs all of them, or those that are named, takes minutes, and leaves docs/conformance.json; `make readme` writes
the tables.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from snndeploy.conform.suite.adapters import ABSENT, BACKENDS
from snndeploy.conform.suite.adapters.known import known
from snndeploy.conform.suite.case import Case, every, manifest
from snndeploy.conform.suite.choice import chosen
from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "conformance.json"
SAME = ("state-identical", "spike-identical")
SHORT = {
    "reference": "reference",
    "lava-fixed": "lava, integers",
    "snntorch": "snntorch",
    "snntorch-importer": "snnTorch",
    "norse-importer": "Norse",
    "nirtorch": "nirtorch",
    "spikingjelly": "SpikingJelly",
    "sinabs": "Sinabs",
    "rockpool": "Rockpool",
}


def held() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MEASURED.read_text("utf-8"))
    return found


def summary(measured: dict[str, Any] | None = None) -> str:
    """For the README: families of vectors against backends, in vectors that are exact."""
    found = (measured or held())["backends"]
    names = _run(found)
    cases = every()
    standard = [case for case in cases if case.contract.reading == "standard"]
    families = list(dict.fromkeys(case.name.split("/")[0] for case in standard))
    rows = [
        (f"`{family}`", *(_count(found[n], [c for c in standard if c.name.split("/")[0] == family]) for n in names))
        for family in families
    ]
    rest = [case for case in cases if case.contract.reading != "standard"]
    rows.append(("other readings", *(_count(found[n], rest) for n in names)))
    rows.append(("**all**", *(f"**{_count(found[n], cases)}**" for n in names)))
    accepted = sum(case.status == "accepted" for case in cases)
    head = (
        f"Suite {manifest()['version']}: {len(cases)} vectors, {accepted} accepted by at least two other engines, one "
        "of them not written here. How many each backend gives exactly, in every bin, of how many:"
    )
    absent = "; ".join(f"{name}: {reason}" for name, reason in ABSENT.items())
    tail = (
        "Left: engines of snndeploy, which read a vector's contract. Right: other libraries' own NIR importers, which "
        f"have one reading of NIR each. Not there: {absent}. `lava, integers` rounds weights to 8 bits. "
        "[docs/conformance.md](docs/conformance.md) has every vector, and the reading that each importer follows."
    )
    return "\n\n".join([head, table(("vectors", *(SHORT.get(n, n) for n in names)), rows), tail])


def _run(found: dict[str, Any]) -> list[str]:
    return [name for name in BACKENDS if "vectors" in found.get(name, {})]


def _count(backend: Any, cases: Iterable[Case]) -> str:
    kinds = [backend["vectors"][case.name]["kind"] for case in cases]
    good = sum(kind in SAME for kind in kinds)
    return str(good) if good == len(kinds) else f"{good}/{len(kinds)}"


def full(measured: dict[str, Any] | None = None) -> str:
    """docs/conformance.md: the reading of every importer, known failures with reasons, and every vector."""
    whole = measured or held()
    found = whole["backends"]
    names = _run(found)
    parts = [
        "# Conformance of NIR backends",
        "Written by `make readme` from docs/conformance.json, which `make conformance` measures: every vector was run "
        "on every backend. How to test your own: [testing-your-backend.md](testing-your-backend.md).",
        "## Backends",
        _backends(found),
        "## Which reading of NIR an importer follows",
        "NIR leaves the discretisation open. Of all readings (reset, its time, comparator, scheme, synapse before or "
        "after the membrane, initial state, what of a loop is late), the plainest that gives most of what the importer "
        "gave on the standard vectors of a neuron.",
        _readings(found),
        "## Known failures, and why",
        _known(found),
        "## Every vector",
        "`=` spikes and states are the same; `s` spikes are; `lag 1`: the same, a step late; `4.7 %`: so many bins "
        "differ; else what was raised. The last column is who agreed when the vector was accepted.",
        _vectors(found, names),
    ]
    return "\n\n".join(parts) + "\n"


def _backends(found: Any) -> str:
    rows = []
    for name, each in BACKENDS.items():
        ran = found.get(name, {})
        state = ran.get("missing") or f"{each.package} {ran.get('version', '')}".strip()
        rows.append((f"`{name}`", each.about, state or "-"))
    rows += [(f"`{name}`", "no adapter", reason) for name, reason in ABSENT.items()]
    return table(("backend", "what runs", "version"), rows)


def _readings(found: Any) -> str:
    rows = []
    for name in _run(found):
        for kind, told in found[name].get("readings", {}).items():
            if not told["answered"]:
                rows.append((f"`{name}`", kind, "gives no answer", ""))
                continue
            words = ", ".join(f"{key} {value}" for key, value in told["differs"].items()) or "nothing"
            if 2 * told["explained"] < told["answered"]:
                words = "no reading of these"
            rows.append((f"`{name}`", kind, words, f"{told['explained']} of {told['answered']}"))
    return table(("importer", "neuron", "what differs from the standard reading", "answers that it explains"), rows)


def _known(found: Any) -> str:
    parts = []
    for name, patterns in known().items():
        if name not in found or "vectors" not in found[name]:
            continue
        choice = chosen(every(), ("*",), {}, patterns)
        counts = Counter(choice.xfail.values())
        parts.append(f"**{name}**\n\n" + table(("vectors", "why"), [(str(n), why) for why, n in counts.most_common()]))
    return "\n\n".join(parts)


def _vectors(found: Any, names: list[str]) -> str:
    rows = [
        (f"`{case.name}`", *(_cell(found[name]["vectors"][case.name]) for name in names), str(len(case.agreed)))
        for case in every()
    ]
    return table(("vector", *(SHORT.get(n, n) for n in names), "agreed"), rows)


def _cell(row: dict[str, Any]) -> str:
    match row["kind"]:
        case "state-identical":
            return "="
        case "spike-identical":
            return "s"
        case "lag":
            return f"lag {row['lag']}"
        case "different":
            return f"{row['differing']:.1%}".replace("%", " %")
        case "refused":
            reason = row["reason"]
            code = reason.partition(": ")[2][:5]
            return f"`{code}`" if reason.startswith("SnnDeployError: SD") else f"`{reason.partition(':')[0]}`"
    return str(row["kind"])


def main(names: Sequence[str] = (), path: Path = MEASURED) -> None:
    """Runs all backends, or those that are named, and writes the JSON file."""
    from snndeploy.conform.suite.survey import survey
    from snndeploy.files import replacing

    kept = held()["backends"] if names else {}
    measured = survey(names or tuple(BACKENDS), lambda text: sys.stderr.writelines([text, "\n"]))
    found = {"suite": manifest()["version"], "backends": {n: {**kept, **measured}[n] for n in BACKENDS}}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
