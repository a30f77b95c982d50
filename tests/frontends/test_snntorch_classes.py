"""Every neuron class of snnTorch: 50 random modules for each class and option, against snnTorch itself."""

import inspect

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import same
from torch import nn

import snndeploy as sd
from snndeploy.frontends.snntorch.probe import DELAYED, EXPECTED, INPUTS, answers
from snndeploy.network import Input, Network, Population, Projection, Receptor, Reset, Rule

INSTANCES = 50
BOTH = [(kind, delay) for kind in ("subtract", "zero", "none") for delay in (True, False)]
LATE = [(kind, True) for kind in ("subtract", "zero", "none")]
CASES = [(name, reset) for name in ("Leaky", "Synaptic", "RLeaky") for reset in BOTH]
CASES += [(name, reset) for name in ("RSynaptic", "Lapicque") for reset in LATE]
CASES += [("Alpha", ("zero", True)), ("Alpha", ("none", True))]
STEPS, BATCH = 25, 2


def some(rng, low, high, size):
    """A number, or one per neuron."""
    drawn = rng.uniform(low, high, size if rng.random() < 0.5 else ()).astype(np.float32)
    return torch.from_numpy(drawn) if drawn.ndim else float(drawn)


def neuron(rng, name, reset, size, hidden):
    """A neuron with options that are drawn: learned or not, scalar or per neuron, graded or not."""
    learned = {f"learn_{each}": bool(rng.random() < 0.5) for each in ("beta", "threshold")}
    options = {"threshold": some(rng, 0.3, 1.2, size), "reset_mechanism": reset[0], "init_hidden": hidden, **learned}
    if name not in DELAYED:
        options["reset_delay"] = reset[1]
        if "graded_spikes_factor" in inspect.signature(getattr(snn, name)).parameters and rng.random() < 0.5:
            options |= {"graded_spikes_factor": some(rng, 0.5, 2, size), "learn_graded_spikes_factor": True}
    if name == "Lapicque":
        how = int(rng.integers(3))
        if how == 0:
            # one beta for all: snnTorch asks whether it is true
            return snn.Lapicque(beta=float(rng.uniform(0.5, 0.98)), **options)
        options["learn_beta"] = False
        if how == 1:
            step = float(rng.uniform(0.1, 1))
            return snn.Lapicque(R=float(rng.uniform(1, 5)), C=float(rng.uniform(0.7, 3)), time_step=step, **options)
        return snn.Lapicque(beta=float(rng.uniform(0.6, 0.98)), R=float(rng.uniform(0.5, 3)), **options)
    if name == "Alpha":
        slow = rng.uniform(0.7, 0.95, size).astype(np.float32)
        each = rng.random() < 0.5
        alpha, beta = (slow, slow * np.float32(0.8)) if each else (float(slow[0]), float(slow[0]) * 0.7)
        as_given = torch.from_numpy if each else float
        options["threshold"] = some(rng, 0.1, 0.4, size)
        return snn.Alpha(alpha=as_given(alpha), beta=as_given(beta), **options)
    options["beta"] = some(rng, 0.3, 0.99, size)
    if name.endswith("Synaptic"):
        options |= {"alpha": some(rng, 0.2, 0.9, size), "learn_alpha": bool(rng.random() < 0.5)}
    if name.startswith("R"):
        dense = rng.random() < 0.5
        options |= {"linear_features": size} if dense else {"all_to_all": False, "V": some(rng, -0.6, 0.6, size)}
    return getattr(snn, name)(**options)


class Explicit(nn.Module):
    """States as arguments, as many as the neuron has."""

    def __init__(self, fc, lif):
        super().__init__()
        self.fc, self.lif = fc, lif


class One(Explicit):
    def forward(self, x, a):
        return self.lif(self.fc(x), a)


class Two(Explicit):
    def forward(self, x, a, b):
        return self.lif(self.fc(x), a, b)


class Three(Explicit):
    def forward(self, x, a, b, c):
        return self.lif(self.fc(x), a, b, c)


class Returned(Explicit):
    """For recurrent neurons, whose spikes are their first state."""

    def forward(self, x, spk, mem):
        return self.lif(self.fc(x), spk, mem)


