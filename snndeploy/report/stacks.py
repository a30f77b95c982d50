"""The networks of the table of classes: linear, neuron, linear, neuron.

Where the library's exporter needs it, parameters have one value per neuron. Weights are scaled until neurons fire.
"""

from __future__ import annotations

import warnings
from inspect import Parameter, signature
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from snndeploy.frontends.neurons import FAMILIES
from snndeploy.network.arrays import Array
from snndeploy.report.exporters import played
from snndeploy.report.variants import Variant

DT, STEPS, BATCH = 1e-3, 100, 4
SIZES = (6, 8, 5)
NAMED = ("input_size", "in_features", "hidden_size", "out_features", "channels", "linear_features")
GAINS = tuple(2.0**k for k in range(-1, 9))
READOUTS = {"LICell", "LIBoxCell", "LILinearCell", "LI"}
# what is refused by its class alone, since no such stack can be built of it
ALONE = {"AssociativeLeaky", "SConv2dLSTM", "GradedSpikes", "LIFCorrelation", "RecurrentSequential"}


class Firsts(nn.Sequential):
    """A chain that takes the first of what each of its neurons returns."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i, each in enumerate(self):
            x = each(x)[0] if i % 2 else each(x)
        return x


def stacked(variant: Variant, seed: int) -> nn.Module:
    """The network of a variant, in eval mode, with weights of its own per seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _built(variant, seed)


def sample(seed: int) -> Array:
    """Binary input, float32 (STEPS, BATCH, SIZES[0])."""
    rng = np.random.default_rng(seed + 10_000)
    return (rng.random((STEPS, BATCH, SIZES[0])) < 0.4).astype(np.float32)


