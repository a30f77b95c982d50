"""The Triton kernels of training in Triton's interpreter, against autograd through the libraries' own loops.

TRITON_INTERPRET=1 python triton_neurons.py: prints how many networks agreed.
"""

import sys

import numpy as np
import snntorch as snn
import torch
from norse import torch as norse
from norse.torch.functional.reset import reset_subtract
from snntorch import surrogate
from torch import nn

from snndeploy.train import time_launch
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.pieces import Pieces
from snndeploy.train.settings import Settings

STEPS, BATCH, SIZE = 5, 3, 50


def linear(into, out):
    layer = nn.Linear(into, out)
    with torch.no_grad():
        layer.weight.mul_(3)
        layer.bias.add_(0.3)
    return layer


def of_snntorch(make, **how):
    last = (linear(SIZE, 4), snn.Leaky(0.8, init_hidden=True))
    return nn.Sequential(linear(8, SIZE), make(init_hidden=True, **how), *last)


def of_norse(cell, last=None):
    p = norse.LIFParameters(v_th=torch.tensor(0.2), alpha=3.0)
    rest = (cell, linear(SIZE, 4), last or norse.LIFCell(p))
    return norse.SequentialState(*(rest if hasattr(cell, "input_weights") else (linear(8, SIZE), *rest)))


def networks():
    beta = torch.linspace(0.3, 0.95, SIZE)
    learn = {"learn_beta": True, "learn_threshold": True}
    for reset in ("subtract", "zero", "none"):
        for delay in (True, False):
            yield "rate", of_snntorch(snn.Leaky, beta=beta, reset_mechanism=reset, reset_delay=delay, **learn)
    yield "rate", of_snntorch(snn.Leaky, beta=0.8, spike_grad=surrogate.fast_sigmoid(slope=5))
    yield "rate", of_snntorch(snn.Leaky, beta=0.8, spike_grad=surrogate.sigmoid(slope=4))
    yield "rate", of_snntorch(snn.Leaky, beta=0.8, spike_grad=surrogate.straight_through_estimator())
    yield "rate", of_snntorch(snn.RLeaky, beta=beta, linear_features=SIZE, reset_mechanism="zero", **learn)
    yield "rate", of_snntorch(snn.RLeaky, beta=beta, all_to_all=False, V=beta - 0.5, **learn)
    yield "rate", of_snntorch(snn.Synaptic, alpha=0.6, beta=beta, learn_alpha=True, reset_delay=False, **learn)
    yield "rate", of_snntorch(snn.RSynaptic, alpha=0.6, beta=beta, linear_features=SIZE, **learn)
    yield "rate", of_snntorch(snn.Lapicque, R=2, C=3.0, learn_threshold=True)
    own = {"tau_mem_inv": torch.tensor(300.0), "v_th": torch.tensor(0.2), "v_leak": torch.tensor(0.05), "alpha": 3.0}
    yield "rate", of_norse(norse.LIFCell(norse.LIFParameters(**own, method="tanh")))
    yield "rate", of_norse(norse.LIFBoxCell(norse.LIFBoxParameters(**own, reset_method=reset_subtract)))
    yield "rate", of_norse(norse.LIFRecurrentCell(8, SIZE, norse.LIFParameters(**own)))
    yield "ce_max_membrane_loss", of_norse(norse.LIFCell(norse.LIFParameters(**own)), norse.LICell())
    yield "ce_last_membrane_loss", of_norse(norse.IAFCell(), norse.LIBoxCell())


def agrees(loss, module):
    rng = np.random.default_rng(0)
    x = torch.from_numpy((rng.random((STEPS, BATCH, 8)) < 0.4).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, 4, BATCH))
    how = Settings(loss=loss)
    forward = forward_of(module, {"input": x[:, :2]}, how)
    fast, _ = accelerated(forward, {"input": x}, labels, how)
    fast.unrolled.pieces = Pieces(again=3)
    found = []
    for of in (forward.unrolled, fast.unrolled):
        module.train()
        module.zero_grad()
        out = of({"input": x}).output
        given = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
        (out * given).sum().backward()
        found.append((out.detach(), {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}))
    (a, slow), (b, quick) = found
    torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-6)
    assert slow.keys() == quick.keys()
    for name, wanted in slow.items():
        assert float((wanted - quick[name]).abs().max()) <= 1e-3 * float(wanted.abs().max()) + 1e-7, name


if __name__ == "__main__":
    torch.manual_seed(0)
    time_launch.LAUNCHERS["cpu"] = time_launch.OnCuda
    count = 0
    for each in networks():
        agrees(*each)
        count += 1
    sys.stdout.write(f"{count} networks\n")
