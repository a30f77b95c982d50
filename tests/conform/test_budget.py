"""The error budget: networks in between that are exact at both ends, and parts that cost what they must."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from random_networks import PLAIN, float_network, spikes_for

import snndeploy as sd
from snndeploy import cli
from snndeploy.conform.budget.measure import _between, wilson
from snndeploy.conform.budget.mixture import DECAYS, LEVELS, PARTS, STATES, WEIGHTS, mixture
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision, Dense, Input, Network, Population, Projection, Receptor, Reset, Rule, spec
from snndeploy.quantize import prepared


def dense(rule: Rule, weight, decision: str = "spike-count") -> Network:
    weight = np.asarray(weight, np.float64)
    return Network(
        1e-3,
        (Input("in", weight.shape[1:]),),
        (Population("p", weight.shape[:1], rule),),
        (Projection("in", "p", (Dense(weight),)),),
        ("p",),
        Decision("p", decision),
    )


@pytest.mark.parametrize("seed", range(30))
def test_all_parts_together_are_the_integer_network(seed):
    rng = np.random.default_rng([seed, 3])
    network = float_network(rng, PLAIN | {"reset value", "graded"})
    x = spikes_for(rng, network, 25, 3)
    try:
        made = sd.quantize(network, "loihi2", x, method=("adaptive", "split")[seed % 2])
    except SnnDeployError as problem:
        assert {each.code for each in problem.findings} == {"SD602"}
        pytest.skip("a decay next to 1 is out of reach of the registers")
    ready = prepared(network)
    whole, between = sd.run(made, x, record=("spikes", "v")), _between(ready, made, PARTS, x)
    for name in whole.spikes:
        np.testing.assert_array_equal(between.spikes[name], whole.spikes[name])
    for name in between.v:
        np.testing.assert_allclose(between.v[name], whole.membrane(name))
    nothing = mixture(ready, made, ())
    assert not spec.findings(nothing)
    one, two = sd.run(ready, x, record=("spikes", "v")), sd.run(nothing, x, record=("spikes", "v"))
    if all(np.array_equal(one.spikes[name], two.spikes[name]) for name in one.spikes):
        for name, v in one.v.items():
            np.testing.assert_allclose(two.v[name] / made.population[name].rule.scale, v, atol=1e-9)
    else:
        # what rounding in other units moves
        assert all(np.mean(one.spikes[name] != two.spikes[name]) < 0.05 for name in one.spikes)


def test_a_part_that_is_exact_costs_nothing():
    """Dyadic weights and thresholds, a decay that no register holds: all comes from the decay and its truncation."""
    rng = np.random.default_rng(0)
    network = dense(Rule(0.9, 1.0, reset=Reset("to", 0.0)), rng.integers(-8, 12, (6, 9)) / 16)
    x = (rng.random((60, 20, 9)) < 0.4).astype(int)
    made = sd.quantize(network, "loihi2", x)
    found = sd.budget(network, made, x)
    assert found.alone[WEIGHTS].moved == found.alone[LEVELS].moved == 0
    assert found.alone[WEIGHTS].cosine == 1.0
    assert found.alone[DECAYS].parts == (DECAYS,)
    assert found.without[DECAYS].moved == found.alone[STATES].moved
    assert found.without[WEIGHTS].moved == found.whole.moved
    assert found.floating.moved == 0
    assert found.floating.kept == found.floating.samples == 20


def test_the_part_that_was_spoilt_is_the_one_that_costs():
    rng = np.random.default_rng(1)
    network = dense(Rule(0.9, 1.0, (Receptor(0.6),), bias=0.05), rng.normal(0.1, 0.3, (6, 12)))
    x = (rng.random((50, 30, 12)) < 0.3).astype(int)
    made = sd.quantize(network, "loihi2", x)
    rule = made.population["p"].rule
    spoilt = {
        DECAYS: replace(rule, dv=rule.dv * 3),
        LEVELS: replace(rule, vth=rule.vth // 2),
    }
    for part, registers in spoilt.items():
        other = made.with_(populations=(Population("p", (6,), registers),))
        found = sd.budget(network, other, x)
        costs = {name: entry.moved for name, entry in found.alone.items()}
        assert max(costs, key=costs.__getitem__) == part
        assert found.without[part].moved < 0.3 * found.whole.moved
    (p,) = made.projections
    rough = replace(p, maps=(Dense(p.maps[0].weight // 64 * 64),))
    found = sd.budget(network, made.with_(projections=(rough,)), x)
    costs = {name: entry.moved for name, entry in found.alone.items()}
    assert max(costs, key=costs.__getitem__) == WEIGHTS


def test_counts_are_those_of_the_runs():
    rng = np.random.default_rng(2)
    network = dense(Rule(0.8, 1.0), rng.normal(0.1, 0.4, (4, 8)))
    x = (rng.random((40, 50, 8)) < 0.3).astype(int)
    made = sd.quantize(network, "loihi1", x)
    one, two = sd.run(network, x), sd.run(made, x)
    labels = np.where(np.arange(50) < 40, one.decisions(), (one.decisions() + 1) % 4)
    found = sd.budget(network, made, x, labels)
    a, b = one.spikes["p"].ravel().astype(float), two.spikes["p"].ravel().astype(float)
    assert found.whole.cosine == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)), rel=1e-12)
    assert found.whole.moved == np.count_nonzero(a != b) > 0
    assert found.whole.kept == np.count_nonzero(one.decisions() == two.decisions())
    assert found.whole.correct == np.count_nonzero(two.decisions() == labels)
    assert found.floating.accuracy == 0.8
    step, sample, *index = np.argwhere(one.spikes["p"] != two.spikes["p"])[0]
    assert found.whole.first == (step, sample, "p", tuple(index))
    beyond = found.interaction
    assert beyond["moved"] == found.whole.moved - sum(e.moved for e in found.alone.values())
    lost = (40 - found.whole.correct) - sum(40 - e.correct for e in found.alone.values())
    assert beyond["accuracy"] == pytest.approx(lost / 50)
    assert "interaction" in str(found)
    assert json.loads(found.to_json())["whole"]["moved"] == found.whole.moved


def test_wilsons_interval_is_that_of_the_paper():
    """81 of 263: 0.2553 .. 0.3662 (R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3)."""
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = wilson(0, 20)
    assert (round(low, 4), round(high, 4)) == (0.0, 0.1611)


def test_membranes_decide_in_units_of_the_float_network():
    rng = np.random.default_rng(5)
    network = dense(Rule(0.9, None, reset=Reset("none")), rng.normal(0, 0.5, (5, 9)), "max-v")
    x = (rng.random((30, 40, 9)) < 0.3).astype(int)
    made = sd.quantize(network, "loihi1", x)
    found = sd.budget(network, made, x)
    both = sd.run(made, x).decisions() == sd.run(network, x).decisions()
    assert found.whole.kept == both.sum()
    assert min(e.kept for e in found.alone.values()) > 30
    assert found.whole.cosine == 1.0


def test_continuous_time_costs_what_euler_steps_cost():
    """tau = 2 dt: Euler keeps 1/2 per step, continuous time exp(-1/2) = 0.61; a constant input settles alike."""
    weight = np.full((1, 1), 0.5)
    network = dense(Rule(0.5, 0.9), weight)
    made = sd.quantize(network, "loihi1")
    x = np.ones((30, 1, 1), int)
    assert sd.budget(network, made, x).discretisation is None
    found = sd.budget(network, made, x, continuous=True)
    # membranes 0.5, 0.75, 0.875, 0.9375 by Euler; 1 - exp(-t/2): 0.39, 0.63, 0.78, 0.86, 0.918 in continuous time
    assert np.flatnonzero(sd.run(network, x).spikes["p"])[0] == 3
    assert found.discretisation.first == (3, 0, "p", (0,))
    assert "exact decays" in str(found)


def test_the_command_writes_what_the_verb_says(tmp_path, capsys):
    rng = np.random.default_rng(3)
    network = dense(Rule(0.8, 1.0), rng.normal(0.1, 0.4, (4, 8)))
    x = (rng.random((20, 10, 8)) < 0.3).astype(int)
    labels = np.arange(10) % 4
    made = sd.quantize(network, "loihi1", x)
    sd.write(network, tmp_path / "m.nir")
    sd.write(made, tmp_path / "q.nir")
    np.savez(tmp_path / "x.npz", x=x, labels=labels)
    files = [str(tmp_path / "m.nir"), str(tmp_path / "q.nir"), "--data", str(tmp_path / "x.npz")]
    assert cli.main(["budget", *files, "--plot", str(tmp_path / "b.png"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {k: v for k, v in said.items() if k not in ("model", "integers")} == json.loads(
        sd.budget(network, made, x, labels).to_json()
    )
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(["budget", files[1], files[0], *files[2:]]) == 2
    assert "SD209" in capsys.readouterr().err


def test_what_does_not_fit_is_said():
    network = dense(Rule(0.8, 1.0), np.full((2, 3), 0.4))
    made, x = sd.quantize(network, "loihi1"), np.ones((5, 4, 3), int)
    for problem, call in (
        ("SD103 labels", lambda: sd.budget(network, made, x, np.zeros(3))),
        ("SD111 labels", lambda: sd.budget(network, made, x, np.full(4, 0.5))),
        ("SD102 labels", lambda: sd.budget(network.with_(decision=None), made, x, np.zeros(4))),
        ("SD209 budget", lambda: sd.budget(made, network, x)),
        ("SD103 input", lambda: sd.budget(network, made, x[:, :, :2])),
    ):
        with pytest.raises(SnnDeployError, match=problem):
            call()
