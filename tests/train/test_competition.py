"""Competition: the neurons that learn are those of the deployed network, and move by the rule of `stdp`."""

import numpy as np
import pytest
import torch

import snndeploy as sd
from snndeploy import models
from snndeploy.train.learning import stdp
from snndeploy.train.learning.competition import Competitors, Layer, labels_of

FREE = {"low": -np.inf, "high": np.inf}


def test_what_counts_is_what_the_captured_module_counts():
    file = models.load("stdp_population")
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    module = file.build(inputs=30, neurons=12, classes=3, tau_syn=4e-3, tau_mem=5e-3, rest=2).eval()
    x = (rng.random((25, 9, 30)) < 0.3).astype(np.uint8)
    weight, feedforward, inhibition = rng.random((12, 30)), 0.2, 1.5
    with torch.no_grad():
        module[0].input_weights.copy_(torch.from_numpy(weight - feedforward))
        module[0].recurrent_weights.copy_(torch.from_numpy((np.eye(12) - 1) * inhibition))
    layer = Layer(1 - 1e-3 * 250, 1 - 0.2, 0.2, 2, inhibition, feedforward)
    held = Competitors(layer, weight, np.ones(12), 1.0)
    trace = sd.run(sd.capture(module, x.astype(np.float32), 1e-3), x.astype(np.float32), record=("spikes",))
    wanted = trace.spikes[next(name for name in trace.spikes if trace.spikes[name].shape[2] == 12)].sum(axis=0)
    assert wanted.sum() > 50
    np.testing.assert_array_equal(held.counts(x), wanted)


@pytest.mark.parametrize("bounds", ["hard", "soft"])
def test_weights_move_by_the_rule(bounds):
    rng = np.random.default_rng(1)
    x = (rng.random((60, 1, 8)) < 0.3).astype(np.uint8)
    weight = rng.random((1, 8))
    rule = stdp.PairSTDP(0.02, 0.03, 6.0, 4.0, low=-1.0, high=2.0, bounds=bounds)
    layer = Layer(0.5, 0.8, 1.0, 1, 0.0)
    # thresholds that do not move; norm 0: weights are left as the rule has them
    held = Competitors(layer, weight.copy(), np.ones(1), 0.0)
    counts = held.learn(x, np.arange(1), rule, 0.0, 0.0)
    # the same neuron, a step at a time, by the module of the rule
    w, u, v, rest, a, b = weight.copy(), 0.0, 0.0, 0, np.zeros(8), np.zeros(1)
    spikes = 0
    for s in x[:, 0].astype(float):
        u = 0.5 * u + float((w @ s).item())
        fired = False
        if rest:
            rest -= 1
        else:
            v = 0.8 * v + u
            if v > 1:
                fired, v, rest = True, 0.0, 1
        a, b = np.exp(-1 / 6) * a + s, np.exp(-1 / 4) * b + fired
        w = rule.change(w, a, b, s, np.array([float(fired)]))
        spikes += fired
    assert counts.sum() == spikes > 5
    np.testing.assert_allclose(held.weight, w, rtol=1e-12)


def shown(x, weight, theta, layer):
    """Spikes of each neuron while it learns nothing but competes, as the module's text has it, a neuron at a time."""
    counted = np.zeros((x.shape[1], len(weight)), int)
    for k in range(x.shape[1]):
        u, v, rest = (np.zeros(len(weight)) for _ in range(3))
        won = None
        for s in x[:, k].astype(float):
            u = layer.alpha * u + (weight - layer.feedforward) @ s
            u -= [0 if won in (None, i) else layer.inhibition for i in range(len(weight))]
            awake = rest == 0
            rest[~awake] -= 1
            v[awake] = layer.beta * v[awake] + layer.gain * u[awake]
            over = np.where(awake, v - theta, -1.0)
            won = int(over.argmax()) if over.max() > 0 else None
            if won is not None:
                counted[k, won] += 1
                others = np.arange(len(weight)) != won
                u[others], v[others] = 0, 0
                v[won], rest[won] = 0, layer.rest
    return counted


@pytest.mark.parametrize("rest", [0, 2])
def test_while_it_learns_the_winner_of_a_step_sets_the_others_back(rest):
    rng = np.random.default_rng(4)
    x = (rng.random((30, 20, 12)) < 0.4).astype(np.uint8)
    layer, weight, theta = Layer(0.7, 0.8, 0.5, rest, 0.3, 0.2), rng.random((5, 12)), 0.5 + rng.random(5)
    wanted = shown(x, weight, theta, layer)
    counts = Competitors(layer, weight.copy(), theta, 0.0).learn(
        x, np.arange(20), stdp.PairSTDP(0, 0, 5, 5, **FREE), 0, 0
    )
    assert (wanted.sum(axis=0) > 5).sum() > 2
    np.testing.assert_array_equal(counts, wanted)


def test_one_neuron_spikes_per_step_and_weights_keep_their_norm():
    rng = np.random.default_rng(2)
    x = (rng.random((20, 40, 16)) < 0.5).astype(np.uint8)
    weight = rng.random((6, 16))
    weight *= 3 / np.linalg.norm(weight, axis=1, keepdims=True)
    held = Competitors(Layer(0.5, 0.8, 1.0, 0, 0.0), weight, np.full(6, 2.0), 3.0)
    counts = held.learn(x, rng.permutation(40), stdp.PairSTDP(0.01, 0.005, 5, 5, **FREE), 0.1, 8.0)
    assert counts.sum(axis=1).max() <= 20
    np.testing.assert_allclose(np.linalg.norm(held.weight, axis=1), 3, rtol=1e-12)


def test_thresholds_settle_at_the_wanted_spikes():
    rng = np.random.default_rng(3)
    x = (rng.random((40, 300, 16)) < 0.5).astype(np.uint8)
    held = Competitors(Layer(0.5, 0.8, 1.0, 0, 0.0), rng.random((4, 16)), np.full(4, 1.0), 0.0)
    counts = held.learn(x, np.arange(300), stdp.PairSTDP(0, 0, 5, 5, **FREE), 0.5, 6.0)[-100:]
    assert counts.sum(axis=1).mean() == pytest.approx(6, rel=0.15)
    np.testing.assert_allclose(counts.mean(axis=0), 1.5, rtol=0.3)


def test_a_neuron_votes_for_the_class_that_it_answers_to():
    counts = np.array([[3, 0, 0], [3, 1, 0], [0, 2, 0], [1, 9, 0]])
    assert labels_of(counts, np.array([0, 0, 1, 2]), 4).tolist() == [0, 2, -1]
    # of many samples of a class the mean counts, not the sum
    assert labels_of(np.array([[2], [2], [2], [5]]), np.array([0, 0, 0, 1]), 2).tolist() == [1]
