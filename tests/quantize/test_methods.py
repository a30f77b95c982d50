"""Every method: legal, certified networks; the simple ones against their definition; unknown names refused."""

from __future__ import annotations

import numpy as np
import pytest
from random_networks import PLAIN, float_network, spikes_for

from snndeploy import targets
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision, Dense, Input, Network, Population, Projection, Receptor, Rule, spec
from snndeploy.network.arrays import equal
from snndeploy.quantize import METHODS, quantize, report
from snndeploy.quantize.certificate import overflows


def one_layer(weight, rule: Rule | None = None) -> Network:
    weight = np.asarray(weight, np.float64)
    population = Population("p", weight.shape[:1], rule or Rule(0.9, 1.0))
    feed = Projection("in", "p", (Dense(weight),))
    return Network(1e-3, (Input("in", weight.shape[1:]),), (population,), (feed,), ("p",), Decision("p"))


JOINED = ("per-neuron+split", "signs+per-neuron+membranes", "bands+membranes", "signs+max-abs")


@pytest.mark.parametrize("method", [*METHODS, *JOINED])
def test_every_method_gives_legal_certified_networks(method):
    kept, made_any = [], 0
    for seed in range(8):
        rng = np.random.default_rng([seed, 71])
        network = float_network(rng, PLAIN | {"reset value"})
        x = spikes_for(rng, network, 20, 3)
        try:
            made = quantize(network, "loihi2", x if seed % 2 else None, method)
        except SnnDeployError as problem:
            assert {f.code for f in problem.findings} <= {"SD602"}
            continue
        made_any += 1
        assert not spec.findings(made)
        assert not overflows(made, targets.load("loihi2"), dict.fromkeys(made.shapes, 1.0))
        assert made.provenance["method"] == method
        one, two = run(network, x), run(made, x)
        kept += [np.mean(one.spikes[name] == two.spikes[name]) for name in one.spikes]
        assert {row.population for row in report(network, made)} == set(made.population)
    assert made_any >= 5
    assert np.mean(kept) > 0.95


def test_max_abs_puts_the_largest_weight_on_the_largest_mantissa():
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 1, (6, 9))
    weight[0, 0] = 5.0
    made = quantize(one_layer(weight), "loihi1", method="max-abs")
    (p,) = made.projections
    mantissa = p.maps[0].weight
    assert mantissa[0, 0] == 254
    unit = 5.0 / 254
    # nearest on the even grid: at most one unit off, everywhere
    assert np.abs(mantissa * unit - weight).max() <= unit * (1 + 1e-12)
    assert np.array_equal(mantissa, np.clip(2 * np.rint(weight / unit / 2), -256, 254))
    scale = float(made.population["p"].rule.scale) / 64
    assert scale == pytest.approx(254 * 2**p.format.exponent / 5.0)


def test_percentile_clips_what_lies_beyond():
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.1, 1.0, (40, 50))
    weight[3, 7] = 40.0
    exact, clipped = (
        quantize(one_layer(weight, Rule(0.9, 8.0)), "loihi1", method=m) for m in ("max-abs", "percentile")
    )
    assert report(one_layer(weight), exact)[0].weights[0].clipped == 0
    assert report(one_layer(weight), clipped)[0].weights[0].clipped == 1
    assert clipped.projections[0].maps[0].weight[3, 7] == 255
    others = [np.delete(m.projections[0].maps[0].weight, 3, 0) for m in (exact, clipped)]
    assert np.median(others[0]) < 5
    assert np.median(others[1]) > 100


def test_mean_square_is_no_worse_than_the_others_by_its_measure():
    rng = np.random.default_rng(2)
    weight = rng.standard_t(3, (30, 30))
    network = one_layer(weight, Rule(0.9, 20.0))
    errors = {
        m: report(network, quantize(network, "loihi1", method=m))[0].weights[0].error
        for m in ("max-abs", "percentile", "mean-square", "split")
    }
    assert errors["mean-square"] <= min(errors["max-abs"], errors["percentile"]) * (1 + 1e-9)
    assert errors["split"] < errors["mean-square"] / 10


def test_a_population_without_weight_has_a_scale():
    network = one_layer(np.zeros((2, 3)), Rule(0.9, 1.0, (Receptor(0.5),), bias=0.2))
    for method in METHODS:
        made = quantize(network, "loihi1", method=method)
        assert not np.any(made.projections[0].maps[0].weight)


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(SnnDeployError, match=r"SD609 method 'best'.*max-abs, .*split"):
        quantize(one_layer(np.ones((2, 2))), "loihi1", method="best")


@pytest.mark.parametrize("joined", ["signs+bands", "max-abs+percentile", "max-abs+per-neuron", "split+exponents"])
def test_methods_that_do_the_same_step_cannot_be_joined(joined):
    with pytest.raises(SnnDeployError, match=r"SD609 .*do the same step"):
        quantize(one_layer(np.ones((2, 2))), "loihi1", method=joined)


def test_the_order_of_joined_methods_does_not_matter():
    rng = np.random.default_rng(3)
    network = one_layer(rng.normal(0, 0.5, (5, 6)))
    one, two = (quantize(network, "loihi1", method=m) for m in ("signs+per-neuron+split", "split+signs+per-neuron"))
    assert equal(one.with_(provenance={}), two.with_(provenance={}))
