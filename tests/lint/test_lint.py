"""Lint as a whole: breaches of the spec, what a target lacks, the order of findings, and agreement with quantize."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from random_networks import EVERY, PLAIN, float_network, integer_network, spikes_for

import snndeploy as sd
from snndeploy.errors import CODES, SnnDeployError
from snndeploy.lint import CHECKS, lint
from snndeploy.network import (
    Conv,
    Decision,
    Dense,
    Flatten,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Receptor,
    Reset,
    Rule,
)
from snndeploy.quantize import quantize
from snndeploy.targets import load

# what depends on calibration and on the search for a scale; "too coarse" is found all the same
SCALE = {"SD606", "SD607", "SD608"}


def chain(first: Rule, second: Rule, kind: str = "binary", delay: int = 1, maps=None) -> Network:
    weight = maps or (Dense(np.full((2, 2), 0.5371)),)
    return Network(
        1e-3,
        (Input("in", (2,), kind),),
        (Population("a", (2,), first), Population("b", (2,), second)),
        (
            Projection("in", "a", weight),
            Projection("a", "b", weight),
            Projection("b", "a", weight, delay),
        ),
        ("b",),
    )


def codes(network: Network, target: str | None = None) -> list[tuple[str, str]]:
    return [(f.code, f.severity) for f in lint(network, target)]


def errors(network: Network, target: str | None = None) -> set[str]:
    return {f.code for f in lint(network, target) if f.severity == "error"}


def test_a_good_network_has_no_findings():
    good = chain(Rule(0.9), Rule(0.9, receptors=(Receptor(0.8),)), delay=2)
    assert codes(good, "loihi1") == codes(good) == []
    assert codes(quantize(good, "loihi1"), "loihi1") == []
    assert sd.lint(good, target="loihi2", data=np.ones((4, 1, 2))) == lint(good, "loihi2", np.ones((4, 1, 2)))


def test_breaches_of_the_spec_come_alone():
    bad = chain(Rule(0.9, np.nan), Rule(2.0))
    assert codes(bad, "loihi1") == codes(bad) == [("SD104", "error"), ("SD105", "error")]


def test_what_a_target_lacks_is_found_at_once():
    bad = chain(Rule(0.99999), Rule(0.9, reset=Reset("by", 1.0)), "real", delay=1)
    assert errors(bad) == set()
    assert errors(bad, "loihi1") == {"SD602", "SD206", "SD207", "SD106"}
    assert errors(bad, "loihi2") == {"SD602", "SD207", "SD106"}


def test_the_nearest_neuron_is_named():
    found = lint(chain(Rule(0.9), Rule(0.9, reset=Reset("by", 1.0)), delay=2), "loihi1")
    assert "reset to zero in the step of the spike, and fine-tune" in found[0].fix


def test_a_loop_needs_a_step_for_each_of_its_projections():
    (found,) = lint(chain(Rule(0.9), Rule(0.9), delay=1), "loihi1")
    assert "add up to 1 steps (< 2" in found.what
    assert codes(chain(Rule(0.9), Rule(0.9), delay=70), "loihi1") == [("SD208", "error")]


def test_a_population_without_threshold_must_not_feed_others():
    (found,) = lint(chain(Rule(0.9, None, reset=Reset("none")), Rule(0.9), delay=2), "loihi2")
    assert (found.code, found.where) == ("SD108", "population 'a'")


def test_an_integer_network_is_held_against_the_registers_of_the_target():
    made = quantize(chain(Rule(0.9), Rule(0.9, reset=Reset("by", 1.0)), delay=2), "loihi2")
    assert codes(made, "loihi1") == [("SD206", "error")]
    rule = replace(made.population["a"].rule, reset=Reset("to", 64), bias_mant=-4096)
    made = made.with_(populations=(replace(made.population["a"], rule=rule), made.population["b"]))
    assert errors(made) == set()
    found = [f.where for f in lint(made, "loihi1") if f.severity == "error"]
    assert found == ["population 'a'", "population 'b'", "population 'a'"]


def test_advice_does_not_stop_anything_and_errors_come_first():
    idle = chain(Rule(0.3), Rule(0.9), maps=(Dense(np.zeros((2, 2))),))
    severities = [f.severity for f in lint(idle)]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    assert "error" not in severities
    assert [f.severity for f in lint(idle) if f.code == "SD211"] == ["warning"] * 3
    assert [f.severity for f in lint(idle) if f.code == "SD222"] == ["note"]


def test_an_unknown_target_is_refused():
    with pytest.raises(SnnDeployError, match="SD201"):
        lint(chain(Rule(0.9), Rule(0.9)), "loihi3")


def test_every_rule_has_a_code_of_its_own_and_says_where_it_comes_from():
    assert len({each.code for each in CHECKS}) == len(CHECKS)
    for each in CHECKS:
        assert each.code in CODES
        assert "    Source: " in (each.look.__doc__ or "")
        assert len(each.look.__name__.split("_")) >= 4


def test_random_networks_are_linted_without_error():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for network in (float_network(rng), integer_network(rng, PLAIN, extreme=bool(seed % 2))):
            for target in ("loihi1", "loihi2", None):
                for found in lint(network, target):
                    assert found.what
                    assert found.fix or found.severity == "error"


@pytest.mark.parametrize("features", [PLAIN - {"reset"}, EVERY, PLAIN | {"graded", "reset value", "synchronous"}])
@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_quantize_succeeds_if_and_only_if_lint_finds_no_error(features, target):
    """Apart from what the search for a scale and the calibration add."""
    done = stopped = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, len(features)])
        network = float_network(rng, features, str(rng.choice(["binary", "binary", "binary", "counts", "real"])))
        said = {str(f) for f in lint(network, target) if f.severity == "error"}
        refused: set[str] = set()
        try:
            quantize(network, target)
            done += 1
        except SnnDeployError as problem:
            refused = {str(f) for f in problem.findings}
            stopped += 1
        assert {f for f in said if f[:5] not in SCALE} == {f for f in refused if f[:5] not in SCALE}, seed
        if said:
            assert refused, seed
    assert stopped > 3
    assert done > 3 or features == EVERY or target == "loihi1"


def odd(rng: np.random.Generator, rule: Rule) -> Rule:
    """The rule with some parameters at the edge of what is legal, or far out."""
    changes = {}
    if rng.random() < 0.3:
        changes["beta"] = float(rng.choice([-1, -0.5, 0, 1e-9, 0.99999, 1]))
    if rng.random() < 0.3 and rule.spiking:
        changes["threshold"] = float(rng.choice([-1, 0, 1e-12, 1e9]))
    if rng.random() < 0.3:
        alpha, gain = float(rng.choice([-1, 0, 0.99999, 1])), float(rng.choice([-1, 0, 1e6]))
        changes["receptors"] = tuple(replace(r, alpha=alpha, gain=gain) for r in rule.receptors)
    if rng.random() < 0.2:
        changes["bias"] = float(rng.choice([-1e9, 1e-12, 1e9]))
    return replace(rule, **changes)


def test_odd_parameters_are_linted_without_a_warning_of_numpy_and_refused_alike():
    for seed in range(60):
        rng = np.random.default_rng([seed, 123])
        network = float_network(rng, (PLAIN, EVERY)[seed % 2], str(rng.choice(["binary", "counts", "real"])))
        populations = tuple(replace(p, rule=odd(rng, p.rule)) for p in network.populations)
        network = network.with_(populations=populations, dt=float(rng.choice([1e-9, 1e-3, 1.0])))
        x = spikes_for(rng, network, 8, 2)
        said = {f.code for f in lint(network, "loihi2", x if seed % 3 else None) if f.severity == "error"}
        refused: set[str] = set()
        try:
            quantize(network, "loihi2", x)
        except SnnDeployError as problem:
            refused = {f.code for f in problem.findings}
        assert said - SCALE == refused - SCALE, seed


def test_a_threshold_without_bits_is_found_before_quantising():
    weight = np.full((1, 4000), 40.0)
    rule = Rule(0.9, 1.0, (Receptor(0.9),))
    feed = (Projection("in", "p", (Dense(weight),)),)
    bad = Network(1e-3, (Input("in", (4000,)),), (Population("p", (1,), rule),), feed, ("p",))
    with pytest.raises(SnnDeployError) as problem:
        quantize(bad, "loihi2")
    assert [str(f) for f in lint(bad, "loihi2") if f.severity == "error"] == [str(f) for f in problem.value.findings]
    assert {f.code for f in problem.value.findings} == {"SD607"}


def test_ten_thousand_neurons_take_less_than_three_seconds():
    rng = np.random.default_rng(0)

    def weights(*size: int) -> np.ndarray:
        return rng.normal(0.02, 0.5 / np.sqrt(np.prod(size[1:])), size)

    network = Network(
        1e-3,
        (Input("in", (2, 34, 34)),),
        (
            Population("c1", (16, 17, 17), Rule(0.9)),
            Population("c2", (32, 15, 15), Rule(0.9, receptors=(Receptor(0.8, 0.5, weights(32, 1, 1)),))),
            Population("d", (512,), Rule(0.95, bias=0.01)),
            Population("o", (10,), Rule(0.97)),
        ),
        (
            Projection("in", "c1", (Conv(weights(16, 2, 5, 5), (2, 2), ((2, 2), (2, 2))),)),
            Projection("c1", "c2", (Conv(weights(32, 16, 3, 3)),)),
            Projection("c2", "d", (Pool((2, 2), (2, 2)), Flatten(0, -1, 3), Dense(weights(512, 32 * 49)))),
            Projection("d", "o", (Dense(weights(10, 512)),)),
        ),
        ("o",),
        Decision("o"),
    )
    chip = load("loihi2")
    start = time.process_time()
    lint(network, chip)
    assert time.process_time() - start < 3
