"""nirtorch's executor of graphs, with neurons after NIR's equations: what it shows is what becomes of the graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from snndeploy.conform.suite.adapters.stepping import stepped
from snndeploy.network.arrays import Array


class Neuron(nn.Module):
    """Any neuron of NIR by forward Euler, the synapse first; a node has those of the parameters that its type has."""

    def __init__(self, node: Any, dt: float):
        super().__init__()
        values = {name: torch.as_tensor(value) for name, value in vars(node).items() if _is_array(value)}
        self.integrates = "tau" not in values and "tau_mem" not in values
        self.k = dt if self.integrates else dt / values["tau" if "tau" in values else "tau_mem"]
        self.k_syn = dt / values["tau_syn"] if "tau_syn" in values else None
        self.values = values

    def forward(self, x: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        p = self.values
        v, i = (torch.zeros_like(x), torch.zeros_like(x)) if state is None else state
        if self.k_syn is not None:
            x = i = i + self.k_syn * (p["w_in"] * x - i)
        drift = p["r"] * x if self.integrates else (p["v_leak"] - v) + p["r"] * x
        v = v + self.k * drift
        if "v_threshold" not in p:
            return v, (v, i)
        s = v > p["v_threshold"]
        return s.to(v.dtype), (torch.where(s, p["v_reset"], v), i)


class Threshold(nn.Module):
    def __init__(self, node: Any):
        super().__init__()
        self.threshold = torch.as_tensor(node.threshold)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x > self.threshold).to(x.dtype)


class Scale(nn.Module):
    def __init__(self, node: Any):
        super().__init__()
        self.scale = torch.as_tensor(node.scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype")


def run(graph: Any, input: Any, dt: float) -> Array:
    """Spikes; raises what nirtorch raises."""
    import nir
    import nirtorch

    # what an Affine gets for a bias is random
    torch.manual_seed(0)
    kinds = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)
    maps: dict[Any, Any] = {kind: lambda node: Neuron(node, dt) for kind in kinds}
    maps |= {nir.Threshold: Threshold, nir.Scale: Scale}
    return stepped(nirtorch.nir_to_torch(graph, maps, dtype=torch.float64), input, double=True)
