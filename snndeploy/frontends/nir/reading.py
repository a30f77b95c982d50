"""A NIR file -> a network, exactly or not at all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from snndeploy.errors import Finding, SnnDeployError, raise_errors
from snndeploy.files import findings_at, readable
from snndeploy.frontends.nir.agree import FIX, disagreements
from snndeploy.frontends.nir.block import DAMAGES, unpack
from snndeploy.frontends.nir.choices import Choices, Delays
from snndeploy.frontends.nir.decode import decode
from snndeploy.frontends.nir.graph import Graph, Node
from snndeploy.frontends.nir.loading import Limits, NetFile, load, load_any
from snndeploy.frontends.nir.nested import Notes
from snndeploy.frontends.nir.neurons import RESETS, reset_of
from snndeploy.frontends.nir.styles import plain
from snndeploy.network import spec
from snndeploy.network.encodings import Host
from snndeploy.network.maps import at_most
from snndeploy.network.network import InputKinds, Network
from snndeploy.network.rule import Rule

# a file in which everything is wrong needs no complete list
FINDINGS_LIMIT = 100


@dataclass(frozen=True, eq=False)
class Report:
    """What a NIR file holds.

    Attributes:
        version: of the nir package that wrote it, "" if it does not say.
        has_block: it was written by snndeploy and holds the exact network.
        nodes: number of nodes per type, subgraphs included.
        repairs: what was not as it should be and could be put right in only one way.
        findings: what is wrong; the network is None if there is an error among them.
    """

    path: str
    version: str
    has_block: bool
    nodes: Mapping[str, int]
    repairs: tuple[str, ...]
    findings: tuple[Finding, ...]
    network: Network | None

    def __str__(self) -> str:
        head = f"{self.path}: nir {self.version or '?'}, {'with' if self.has_block else 'without'} the block snndeploy"
        count = ", ".join(f"{times} {kind}" for kind, times in sorted(self.nodes.items()))
        return "\n".join([head, count, *(f"repaired: {r}" for r in self.repairs), *map(str, self.findings)])


def read(
    path: str | os.PathLike[str],
    dt: float | None = None,
    reset: str | None = None,
    *,
    delays: Delays | None = None,
    kind: InputKinds = "binary",
    integrators: str = "per-second",
    unit: str | None = None,
    ignore_block: bool = False,
    limits: Limits | None = None,
) -> Network:
    """The network in a NIR file.

    A file that snndeploy wrote holds the network whole; `dt` and `reset`, if given, must then agree with it. Any
    other file is read by forward Euler with the synapse first (`decode.py`, `neurons.py`), and what had to be
    repaired is listed, a line each, in `provenance["repairs"]` of the network.

    Args:
        dt: seconds per step; NIR files do not say it.
        reset: what a spike does: "to-zero", "to-v_reset" or "by-threshold", in the step of the spike, or with
            "-next" or "-residual" behind it as in `network.rule.Reset`. None: to v_reset, where the file has it.
        delays: {(source, target): steps} between neurons, for loops that can be read in several ways.
        kind: of the inputs, or a dict by input; NIR files do not say it.
        integrators: whether r of I and IF is per second, as NIR defines it, or per step, as some writers mean it.
        unit: of the times in the file, "s", "ms" or "steps" (of dt). None: seconds, unless they would be too long.
        ignore_block: read the plain fields alone.
        limits: what the file may cost; it is opened in a child process.

    Raises:
        SnnDeployError SD4xx: the file is damaged, hostile, ambiguous, or holds what the network cannot; everything
            that is wrong at once. SD801: there is no such file.
    """
    held = load_any(path, limits)
    if isinstance(held, NetFile):
        from snndeploy.frontends.lavadl import reading

        if reset not in (None, "to-zero") or delays or unit or ignore_block:
            what = "lava-dl's neurons reset to zero, and its files hold neither loops, nor times, nor a block"
            raise SnnDeployError(Finding("SD409", f"{path}: reset, delays, unit, ignore_block", what, "leave them out"))
        if not isinstance(kind, str):
            what = f"kind = {dict(kind)} names inputs, and lava-dl's files have one without a name"
            raise SnnDeployError(Finding("SD418", f"{path}: kind", what, "kind='binary', 'counts' or 'real'"))
        return reading.network(held, str(path), dt, kind, limits)
    report = _report(held, path, Choices(dt, reset, delays or {}, kind, integrators, unit), ignore_block, limits)
    raise_errors(report.findings)
    assert report.network is not None
    return report.network


def inspect(
    path: str | os.PathLike[str],
    dt: float | None = None,
    reset: str | None = None,
    *,
    delays: Delays | None = None,
    kind: InputKinds = "binary",
    integrators: str = "per-second",
    unit: str | None = None,
    ignore_block: bool = False,
    limits: Limits | None = None,
) -> Report:
    """As `read`, but what is wrong with the content is returned, not raised.

    Raises:
        SnnDeployError SD401-SD404, SD801: the file cannot be opened as a graph.
    """
    return _report(
        load(path, limits), path, Choices(dt, reset, delays or {}, kind, integrators, unit), ignore_block, limits
    )


def _report(
    graph: Graph, path: str | os.PathLike[str], choices: Choices, ignore_block: bool, limits: Limits | None
) -> Report:
    numbers = (limits or Limits()).numbers
    notes = Notes(str(path), numbers)
    network: Network | None = None
    try:
        # numbers that overflow are found as not finite, with their names
        with np.errstate(all="ignore"), at_most(numbers):
            if graph.block is not None and not ignore_block:
                network = _from_block(graph, choices, notes)
            else:
                network = decode(graph, choices, notes)
                if network is not None:
                    provenance = {"format": "nir", "nir": graph.version, "repairs": "\n".join(notes.repairs)}
                    network = spec.check(replace(network, provenance=provenance))
    except SnnDeployError as problem:
        placed = zip(problem.findings, findings_at(path, problem).findings, strict=True)
        notes.findings += [finding if str(path) in finding.where else at for finding, at in placed]
        network = None
    except MemoryError:
        what = "what the file describes does not fit into the memory that is free"
        notes.wrong("SD402", "memory", what, "use a computer with more memory")
    found = _told(notes)
    return Report(
        str(path),
        graph.version,
        graph.block is not None,
        Counter(_types(graph)),
        tuple(notes.repairs),
        found,
        None if notes.fatal() else network,
    )


def _told(notes: Notes) -> tuple[Finding, ...]:
    """The findings, each readable; of very many the first, and how many more there are."""
    found = [
        replace(each, where=_place(each.where, notes.path), what=readable(each.what), fix=readable(each.fix, 200))
        for each in notes.findings[:FINDINGS_LIMIT]
    ]
    more = len(notes.findings) - len(found)
    if more > 0:
        first = notes.findings[FINDINGS_LIMIT]
        found.append(replace(first, where=notes.path, what=f"{more:,} more findings", fix="correct those above first"))
    return tuple(found)


def _place(where: str, path: str) -> str:
    head, found, rest = where.partition(path)
    return f"{path}: {readable(rest.removeprefix(': ') or head, 120)}" if found and rest else where


def _types(graph: Graph) -> Iterable[str]:
    for node in graph.nodes.values():
        if isinstance(node, Node):
            yield node.type
        else:
            yield "NIRGraph"
            yield from _types(node)


def _from_block(graph: Graph, choices: Choices, notes: Notes) -> Network | None:
    """The network of the block, if the plain fields say the same."""
    network, style, for_ = unpack(graph, notes.path, notes.numbers)
    for what, told, held in (
        ("populations", len(network.populations), graph.nodes_inside()),
        ("projections", len(network.projections), graph.edges_inside()),
    ):
        if told > held:
            where = "nodes" if what == "populations" else "edges"
            notes.wrong("SD412", "block snndeploy", f"it has {told:,} {what}, and the file {held:,} {where}", FIX)
            return None
    beside = [p for e in network.encodings if isinstance(e, Host) for p in e.network.populations]
    for each in (*network.populations, *beside):
        receptors = len(each.rule.receptors) if isinstance(each.rule, Rule) else 1
        notes.spend(abs(prod(each.shape)) * (6 + 3 * receptors), f"population {each.name!r} of the block")
    problems = _breaches(network)
    if problems:
        fix = "write the file again, or read it without the block: ignore_block=True"
        for problem in problems:
            notes.wrong("SD413", "block snndeploy", problem, fix)
        return None
    meant = plain(network, style, for_).graph
    notes.findings += disagreements(graph, meant, notes.path)
    _check_agrees(network, choices, notes)
    return network


def _breaches(network: Network) -> list[str]:
    """Why a network from a block is not legal. Its sizes are anybody's, so nothing here may be taken for granted."""
    try:
        return [str(finding) for finding in spec.findings(network)]
    except DAMAGES as problem:
        return [readable(str(problem)) or type(problem).__name__]


