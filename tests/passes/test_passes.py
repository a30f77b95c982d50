"""Every pass keeps every spike: the reference before and after, over random networks and over written ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_networks import EVERY, float_network, spikes_for

from snndeploy import passes
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Dense,
    Input,
    Network,
    Population,
    Projection,
    Receptor,
    Reset,
    Rule,
    Source,
    spec,
)
from snndeploy.network.arrays import equal

STEPS, BATCH = 25, 3
# features for which a pass has no equivalent are refused, and tested below
FOR = {
    "fold_gain": EVERY,
    "fold_values": EVERY,
    "constants": EVERY,
    "merge_maps": EVERY,
    "reset_to_zero": EVERY - {"onset"},
    "sequential": EVERY - {"initial", "refractory"},
}


def pair(name: str, seed: int):
    """A random network, what the pass makes of it, and both runs."""
    rng = np.random.default_rng([seed, len(name)])
    network = float_network(rng, FOR[name])
    if name == "sequential":
        network = without_current_resets(network)
    after = getattr(passes, name)(network)
    spec.check(after)
    x = spikes_for(rng, network, STEPS, BATCH)
    both = [run(each, x, record=("spikes", "u", "v")) for each in (network, after)]
    return network, after, *both


def without_current_resets(network: Network) -> Network:
    def still(rule: Rule) -> Rule:
        return replace(rule, receptors=tuple(replace(r, reset=False) for r in rule.receptors))

    return network.with_(populations=tuple(replace(p, rule=still(p.rule)) for p in network.populations))


@pytest.mark.parametrize("name", FOR)
def test_every_pass_keeps_every_spike(name):
    changed = 0
    for seed in range(60):
        network, after, before, then = pair(name, seed)
        changed += after is not network
        for each in before.spikes:
            assert np.array_equal(before.spikes[each], then.spikes[each]), (seed, each)
            rule = network.population[each].rule
            low = rule.reset.value if name == "reset_to_zero" and rule.reset.kind == "to" else 0
            np.testing.assert_allclose(then.v[each], before.v[each] - low, rtol=0, atol=1e-12)
        assert not after.provenance
    assert changed >= 2


def test_all_passes_together_leave_what_registers_have():
    # a constant that sets in late and a reset elsewhere exclude each other, see below
    for seed in range(40):
        rng = np.random.default_rng([seed, 99])
        network = without_current_resets(float_network(rng, FOR["sequential"] - {"onset", "reset value"}))
        after = network
        for name in FOR:
            after = getattr(passes, name)(after)
        x = spikes_for(rng, network, STEPS, BATCH)
        one, two = run(network, x), run(after, x)
        assert all(np.array_equal(one.spikes[n], two.spikes[n]) for n in one.spikes), seed
        for each in after.populations:
            rule = each.rule
            assert rule.synapse == "sequential"
            assert not rule.spiking or (
                np.all(rule.value == 1) and (rule.reset.kind != "to" or not np.any(rule.reset.value))
            )
            for r in rule.receptors:
                assert np.all(r.gain == 1)
                assert not np.any(r.constant)
        assert all(sum(m.weighted for m in p.maps) == 1 for p in after.projections)


def one(rule: Rule, source: Source | None = None) -> Network:
    return Network(
        1e-3,
        (Input("in", (2,)),),
        (Population("p", (3,), rule),),
        (Projection("in", "p", (Dense([[0.5, 0.25], [0.125, 0.75], [1.0, -0.5]]),)),),
        ("p",),
        source=source,
    )


def test_fold_gain_moves_gain_constant_and_initial_current():
    rule = Rule(0.5, receptors=(Receptor(0.5, gain=[2.0, 4.0, 0.5], constant=0.25, initial=1.0),))
    after = passes.fold_gain(one(rule))
    receptor = after.population["p"].rule.receptors[0]
    assert receptor.constant.tolist() == [0.5, 1.0, 0.125]
    assert receptor.initial.tolist() == [2.0, 4.0, 0.5]
    (merged,) = passes.merge_maps(after).projections[0].maps
    assert merged.weight.tolist() == [[1.0, 0.5], [0.5, 3.0], [0.5, -0.25]]


def test_fold_values_leaves_a_membrane_that_is_emitted_alone():
    """The value is that of a spike."""
    network = one(Rule(0.5, None, value=2.0, reset=Reset("none")))
    assert passes.fold_values(network) is network


def test_an_unfiltered_constant_becomes_a_bias_and_a_filtered_one_an_axon():
    plain = passes.constants(one(Rule(0.5, receptors=(Receptor(0.0, gain=2.0, constant=0.25, onset=3),))))
    rule = plain.population["p"].rule
    assert (rule.bias.item(), rule.bias_onset, len(plain.inputs)) == (0.5, 3, 1)
    filtered = passes.constants(one(Rule(0.5, receptors=(Receptor(0.5, constant=[0.25, 0.5, 0.0], onset=3),))))
    added = filtered.input["p_on"]
    assert (added.kind, added.onset, added.shape) == ("constant", 3, (1,))
    assert filtered.projections[-1].maps[0].weight.tolist() == [[0.25], [0.5], [0.0]]
    waiting = Rule(0.5, bias=1.0, receptors=(Receptor(0.0, constant=0.25, onset=3),))
    assert len(passes.constants(one(waiting)).inputs) == 2


def test_reset_to_zero_shifts_threshold_bias_and_start():
    after = (
        passes.reset_to_zero(one(Rule(0.75, 1.0, bias=0.5, initial=0.25, reset=Reset("to", -0.5)))).population["p"].rule
    )
    assert [after.threshold, after.bias, after.initial, after.reset.value] == [1.5, 0.5 + 0.125, 0.75, 0.0]


def test_a_later_bias_and_a_reset_elsewhere_are_refused():
    rule = Rule(0.75, bias=0.5, bias_onset=2, reset=Reset("to", -0.5))
    with pytest.raises(SnnDeployError, match=r"SD605 population 'p'.*step 2"):
        passes.reset_to_zero(one(rule))
    assert passes.reset_to_zero(one(replace(rule, beta=1.0))).population["p"].rule.bias_onset == 2


def test_a_current_that_runs_already_has_no_sequential_form():
    rule = Rule(0.75, synapse="synchronous", receptors=(Receptor(0.5, initial=1.0, reset=True),))
    with pytest.raises(SnnDeployError) as caught:
        passes.sequential(one(rule))
    assert [f.code for f in caught.value.findings] == ["SD605", "SD605"]


@pytest.mark.parametrize("name", FOR)
def test_a_pass_with_nothing_to_do_returns_the_same_network_with_its_source(name):
    source = Source("snntorch", object(), {})
    network = one(Rule(0.5), source)
    assert getattr(passes, name)(network) is network


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("fold_gain", Rule(0.5, receptors=(Receptor(gain=2.0),))),
        ("constants", Rule(0.5, receptors=(Receptor(constant=2.0),))),
        ("reset_to_zero", Rule(0.5, reset=Reset("to", 0.5))),
        ("sequential", Rule(0.5, synapse="synchronous")),
    ],
)
def test_a_pass_that_changes_a_rule_drops_the_source_and_leaves_its_input_alone(name, rule):
    network = one(rule, Source("snntorch", object(), {}))
    copy = one(rule)
    assert getattr(passes, name)(network).source is None
    assert network.source is not None
    assert equal(network, copy)
