"""Moved threshold crossings: counted as whole runs show them where nothing feeds back, and for each neuron alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snndeploy import targets
from snndeploy.engines import run
from snndeploy.network import Conv, Dense, Input, Network, Population, Projection, Receptor, Rule
from snndeploy.quantize.choice import Choice
from snndeploy.quantize.convert import integers, study
from snndeploy.quantize.flips import flips
from snndeploy.quantize.methods import METHODS, find
from snndeploy.quantize.search import Search, search

CHIP = targets.load("loihi1")


def case_of(net: Network, x: np.ndarray, name: str) -> Search:
    about = study(net, CHIP, x)
    return search(about.ready, name, CHIP, about.activity, about.evidence)


def coarse(case: Search) -> Choice:
    """A choice bad enough to move spikes."""
    return next(METHODS["max-abs"].ranked(case))


def recurrent(seed: int) -> tuple[Network, np.ndarray]:
    rng = np.random.default_rng(seed)
    back = rng.normal(-0.2, 0.4, (7, 7))
    back[0, 1] = -9.0
    net = Network(
        1e-3,
        (Input("in", (6,)),),
        (Population("h", (7,), Rule(0.9, 1.0, (Receptor(0.5),))),),
        (Projection("in", "h", (Dense(rng.normal(0.25, 0.3, (7, 6))),)), Projection("h", "h", (Dense(back),), 1)),
        ("h",),
    )
    return net, (rng.random((50, 12, 6)) < 0.3).astype(np.int64)


def test_without_feedback_they_are_the_bins_in_which_two_runs_differ():
    rng = np.random.default_rng(0)
    weight = rng.normal(0.2, 0.4, (5, 6))
    weight[0, 0] = -20.0
    conv = Conv(rng.normal(0.1, 0.5, (2, 1, 3, 3)))
    for shape, out, held in (((6,), (5,), Dense(weight)), ((1, 6, 6), (2, 4, 4), conv)):
        net = Network(
            1e-3,
            (Input("in", shape),),
            (Population("p", out, Rule(0.9, 1.0, (Receptor(0.5, constant=0.05),))),),
            (Projection("in", "p", (held,), 1),),
            ("p",),
        )
        x = (rng.random((40, 10, *shape)) < 0.3).astype(np.int64)
        case = case_of(net, x, "p")
        made = integers(study(net, CHIP, x), find("max-abs"))
        wanted = (run(net, x).spikes["p"] != run(made, x).spikes["p"]).sum(axis=(0, 1))
        assert wanted.any()
        assert np.array_equal(flips(case, coarse(case)), wanted)


def test_a_neuron_depends_on_its_own_row_alone():
    net, x = recurrent(1)
    case = case_of(net, x, "h")
    one = coarse(case)
    before = flips(case, one)
    assert before.any()
    parts = []
    for (part,) in one.parts:
        values = part.mantissas.copy()
        values[3] = np.clip(values[3] + 40, -256, 254)
        parts.append((replace(part, mantissas=values),))
    after = flips(case, replace(one, parts=tuple(parts)))
    assert np.array_equal(np.delete(before, 3), np.delete(after, 3))
    assert after[3] != before[3]


def test_spike_flip_moves_no_more_than_other_roundings_of_its_scale():
    better = 0
    for seed in range(4):
        net, x = recurrent(seed)
        case = case_of(net, x, "h")
        drafts = sorted((case.evaluate(s) for s in case.candidates()), key=lambda d: d.error)
        for draft in drafts[:2]:
            counts = {m: flips(case, METHODS[m].finished(case, draft)).sum() for m in ("adaptive", "membranes")}
            least = flips(case, METHODS["spike-flip"].finished(case, draft)).sum()
            assert least <= min(counts.values())
            better += least < counts["adaptive"]
    assert better >= 4
