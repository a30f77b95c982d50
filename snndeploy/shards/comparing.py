"""`compare_engines`: several engines over a data set; `compare_files`: two traces of one, shard by shard."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from snndeploy.conform import compare
from snndeploy.conform.merge import compare_part, merge, part_of
from snndeploy.conform.result import Comparison
from snndeploy.engines import Trace, base, run, trace_shards
from snndeploy.engines.trace import wanted
from snndeploy.errors import SnnDeployError, error, raise_errors
from snndeploy.network import spec
from snndeploy.network.digest import network_hash
from snndeploy.network.network import Network
from snndeploy.shards import plan
from snndeploy.shards.folder import versions
from snndeploy.shards.session import How, finished, opened, target_of
from snndeploy.shards.source import Block
from snndeploy.shards.task import Members, Task, taken


@dataclass(frozen=True, eq=False)
class Comparing(Task):
    """Several engines on a shard, each compared with the first."""

    engines: tuple[str, ...] = ()
    record: tuple[str, ...] = ("spikes", "v")

    @property
    def sample_bytes(self) -> int:
        return plan.sample_bytes(self.network, self.source, self.record, self.engines)

    @property
    def said(self) -> dict[str, Any]:
        return {
            "network": network_hash(self.network),
            "engines": list(self.engines),
            "output": "comparison",
            "versions": versions(self.engines),
        }

    def members(self, given: Block) -> Members:
        given = taken(self.network, given)

        def trace(name: str) -> Trace:
            return run(self.network, given, name, self.record, **plan.engine_options(name, {}, self.working))

        first = trace(self.engines[0])
        # one after the other: two traces at a time are in memory
        others = map(trace, self.engines[1:])
        return {"parts": [compare_part(first, other, 0).as_dict() for other in others]}, {}


def compare_engines(
    network: Network,
    data: Any,
    engines: Iterable[str],
    output: str | os.PathLike[str] | None = None,
    *,
    how: How,
) -> list[Comparison]:
    """See `snndeploy.compare_engines`."""
    names = tuple(engines)
    if len(names) < 2:
        raise error("SD800", "engines", f"{len(names)} engines cannot be compared", "name two at least")
    spec.check(network)
    raise_errors(each for name in names for each in base.load(name).refusals(network))
    record = wanted(network, ("spikes", "u", "v") if network.form == "integer" else ("spikes", "v"))
    target = target_of(output, data)
    with opened(network, data, None, how) as given:
        task = Comparing(network, given.source, names, record)
        with finished(task, how, target, given.spool) as done:
            shards = list(zip(done.ranges, done.headers(), strict=True))
            found = [
                merge([part_of(header["parts"][i] | {"start": start}) for (start, _), header in shards])
                for i in range(len(names) - 1)
            ]
            if target is not None:
                done.replace(target, lambda path: _write(path, found))
    return found


def document(found: Iterable[Comparison]) -> dict[str, Any]:
    """Comparisons as numbers and strings, for JSON."""
    every = list(found)
    return {"agrees": all(each.agrees for each in every), "comparisons": [each.as_dict() for each in every]}


def _write(path: Path, found: Iterable[Comparison]) -> None:
    path.write_text(json.dumps(document(found), indent=2) + "\n", "utf-8")


def compare_files(
    a: Trace | str | os.PathLike[str],
    b: Trace | str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """How two traces differ, each in a file or in memory; of files a shard at a time is read.

    Raises:
        SnnDeployError SD801, SD806: a file is missing or damaged. SD7xx: the two cannot be compared.
    """
    if isinstance(a, Trace) and isinstance(b, Trace):
        return compare(a, b)
    with trace_shards.opened(a) as one, trace_shards.opened(b) as two:
        if one.samples != two.samples:
            what = f"one has {one.samples:,} samples, the other {two.samples:,}"
            raise error("SD702", "traces", what, "run both on the same input")
        ends = sorted({end for each in (one, two) for _, end in each.bounds})
        parts = []
        for start, stop in zip([0, *ends], ends, strict=False):
            try:
                parts.append(compare_part(one.part(start, stop), two.part(start, stop), start))
            except SnnDeployError as problem:
                if len(ends) == 1:
                    raise
                place = f"samples {start} to {stop - 1}, "
                raise SnnDeployError(replace(each, where=place + each.where) for each in problem.findings) from problem
            if progress is not None:
                progress(stop, one.samples)
    return merge(parts)
