"""The tables of the README, written from the registries and by trying: `make readme`.

Each table stands between `<!-- name -->` and `<!-- /name -->`. What every neuron class does is not declared anywhere,
but measured: by `snndeploy.report.classes`, which takes minutes and leaves docs/classes.json.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from pathlib import Path

from snndeploy.errors import CODES
from snndeploy.files import replacing
from snndeploy.report import (
    bench_tables,
    classes_table,
    conformance_table,
    encoding_tables,
    hostile_table,
    instances_table,
    learning_tables,
    models_table,
    placement_table,
    quantisation_tables,
)
from snndeploy.report.markdown import table


def tables() -> dict[str, str]:
    """Markdown by name of table."""
    return {
        "classes": classes_table.summary(),
        "instances": instances_table.summary(),
        "layers": layers(),
        "refused": refused(),
        "engines": engines(),
        "lint": lint(),
        "models": models_table.summary(),
        "methods": methods(),
        "encodings": encodings(),
        "measured encodings": encoding_tables.measured_encodings(),
        "quantisation": quantisation_tables.quantisation(),
        "bits": quantisation_tables.bits(),
        "bench": bench_tables.summary(),
        "time to accuracy": learning_tables.summary(),
        "hostile": hostile_table.summary(),
        "placement": placement_table.summary(),
        "conformance": conformance_table.summary(),
    }


def fill(text: str, parts: dict[str, str]) -> str:
    """`text` with every table replaced. Raises ValueError if a table has no place in it."""
    for name, part in parts.items():
        head, opening, rest = text.partition(f"<!-- {name} -->")
        _, closing, tail = rest.partition(f"<!-- /{name} -->")
        if not opening or not closing:
            raise ValueError(f"no <!-- {name} --> ... <!-- /{name} -->")
        text = f"{head}{opening}\n{part}\n{closing}{tail}"
    return text


def layers() -> str:
    """The layers that are registered."""
    from snndeploy.frontends.layers import LAYERS

    import_module("snndeploy.frontends.layer_calls")
    names = ", ".join(f"`{cls.__name__}`" for cls in LAYERS if cls.__module__.startswith("torch."))
    return (
        f"{names}, max-pools of spikes, `torch.cat`, slices, "
        "reshapes and other operations that only move numbers, `+`, `-`, constants and constant factors, "
        "`nn.Sequential`, `SequentialState`, and any `nn.Module` whose `forward` does one step or holds the "
        "loop over time"
    )


def refused() -> str:
    """What capture knows that it cannot take, and what to do."""
    from snndeploy.frontends.operations import FIXES
    from snndeploy.frontends.strangers import STRANGERS

    by_fix: dict[str, list[str]] = {}
    for name, fix in {**STRANGERS, **FIXES}.items():
        by_fix.setdefault(fix, []).append(f"`{name}`")
    return table(("refused, among others", "what to do"), [(", ".join(names), fix) for fix, names in by_fix.items()])


def engines() -> str:
    """The engines, by the first line of their own description."""
    from snndeploy.engines.base import ENGINES

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = [
            (f"`{name}`", (import_module(path).__doc__ or "").strip().splitlines()[0]) for name, path in ENGINES.items()
        ]
    return table(("engine", "what it is"), said)


def lint() -> str:
    """What the linter tells beside errors, by its registry."""
    from snndeploy.lint import CHECKS

    rows = [(each.code, CODES[each.code], each.severity, each.needs) for each in sorted(CHECKS, key=lambda c: c.code)]
    return table(("code", "what lint tells", "severity", "needs"), rows)


def methods() -> str:
    """How a network can be quantised, by the registry."""
    from snndeploy.quantize import METHODS

    return table(("method", "what it does"), [(f"`{each.name}`", each.summary) for each in METHODS.values()])


def encodings() -> str:
    """How values become events, by the registry."""
    from snndeploy.network.encodings import ENCODINGS

    return table(("encoding", "what it makes of a value"), [(f"`{n}`", each.summary) for n, each in ENCODINGS.items()])


def main(path: Path) -> None:
    """Writes the tables into a README, and the full table of classes beside what was measured."""
    for target, text in (
        (path, fill(path.read_text("utf-8"), tables())),
        (classes_table.MEASURED.with_suffix(".md"), classes_table.full()),
        (conformance_table.MEASURED.with_suffix(".md"), conformance_table.full()),
        (models_table.DOCUMENT, models_table.full()),
    ):
        with replacing(target) as temporary:
            temporary.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
