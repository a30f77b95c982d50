"""auto and the table of methods: what they count is what is there, budgets are kept, refusals are told."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import targets
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision, Dense, Input, Network, Population, Projection, Receptor, Rule
from snndeploy.network.arrays import equal
from snndeploy.tuning import auto, compare_methods, table

CHIP = targets.load("loihi1")


def network(seed: int = 0) -> tuple[Network, np.ndarray]:
    """Large inhibition beside small excitation, as in the recurrent networks that lose most."""
    rng = np.random.default_rng(seed)
    into, back = rng.normal(0.15, 0.25, (8, 10)), rng.normal(-0.2, 0.3, (8, 8))
    back[rng.random((8, 8)) < 0.1] = -9.0
    rule = Rule(0.9, 1.0, (Receptor(0.55),))
    net = Network(
        1e-3,
        (Input("in", (10,)),),
        (Population("h", (8,), rule), Population("o", (3,), rule)),
        (
            Projection("in", "h", (Dense(into),)),
            Projection("h", "h", (Dense(back),), 1),
            Projection("h", "o", (Dense(rng.normal(0.1, 0.4, (3, 8))),)),
        ),
        ("o",),
        Decision("o"),
    )
    return net, (rng.random((40, 24, 10)) < 0.25).astype(np.int64)


def test_the_table_counts_what_is_there():
    net, x = network()
    labels = sd.run(net, x).decisions()
    labels[:3] = (labels[:3] + 1) % 3
    rows = sd.compare_methods(net, CHIP, x, ("max-abs", "per-neuron+split"), labels=labels)
    assert [each.method for each in rows] == ["float", "max-abs", "per-neuron+split"]
    assert rows[0].accuracy == 21 / 24
    made = sd.quantize(net, CHIP, x, "per-neuron+split")
    one, two = sd.run(net, x), sd.run(made, x)
    last = rows[2]
    assert last.kept == np.mean(one.decisions() == two.decisions())
    assert last.accuracy == np.mean(two.decisions() == labels)
    cores = sd.place(made, CHIP).cores
    assert (last.synapses, last.axons, last.cores) == (
        sum(c.synapses for c in cores),
        sum(c.input_axons for c in cores),
        len(cores),
    )
    # more thresholds than one core has settings: each core holds as many as it can
    held = set().union(*(set(np.unique(p.rule.vth).tolist()) for p in made.populations))
    most = CHIP.core.threshold_settings.value
    assert len(held) > most
    assert last.cores == 2
    assert 2 < last.thresholds == max(c.thresholds for c in cores) <= most
    flat = [np.concatenate([t.spikes[n].ravel() for n in one.spikes]).astype(float) for t in (one, two)]
    assert last.cosine == pytest.approx(flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]))
    assert rows[1].cosine < last.cosine
    text = table(rows)
    assert all(word in text for word in ("max-abs", "accuracy", "cosine", "cores"))
    json.dumps([each.as_dict() for each in rows])


def test_auto_takes_what_keeps_most_and_says_why():
    net, x = network()
    found = auto(net, CHIP, x)
    by_name = {each.method: each for each in found.tried}
    assert {"adaptive", "per-neuron+bands", "per-neuron+split"} <= set(by_name)
    taken = by_name[found.method]
    assert taken.cosine >= max(each.cosine for each in found.tried) - 0.0051
    assert taken.cosine > by_name["adaptive"].cosine
    again = sd.quantize(net, CHIP, x, found.method)
    assert equal(found.network.with_(provenance={}), again.with_(provenance={}))
    assert found.network.provenance["method"] == f"auto: {found.method}"
    assert found.method in str(found)
    assert "held-out" in found.why
    json.dumps(found.as_dict())


def test_one_synapse_per_weight_is_kept_to():
    net, x = network()
    found = auto(net, CHIP, x, synapses=1)
    assert not any("split" in each.method for each in found.tried)
    weights = sum(np.count_nonzero(p.maps[0].weight) for p in net.projections)
    placed = sd.place(found.network, CHIP).cores
    assert sum(c.synapses for c in placed) <= weights


def test_a_budget_of_cores_is_kept_to_or_refused():
    net, x = network()
    core = CHIP.core.model_copy(update={"input_axons": replace_value(CHIP.core.input_axons, 60)})
    small = CHIP.model_copy(update={"core": core})
    costs = {each.method: each.cores for each in compare_methods(net, small, x, ("adaptive", "per-neuron+bands"))}
    assert costs["adaptive"] < costs["per-neuron+bands"]
    found = auto(net, small, x, cores=costs["adaptive"])
    assert len(sd.place(found.network, small).cores) <= costs["adaptive"]
    with pytest.raises(SnnDeployError, match=r"SD610 .*takes .* cores .* 0 are|SD609"):
        auto(net, small, x, cores=0)
    tiny = CHIP.model_copy(
        update={"core": CHIP.core.model_copy(update={"neurons": replace_value(CHIP.core.neurons, 4)})}
    )
    with pytest.raises(SnnDeployError, match=r"SD610 .*cheapest.* takes \d+ cores of loihi1, 1 are allowed"):
        auto(net, tiny, x, cores=1)


def replace_value(fact, value):
    return fact.model_copy(update={"value": value})


def test_auto_needs_calibration_and_settings_need_auto():
    net, x = network()
    with pytest.raises(SnnDeployError, match=r"SD606 method 'auto'"):
        sd.quantize(net, CHIP, method="auto")
    with pytest.raises(SnnDeployError, match=r"SD609 .*settings of auto"):
        sd.quantize(net, CHIP, x, cores=3)
    with pytest.raises(SnnDeployError, match=r"SD609 .*synapses = 3"):
        sd.quantize(net, CHIP, x, "auto", synapses=3)


def test_labels_that_do_not_fit_are_refused():
    net, x = network()
    with pytest.raises(SnnDeployError, match=r"SD103 labels: .*\(5,\), not \(24,\)"):
        sd.compare_methods(net, CHIP, x, ("max-abs",), labels=np.zeros(5, int))
    with pytest.raises(SnnDeployError, match=r"SD102 decision"):
        sd.compare_methods(net.with_(decision=None), CHIP, x, ("max-abs",), labels=np.zeros(24, int))


def test_a_method_that_is_refused_stands_in_its_row():
    net, x = network()
    tiny = CHIP.model_copy(
        update={"core": CHIP.core.model_copy(update={"input_axons": replace_value(CHIP.core.input_axons, 30)})}
    )
    rows = compare_methods(net, tiny, x, ("adaptive", "per-neuron+split"))
    assert not rows[1].refused
    assert "SD203" in rows[2].refused
    assert "SD203" in table(rows)


def test_few_samples_score_themselves():
    net, x = network()
    found = auto(net, CHIP, x[:, :2], synapses=1)
    assert {each.samples for each in found.tried} == {2}


def test_a_network_without_decision_is_scored_by_its_spikes():
    net, x = network()
    rows = compare_methods(replace(net, decision=None), CHIP, x, ("adaptive",))
    assert rows[1].kept is None
    assert 0 < rows[1].cosine <= 1