class ReturnedThree(Explicit):
    def forward(self, x, spk, syn, mem):
        return self.lif(self.fc(x), spk, syn, mem)


STYLES = {
    "Leaky": One,
    "Lapicque": One,
    "Synaptic": Two,
    "Alpha": Three,
    "RLeaky": Returned,
    "RSynaptic": ReturnedThree,
}


def loud(size_in, size_out, gain):
    fc = nn.Linear(size_in, size_out)
    with torch.no_grad():
        fc.weight.mul_(gain)
    return fc


@pytest.mark.parametrize(("name", "reset"), CASES)
@pytest.mark.parametrize("hidden", [True, False])
def test_every_class_and_reset(name, reset, hidden):
    ties = fired = 0
    for seed in range(INSTANCES // 2):
        rng = np.random.default_rng([seed, hidden])
        torch.manual_seed(seed)
        size = int(rng.integers(2, 7))
        fc, lif = loud(4, size, 4), neuron(rng, name, reset, size, hidden)
        module = nn.Sequential(fc, lif) if hidden else STYLES[name](fc, lif)
        x = rng.normal(0.4, 1, (STEPS, BATCH, 4)).astype(np.float32)
        _, tie, spikes = same(module.eval(), x, "snntorch")
        ties, fired = ties + tie, fired + spikes
    assert fired > 10 * INSTANCES // 2
    assert ties <= 2


@pytest.mark.parametrize("name", ["Lapicque", "Alpha"])
@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
def test_the_probe_expects_what_the_rule_computes(name, mechanism):
    """The constants of the probe follow from the rule alone; snnTorch is not asked."""
    if (name, mechanism) == ("Alpha", "subtract"):
        assert (name, mechanism, True) not in EXPECTED
        return
    if name == "Lapicque":
        reset = {"none": Reset("none"), "zero": Reset("to", 0.0, "next"), "subtract": Reset("by", 1.0, "next")}
        rule = Rule(0.5, 1.0, (Receptor(gain=2.0),), reset=reset[mechanism])
    else:
        reset = Reset("to", 0.0, "next") if mechanism == "zero" else Reset("none")
        cleared = mechanism == "zero"
        currents = (Receptor(0.5, 2.0, reset=cleared), Receptor(0.25, -2.0, reset=cleared))
        rule = Rule(0.0, 0.25, currents, reset=reset)
    network = Network(
        1e-3,
        (Input("x", (1,), "real"),),
        (Population("n", (1,), rule),),
        tuple(Projection("x", "n", (), receptor=k, name=f"p{k}") for k in range(len(rule.receptors))),
        ("n",),
    )
    trace = sd.run(network, np.array(INPUTS).reshape(-1, 1, 1), record=("spikes", "v"))
    text, membrane = EXPECTED[name, mechanism, True]
    assert "".join(str(int(s)) for s in trace.spikes["n"].ravel()) == text
    assert trace.v["n"].ravel()[-1] == pytest.approx(membrane, rel=1e-6)
    assert answers(getattr(snn, name), mechanism, True) == (text, membrane)


def test_lapicque_decays_with_one_minus_the_logarithm():
    module = nn.Sequential(nn.Linear(3, 2), snn.Lapicque(beta=0.9, init_hidden=True)).eval()
    rule = sd.capture(module, np.ones((3, 1, 3)), dt=1e-3).population["1"].rule
    assert float(rule.beta) == pytest.approx(1 - np.log(1 / 0.9), rel=1e-6)
    assert float(rule.receptors[0].gain) == pytest.approx(np.log(1 / 0.9), rel=1e-6)


def test_alpha_with_subtract_is_refused():
    module = nn.Sequential(nn.Linear(3, 2), snn.Alpha(0.9, 0.8, init_hidden=True, reset_mechanism="subtract")).eval()
    with pytest.raises(sd.errors.SnnDeployError, match="SD308 module '1': Alpha's reset_mechanism 'subtract'.*'zero'"):
        sd.capture(module, np.ones((3, 1, 3)), dt=1e-3)