def _built(variant: Variant, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    if variant.name in ALONE:
        odd: nn.Module = object.__new__(variant.cls)
        nn.Module.__init__(odd)
        return nn.Sequential(nn.Linear(SIZES[0], SIZES[1]), odd).eval()
    rng = np.random.default_rng(seed)
    signal = sample(seed)
    layers: list[nn.Module] = []
    for i, (before, size) in enumerate(pairwise(SIZES)):
        layer: nn.Module = nn.Linear(before, size)
        neuron = _neuron(variant, size, rng, first=i == 0)
        signal = _loud(variant, layer, neuron, signal)
        layers += [layer, neuron]
    return _chain(variant, layers)


def _chain(variant: Variant, layers: list[nn.Module]) -> nn.Module:
    if variant.framework == "snntorch":
        tuples = variant.name in ("StateLeaky", "LinearLeaky", "DeltaLeaky")
        return (Firsts if tuples else nn.Sequential)(*layers).eval()
    from norse.torch import SequentialState

    chain: nn.Module = SequentialState(*layers).eval()
    return chain


def _loud(variant: Variant, layer: Any, neuron: nn.Module, signal: Array) -> Array:
    """Scales a layer so that about a fifth of the bins hold a spike; returns what leaves the neuron."""
    with torch.no_grad():
        base = layer.weight + 0.3 / layer.in_features
    best: tuple[float, Array, torch.Tensor] | None = None
    for gain in GAINS:
        layer.weight.data = base * gain
        try:
            out = shown(variant, _chain(variant, [layer, neuron]), signal)
        except TypeError:
            # RSynaptic(reset_delay=False) itself
            return np.zeros((*signal.shape[:2], layer.out_features), np.float32)
        missed = abs(float((out != 0).mean()) - 0.2)
        if best is None or missed < best[0]:
            best = missed, out, base * gain
    assert best is not None
    layer.weight.data = best[2]
    return best[1]


def shown(variant: Variant, module: nn.Module, x: Array) -> Array:
    """What a module of this variant gives for (time, batch, *shape)."""
    if not variant.over_time:
        return played(module, x)
    with torch.no_grad():
        out = module(torch.from_numpy(x))
    return np.array((out[0] if isinstance(out, tuple) else out).numpy())


def _neuron(variant: Variant, size: int, rng: np.random.Generator, first: bool) -> nn.Module:
    cls: Any = variant.cls
    if variant.framework == "norse" and variant.name in READOUTS and first:
        # a readout sits behind neurons that spike
        from norse.torch.module.lif import LIF, LIFCell

        cls = LIF if variant.over_time else LIFCell
    takes = signature(cls).parameters
    sizes = {name: size for name in NAMED if name in takes}
    if variant.framework == "snntorch":
        return _snntorch(variant, cls, takes, sizes, size, rng)
    return _norse(variant, cls, takes, sizes, size, rng)


def _snntorch(variant: Variant, cls: Any, takes: Any, sizes: dict[str, int], size: int, rng: Any) -> nn.Module:
    each = variant.vector and variant.name not in ("Lapicque", "LeakyParallel", "StateLeaky", "LinearLeaky")

    def value(given: float) -> Any:
        return torch.full((size,), given) if each else given

    drawn = {"beta": rng.uniform(0.75, 0.95), "alpha": rng.uniform(0.4, 0.7), "threshold": 1.0}
    if variant.name == "SLSTM":
        drawn["threshold"] = 0.1
    if variant.name == "Alpha":
        drawn |= {"alpha": 0.9, "beta": 0.7, "threshold": 0.3}
    options: dict[str, Any] = {name: value(number) for name, number in drawn.items() if name in takes}
    if "init_hidden" in takes:
        options["init_hidden"] = True
    for name, given in variant.options.items():
        options[name] = given[:size] if isinstance(given, torch.Tensor) and given.ndim else given
        if name in ("beta", "V"):
            options[name] = value(given)
    if "all_to_all" in variant.options:
        sizes = {}
    made: nn.Module = cls(**_refused(variant.name, size, sizes | options))
    return made


def _refused(name: str, size: int, options: dict[str, Any]) -> dict[str, Any]:
    """What classes need that are refused anyway."""
    given = {"beta": torch.full((size,), 0.9), "threshold": torch.ones(size), "init_hidden": True}
    return {"delta_threshold": 0.2, **given} if name == "DeltaLeaky" else options


def _norse(variant: Variant, cls: Any, takes: Any, sizes: dict[str, int], size: int, rng: Any) -> nn.Module:
    import norse.torch.functional.izhikevich as izhikevich

    options: dict[str, Any] = dict(sizes)
    if "spiking_method" in takes:
        options["spiking_method"] = izhikevich.tonic_spiking
    own = takes.get("p")
    if own is not None and own.default is not Parameter.empty:
        options["p"] = _parameters(variant, cls.__name__, own.default, size, rng)
    if "autapses" in variant.options:
        options["autapses"] = True
    made: nn.Module = cls(**options)
    return made


def _parameters(variant: Variant, name: str, default: Any, size: int, rng: Any) -> Any:
    """Norse's parameters of a class: time constants drawn, all else as its default but for the variant's options."""
    # those that the exporter knows, which wants one value per neuron
    each = variant.vector and name in ("LIFCell", "LIFBoxCell", "LIBoxCell", "IAFCell")
    fields = default._fields if hasattr(default, "_fields") else tuple(default.__dict__)
    drawn = {"tau_mem_inv": rng.uniform(100, 300), "tau_syn_inv": rng.uniform(200, 500), "tau_adapt_inv": 20.0}
    given: dict[str, Any] = {}
    for each_name in fields:
        was = getattr(default, each_name)
        if each_name in variant.options:
            was = variant.options[each_name]
        elif each_name in drawn and name in {cls.__name__ for cls in FAMILIES}:
            was = drawn[each_name]
        if each_name in ("tau_mem_inv", "tau_syn_inv", "tau_adapt_inv", "v_leak", "v_th", "v_reset"):
            number = float(was)
            was = torch.full((size,), number) if each else torch.tensor(number)
        given[each_name] = was
    return type(default)(**given)
