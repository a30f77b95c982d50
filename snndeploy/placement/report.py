"""A placement as text: a line per layer, then cores in the column order of Intel's compiler for Loihi 2.

The lines per layer follow nengo-loihi's `utilization_summary`. The table of cores follows what Intel's compiler prints
("Per core distribution", tutorials of lava-dl): AxonIn, NeuronGr, Neurons, Synapses, AxonMap, AxonMem, and the number
of cores of which a row is true. Here Synapses is the share of the synaptic memory, AxonMap counts output axons, and
AxonMem, which holds what does not fit AxonMap there, is not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snndeploy.placement.plan import Core, Placement

WIDTH = 100
# rows of cores that are shown where there are more
SHOWN = 12
# settings are few by nature: they limit a core only where they are used up
LIMITS = ("neurons", "input_axons", "output_axons", "memory")
SHARES = {
    "neurons": "neurons",
    "input_axons": "input axons",
    "output_axons": "output axons",
    "memory": "synaptic memory",
    "thresholds": "thresholds",
    "neuron_settings": "neuron settings",
}


def layers(plan: Placement) -> list[dict[str, Any]]:
    """Per population: neurons, the cores that hold some, mean shares of these cores, and what fills them most.

    The last core of several is left out where there is a choice: it holds the rest.
    """
    found = []
    for name, on in plan.core_of.items():
        held = [c for c in plan.cores if name in c.populations]
        counted = held[:-1] if len(held) > 1 else held
        share = {what: sum(c.share[what] for c in held) / len(held) for what in held[0].share}
        full = {what: sum(c.share[what] for c in counted) / len(counted) for what in share}
        found.append(
            {
                "population": name,
                "neurons": len(on),
                "cores": len(held),
                "alone": sum(len(c.populations) == 1 for c in held),
                "share": share,
                "fullest": max(full, key=lambda what: full[what] if what in LIMITS or full[what] == 1 else -1),
            }
        )
    return found


def text(plan: Placement, all_cores: bool = False) -> str:
    """The whole report, at most `WIDTH` columns wide; `all_cores`: also where they are many."""
    return "\n".join([head(plan), "", *_table(_layer_rows(plan), True), "", *_table(_core_rows(plan, all_cores))])


def count(cores: int) -> str:
    return f"{cores:,} core" + ("" if cores == 1 else "s")


def head(plan: Placement) -> str:
    said = f"{len(plan.cores):,} of {plan.chip_cores:,} cores of {plan.target}"
    if plan.chips > 1:
        said = f"{len(plan.cores):,} cores on {plan.chips:,} chips of {plan.target}, {plan.chip_cores:,} cores each"
    return said + (f"\narranged: {plan.arranged}" if len(plan.cores) > 1 else "")


def _layer_rows(plan: Placement) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("layer", "neurons", "cores", "neurons", "in axons", "out axons", "memory", "fullest")
    ]
    for each in layers(plan):
        cores = f"{each['cores']:,}" + ("" if each["alone"] == each["cores"] else " (shared)")
        parts = [_percent(each["share"][what]) for what in LIMITS]
        most = SHARES.get(each["fullest"], each["fullest"].replace("_", " "))
        rows.append((each["population"], f"{each['neurons']:,}", cores, *parts, most))
    mean = [sum(c.share[what] for c in plan.cores) / len(plan.cores) for what in LIMITS]
    neurons = sum(c.neurons for c in plan.cores)
    rows.append(("mean of cores", f"{neurons:,}", f"{len(plan.cores):,}", *map(_percent, mean), ""))
    return rows


def _core_rows(plan: Placement, all_cores: bool) -> list[tuple[str, ...]]:
    names = ("AxonIn", "NeuronGr", "Neurons", "Synapses", "AxonMap", "AxonMem", "Cores", "holds")
    same: dict[tuple[str, ...], list[Core]] = {}
    for c in plan.cores:
        same.setdefault(_cells(c), []).append(c)
    groups = list(same.items())
    rest: list[Core] = []
    if len(groups) > SHOWN and not all_cores:
        fullest = sorted(range(len(groups)), key=lambda i: -max(groups[i][1][0].share.values()))[:SHOWN]
        rest = [c for i, (_, held) in enumerate(groups) if i not in fullest for c in held]
        groups = [groups[i] for i in sorted(fullest)]
    rows = [names, *((*cells[:-1], f"{len(held):,}", f"{_which(held)}: {cells[-1]}") for cells, held in groups)]
    if rest:
        rows.append((*("...",) * 6, f"{len(rest):,}", "see --all-cores"))
    total = [f"{sum(c.input_axons for c in plan.cores):,}", "", f"{sum(c.neurons for c in plan.cores):,}"]
    total += [f"{sum(c.synapses for c in plan.cores):,}", f"{sum(c.output_axons for c in plan.cores):,}", ""]
    return [*rows, (*total, f"{len(plan.cores):,}", "in all")]


def _which(held: Sequence[Core]) -> str:
    """Numbers of cores: the first and the last, and that there are others between."""
    first, last = held[0].index, held[-1].index
    whole = last - first == len(held) - 1
    return f"{first}" if first == last else f"{first}-{last}" if whole else f"{first} to {last}"


def _cells(c: Core) -> tuple[str, ...]:
    held = ", ".join(f"{name} ({count:,})" for name, count in c.populations.items())
    return (
        f"{c.input_axons:,} {_percent(c.share['input_axons']):>5}",
        f"{c.neuron_settings:,}",
        f"{c.neurons:,} {_percent(c.share['neurons']):>5}",
        f"{c.synapses:,} {_percent(c.share['memory']):>5}",
        f"{c.output_axons:,} {_percent(c.share['output_axons']):>5}",
        "-",
        held,
    )


def _percent(share: float) -> str:
    """Below 100 % unless it is full."""
    return f"{min(share, 0.999) if share < 1 else share:.1%}" if share < 0.0995 else f"{int(share * 100)}%"


def _table(rows: Sequence[tuple[str, ...]], named: bool = False) -> list[str]:
    """Columns as wide as needed, the last cut at `WIDTH`. `named`: the first holds words, which start on the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            c.ljust(w) if i == 0 and named else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join([*cells[:-1], row[-1]]).rstrip()
        lines.append(line if len(line) <= WIDTH else line[: WIDTH - 3] + "...")
    lines.insert(1, "-" * max(map(len, lines)))
    return lines
