"""A module over one step becomes a function over time, whatever framework it comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from snndeploy.errors import error

Forward = Callable[[torch.Tensor], torch.Tensor]


def over_time(module: torch.nn.Module, call: Callable[..., Any] | None = None) -> Forward:
    """`(time, batch, *shape) -> (time, batch, *out)`, from fresh state at every call.

    snnTorch modules keep their state inside (`init_hidden=True`) and are reset; modules whose forward takes a second
    argument (Norse's SequentialState) get their state passed on, starting from None.

    Args:
        call: what to call in place of the module (a wrapper of it).
    """
    step = call or module
    takes_state = len(inspect.signature(module.forward).parameters) > 1
    # not snntorch.utils.reset: it resets every neuron of the process, and some of their states not at all
    neurons: list[Any] = [part for part in module.modules() if hasattr(part, "reset_mem")]

    def forward(x: torch.Tensor) -> torch.Tensor:
        for neuron in neurons:
            neuron.reset_mem()
        state, outputs = None, []
        for now in x:
            if takes_state:
                out, state = step(now, state)
            else:
                out = step(now)
            if not isinstance(out, torch.Tensor):
                raise error(
                    "SD807",
                    type(module).__name__,
                    f"its forward returns {type(out).__name__}, not one tensor per step",
                    "return the spikes alone, and build snnTorch neurons with init_hidden=True",
                )
            outputs.append(out)
        return torch.stack(outputs)

    return forward
