"""snnTorch's neurons that take all steps at once, against snnTorch itself."""

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import same
from torch import nn

import snndeploy as sd
from snndeploy.frontends.snntorch.probe import behaves_over_time

INSTANCES, STEPS, BATCH = 50, 20, 3


def some(rng, low, high, size):
    drawn = rng.uniform(low, high, size if rng.random() < 0.5 else ()).astype(np.float32)
    return torch.from_numpy(drawn) if drawn.ndim else float(drawn)


class First(nn.Module):
    """Spikes of a neuron that also returns its membrane."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
            x = x[0] if isinstance(x, tuple) else x
        return x


def stack(rng, name):
    size = int(rng.integers(2, 7))
    options = {"threshold": some(rng, 0.3, 1.2, size), "learn_threshold": bool(rng.random() < 0.5)}
    if rng.random() < 0.5:
        options |= {"graded_spikes_factor": some(rng, 0.5, 2, size), "learn_graded_spikes_factor": True}
    if name == "LeakyParallel":
        beta = None if rng.random() < 0.3 else float(rng.uniform(0.2, 0.98))
        neuron = snn.LeakyParallel(4, size, beta=beta, bias=bool(rng.random() < 0.5), **options)
        with torch.no_grad():
            neuron.rnn.weight_ih_l0.mul_(2)
            if rng.random() < 0.5:
                neuron.rnn.weight_hh_l0.copy_(torch.diag(torch.from_numpy(rng.uniform(-0.3, 0.95, size))))
        return First(neuron)
    beta = some(rng, 0.3, 0.98, size)
    if name == "LinearLeaky":
        return First(snn.LinearLeaky(beta, 4, size, bias=bool(rng.random() < 0.5), **options))
    if name == "StateLeaky":
        return First(nn.Linear(4, size), snn.StateLeaky(beta, size, learn_beta=bool(rng.random() < 0.5), **options))
    return First(nn.Linear(4, size), snn.StateLeaky(beta, size, output=False))


@pytest.mark.parametrize("name", ["LeakyParallel", "StateLeaky", "LinearLeaky", "StateLeaky without spikes"])
def test_every_class(name):
    ties = fired = 0
    for seed in range(INSTANCES):
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        x = rng.normal(0.3, 1.5, (STEPS, BATCH, 4)).astype(np.float32)
        network, tie, spikes = same(stack(rng, name).eval(), x, "snntorch")
        ties, fired = ties + tie, fired + spikes
        assert network.populations[0].rule.spiking == ("without" not in name)
    assert "without" in name or fired > 5 * INSTANCES
    assert "without" in name or ties <= 2


def test_two_layers_and_a_layer_between():
    torch.manual_seed(1)
    module = First(
        snn.LinearLeaky(0.8, 4, 8), snn.LeakyParallel(8, 6, beta=0.7), nn.Linear(6, 3), snn.StateLeaky(0.9, 3)
    )
    x = np.random.default_rng(0).normal(0.5, 2, (STEPS, BATCH, 4)).astype(np.float32)
    network, _, spikes = same(module.eval(), x, "snntorch")
    assert len(network.populations) == 3
    assert spikes


@pytest.mark.parametrize(
    ("neuron", "text"),
    [
        (lambda: snn.LeakyParallel(4, 4, weight_hh_enable=True), "not diagonal.*weight_hh_enable=False"),
        (lambda: snn.StateLeaky(0.9, 4, kernel_truncation_steps=5), "forgets everything after 5 steps"),
        (lambda: snn.StateLeaky(0.9, 4, graded_spikes_factor=0.0), "spikes vanish"),
        (lambda: snn.StateLeaky(0.9, 4, state_quant=lambda m: m), "state_quant"),
        (lambda: snn.LeakyParallel(4, 4, spike_grad=torch.sigmoid), "its spike_grad gives"),
    ],
)
def test_refused(neuron, text):
    with pytest.raises(sd.errors.SnnDeployError, match=f"SD308 module 'layers.0': .*{text}"):
        sd.capture(First(neuron()).eval(), np.ones((5, 2, 4), np.float32), dt=1e-3)


@pytest.mark.parametrize("cls", [snn.LeakyParallel, snn.StateLeaky, snn.LinearLeaky])
def test_the_probe_notices_a_change(cls, monkeypatch):
    assert behaves_over_time(cls) is None
    behaves_over_time.cache_clear()
    original = cls.forward

    def louder(self, x):
        return original(self, 2 * x)

    monkeypatch.setattr(cls, "forward", louder)
    assert "on the test inputs" in behaves_over_time(cls)
    behaves_over_time.cache_clear()


def test_the_decay_is_not_beta():
    module = First(snn.LinearLeaky(0.9, 4, 3)).eval()
    rule = sd.capture(module, np.ones((5, 2, 4), np.float32), dt=1e-3).populations[0].rule
    assert float(rule.beta) == pytest.approx(np.exp(-0.1), rel=1e-6)
