"""SpikingJelly's multi-step neurons, which share no code with snnTorch or Norse, train the same network alike."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn
from torch.nn import functional as F

from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.settings import Settings

STEPS, BATCH, SIZE = 20, 6, 16


@pytest.mark.parametrize("slope", [None, 5.0])
def test_spikes_and_gradients_of_a_network(slope):
    """Weights and decay are dyadic, so that every membrane is exact; resets are constants in both."""
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import neuron, surrogate

    grad = snn.surrogate.atan() if slope is None else snn.surrogate.sigmoid(slope=slope)
    other = surrogate.ATan() if slope is None else surrogate.Sigmoid(alpha=slope)
    torch.manual_seed(0)
    first, last = nn.Linear(8, SIZE, bias=False), nn.Linear(SIZE, 4, bias=False)
    with torch.no_grad():
        for each in (first, last):
            each.weight.copy_((each.weight * 48 + 4).round() / 16)
    how = {"beta": 0.5, "init_hidden": True, "reset_mechanism": "zero", "spike_grad": grad, "threshold": 1.03}
    module = nn.Sequential(first, snn.Leaky(**how), last, snn.Leaky(**how))
    rng = np.random.default_rng(0)
    x = torch.from_numpy((rng.random((STEPS, BATCH, 8)) < 0.4).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, 4, BATCH))
    forward = forward_of(module, {"input": x[:, :2]}, Settings())
    fast, same = accelerated(forward, {"input": x}, labels, Settings())
    assert same.ties == 0

    def jelly():
        kind = {"tau": 2.0, "decay_input": False, "detach_reset": True, "step_mode": "m", "v_threshold": 1.03}
        one, two = (neuron.LIFNode(surrogate_function=other, **kind) for _ in range(2))
        return two(F.linear(one(F.linear(x, first.weight)), last.weight))

    ours, theirs = fast.unrolled({"input": x}).output, jelly()
    assert torch.equal(ours, theirs)
    assert 0.05 < float(ours.mean().detach()) < 0.95
    given = torch.randn(ours.shape, generator=torch.Generator().manual_seed(3))
    weights = (first.weight, last.weight)
    a, b = (torch.autograd.grad((out * given).sum(), weights) for out in (ours, theirs))
    for left, right in zip(a, b, strict=True):
        assert float(right.abs().max()) > 0
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4 * float(right.abs().max()))
