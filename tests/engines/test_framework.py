"""The engines `snntorch` and `norse`: what they refuse, and that they leave the module alone."""

import warnings

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse

from snndeploy.engines import framework, run
from snndeploy.engines import norse as norse_engine
from snndeploy.engines import snntorch as snntorch_engine
from snndeploy.errors import MissingEngineError, SnnDeployError
from snndeploy.frontends import capture

X = (np.random.default_rng(0).random((20, 2, 4)) < 0.6).astype(np.float32)


def captured():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), snn.Leaky(0.9, init_hidden=True), nn.Linear(6, 3)).eval()
    with torch.no_grad():
        module[0].weight.mul_(4)
    return capture(module, X, 1e-3)


def refused(network, engine, code, text, **options):
    with pytest.raises(SnnDeployError, match=text) as caught:
        run(network, X, engine=engine, **options)
    assert [f.code for f in caught.value.findings] == [code]
    return caught.value


def test_a_trace_says_who_made_it():
    steps = []
    trace = run(captured(), X, engine="snntorch", record=("spikes", "u", "v"), progress=lambda *a: steps.append(a))
    assert trace.engine.startswith("snntorch 1.")
    assert trace.dtype == "float32"
    assert trace.spikes["1"].shape == (20, 2, 6)
    assert trace.spikes["1"].dtype == bool
    assert trace.spikes["1"].any()
    assert trace.v.keys() == {"1", "2"}
    assert trace.u.keys() == {"1"}
    assert any("no neuron" in note for note in trace.notes)
    assert steps[-1] == (20, 20)


def test_two_runs_are_the_same_and_hidden_states_survive():
    network = captured()
    module = network.source.module
    module(torch.ones(2, 4))
    mem = module[1].mem.clone()
    module.train()
    first = run(network, X, engine="snntorch", record=("spikes", "v"))
    second = run(network, X, engine="snntorch", record=("spikes", "v"))
    np.testing.assert_array_equal(first.v["1"], second.v["1"])
    assert torch.equal(module[1].mem, mem)
    assert module[1].mem.requires_grad
    assert module.training


def test_any_batch_and_one_step():
    network = captured()
    x = np.ones((1, 7, 4), np.float32)
    assert run(network, x, engine="snntorch").spikes["1"].shape == (1, 7, 6)
    np.testing.assert_array_equal(run(network, x).spikes["1"], run(network, x, engine="snntorch").spikes["1"])


def test_a_network_without_module_or_of_another_framework_is_rebuilt():
    network = captured()
    expected = run(network, X, engine="snntorch", record=("spikes", "v"))
    assert "rebuilt" not in expected.engine
    again = run(network.with_(source=None), X, engine="snntorch", record=("spikes", "v"))
    assert again.engine == f"{expected.engine} (rebuilt)"
    np.testing.assert_array_equal(again.spikes["1"], expected.spikes["1"])
    np.testing.assert_array_equal(again.v["2"], expected.v["2"])
    other = run(network, X, engine="norse", record=("spikes", "v"))
    assert other.engine.startswith("norse 1.")
    assert other.engine.endswith("(rebuilt)")
    np.testing.assert_array_equal(other.spikes["1"], expected.spikes["1"])


def test_a_network_that_was_changed():
    from dataclasses import replace

    network = captured()
    first = network.populations[0]
    slower = replace(first, rule=replace(first.rule, beta=0.5))
    changed = network.with_(populations=(slower, *network.populations[1:]))
    refused(changed, "snntorch", "SD531", "the populations differ from what the module computes")
    late = network.with_(projections=tuple(replace(p, delay=1) for p in network.projections))
    refused(late, "snntorch", "SD531", "the projections differ")
    run(network.with_(dt=1e-3, provenance={}), X, engine="snntorch")


def test_a_module_that_was_changed():
    network = captured()
    with torch.no_grad():
        network.source.module[0].weight.add_(1.0)
    refused(network, "snntorch", "SD531", "the projections differ")
    network = captured()
    network.source.module[0] = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    refused(network, "snntorch", "SD531", "can no longer be captured: SD301")


def test_a_module_that_fails_on_another_batch():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(4, 3), snn.Leaky(0.9, init_hidden=True)

        def forward(self, x):
            return self.lif(self.fc(x.view(2, 4)))

    network = capture(Fixed().eval(), X, 1e-3)
    run(network, X, engine="snntorch")
    with pytest.raises(
        SnnDeployError, match=r"SD532 .* step 0: the module raises RuntimeError.*captured with 2 samples"
    ):
        run(network, np.ones((2, 3, 4)), engine="snntorch")
    assert "forward" not in network.source.module.fc.__dict__
    assert not network.source.module.lif._forward_hooks


def test_options_and_missing_packages(monkeypatch):
    refused(captured(), "snntorch", "SD503", "it has no option 'device'", device="cuda")
    assert snntorch_engine.missing() is None
    assert norse_engine.missing() is None
    monkeypatch.setattr(framework, "find_spec", lambda name: None if name == "norse" else object())
    with pytest.raises(MissingEngineError, match=r"SD502 .*norse is not installed\. Fix: pip install norse"):
        run(captured(), X, engine="norse")


def test_norse_records_what_the_network_means():
    """u is j = i + x, not the decayed current that the state holds."""
    torch.manual_seed(0)
    module = norse.SequentialState(nn.Linear(4, 3), norse.LIFCell()).eval()
    network = capture(module, X, 1e-3)
    trace = run(network, X, engine="norse", record=("u", "v"))
    arrived = module[0](torch.from_numpy(X[0])).detach().numpy()
    np.testing.assert_array_equal(trace.u["1"][0], arrived)
    np.testing.assert_allclose(trace.u["1"], run(network, X, record=("u",)).u["1"], rtol=1e-5, atol=1e-6)
