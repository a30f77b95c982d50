"""Lint: breaches of the spec, what a target lacks, and what is worth knowing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_networks import PLAIN, float_network, integer_network

from snndeploy.errors import SnnDeployError
from snndeploy.lint import lint
from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Reset, Rule
from snndeploy.quantize import quantize


def chain(first: Rule, second: Rule, kind: str = "binary", delay: int = 1, maps=None) -> Network:
    weight = maps or (Dense(np.full((2, 2), 0.5)),)
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


def test_breaches_of_the_spec_come_alone():
    bad = chain(Rule(0.9, np.nan), Rule(2.0))
    assert codes(bad, "loihi1") == codes(bad) == [("SD104", "error"), ("SD105", "error")]


def test_what_a_target_lacks_is_found_at_once():
    bad = chain(Rule(0.99999), Rule(0.9, reset=Reset("by", 1.0)), "real", delay=1)
    assert errors(bad) == set()
    assert errors(bad, "loihi1") == {"SD602", "SD206", "SD207", "SD106"}
    assert errors(bad, "loihi2") == {"SD602", "SD207", "SD106"}


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
    assert codes(made) == []
    assert [f.where for f in lint(made, "loihi1")] == ["population 'a'", "population 'b'", "population 'a'"]


def test_advice_does_not_stop_anything():
    idle = chain(Rule(0.3), Rule(0.9), maps=(Dense(np.zeros((2, 2))),))
    found = lint(idle)
    assert [f.severity for f in found] == ["warning"] * 3 + ["note"]
    assert "time constant below two steps" in found[-1].what
    assert found[-1].code == "SD222"


def test_an_unknown_target_is_refused_and_random_networks_are_linted_without_error():
    with pytest.raises(SnnDeployError, match="SD201"):
        lint(chain(Rule(0.9), Rule(0.9)), "loihi3")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for network in (float_network(rng), integer_network(rng, PLAIN, extreme=True)):
            lint(network, "loihi1")


def test_lint_finds_whatever_quantize_refuses():
    """Nothing in a float network stops quantize that lint had not said."""
    for seed in range(60):
        network = float_network(np.random.default_rng([seed, 3]))
        said = {f.code for f in lint(network, "loihi2") if f.severity == "error"}
        refused: set[str] = set()
        try:
            quantize(network, "loihi2")
        except SnnDeployError as problem:
            refused = {f.code for f in problem.findings}
        assert said <= refused <= said | {"SD605"}, seed
