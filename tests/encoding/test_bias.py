"""A held value as a bias per sample: what it means, the same bits on every engine, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import snndeploy as sd
from snndeploy.encoding import costs, events
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Bias,
    Conv,
    Decision,
    Dense,
    Flatten,
    Input,
    Network,
    Population,
    Projection,
    Receptor,
    Reset,
    Rule,
    spec,
)
from snndeploy.network.binding import with_bias


def network(rule=None, **changes) -> Network:
    rng = np.random.default_rng(0)
    first = rule or Rule(0.9, 1.0, (Receptor(0.0, gain=0.7, constant=0.03),))
    return Network(
        1e-3,
        (Input("x", (1, 6, 6), "real"),),
        (Population("a", (3, 4, 4), first), Population("o", (4,), Rule(0.8))),
        (
            Projection("x", "a", (Conv(rng.normal(0.05, 0.2, (3, 1, 3, 3))),)),
            Projection("a", "o", (Flatten(), Dense(rng.normal(0.1, 0.2, (4, 48))))),
        ),
        ("o",),
        Decision("o"),
    ).with_(**changes)


def images(steps=20, batch=6) -> np.ndarray:
    return np.repeat(np.random.default_rng(1).random((1, batch, 1, 6, 6)), steps, axis=0)


@pytest.mark.parametrize("reset", [Reset("to", 0.0), Reset("to", -0.2), Reset("by", 1.0), Reset("by", 1.0, "next")])
def test_the_float_network_does_what_the_current_did(reset):
    rule = Rule(0.9, 1.0, (Receptor(0.0, gain=0.7, constant=0.03),), reset=reset)
    net, x = network(rule), images()
    made = sd.encode(net, "loihi2", x, "bias")
    one, two = sd.run(net, x), sd.run(made, x)
    assert one.spikes["a"].sum() > 100
    moved = sum(int(np.sum(one.spikes[n] != two.spikes[n])) for n in one.spikes)
    assert moved <= 2  # sums in another order
    (cost,) = costs(net, made, x)
    assert (cost.error, cost.axons, cost.events, cost.kept) == (None, 0, 0, 1)


def test_a_synchronous_current_sets_in_a_step_later():
    rule = Rule(0.9, 1.0, (Receptor(0.0),), synapse="synchronous")
    net, x = network(rule), images()
    made = sd.encode(net, "loihi2", x, "bias")
    assert made.population["a"].rule.bias_onset == 1
    one, two = (sd.run(each, x, record=("spikes", "v")) for each in (net, made))
    np.testing.assert_allclose(one.v["a"], two.v["a"], atol=1e-9)
    integers = sd.quantize(net, "loihi2", x, encoding="bias")
    assert sd.run(integers, x).spikes["a"].sum() > 100


def test_integers_round_the_bias_of_each_sample_like_any_bias(tmp_path):
    net, x = network(), images()
    made = sd.quantize(net, "loihi1", x, encoding="bias")
    first, *others = (sd.run(made, x, e, ("spikes", "u", "v")) for e in ("reference", "torch", "lava", "onnx"))
    for other in others:
        for what in ("spikes", "u", "v"):
            assert all(np.array_equal(a, getattr(other, what)[n]) for n, a in getattr(first, what).items())
    (cost,) = costs(net, made, x)
    assert 0 < cost.error <= cost.largest_error < 1e-3
    float_run = sd.run(net, x)
    cosine = np.sum(float_run.spikes["a"] & first.spikes["a"]) / np.sqrt(
        float_run.spikes["a"].sum() * first.spikes["a"].sum()
    )
    assert cosine > 0.97
    # one sample by itself, its bias worked out here
    scale, currents = made.population["a"].rule.scale, events(made, x)["x"][0, 2]
    one = with_bias(made, {"x": currents}).population["a"].rule
    wanted = np.float64(currents) * scale + (
        np.asarray(made.population["a"].rule.bias_mant) * 2.0 ** np.asarray(made.population["a"].rule.bias_exp)
    )
    realised = one.bias_mant * 2.0**one.bias_exp
    assert np.abs(realised - wanted).max() <= 0.5 * 2.0 ** one.bias_exp.max() + 0.5
    alone = sd.run(with_bias(made, {"x": currents}), np.zeros((20, 1, 1)))
    assert np.array_equal(alone.spikes["o"][:, 0], first.spikes["o"][:, 2])
    sd.write(made, tmp_path / "q.nir")
    again = sd.read(tmp_path / "q.nir")
    assert isinstance(again.encodings[0], Bias)
    assert np.array_equal(sd.run(again, x).spikes["o"], first.spikes["o"])
    proof = sd.certify(made, data=x)
    assert proof.proven
    bound = next(b for b in proof.bounds if (b.population, b.register) == ("a", "v"))
    seen = sd.run(made, x, record=("v",)).v["a"]
    assert np.all(seen <= np.minimum(bound.high, 2**23 - 1))
    assert np.all(seen >= np.maximum(bound.low, 1 - 2**23))
    assert sd.place(made, "loihi1").cores[0].input_axons == 48
    labels = float_run.decisions()
    rows = sd.compare_methods(net, "loihi1", x, ["adaptive", "split"], labels=labels, encoding="bias")
    assert not any(row.refused for row in rows)


def test_what_a_bias_cannot_do_is_refused():
    net, x = network(), images()
    moving = x.copy()
    moving[7] += 0.1
    with pytest.raises(SnnDeployError, match=r"SD612 input 'x': it moves in step 7"):
        sd.encode(net, "loihi2", moving, "bias")
    made = sd.quantize(net, "loihi2", x, encoding="bias")
    with pytest.raises(SnnDeployError, match=r"SD612 input 'x': it moves in step 7"):
        sd.run(made, moving)
    with pytest.raises(SnnDeployError, match=r"SD612 population 'a': a bias of .* is beyond"):
        sd.run(made, x * 1e6)
    with pytest.raises(SnnDeployError, match="SD611 .*has a memory"):
        sd.encode(network(Rule(0.9, 1.0, (Receptor(0.5),))), "loihi2", x, "bias")
    late = network(Rule(0.9, 1.0, (Receptor(0.0, constant=0.1, onset=3),)))
    with pytest.raises(SnnDeployError, match="SD611 .*sets in at step 0 in 'a'"):
        sd.encode(late, "loihi2", x, "bias")
    labels = np.zeros(6, int)
    with pytest.raises(SnnDeployError, match="SD807 .*bias per sample"):
        sd.finetune(net, "loihi2", (x, labels), encoding="bias")
    with pytest.raises(SnnDeployError, match="SD209 budget: it has a bias per sample"):
        sd.budget(net, made, x)
    with pytest.raises(SnnDeployError, match="SD541 ONNX: input 'x' is a bias per sample"):
        sd.export(made, "never.onnx")


def test_a_bias_that_fits_no_population_is_not_legal():
    made = sd.encode(network(), "loihi2", images(), "bias")
    (held,) = made.inputs
    for wrong, code in (
        (replace(held, population="z"), "SD102"),
        (replace(held, shape=(2,)), "SD103"),
        (replace(held, kind="binary"), "SD105"),
    ):
        assert code in {f.code for f in spec.findings(made.with_(inputs=(wrong,)))}
    feed = made.encodings[0].feeds[0]
    bad = replace(made.encodings[0], feeds=(replace(feed, shape=(5,)),))
    assert "SD105" in {f.code for f in spec.findings(made.with_(encodings=(bad,)))}
