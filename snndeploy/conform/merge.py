"""Comparisons of the shards of a data set as one: what comparing the whole would have found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from snndeploy.conform.align import constant_lag
from snndeploy.conform.compare import lag_note, part
from snndeploy.conform.result import Comparison, First, Row
from snndeploy.engines.trace import Trace

KINDS = ("spikes", "u", "v")
COUNTS = ("bins", "spikes_a", "spikes_b", "differing", "ties", "faults")


@dataclass(frozen=True, eq=False)
class Part:
    """One shard. start: number of its first sample. lags: all that fit, see `align.lags`."""

    start: int
    comparison: Comparison
    lags: Mapping[int, bool]

    def as_dict(self) -> dict[str, Any]:
        found = {name: getattr(self.comparison, name) for name in ("a", "b", "identical", "agrees", "lag", "notes")}
        bins = {name: getattr(self.comparison, name) for name in ("first", "fault")}
        return {
            "start": self.start,
            "lags": [[lag, lively] for lag, lively in self.lags.items()],
            **found,
            **{name: each and asdict(each) for name, each in bins.items()},
            "table": [asdict(row) for row in self.comparison.table],
        }


def part_of(document: Mapping[str, Any]) -> Part:
    """The part that `as_dict` wrote down."""
    said = dict(document)
    start, found = int(said.pop("start")), {int(lag): bool(lively) for lag, lively in said.pop("lags")}
    for name in ("first", "fault"):
        if said[name] is not None:
            said[name] = First(**said[name] | {"index": tuple(said[name]["index"])})
    said["table"] = tuple(Row(**row) for row in said["table"])
    return Part(start, Comparison(**said | {"notes": tuple(said["notes"])}), found)


def compare_part(a: Trace, b: Trace, start: int) -> Part:
    """Two traces of samples `start`... of a data set. Raises as `compare`."""
    return Part(start, *part(a, b))


def merge(parts: Sequence[Part]) -> Comparison:
    """One comparison of parts in the order of their samples.

    What differs first is what does in the whole: by step, then in the order of update, then by sample and neuron. All
    counts are added up; `max_dv` and `bound` are those of the worst part (the whole takes one median for its bound).
    """
    every = [each.comparison for each in parts]
    order = {row.population: rank for rank, row in enumerate(every[0].table)}
    agrees = all(each.agrees for each in every)
    lag = every[0].lag
    if isinstance(lag, int):
        lag = 0 if agrees else constant_lag([each.lags for each in parts])
    notes = {note: None for each in every for note in each.notes if note not in lag_note(each.lag)}
    moved = _earliest(parts, order, lambda c: c.first if any(row.differing for row in c.table) else None)
    fault = _earliest(parts, order, lambda c: c.fault)
    return Comparison(
        every[0].a,
        every[0].b,
        all(each.identical for each in every),
        agrees,
        moved or fault,
        fault,
        lag,
        tuple(_row([each.table[rank] for each in every]) for rank in range(len(order))),
        (*notes, *lag_note(lag)),
    )


def _earliest(
    parts: Sequence[Part], order: Mapping[str, int], pick: Callable[[Comparison], First | None]
) -> First | None:
    """The earliest of what `pick` takes from each part, with the number of its sample in the data set."""
    found = []
    for each in parts:
        first = pick(each.comparison)
        if first is not None:
            moved = replace(first, batch=first.batch + each.start)
            found.append((first.step, order[first.population], KINDS.index(first.what), moved.batch, moved))
    return min(found, key=lambda each: each[:-1])[-1] if found else None


def _row(rows: Sequence[Row]) -> Row:
    added: dict[str, Any] = {name: sum(getattr(row, name) for row in rows) for name in COUNTS}
    for name in ("max_dv", "bound"):
        added[name] = max((x for row in rows if (x := getattr(row, name)) is not None), default=None)
    return Row(rows[0].population, **added)
