"""A recurrent 700-256-20 network on the CPU: the loops of snnTorch and of Norse, and both forms of ours, in turns."""

from __future__ import annotations

from typing import Any

import numpy as np
import snntorch as snn
import torch
from norse.torch import LIF, LIFParameters, LIFRecurrent, SequentialState
from snntorch import utils
from speed.equality import against_reference, outputs
from speed.row import Row, Settings
from speed.timing import in_turns, ratio
from torch import Tensor, nn

import snndeploy as sd
from snndeploy.network import Network

STEPS, BATCH, INPUTS, HIDDEN, OUT = 250, 64, 700, 256, 20
# of the input's bins hold a spike, about as in the spoken digits of Cramer et al., 2020
ACTIVE, SEED, TARGET = 0.02, 0, "loihi2"


class InSnntorch(nn.Module):
    """Leaky neurons that a spike sets to zero in the same step, with recurrent weights."""

    def __init__(self) -> None:
        super().__init__()
        how = {"beta": 0.95, "init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}
        self.into = nn.Linear(INPUTS, HIDDEN, bias=False)
        self.hidden = snn.RLeaky(all_to_all=True, linear_features=HIDDEN, **how)
        self.onward = nn.Linear(HIDDEN, OUT, bias=False)
        self.out = snn.Leaky(**how)

    def forward(self, x: Tensor) -> Tensor:
        """One step, (batch, 700)."""
        return self.out(self.onward(self.hidden(self.into(x))))


def in_norse() -> nn.Module:
    """Neurons with a synaptic current; the loop over time is Norse's own."""
    p = LIFParameters(tau_syn_inv=torch.tensor(200.0), tau_mem_inv=torch.tensor(50.0))
    recurrent = LIFRecurrent(INPUTS, HIDDEN, p=p)
    return SequentialState(recurrent, nn.Linear(HIDDEN, OUT, bias=False), LIF(p=p))


@torch.no_grad()
def loop(module: nn.Module, x: Tensor) -> Tensor:
    """snnTorch's usual loop over time."""
    utils.reset(module)
    return torch.stack([module(row) for row in x])


@torch.no_grad()
def whole(module: nn.Module, x: Tensor) -> Tensor:
    return module(x)[0]


def spikes(steps: int, batch: int) -> Any:
    """uint8 (steps, batch, 700), independent bins."""
    return (np.random.default_rng(SEED).random((steps, batch, INPUTS)) < ACTIVE).astype(np.uint8)


def networks(name: str, x: Any) -> tuple[nn.Module, Network, Network]:
    """Module, float form and integer form, for snnTorch or Norse."""
    torch.manual_seed(SEED)
    module = (InSnntorch() if name == "snntorch" else in_norse()).eval()
    scaled(module)
    network = sd.capture(module, x[:, :4].astype(np.float32), 1e-3, decision="spike-count")
    return module, network, sd.quantize(network, TARGET, x[:, :4], "exponents")


def rows(settings: Settings) -> list[Row]:
    steps, batch = (6, 2) if settings.quick else (STEPS, BATCH)
    x = spikes(steps, batch)
    floats = torch.from_numpy(x).float()
    found: list[Row] = []
    for name, forward in (("snntorch", loop), ("norse", whole)):
        module, network, integer = networks(name, x)
        times = in_turns(
            {
                name: lambda module=module, forward=forward: forward(module, floats),
                "float": lambda network=network: outputs(network, x),
                "integer": lambda integer=integer: outputs(integer, x),
            },
            settings.repeats,
        )
        wrong, bits = against_reference(integer, x[:, :2])
        fired = sd.run(integer, x, "torch").spikes
        told = ", ".join(f"{each.mean():.1%}" for each in fired.values())
        note = f"random weights and input (seed {SEED}, {ACTIVE:.0%} of the bins); layers fire at {told}"
        what = f"recurrent {INPUTS}-{HIDDEN}-{OUT}, T = {steps}, batch {batch}"
        for form in ("float", "integer"):
            equal = {"compared": bits, "differing": wrong} if form == "integer" else {}
            row = f"{what}: {form} engine against {name}'s loop"
            value = ratio(times[form], times[name])
            found.append(Row(f"recurrent {form}, {name}", row, "x", value, 0.5, times=times, note=note, **equal))
    return found


@torch.no_grad()
def scaled(module: nn.Module) -> None:
    """Weights with which a tenth or so of the hidden bins holds a spike."""
    for name, parameter in module.named_parameters():
        if "recurrent" in name:
            parameter.normal_(0, 0.5 / HIDDEN**0.5)
        elif parameter.ndim == 2:
            parameter.normal_(0, GAIN[type(module).__name__] / (parameter.shape[1] * 0.05) ** 0.5)


GAIN = {"InSnntorch": 1.5, "SequentialState": 6.0}
