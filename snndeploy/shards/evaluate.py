"""`evaluate`: one engine over a data set."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines import Trace, base, run, trace_shards
from snndeploy.engines.trace import wanted
from snndeploy.errors import error, raise_errors
from snndeploy.network import spec
from snndeploy.network.digest import network_hash
from snndeploy.network.network import Network
from snndeploy.shards import plan
from snndeploy.shards.folder import versions
from snndeploy.shards.result import Evaluation
from snndeploy.shards.session import Finished, How, finished, opened, target_of
from snndeploy.shards.source import Block
from snndeploy.shards.task import Members, Task, taken

ALIKE = ("engine", "dtype", "steps", "latency", "converted")


@dataclass(frozen=True, eq=False)
class Running(Task):
    """One engine on a shard.

    Attributes:
        record: what the engine records. keep: that goes into the file; else only counts and decisions do.
    """

    engine: str = "reference"
    record: tuple[str, ...] = ("spikes",)
    raw: bool = False
    keep: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sample_bytes(self) -> int:
        return plan.sample_bytes(self.network, self.source, self.record, (self.engine,))

    @property
    def said(self) -> dict[str, Any]:
        return {
            "network": network_hash(self.network),
            "engine": self.engine,
            "options": {name: repr(value) for name, value in sorted(self.options.items())},
            "record": list(self.record),
            "raw": self.raw,
            "output": "trace" if self.keep else "summary",
            "versions": versions((self.engine,)),
        }

    def members(self, given: Block) -> Members:
        options = plan.engine_options(self.engine, self.options, self.working)
        trace = run(self.network, taken(self.network, given), self.engine, self.record, self.raw, **options)
        header = {
            "engine": trace.engine,
            "dtype": trace.dtype,
            "steps": trace.steps,
            "latency": dict(trace.latency),
            "converted": trace.converted,
            "notes": list(trace.notes),
            "spikes": {name: int(np.count_nonzero(rows)) for name, rows in trace.spikes.items()},
        }
        arrays = {"decisions": trace.decisions()} if decides(trace) else {}
        if self.keep:
            arrays |= trace_shards.members(trace)
        return header, arrays


def decides(trace: Trace) -> bool:
    """Whether a trace holds what the network's decision needs."""
    rule = trace.network.decision
    if rule is None or trace.raw:
        return False
    return rule.population in (trace.spikes if rule.rule == "spike-count" else trace.v)


def evaluate(
    network: Network,
    data: Any,
    labels: Any = None,
    engine: str = "reference",
    record: Iterable[str] = ("spikes",),
    output: str | os.PathLike[str] | None = None,
    *,
    raw: bool = False,
    how: How,
    **options: Any,
) -> Evaluation:
    """See `snndeploy.evaluate`."""
    spec.check(network)
    raise_errors(base.load(engine).refusals(network))
    kept, target = wanted(network, record), target_of(output, data)
    keep = target is not None and target.suffix != ".json"
    with opened(network, data, labels, how) as given:
        task = Running(network, given.source, engine, kept, raw, keep, options)
        with finished(task, how, target, given.spool) as done:
            found = _gathered(done, given.labels, target)
            if target is not None:
                done.replace(target, lambda path: _write(path, task, done, found))
    return found


def _gathered(done: Finished, labels: Any, output: Path | None) -> Evaluation:
    """The shards' counts added up, their decisions in order."""
    headers = done.headers()
    spikes: dict[str, int] = {}
    notes: dict[str, None] = {}
    decided = []
    first = headers[0]
    for header, path in zip(headers, done.files, strict=True):
        for what in ALIKE:
            if header[what] != first[what]:
                text = f"its {what} is {header[what]!r}, that of the first shard {first[what]!r}"
                raise error("SD821", str(path), text, "begin again with --fresh")
        for name, count in header["spikes"].items():
            spikes[name] = spikes.get(name, 0) + count
        notes |= dict.fromkeys(header["notes"])
        with np.load(path, allow_pickle=False) as archive:
            if "decisions" in archive.files:
                decided.append(archive["decisions"])
    return Evaluation(
        *(first["engine"], first["dtype"], first["steps"], done.ranges[-1][1], spikes),
        decisions=np.concatenate(decided) if decided else None,
        labels=labels,
        latency=first["latency"],
        notes=tuple(notes),
        converted=first["converted"],
        shards=len(headers),
        resumed=done.resumed,
        output=output,
    )


def _write(path: Path, task: Running, done: Finished, found: Evaluation) -> None:
    if not task.keep:
        path.write_text(json.dumps(found.as_dict(), indent=2) + "\n", "utf-8")
        return
    header = {name: getattr(found, name) for name in ("engine", "dtype", "converted")}
    header |= {"latency": dict(found.latency), "notes": list(found.notes), "raw": task.raw}
    trace_shards.write(path, task.network, header, done.ranges, done.files)
