"""Captured modules, rebuilt in their own library and in the other one, and captured again: no spike is lost."""

import numpy as np
import pytest
import torch
from random_modules import DT, SNNTORCH_RESETS, random_module, random_sample
from rebuilding import assert_same_spikes, stepped, trains

import snndeploy as sd
from snndeploy.errors import SnnDeployError, VerdictError
from snndeploy.frontends import capture
from snndeploy.network.arrays import equal

SNNTORCH = [("snntorch", kind, reset) for kind in ("leaky", "synaptic") for reset in SNNTORCH_RESETS]
NORSE = [("norse", kind, ("zero", True)) for kind in ("lifbox", "lif", "iaf", "li", "libox")]
# what Norse does not do: the residual of snnTorch's subtraction
ONLY_SNNTORCH = {("leaky", ("subtract", False)), ("synaptic", ("subtract", False))}


def network_of(seed, framework, kind, reset, steps=24):
    module, shape = random_module(seed, framework, kind, reset)
    x = random_sample(seed, shape, steps, batch=2)
    return capture(module, x, dt=DT), x


def parts(network):
    return network.populations, network.projections, network.outputs


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("framework", "kind", "reset"), SNNTORCH + NORSE, ids=str)
def test_rebuilt_in_its_own_library(framework, kind, reset, seed):
    network, x = network_of(seed, framework, kind, reset)
    again = sd.capture(getattr(sd, f"to_{framework}")(network, x), x, DT)
    assert_same_spikes(network, again, x, least=0)
    if framework == "snntorch":
        rules = {p.name: p.rule for p in again.populations}
        for p in network.populations:
            for name in ("beta", "threshold", "value"):
                np.testing.assert_array_equal(getattr(rules[p.name], name), getattr(p.rule, name))
            assert equal(rules[p.name].reset, p.rule.reset) or p.rule.reset.kind == "none"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("framework", "kind", "reset"), SNNTORCH + NORSE, ids=str)
def test_rebuilt_in_the_other_library_and_back(framework, kind, reset, seed):
    network, x = network_of(100 + seed, framework, kind, reset)
    to, back = (sd.to_norse, sd.to_snntorch) if framework == "snntorch" else (sd.to_snntorch, sd.to_norse)
    if (kind, reset) in ONLY_SNNTORCH:
        with pytest.raises(SnnDeployError, match=r"SD330 population .* Fix: snntorch can hold it: sd\.to_snntorch"):
            to(network, x)
        return
    there = sd.capture(to(network, x), x, DT)
    assert_same_spikes(network, there, x, least=0)
    if all(p.rule.spiking for p in there.populations):
        assert_same_spikes(network, sd.capture(back(there, x), x, DT), x, least=0)


@pytest.mark.parametrize(
    ("framework", "kind", "reset"), [SNNTORCH[0], SNNTORCH[9], NORSE[0], NORSE[1], NORSE[2]], ids=str
)
@pytest.mark.parametrize("to", ["to_snntorch", "to_norse"])
def test_a_rebuilt_module_trains_and_is_captured_again(framework, kind, reset, to):
    network, x = network_of(4, framework, kind, reset)
    module = trains(getattr(sd, to)(network, x), x)
    trained = sd.capture(module, x, DT)
    assert trained.shapes.keys() >= network.shapes.keys() - {"input"}


def test_learned_parameters_stay_parameters():
    import snntorch as snn
    from torch import nn

    torch.manual_seed(0)
    one = snn.Leaky(torch.full((5,), 0.8), init_hidden=True, learn_beta=True, learn_threshold=True)
    two = snn.Synaptic(alpha=0.5, beta=0.9, init_hidden=True, learn_alpha=True)
    x = random_sample(0, (4,), 20)
    network = sd.capture(nn.Sequential(nn.Linear(4, 5), one, nn.Linear(5, 3), two).eval(), x, DT)

    def learned(module):
        return {n for n, _ in module.named_parameters() if n.split(".")[-1] in ("alpha", "beta", "threshold")}

    assert learned(sd.to_snntorch(network)) == {"1.beta", "1.threshold", "3.alpha"}
    assert learned(sd.to_snntorch(network, learn=("beta",))) == {"1.beta", "3.beta"}
    assert learned(sd.to_snntorch(network, learn=())) == set()


def test_surrogates_are_the_callers():
    network, x = network_of(4, *SNNTORCH[0])
    import snntorch.surrogate as surrogate

    def gradient(module):
        stepped(module, x).sum().backward()
        return next(module.parameters()).grad.clone()

    steep, flat = (gradient(sd.to_snntorch(network, spike_grad=surrogate.fast_sigmoid(s))) for s in (50, 2))
    assert not torch.equal(steep, flat)
    steep, flat = (gradient(sd.to_norse(network, method="triangle", alpha=a)) for a in (100.0, 1.0))
    assert not torch.equal(steep, flat)
    with pytest.raises(SnnDeployError, match=r"SD330 method: the surrogate 'none' is unknown"):
        sd.to_norse(network, method="none")
    with pytest.raises(VerdictError, match="SD331"):
        sd.to_snntorch(network, spike_grad=lambda v: (v >= -0.2).float())


def test_nothing_outside_changes():
    from snntorch._neurons.neurons import SpikingNeuron

    network, x = network_of(3, *SNNTORCH[2])
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    known = len(SpikingNeuron.instances)
    module = sd.to_snntorch(network, x)
    assert torch.equal(torch.rand(3), expected)
    assert len(SpikingNeuron.instances) == known + sum(isinstance(m, SpikingNeuron) for m in module.modules())
    assert not module.training
    assert network.source is not None


@pytest.mark.parametrize("reset", SNNTORCH_RESETS[:4], ids=str)
def test_recurrent_neurons(reset):
    """Their feedback is a projection named below the neuron, where no module can be."""
    import snntorch as snn
    from torch import nn

    cell = snn.RLeaky(beta=0.8, linear_features=5, init_hidden=True, reset_mechanism=reset[0], reset_delay=reset[1])
    x = random_sample(0, (4,), 20)
    network = sd.capture(nn.Sequential(nn.Linear(4, 5), cell).eval(), x, DT)
    assert_same_spikes(network, sd.capture(sd.to_snntorch(network, x), x, DT), x, least=0)
