"""`models/mnist_csnn.py` on the CPU: snnTorch's own forward, the float engine and the integer engine, in turns."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import snntorch.utils
import torch
from recordings import DATA, mnist
from speed.calibrate import calibrate
from speed.equality import against_reference, outputs
from speed.row import Row, Settings
from speed.timing import in_turns, ratio
from torch import Tensor, nn

import snndeploy as sd
from snndeploy import models
from snndeploy.network import Network
from snndeploy.train.data import digits, rate_code

STEPS, BATCH, RATE, SEED = 100, 64, 0.1, 0
TARGET = "loihi2"
# with average pools, as what is compared with this has them; no surrogate gradient of a slope
BUILD: dict[str, Any] = {"pool": "average", "beta": 0.9, "slope": None, "reset": "zero"}


def images(steps: int, batch: int) -> tuple[Any, str]:
    """Rate coded spikes, uint8 (steps, batch, 1, 28, 28), and where they are from."""
    if (DATA / "mnist").exists():
        return rate_code(mnist("t10k", batch)[0].reshape(-1, 1, 28, 28), steps).astype(np.uint8), "MNIST"
    spikes = digits(steps).test[:, :batch]
    enlarged = spikes.repeat(3, axis=-2).repeat(3, axis=-1)
    return np.pad(enlarged, [(0, 0)] * 3 + [(2, 2)] * 2).astype(np.uint8), "scikit-learn's digits, enlarged"


@cache
def networks(steps: int, batch: int) -> tuple[nn.Module, Network, Network, Any, str]:
    """Module, float form, integer form, input and a note on both."""
    x, source = images(steps, batch)
    torch.manual_seed(SEED)
    module = models.load("mnist_csnn").build(**BUILD).eval()
    rates = calibrate(module, torch.from_numpy(x[:, :16]).float(), RATE)
    network = sd.capture(module, x[:, :4].astype(np.float32), 1e-3, decision="spike-count")
    integer = sd.quantize(network, TARGET, x[:, :4], "exponents")
    told = ", ".join(f"{each:.1%}" for each in rates.values())
    return module, network, integer, x, f"{source}; random weights (seed {SEED}), scaled so that layers fire at {told}"


@torch.no_grad()
def forward(module: nn.Module, x: Tensor) -> Tensor:
    """snnTorch's usual loop over time."""
    snntorch.utils.reset(module)
    return torch.stack([module(row) for row in x])


def multiply_adds(module: nn.Module, sample: Tensor) -> int:
    """Of all convolutions and matrices, for one step of one sample `(1, *shape)`."""
    count = 0

    def counted(layer: Any, given: Any, out: Tensor) -> None:
        del given
        nonlocal count
        count += out.numel() * layer.weight[0].numel()

    hooks = [m.register_forward_hook(counted) for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    forward(module, sample[None])
    for each in hooks:
        each.remove()
    return count


def rows(settings: Settings) -> list[Row]:
    steps, batch = (4, 2) if settings.quick else (STEPS, BATCH)
    module, network, integer, x, note = networks(steps, batch)
    floats = torch.from_numpy(x).float()
    size = 256 if settings.quick else 3072
    left, right = torch.rand(size, size), torch.rand(size, size)
    times = in_turns(
        {
            "snntorch": lambda: forward(module, floats),
            "float": lambda: outputs(network, x),
            "integer": lambda: outputs(integer, x),
            "matmul": lambda: left @ right,
        },
        settings.repeats,
    )
    wrong, whole = against_reference(integer, x[:, :2])
    work = multiply_adds(module, floats[0, :1]) * steps * batch
    rate, peak = work / times["integer"].median, size**3 / min(times["matmul"].seconds)
    what = f"mnist_csnn, T = {steps}, batch {batch}"
    same = {"times": times, "note": note}
    return [
        Row(
            "csnn integer",
            f"{what}: integer engine against snnTorch's float forward",
            "x",
            ratio(times["integer"], times["snntorch"]),
            0.25 if settings.int8 else 0.6,
            compared=whole,
            differing=wrong,
            **same,
        ),
        Row(
            "csnn float",
            f"{what}: float engine against snnTorch's float forward",
            "x",
            ratio(times["float"], times["snntorch"]),
            0.6,
            **same,
        ),
        Row(
            "multiply-adds",
            f"{what}: integer multiply-adds per second ({rate / 1e9:.0f}e9) against the float32 "
            f"matrix product's peak ({peak / 1e9:.0f}e9)",
            "x",
            rate / peak,
            2.0 if settings.int8 else 0.5,
            "least",
            **same,
        ),
    ]
