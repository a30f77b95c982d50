"""Every neuron class of Norse: 50 random modules for each class and option, against Norse itself."""

import warnings

import numpy as np
import pytest
import torch
from captures import same
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse
    from norse.torch.functional.reset import reset_subtract

INSTANCES, STEPS, BATCH = 50, 20, 2


def number(rng, low, high):
    return torch.tensor(rng.uniform(low, high), dtype=torch.float32)


def some(rng, low, high, size):
    """One number, or one per neuron."""
    return torch.from_numpy(np.asarray(rng.uniform(low, high, size if rng.random() < 0.5 else ()), np.float32))


def lif_parameters(rng, size=()):
    """Of LIF; what sets the first state is one number where Norse asks for it."""
    return norse.LIFParameters(
        tau_syn_inv=some(rng, 50, 900, size),
        tau_mem_inv=some(rng, 50, 900, size),
        v_leak=number(rng, -0.2, 0.2),
        v_th=some(rng, 0.3, 0.7, size),
        v_reset=some(rng, -0.4, 0.2, size),
    )


def lsnn_parameters(rng, one):
    size = () if one else (5,)
    return norse.LSNNParameters(
        tau_syn_inv=some(rng, 50, 600, size),
        tau_mem_inv=some(rng, 50, 600, size),
        tau_adapt_inv=some(rng, 1, 300, size),
        v_leak=number(rng, -0.1, 0.1),
        v_th=number(rng, 0.2, 0.5),
        v_reset=some(rng, -0.3, 0.1, size),
        beta=some(rng, 0.0, 0.6, size),
    )


def refrac_parameters(rng, size):
    rho = torch.tensor(float(rng.choice([-1, 0, 1, 2.5, 3, 5, 7.25])))
    return norse.LIFRefracParameters(lif_parameters(rng, size), rho)


def build(rng, name, size_in, size):
    """A module of one class, and whether it holds its own input layer."""
    inside = {"autapses": bool(rng.random() < 0.5)}
    match name:
        case "LIFBoxCell" | "LIFBoxCell subtract":
            mem, leak, th, reset = (some(rng, *r, size) for r in ((50, 900), (-0.2, 0.2), (0.3, 0.7), (-0.4, 0.2)))
            more = {"reset_method": reset_subtract} if "subtract" in name else {}
            return norse.LIFBoxCell(norse.LIFBoxParameters(mem, leak, th, reset, **more)), False
        case "LIBoxCell":
            return norse.LIBoxCell(norse.LIBoxParameters(some(rng, 50, 900, size), some(rng, -0.2, 0.2, size))), False
        case "LICell":
            p = norse.LIParameters(some(rng, 50, 900, size), some(rng, 50, 900, size), some(rng, -0.2, 0.2, size))
            return norse.LICell(p), False
        case "LI":
            p = norse.LIParameters(some(rng, 50, 900, size), some(rng, 50, 900, size), number(rng, -0.2, 0.2))
            return norse.LI(p), False
        case "LILinearCell":
            p = norse.LIParameters(some(rng, 50, 900, size), some(rng, 50, 900, size), some(rng, -0.2, 0.2, size))
            return norse.LILinearCell(size_in, size, p), True
        case "IAFCell" | "IAF":
            return getattr(norse, name)(norse.IAFParameters(some(rng, 0.5, 2, size), some(rng, -0.4, 0.2, size))), False
        case "LIFCell" | "LIF":
            return getattr(norse, name)(lif_parameters(rng, size)), False
        case "LIFRecurrentCell" | "LIFRecurrent":
            return getattr(norse, name)(size_in, size, p=lif_parameters(rng, size), **inside), True
        case "LIFRefracCell":
            return norse.LIFRefracCell(refrac_parameters(rng, size)), False
        case "LIFRefracRecurrentCell" | "LIFRefracRecurrent":
            return getattr(norse, name)(size_in, size, p=refrac_parameters(rng, size), **inside), True
        case "LSNNCell" | "LSNN":
            return getattr(norse, name)(lsnn_parameters(rng, True)), False
        case "LSNNRecurrentCell" | "LSNNRecurrent":
            return getattr(norse, name)(size_in, size, p=lsnn_parameters(rng, True), **inside), True
    raise ValueError(name)


STEPPED = ["LIFBoxCell", "LIFBoxCell subtract", "LIBoxCell", "LICell", "LILinearCell", "IAFCell", "LIFCell"]
STEPPED += ["LIFRecurrentCell", "LIFRefracCell", "LIFRefracRecurrentCell", "LSNNCell", "LSNNRecurrentCell"]


def quiet(name):
    return name.startswith("LI") and not name.startswith("LIF")


def check_class(name):
    """50 random modules; returns nothing, and fails where a spike differs that is no tie."""
    ties = fired = 0
    for seed in range(INSTANCES):
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        size = int(rng.integers(2, 7))
        cell, layered = build(rng, name, 4, size)
        layers = [cell] if layered else [nn.Linear(4, size), cell]
        with torch.no_grad():
            (cell.input_weights if layered else layers[0].weight).mul_(4 if not layered else 1)
        x = rng.normal(0.6, 1.5, (STEPS, BATCH, 4)).astype(np.float32)
        module = norse.SequentialState(*layers).eval()
        _, tie, spikes = same(module, x, "norse")
        ties, fired = ties + tie, fired + spikes
    assert quiet(name) or fired > 5 * INSTANCES
    assert ties <= 3


@pytest.mark.parametrize("name", STEPPED)
def test_every_class(name):
    check_class(name)
