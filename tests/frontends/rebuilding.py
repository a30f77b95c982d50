"""What the tests of rebuilt modules share."""

import numpy as np
import torch

import snndeploy as sd

DT = 1e-3


def captured(module, x):
    return sd.capture(module, x, DT)


def assert_same_spikes(network, other, x, least=1):
    """Both networks, by the definition: every population of `network` fires in the same bins."""
    a, b = sd.run(network, x), sd.run(other, x)
    for name, spikes in a.spikes.items():
        np.testing.assert_array_equal(b.spikes[name], spikes, err_msg=name)
    assert sum(s.sum() for s in a.spikes.values()) >= least


def stepped(module, x):
    """Outputs of a module over time, (time, batch, *shape), whatever its way of keeping states."""
    rows, state = [], None
    for row in torch.as_tensor(np.asarray(x), dtype=torch.float32):
        out = module(row) if state is None else module(row, state)
        if isinstance(out, tuple):
            out, state = out[0], out[-1]
        rows.append(out)
    return torch.stack(rows)


def trains(module, x, steps=3, rate=0.05):
    """Gradients reach every weight, and steps down them change the weights."""
    weights = {n: p for n, p in module.named_parameters() if n.endswith("weight")}
    before = {n: p.detach().clone() for n, p in weights.items()}
    module.train()
    for step in range(steps):
        module.zero_grad()
        for each in module.modules():
            if hasattr(each, "mem"):
                each.mem = torch.zeros(0)
            if hasattr(each, "syn"):
                each.syn = torch.zeros(0)
        out = stepped(module, x)
        (out.mean() - 0.9).pow(2).backward()
        for name, weight in weights.items():
            assert weight.grad is not None, name
            assert torch.isfinite(weight.grad).all(), name
            if step == 0:
                assert weight.grad.abs().sum() > 0, name
        with torch.no_grad():
            for weight in weights.values():
                weight -= rate * weight.grad
    module.eval()
    for name, weight in weights.items():
        assert not torch.equal(weight, before[name]), name
    return module
