"""Training with products in bf16: what that changes is measured and said, and nothing else is rounded.

Weights, membranes, currents and sums stay in float32 (`Unrolled.full_states`): a membrane with the 8 significant bits
of bf16 forgets what is 256 times smaller than itself, so that a leaky neuron would integrate something else. Spikes and
counts up to 256 are exact in bf16; an input that is not is refused. What is left is the rounding of weights within the
products, which the surrogate gradients learn to live with; validation, test and export are in float32, as the network
that is deployed.
"""

from __future__ import annotations

import torch

from snndeploy.errors import error
from snndeploy.train.forwards import Forward
from snndeploy.train.losses import chosen
from snndeploy.train.settings import Settings
from snndeploy.train.unrolled import Inputs


def check_inputs(inputs: Inputs) -> None:
    """All inputs are numbers that bf16 holds. Raises SD807."""
    for name, x in inputs.items():
        wrong = x != x.bfloat16().to(x.dtype)
        if wrong.any():
            what = f"input {name!r} has numbers that bf16 would round, as {float(x[wrong][0]):g}"
            raise error("SD807", "precision 'bf16-mixed'", what, "precision='32-true' (--precision 32-true)")


@torch.no_grad()
def rounding(forward: Forward, inputs: Inputs, how: Settings, device: torch.device) -> tuple[str, ...]:
    """What fewer bits change in the trained module, on some samples; nothing where there are 32."""
    if how.precision == "32-true":
        return ()
    given = {name: x.to(device).float() for name, x in inputs.items()}
    module = forward.unrolled
    module.eval()
    full = module(given).output.flatten(2)
    with torch.autocast(device.type, torch.bfloat16):
        rounded = module(given).output.flatten(2).to(full.dtype)
    moved = float((full != rounded).float().mean())
    a, b = (chosen(each, forward.decision) for each in (full, rounded))
    return (
        f"bf16-mixed: {moved:.2%} of what the output emits and {int((a != b).sum())} of {len(a)} decisions differ from "
        "float32, in which validation, test and network are",
    )
