"""Decays that make up for truncation: against the mean that they are chosen for, and what they win back."""

from __future__ import annotations

import numpy as np
import pytest

import snndeploy as sd
from snndeploy.conform.statistics import raster_cosine
from snndeploy.engines import run
from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Reset, Rule
from snndeploy.quantize import quantize


def coarse(beta=0.99, alpha=0.97, fan_in=400) -> tuple[Network, np.ndarray]:
    """Slow decays, and a large fan-in of which little is active: few units per threshold."""
    rng = np.random.default_rng(0)
    rule = Rule(beta, 1.0, (Receptor(alpha),), reset=Reset("by", 1.0))
    net = Network(
        1e-3,
        (Input("in", (fan_in,)),),
        (Population("p", (20,), rule),),
        (Projection("in", "p", (Dense(rng.uniform(0, 0.4, (20, fan_in))),)),),
        ("p",),
    )
    return net, (rng.random((400, 10, fan_in)) < 2e-5).astype(np.int64)


def test_no_other_decay_is_closer_to_the_float_one_on_the_calibration():
    """Every register tried, with the arithmetic itself, on the float states rounded to units."""
    net, x = coarse()
    made = quantize(net, "loihi2", x, "decays").population["p"].rule
    before = quantize(net, "loihi2", x).population["p"].rule
    states = run(net, x, "torch", ("u", "v"), dtype="float64")
    for name, offset, wanted in (("u", 1, 0.97), ("v", 0, 0.99)):
        y = np.rint(np.abs(getattr(states, name)["p"]) * made.scale).astype(np.int64)
        chosen = int(getattr(made, f"d{name}"))
        tried = np.arange(chosen - 12, chosen + 13)
        off = [float(np.square(((y * (4096 - d - offset)) >> 12) - wanted * y).sum()) for d in tried]
        assert abs(int(tried[np.argmin(off)]) - chosen) <= 1
        assert chosen < int(getattr(before, f"d{name}"))


def test_it_wins_back_spikes_where_truncation_takes_them():
    net, x = coarse()
    wanted = run(net, x, "torch", dtype="float64").spikes["p"]
    missing, cosines = [], []
    for method in ("adaptive", "decays"):
        got = run(quantize(net, "loihi2", x, method), x).spikes["p"]
        missing.append(int(wanted.sum()) - int(got.sum()))
        cosines.append(raster_cosine(wanted, got))
    assert wanted.sum() > 1000
    assert 0 < missing[1] < missing[0]
    assert cosines[1] > cosines[0]


def test_it_changes_nothing_without_calibration_or_where_states_are_large():
    net, x = coarse(0.9, 0.5, 5)
    dense = (np.random.default_rng(1).random((100, 8, 5)) < 0.3).astype(np.int64)
    for given in (None, dense):
        one, two = (quantize(net, "loihi2", given, method).population["p"].rule for method in ("adaptive", "decays"))
        assert (one.du, one.dv) == (two.du, two.dv)
    del x


@pytest.mark.parametrize("method", ["decays+split", "per-neuron+decays", "max-abs+decays"])
def test_it_joins_with_every_other_step(method):
    net, x = coarse()
    made = quantize(net, "loihi2", x, method)
    assert made.provenance["method"] == method
    one, two = (run(made, x[:, :3], engine, ("spikes", "u", "v")) for engine in ("reference", "lava"))
    assert np.array_equal(one.v["p"], two.v["p"])
    assert sd.certify(made).proven


def test_any_order_will_do():
    from snndeploy.quantize.methods import find

    assert find("decays+max-abs").choices is find("max-abs+decays").choices is not None
    assert find("decays+max-abs").decays is not None
