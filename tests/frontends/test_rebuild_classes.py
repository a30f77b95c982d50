"""Every class that is captured, built again in both libraries: the same spikes, or refused for the reason given here.

What is rebuilt trains: a gradient reaches every weight, and after a step down it the module does what it means when it
is captured again.
"""

import importlib
import warnings
from inspect import signature

import numpy as np
import pytest
import torch
from rebuilding import DT, assert_same_spikes, stepped
from torch import nn

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.frontends import neurons

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for framework in ("snntorch", "norse"):
        importlib.import_module(f"snndeploy.frontends.{framework}")

WIDTH = 4
# what constructors call the number of neurons
SIZES = ("input_size", "hidden_size", "linear_features", "in_features", "out_features", "channels")


def variants(cls):
    """(setting, module) of one class: every reset."""
    takes = signature(cls).parameters
    options = {name: WIDTH for name in SIZES if name in takes}
    if cls.__module__.startswith("norse"):
        yield "", cls(**options, dt=DT)
        return
    options |= {n: v for n, v in {"beta": 0.5, "alpha": 0.75, "init_hidden": True}.items() if n in takes}
    if "reset_mechanism" not in takes:
        yield "", cls(**options)
        return
    for kind in ("subtract", "zero", "none"):
        if "reset_delay" not in takes:
            yield kind, cls(**options, reset_mechanism=kind)
            continue
        for late in (True, False):
            yield f"{kind} (reset_delay={late})", cls(**options, reset_mechanism=kind, reset_delay=late)


CASES = {
    f"{cls.__name__} {setting}".strip(): (cls, setting)
    for cls in neurons.FAMILIES
    for setting, _ in variants(cls)
    if (cls.__name__, setting) != ("Alpha", "subtract") and not (cls.__name__ == "RSynaptic" and "False" in setting)
}
# (piece of the name, library) -> why
REFUSED = {
    ("LeakyParallel", "snntorch"): "a floor of the membrane",
    ("LeakyParallel", "norse"): "a floor of the membrane",
    ("Alpha zero", "norse"): "a current that is reset with the membrane",
    ("subtract (reset_delay=False)", "norse"): "'by', 'residual'; Norse resets in the step of the spike",
    ("LSNN", "snntorch"): "an adaptive threshold",
    ("LIFRefrac", "snntorch"): "a refractory period",
}


def captured(case, seed=0):
    """A network of a plain layer and one of the class, and its input; of the class alone where it takes all steps."""
    import norse.torch as norse
    import snntorch

    cls, setting = CASES[case]
    torch.manual_seed(seed)
    module = next(m for s, m in variants(cls) if s == setting)
    family = neurons.FAMILIES[cls]
    layers = [nn.Linear(WIDTH, WIDTH), module]
    if not family.over_time:
        plain = norse.LIFBoxCell(dt=DT) if family.framework == "norse" else snntorch.Leaky(0.8, init_hidden=True)
        layers = [nn.Linear(WIDTH, WIDTH), plain, *layers]
    # Norse multiplies what arrives by dt/tau
    strong = 10.0 if family.framework == "norse" else 1.5
    with torch.no_grad():
        for layer in layers[::2]:
            layer.weight.mul_(strong).add_(strong / 3)
            # off the sums of weights and biases that a reset leaves
            layer.bias.add_(0.0123)
    stack = norse.SequentialState(*layers) if family.framework == "norse" else nn.Sequential(*layers)
    x = (np.random.default_rng(seed).random((25, 2, WIDTH)) < 0.5).astype(np.float32)
    return sd.capture(stack.eval(), x, DT), x


def reason(case, framework):
    return next((why for (name, where), why in REFUSED.items() if name in case and where == framework), "")


@pytest.mark.parametrize("framework", ["snntorch", "norse"])
@pytest.mark.parametrize("case", CASES)
def test_every_class_in_both_libraries(case, framework):
    network, x = captured(case)
    why = reason(case, framework)
    if why:
        with pytest.raises(SnnDeployError, match="SD330") as caught:
            getattr(sd, f"to_{framework}")(network, x)
        assert why in str(caught.value)
        other = "norse" if framework == "snntorch" else "snntorch"
        way = f"sd.to_{other}(net)" if not reason(case, other) and "Alpha" not in case else "use the engine"
        assert way in str(caught.value)
        return
    module = getattr(sd, f"to_{framework}")(network, x)
    again = sd.capture(module, x, DT)
    assert_same_spikes(network, again, x, least=0)
    if any(p.rule.spiking for p in network.populations):
        fired = sum(s.sum() for s in sd.run(network, x).spikes.values())
        assert fired > 5, fired
    trained(module, again, x)


def trained(module, before, x):
    """One step of training changes every weight, and what the module does is what is captured from it."""
    module.train()
    for each in module.modules():
        for state in ("mem", "syn", "syn_exc", "syn_inh"):
            if hasattr(each, state):
                setattr(each, state, torch.zeros(0))
    weights = {n: p for n, p in module.named_parameters() if n.endswith("weight")}
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05)
    out = stepped(module, x)
    (out - 0.7).pow(2).mean().backward()
    for name, weight in weights.items():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().sum() > 0, name
    with torch.no_grad():
        for weight in weights.values():
            # far enough to move spikes, whatever the surrogate
            weight.grad.div_(weight.grad.abs().max() / 20)
    optimiser.step()
    after = sd.capture(module.eval(), x, DT)
    now, then = (sd.run(each, x, record=("spikes", "v")) for each in (after, before))
    moved = any(not np.array_equal(now.spikes[name], then.spikes[name]) for name in then.spikes)
    assert moved or not any(spikes.any() for spikes in then.spikes.values())
    assert any(not np.array_equal(now.v[name], then.v[name]) for name in then.v)
