"""Random snnTorch and Norse modules as users write them, one step per call, with generic float32 weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

DT = 1e-3
SNNTORCH_RESETS = [(mechanism, delay) for mechanism in ("subtract", "zero", "none") for delay in (True, False)]


class Residual(nn.Module):
    """Two layers, the second of which also sees the input of the first."""

    def __init__(self, first: nn.Module, between: nn.Module, skip: nn.Module, last: nn.Module):
        super().__init__()
        self.first, self.between, self.skip, self.last = first, between, skip, last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.between(self.first(x)) + self.skip(x))


def _scaled(layer: nn.Module, gain: float) -> nn.Module:
    """Weights large enough that neurons fire behind a sparse input."""
    with torch.no_grad():
        layer.weight.mul_(gain)
        layer.weight.add_(0.3 / np.sqrt(layer.weight[0].numel()))
    return layer


def _shape_after(layers: list[nn.Module], shape: tuple[int, ...]) -> tuple[int, ...]:
    with torch.no_grad():
        return tuple(nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[1:])


def _conv_block(rng: np.random.Generator, channels: int, gain: float, small: bool) -> list[nn.Module]:
    out = int(rng.integers(1, 4)) * 2
    conv = nn.Conv2d(
        channels,
        out,
        int(rng.integers(1, 4)),
        stride=1 if small else int(rng.integers(1, 3)),
        padding=int(rng.integers(0, 2)),
        groups=2 if channels % 2 == 0 and rng.random() < 0.3 else 1,
        bias=bool(rng.random() < 0.6),
    )
    block: list[nn.Module] = [_scaled(conv, gain)]
    if rng.random() < 0.3:
        norm = nn.BatchNorm2d(out)
        with torch.no_grad():
            for each, low, high in (
                (norm.weight, 0.7, 1.4),
                (norm.bias, -0.1, 0.2),
                (norm.running_mean, -0.1, 0.1),
                (norm.running_var, 0.5, 1.5),
            ):
                each.copy_(torch.from_numpy(rng.uniform(low, high, out)))
        block.append(norm)
    return block


def snntorch_neuron(rng: np.random.Generator, kind: str, reset: tuple[str, bool], shape: tuple[int, ...]) -> nn.Module:
    import snntorch

    def draw(low: float, high: float) -> float | torch.Tensor:
        if rng.random() < 0.5:
            return float(rng.uniform(low, high))
        return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))

    options = {
        "beta": draw(0.3, 0.99),
        "threshold": draw(0.4, 1.2),
        "reset_mechanism": reset[0],
        "reset_delay": reset[1],
        "init_hidden": True,
    }
    if kind == "synaptic":
        return snntorch.Synaptic(alpha=draw(0.2, 0.9), **options)
    return snntorch.Leaky(**options)


def norse_cell(rng: np.random.Generator, kind: str) -> nn.Module:
    import norse.torch as norse

    def tensor(low: float, high: float) -> torch.Tensor:
        return torch.as_tensor(rng.uniform(low, high), dtype=torch.float32)

    def unless(chance: float, low: float, high: float) -> torch.Tensor:
        return tensor(low, high) if rng.random() < chance else torch.as_tensor(0.0)

    tau_mem, tau_syn = tensor(100, 600), tensor(100, 600)
    v_leak, v_reset, v_th = unless(0.3, -0.1, 0.2), unless(0.3, -0.3, 0.1), tensor(0.3, 0.6)
    subtract = {"reset_method": norse.functional.reset.reset_subtract} if rng.random() < 0.3 else {}
    match kind:
        case "lifbox":
            p = norse.LIFBoxParameters(tau_mem, v_leak, v_th, v_reset, **subtract)
            return norse.LIFBoxCell(p, dt=DT)
        case "lif":
            return norse.LIFCell(norse.LIFParameters(tau_syn, tau_mem, v_leak, v_th, v_reset), dt=DT)
        case "iaf":
            return norse.IAFCell(norse.IAFParameters(v_th, v_reset), dt=DT)
        case "li":
            return norse.LICell(norse.LIParameters(tau_syn, tau_mem, v_leak), dt=DT)
        case "libox":
            return norse.LIBoxCell(norse.LIBoxParameters(tau_mem, v_leak), dt=DT)
    raise ValueError(kind)


def random_module(
    seed: int, framework: str, kind: str, reset: tuple[str, bool] = ("zero", True)
) -> tuple[nn.Module, tuple[int, ...]]:
    """A module in eval mode and the shape of its input. `kind` is the neuron of all layers (Norse readouts end one)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    layers: list[nn.Module] = []
    image = rng.random() < 0.4
    start = (int(rng.integers(1, 3)), 8, 7) if image else (int(rng.integers(3, 10)),)
    # Norse multiplies its input by dt / tau
    gain = 6.0 if framework == "norse" and kind != "iaf" else 2.0

    def neuron(which: str) -> nn.Module:
        shape = _shape_after(drops(layers), start)
        return snntorch_neuron(rng, which, reset, shape) if framework == "snntorch" else norse_cell(rng, which)

    def drops(those: list[nn.Module]) -> list[nn.Module]:
        return [
            each for each in those if isinstance(each, (nn.Linear, nn.Conv2d, nn.AvgPool2d, nn.Flatten, nn.BatchNorm2d))
        ]

    if image:
        layers += _conv_block(rng, start[0], gain, small=False)
        layers.append(neuron(kind if kind not in ("li", "libox") else "lif"))
        if rng.random() < 0.6:
            layers.append(nn.AvgPool2d(2))
        layers.append(nn.Flatten())
    for _ in range(int(rng.integers(1, 4))):
        shape = _shape_after(drops(layers), start)
        linear = nn.Linear(int(np.prod(shape)), int(rng.integers(3, 10)), bias=bool(rng.random() < 0.6))
        layers.append(_scaled(linear, gain))
        layers.append(neuron(kind if kind not in ("li", "libox") else "lif"))
        if rng.random() < 0.2:
            layers.append(nn.Dropout(0.5))
    if kind in ("li", "libox"):
        shape = _shape_after(drops(layers), start)
        layers.append(nn.Linear(int(np.prod(shape)), 3))
        layers.append(norse_cell(rng, kind))
    if framework == "norse":
        import norse.torch as norse

        return norse.SequentialState(*layers).eval(), start
    module: nn.Module = nn.Sequential(*layers)
    if not image and rng.random() < 0.3:
        size = layers[0].in_features
        tail = nn.Linear(_shape_after(drops(layers), start)[0], 4)
        skip = _scaled(nn.Linear(size, 4, bias=False), gain)
        module = Residual(module, tail, skip, snntorch_neuron(rng, kind, reset, (4,)))
    return module.eval(), start


def random_sample(seed: int, shape: tuple[int, ...], steps: int = 60, batch: int = 3) -> np.ndarray:
    """Binary input, float32 (steps, batch, *shape)."""
    rng = np.random.default_rng(seed + 10_000)
    return (rng.random((steps, batch, *shape)) < rng.uniform(0.2, 0.6)).astype(np.float32)