def _check_agrees(network: Network, choices: Choices, notes: Notes) -> None:
    """What the caller said beside the block must be what the block says."""
    fix = "leave it out: the file says it"
    if choices.dt is not None and choices.dt != network.dt:
        notes.wrong("SD408", "dt", f"{choices.dt:g} s was given, and the file says {network.dt:g} s", fix)
    kinds = {each.name: each.kind for each in network.given}
    given = choices.kind if isinstance(choices.kind, Mapping) else dict.fromkeys(kinds, choices.kind)
    if choices.kind != "binary" and any(kinds.get(name) != kind for name, kind in given.items()):
        told = " and ".join(sorted({*kinds.values()}))
        if isinstance(choices.kind, Mapping):
            told = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        notes.wrong("SD418", "kind", f"{choices.kind!r} was given, and the file says {told}", fix)
    if choices.delays:
        notes.wrong("SD418", "delays", "they were given, and the file says every delay", fix)
    if choices.integrators != "per-second":
        notes.wrong("SD418", "integrators", f"{choices.integrators!r} was given, and the file says every gain", fix)
    if choices.unit not in (None, "s"):
        notes.wrong("SD418", "unit", f"{choices.unit!r} was given, and the file says every decay", fix)
    if choices.reset is None:
        return
    if choices.reset not in RESETS:
        notes.wrong("SD409", "reset", f"{choices.reset!r} is unknown", f"choose from {', '.join(RESETS)}")
        return
    for each in network.populations:
        rule = each.rule
        if not isinstance(rule, Rule) or rule.threshold is None or choices.reset.startswith("to-v_reset"):
            continue
        said = reset_of({"v_threshold": np.asarray(rule.threshold)}, choices.reset)
        same = (said.kind, said.when) == (rule.reset.kind, rule.reset.when)
        if not same or np.any(np.asarray(said.value) != np.asarray(rule.reset.value)):
            told = f"{rule.reset.kind}, {rule.reset.when}"
            notes.wrong(
                "SD409", "reset", f"{choices.reset!r} was given, and population {each.name!r} has {told!r}", fix
            )
