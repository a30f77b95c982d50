"""The tables of the README, written from the registries and by trying: `make readme`.

Each table stands between `<!-- name -->` and `<!-- /name -->`. Whether a chip takes a neuron is not declared anywhere:
a module is built, captured and checked against the target.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from snndeploy.errors import CODES, SnnDeployError
from snndeploy.files import replacing

RESETS = tuple((kind, delay) for kind in ("subtract", "zero", "none") for delay in (True, False))

SIZES = ("input_size", "hidden_size", "in_features", "out_features", "channels", "linear_features")


def tables() -> dict[str, str]:
    """Markdown by name of table."""
    return {
        "neurons": neurons(),
        "layers": layers(),
        "refused": refused(),
        "engines": engines(),
        "lint": lint(),
        "methods": methods(),
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


def neurons() -> str:
    """Every neuron that is registered, in every reset setting, captured and checked against every target."""
    from snndeploy import targets
    from snndeploy.frontends.neurons import FAMILIES

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for framework in ("snntorch", "norse"):
            import_module(f"snndeploy.frontends.{framework}")
        chips = targets.shipped()
        results: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
        for cls, family in sorted(FAMILIES.items(), key=lambda item: item[1].framework != "snntorch"):
            for setting, module, width in _variants(cls):
                key = (family.framework, cls.__name__, tuple(_takes(module, width, chip) for chip in chips))
                results.setdefault(key, []).append(setting)
    rows = [
        (framework, f"`{name}`", _joined(settings), *answers)
        for (framework, name, answers), settings in results.items()
    ]
    return _table(("framework", "neuron", "reset", *chips), rows)


def _joined(settings: list[str]) -> str:
    """ "subtract, zero (reset_delay=True)": a mechanism that is there with both delays is named once."""
    texts = []
    for kind in dict.fromkeys(kind for kind, _ in RESETS):
        delays = [delay for delay in (True, False) if _named(kind, delay) in settings]
        either = len(delays) == 2 or kind in settings
        texts += [kind] if either else [_named(kind, delay) for delay in delays]
    return ", ".join(texts) or "as it is"


def _named(kind: str, delay: bool) -> str:
    return f"{kind} (reset_delay={delay})"


def _takes(module: Any, width: int, chip: str) -> str:
    """ "yes", or the codes of what a chip cannot take of this neuron behind a layer."""
    import numpy as np
    from torch import nn

    from snndeploy.frontends import capture
    from snndeploy.lint import lint

    stack: Any = nn.Sequential(nn.Linear(width, width), module)
    if type(module).__module__.startswith("norse"):
        from norse.torch import SequentialState

        stack = SequentialState(nn.Linear(width, width), module)
    try:
        network = capture(stack.eval(), np.ones((3, 1, width)), 1e-3)
    except SnnDeployError as problem:
        return "not captured: " + _codes(problem.findings)
    found = [each for each in lint(network, chip) if each.severity == "error"]
    return "no: " + _codes(found) if found else "yes"


def _codes(findings: Any) -> str:
    return ", ".join(f"{code} {CODES[code]}" for code in sorted({each.code for each in findings}))


def _variants(cls: type) -> Iterator[tuple[str, Any, int]]:
    """(setting, module, width) of one class."""
    takes, width = signature(cls).parameters, 4
    options: dict[str, Any] = {name: width for name in SIZES if name in takes}
    if cls.__module__.startswith("norse"):
        yield "", cls(**options, dt=1e-3), width
        return
    options |= {
        name: value for name, value in {"beta": 0.5, "alpha": 0.75, "init_hidden": True}.items() if name in takes
    }
    if "reset_mechanism" not in takes:
        yield "", cls(**options), width
        return
    for kind, delay in RESETS:
        if "reset_delay" in takes:
            yield _named(kind, delay), cls(**options, reset_mechanism=kind, reset_delay=delay), width
        elif delay:
            yield kind, cls(**options, reset_mechanism=kind), width


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
    return _table(("refused, among others", "what to do"), [(", ".join(names), fix) for fix, names in by_fix.items()])


def engines() -> str:
    """The engines, by the first line of their own description."""
    from snndeploy.engines.base import ENGINES

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = [
            (f"`{name}`", (import_module(path).__doc__ or "").strip().splitlines()[0]) for name, path in ENGINES.items()
        ]
    return _table(("engine", "what it is"), said)


def lint() -> str:
    """What the linter tells beside errors, by its registry."""
    from snndeploy.lint import CHECKS

    rows = [(each.code, CODES[each.code], each.severity, each.needs) for each in sorted(CHECKS, key=lambda c: c.code)]
    return _table(("code", "what lint tells", "severity", "needs"), rows)


def methods() -> str:
    """How a network can be quantised, by the registry."""
    from snndeploy.quantize import METHODS

    return _table(("method", "what it does"), [(f"`{each.name}`", each.summary) for each in METHODS.values()])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main(path: Path) -> None:
    """Writes the tables into a README."""
    text = fill(path.read_text("utf-8"), tables())
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
