"""Does the installed snnTorch still compute what the mapping says? Asked once per class and setting.

snnTorch has changed its reset code before and discusses doing so again (its pull request 426). The numbers are dyadic,
so the answers below hold exactly.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from snntorch._neurons.neurons import SpikingNeuron

# one input per step; α = β = V = 1/2, θ = 1
INPUTS = (3.0, 0.0, 0.25, 1.5, -1.0, 2.0, 0.5, 0.5, 0.75, 0.0, 4.0, -2.0)
# (class, reset_mechanism, reset_delay) -> spikes per step, and the membrane after the last
EXPECTED: dict[tuple[str, str, bool], tuple[str, float]] = {
    ("Leaky", "subtract", True): ("100101001010", -1.1181640625),
    ("Leaky", "subtract", False): ("100101001010", -0.47314453125),
    ("Leaky", "zero", True): ("100101001010", -2.0),
    ("Leaky", "zero", False): ("100101001010", -2.0),
    ("Leaky", "none", True): ("110101111010", 0.171875),
    ("Leaky", "none", False): ("110101111010", 0.171875),
    ("Synaptic", "subtract", True): ("110101110111", 1.126953125),
    ("Synaptic", "subtract", False): ("110101101011", 1.17919921875),
    ("Synaptic", "zero", True): ("100101010010", 0.0),
    ("Synaptic", "zero", False): ("110101111010", 0.171875),
    ("Synaptic", "none", True): ("111111111111", 2.8564453125),
    ("Synaptic", "none", False): ("111111111111", 2.8564453125),
    ("RLeaky", "subtract", True): ("100101001010", -0.47314453125),
    ("RLeaky", "subtract", False): ("100101111010", 0.171875),
    ("RLeaky", "zero", True): ("100101000010", 0.0),
    ("RLeaky", "zero", False): ("100101001010", -1.5),
    ("RLeaky", "none", True): ("111101111111", 1.16357421875),
    ("RLeaky", "none", False): ("111101111111", 1.16357421875),
    ("RSynaptic", "subtract", True): ("111111111111", 2.85107421875),
    ("RSynaptic", "zero", True): ("101001010100", 0.50244140625),
    ("RSynaptic", "none", True): ("111111111111", 4.85009765625),
    ("Lapicque", "subtract", True): ("110101101010", -1.0107421875),
    ("Lapicque", "zero", True): ("100101001010", 0.0),
    ("Lapicque", "none", True): ("111101111110", 0.34375),
    ("Alpha", "zero", True): ("010010001001", 2.0),
    ("Alpha", "none", True): ("011111111111", 2.314526081085205),
}


# neurons without reset_delay: a decay of 1/2 and a gain of 2; decays of 1/2 and 1/4, for which tau is 2
DELAYED: dict[str, dict[str, Any]] = {
    "Lapicque": {"beta": False, "R": 4, "C": 0.5},
    "Alpha": {"alpha": 0.5, "beta": 0.25, "threshold": 0.25},
}


@lru_cache(maxsize=64)
def behaves(cls: type, mechanism: str, delay: bool) -> str | None:
    """None if the class computes what is expected, else what it does instead."""
    seen = answers(cls, mechanism, delay)
    expected = EXPECTED.get((cls.__name__, mechanism, delay))
    if seen == expected:
        return None
    return (
        f"{cls.__name__} with reset_mechanism {mechanism!r}, reset_delay {delay} gives spikes {seen[0]} and membrane "
        f"{seen[1]:g} on the test inputs, not {expected}"
    )


def answers(cls: Any, mechanism: str, delay: bool) -> tuple[str, float]:
    """Spikes and last membrane of one neuron, leaving snnTorch's own list of neurons and the random state alone."""
    known = list(SpikingNeuron.instances)
    settings: dict[str, Any] = {"beta": 0.5, "init_hidden": True, "reset_mechanism": mechanism, "reset_delay": delay}
    if cls.__name__ in DELAYED:
        del settings["reset_delay"]
        settings |= DELAYED[cls.__name__]
    if "Synaptic" in cls.__name__:
        settings["alpha"] = 0.5
    if cls.__name__.startswith("R"):
        settings |= {"all_to_all": False, "V": 0.5}
    spikes = ""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        cell = cls(**settings)
        for x in INPUTS:
            spikes += str(int(cell(torch.full((1, 1), x)).item()))
    SpikingNeuron.instances[:] = known
    return spikes, float(cell.mem.item())


# membranes of one neuron with a decay of 1/2 behind a weight of 1, or of exp(-1/2) (tau = 2); θ = 1
OVER_TIME_INPUTS = (3.0, -2.0, 0.75, -1.0, 2.0, 0.5)
RECTIFIED = (3.0, 0.0, 0.75, 0.0, 2.0, 1.5)


@lru_cache(maxsize=8)
def behaves_over_time(cls: Any) -> str | None:
    """The same question for the neurons that take all steps at once."""
    known = list(SpikingNeuron.instances)
    x = torch.tensor(OVER_TIME_INPUTS).reshape(-1, 1, 1)
    parallel = cls.__name__ == "LeakyParallel"
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        if parallel:
            cell = cls(1, 1, beta=0.5, bias=False)
            cell.rnn.weight_ih_l0.fill_(1.0)
            spikes, found = cell(x), cell.rnn(x)[0]
        else:
            cell = cls(
                beta=0.5,
                **(
                    {"channels": 1}
                    if cls.__name__ == "StateLeaky"
                    else {"in_features": 1, "out_features": 1, "bias": False}
                ),
            )
            if hasattr(cell, "linear"):
                cell.linear.weight.fill_(1.0)
            spikes, found = cell(x)
    SpikingNeuron.instances[:] = known
    expected, m = [], 0.0
    for value in OVER_TIME_INPUTS:
        m = value + (0.5 if parallel else math.exp(-0.5)) * m
        expected.append(m)
    wanted = torch.tensor(RECTIFIED if parallel else expected)
    same = torch.allclose(found.ravel(), wanted, atol=1e-5) and torch.equal(spikes.ravel(), (wanted > 1).float())
    return (
        None
        if same
        else f"{cls.__name__} gives membranes {found.ravel().tolist()} on the test inputs, not {wanted.tolist()}"
    )
