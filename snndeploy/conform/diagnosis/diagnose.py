"""`diagnose`: where two runs part, which layer is guilty, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy.conform.align import View, align, check, common
from snndeploy.conform.compare import compare
from snndeploy.conform.diagnosis.evidence import SAMPLES, Evidence, gather
from snndeploy.conform.diagnosis.hypothesis import Case
from snndeploy.conform.diagnosis.predict import Predicted
from snndeploy.conform.diagnosis.result import Cause, Check, Contribution, Diagnosis
from snndeploy.conform.diagnosis.search import definition, explain, scales
from snndeploy.conform.result import Comparison, First
from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.timing import update_order

# neuron-steps of one layer that are looked at; of larger ones, some samples are
BINS = 2**22
# contributions that are shown
TERMS = 8


def diagnose(a: Trace, b: Trace, comparison: Comparison | None = None) -> Diagnosis:
    """Why two runs of one network differ.

    Every layer of the run that is not the definition is predicted by the definition from the inputs and states that
    this run recorded, so that a layer is guilty by itself alone. For each guilty layer the change is searched that
    explains what was recorded: numbers of the rule and weights are solved from the states, kinds of rules are tried.
    A float run and one of its integer form: see `diagnosis.rounded`.

    Args:
        comparison: of the two, if it was made already.

    Raises:
        SnnDeployError SD701, SD702, SD703: the traces cannot be compared.
    """
    if a.network.form != b.network.form:
        from snndeploy.conform.diagnosis.rounded import rounded

        return rounded(a, b, comparison)
    check(a, b)
    same = compare(a, b) if comparison is None else comparison
    x, y, _ = align(a, b, "find")
    network = b.network if b.engine == "reference" != a.engine else a.network
    sides: list[tuple[str, View, View]] = [("b", y, x), ("a", x, y)]
    if b.engine == "reference" != a.engine:
        sides.reverse()
    if "reference" in (a.engine, b.engine):
        sides = sides[:1]
    notes: list[str] = []
    checks: tuple[Check, ...] = ()
    for mark, view, other in sides:
        layers = _layers(network, view, other)
        found = tuple(_check(name, layer) for name, layer in layers.items())
        checks = checks or found
        if not any(each.differing for each in found):
            continue
        order = [each.population for each in sorted((c for c in found if c.differing), key=lambda c: c.first or 0)]
        causes = {name: explain(*_given(layers[name])) for name in order}
        causes = _one_dt(layers, causes)
        guilty = order[0]
        first = same.first
        return Diagnosis(
            first,
            causes[guilty],
            guilty,
            first is None or first.population == guilty,
            mark,  # type: ignore[arg-type]
            _current(x, first),
            _current(y, first),
            found,
            _contributions(x, first),
            tuple((name, causes[name]) for name in order[1:]),
            tuple(notes),
        )
    unknown = [each.population for each in checks if not each.known]
    if unknown:
        notes.append(f"not checked, for their inputs were not recorded: {', '.join(unknown)}")
    ties = sum(each.ties for each in checks)
    bins = sum(each.bins for each in checks)
    cause = Cause(
        "unknown",
        "every layer does what the definition does on the inputs it recorded",
        False,
        explained=bins,
        bins=bins,
    )
    if ties:
        cause = replace(cause, kind="tie", text=f"{ties} decisions within rounding, and what follows from them")
    elif unknown:
        cause = replace(cause, text=f"the inputs of {', '.join(unknown)} were not recorded", explained=0)
    first = same.first
    return Diagnosis(
        first,
        cause,
        None,
        True,
        "",
        _current(x, first),
        _current(y, first),
        checks,
        _contributions(x, first),
        notes=tuple(notes),
    )


Layers = dict[str, tuple[Evidence, Predicted] | None]


def _given(layer: tuple[Evidence, Predicted] | None) -> tuple[Evidence, Predicted]:
    assert layer is not None
    return layer


def _layers(network: Network, view: View, other: View) -> Layers:
    """The evidence on each layer, and what the definition makes of it."""
    found: Layers = {}
    names = [name for group in update_order(network) for name in group]
    recorded = set(common(view.trace, view.trace))
    for name in names:
        if name not in recorded:
            found[name] = None
            continue
        e = gather(network, view, name, _samples(network, view, other, name))
        found[name] = None if e is None else (e, definition(e))
    return found


def _samples(network: Network, view: View, other: View, name: str) -> Array:
    """All samples, or of a large layer those that differ first."""
    each = int(np.prod(network.shapes[name])) * view.steps
    most = max(SAMPLES, BINS // max(1, each))
    if view.batch <= most:
        return np.arange(view.batch)
    differs = np.full(view.batch, view.steps)
    for what in ("spikes", "v", "u"):
        one, two = view.get(what), other.get(what)
        for population in one.keys() & two.keys():
            moved = (one[population] != two[population]).reshape(view.steps, view.batch, -1).any(axis=2)
            differs = np.minimum(differs, np.where(moved.any(axis=0), moved.argmax(axis=0), view.steps))
        if (differs < view.steps).any():
            break
    return np.sort(np.argsort(differs, kind="stable")[:most])


def _check(name: str, layer: tuple[Evidence, Predicted] | None) -> Check:
    if layer is None:
        return Check(name, 0, 0, known=False)
    bad = layer[1].bad
    steps = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
    first = int(steps[0]) if steps.size else None
    return Check(name, int(bad.size), int(np.count_nonzero(bad)), int(np.count_nonzero(layer[1].ties)), first)


def _one_dt(layers: Layers, causes: dict[str, Cause]) -> dict[str, Cause]:
    """Decays of several layers that are those of one other time step have one cause."""
    if len(causes) < 2 or not all(each.kind in ("decay", "dt") for each in causes.values()):
        return causes
    ratios = [scales(Case(*_given(layers[name]))) for name in causes]
    for k in ratios[0]:
        if all(any(abs(k - other) <= 1e-6 * k for other in each) for each in ratios):
            text = f"dt is {k:.6g} times as long: the decays of {len(causes)} layers say so"
            return {name: replace(each, kind="dt", text=text, expected=1.0, found=k) for name, each in causes.items()}
    return causes


def _current(view: View, first: First | None) -> float | None:
    """u of the first bin, of the receptor with the largest."""
    if first is None or first.population not in view.u:
        return None
    u = view.u[first.population]
    at = (first.step, first.batch)
    shape = view.trace.network.shapes[first.population]
    flat = int(np.ravel_multi_index(first.index, shape)) if shape else 0
    row = np.asarray(u[at]).reshape(-1, int(np.prod(shape)))[:, flat]
    return float(row[np.abs(row).argmax()])


def _contributions(view: View, first: First | None) -> tuple[Contribution, ...]:
    """The largest terms of p in the first bin, by what `a` recorded."""
    if first is None:
        return ()
    from snndeploy.conform.why.attribute import attribute, unravelled

    e = gather(view.trace.network, view, first.population, np.array([first.batch]))
    if e is None:
        return ()
    return unravelled(attribute(e, first.index, first.step).terms[:TERMS], view.trace.network.shapes)
