"""Comparisons of shards, merged, are the comparison of the whole."""

import json
from dataclasses import replace

import numpy as np
import pytest
from random_networks import EVERY, PLAIN, float_network, integer_network, spikes_for
from tie_networks import BOTH, coarse, layers, spikes

from snndeploy.conform import compare
from snndeploy.conform.merge import compare_part, merge, part_of
from snndeploy.engines import run
from snndeploy.engines.trace_shards import Whole
from snndeploy.network import Rule

RECORD = ("spikes", "u", "v")


def merged(a, b, cuts):
    """What comes back from the files of shards."""
    parts = []
    for start, stop in zip([0, *cuts], [*cuts, a.batch], strict=True):
        part = compare_part(Whole(a).part(start, stop), Whole(b).part(start, stop), start)
        parts.append(part_of(json.loads(json.dumps(part.as_dict()))))
    return merge(parts)


def same(a, b, rng):
    cuts = sorted(rng.choice(np.arange(1, a.batch), 2, replace=False).tolist())
    whole, joined = compare(a, b).as_dict(), merged(a, b, cuts).as_dict()
    for document in (whole, joined):
        for row in document["table"]:
            # the whole takes one median over all samples, the shards one each
            row["bound"] = row["bound"] is not None
    assert joined == whole
    return whole


def changed(trace, what, name, at, value):
    rows = dict(getattr(trace, what))
    rows[name] = rows[name].copy()
    rows[name][at] = value
    return replace(trace, **{what: rows})


@pytest.mark.parametrize("seed", range(12))
def test_integers_with_a_few_changed_bins(seed):
    rng = np.random.default_rng(seed)
    net = integer_network(rng, PLAIN - {"readout"})
    a = run(net, spikes_for(rng, net, 10, 6), record=RECORD)
    assert same(a, a, rng)["identical"]
    b = a
    for _ in range(int(rng.integers(1, 4))):
        what = str(rng.choice(["spikes", "v", "u"]))
        names = list(getattr(b, what))
        name = names[int(rng.integers(len(names)))]
        rows = getattr(b, what)[name]
        at = tuple(int(rng.integers(n)) for n in rows.shape)
        b = changed(b, what, name, at, not rows[at] if what == "spikes" else rows[at] + 1)
    found = same(a, b, rng)
    assert not found["identical"]
    assert found["first"] is not None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("quiet", [False, True])
def test_a_constant_lag_must_fit_every_sample(seed, quiet):
    rng = np.random.default_rng(seed)
    net = integer_network(rng, PLAIN - {"readout"})
    a = run(net, spikes_for(rng, net, 12, 6))
    if quiet:  # silent samples agree with any lag
        a = replace(
            a, spikes={n: s & (np.arange(6) < 2).reshape(1, 6, *(1,) * (s.ndim - 2)) for n, s in a.spikes.items()}
        )
    late = {n: np.concatenate([np.zeros_like(s[:3]), s[:-3]]) for n, s in a.spikes.items()}
    b = replace(a, spikes=late)
    found = same(a, b, rng)
    if any(s.any() for s in a.spikes.values()):
        assert found["lag"] != 0
    name = next(iter(late))
    same(a, changed(b, "spikes", name, (5, 4), True), rng)


@pytest.mark.parametrize("seed", range(10))
def test_float_networks_with_ties_and_faults(seed):
    rng = np.random.default_rng(seed)
    net = float_network(rng, EVERY - {"readout"})
    inputs = spikes_for(rng, net, 40, 6)
    a, b = run(net, inputs, "reference", ("spikes", "v")), run(net, inputs, "torch", ("spikes", "v"))
    same(a, b, rng)
    name = next(iter(a.spikes))
    at = (int(rng.integers(40)), int(rng.integers(6)))
    same(a, changed(b, "spikes", name, at, ~b.spikes[name][at]), rng)
    # no spike differs, and still both are wrong
    wrong = [changed(t, "spikes", name, at, ~a.spikes[name][at]) for t in (a, replace(a, engine="other"))]
    same(*wrong, rng)


def test_ties_are_added_up():
    rng = np.random.default_rng(5)
    network = layers(coarse(rng, (6, 8, 8), grid=10), Rule(beta=0.9, threshold=0.7))
    x = spikes(rng, 40, 30, 6)
    found = same(run(network, x, "reference", BOTH), run(network, x, "torch", BOTH), rng)
    assert found["ties"] > 1
    assert found["agrees"]
    assert not found["identical"]
