"""Layers that treat each step by itself, where all steps come in one batch: batch normalisation and dropout.

A norm computes the statistics of each step, in their order, as in a loop. Dropout draws what the loop would draw, from
the same generator in the same order: all layers of one step, then those of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.dropout import _DropoutNd

from snndeploy.errors import Finding
from snndeploy.frontends.preserve import preserved
from snndeploy.train.time_cells import refuse

if TYPE_CHECKING:
    from snndeploy.train.unrolled import Inputs, Unrolled

# what is drawn in a step: path of the layer, shape of a sample
Draws = tuple[tuple[str, tuple[int, ...]], ...]
Forward = Callable[..., Any]
# these are no product with what they draw
OTHER = (nn.AlphaDropout, nn.FeatureAlphaDropout)


def norms(module: nn.Module) -> dict[str, _NormBase]:
    return {path: each for path, each in module.named_modules() if isinstance(each, _NormBase)}


def dropouts(module: nn.Module) -> dict[str, _DropoutNd]:
    return {path: each for path, each in module.named_modules() if isinstance(each, _DropoutNd)}


def findings(module: nn.Module) -> Iterator[Finding]:
    for path, each in dropouts(module).items():
        if isinstance(each, OTHER):
            what = f"{type(each).__name__} is no product with what it draws"
            yield Finding("SD846", path, what, "use Dropout, or train without acceleration")


def draws_of(own: Unrolled, inputs: Inputs) -> Draws:
    """What the module's own loop draws in each step. Raises SnnDeployError SD846 if steps differ."""
    layers = dropouts(own.module)
    if not layers:
        return ()
    steps, batch = next(iter(inputs.values())).shape[:2]
    seen: list[tuple[str, tuple[int, ...]]] = []

    def note(path: str) -> Forward:
        return lambda module, args, kwargs: seen.append((path, tuple(next(iter((*args, *kwargs.values()))).shape)))

    handles = [each.register_forward_pre_hook(note(path), with_kwargs=True) for path, each in layers.items()]
    own.module.train()
    try:
        with preserved(own.module), torch.random.fork_rng(devices=[]), torch.no_grad():
            own(inputs)
    finally:
        for each in handles:
            each.remove()
    count = len(seen) // steps
    one = seen[:count]
    if seen != one * steps or any(shape[:1] != (batch,) for _, shape in one):
        path = seen[0][0] if seen else next(iter(layers))
        raise refuse(path, f"{type(layers[path]).__name__} is not called in the same way in each step")
    return tuple((path, shape[1:]) for path, shape in one)


class Masks:
    """What dropout draws in some steps, for one call of the module with all of them.

    Args:
        layers: by path. like: of the type and on the device that is drawn for.
    """

    def __init__(self, draws: Draws, layers: Mapping[str, _DropoutNd], rows: tuple[int, int], like: Tensor):
        steps, batch = rows
        drawn: list[list[Tensor]] = [[] for _ in draws]
        for _ in range(steps):
            for k, (path, shape) in enumerate(draws):
                layer = layers[path]
                if layer.training:
                    ones = torch.ones(batch, *shape, device=like.device)
                    drawn[k].append(type(layer).forward(layer, ones))
        self.left: dict[str, list[Tensor]] = {path: [] for path in layers}
        for (path, _), each in zip(draws, drawn, strict=True):
            if each:
                self.left[path].append(torch.cat(each))

    def of(self, path: str, layer: _DropoutNd) -> Forward:
        """The forward of a layer for the length of the call."""

        def forward(input: Tensor) -> Tensor:
            if not layer.training:
                return input
            mask = self.left[path].pop(0) if self.left[path] else None
            if mask is None or mask.shape != input.shape:
                raise refuse(path, f"{type(layer).__name__} gets {tuple(input.shape)} with all steps at once")
            return input * mask

        return forward


def by_step(path: str, layer: _NormBase, rows: tuple[int, int]) -> Forward:
    """The forward of a norm that looks at one step after the other."""
    steps, batch = rows

    def forward(input: Tensor) -> Tensor:
        tracked = layer.running_mean is not None
        alone = not isinstance(layer, _BatchNorm) and not tracked
        if alone or (tracked and not layer.training):
            same: Tensor = type(layer).forward(layer, input)
            return same
        if len(input) != steps * batch:
            raise refuse(path, f"{type(layer).__name__} gets {tuple(input.shape)} with all steps at once")
        return torch.cat([type(layer).forward(layer, each) for each in torch.split(input, batch)])

    return forward


@contextmanager
def same_norms(module: nn.Module) -> Iterator[None]:
    """Leaves the running statistics as they were, for what is computed once more."""
    buffers = [each for norm in norms(module).values() for each in norm.buffers(recurse=False)]
    saved = [each.clone() for each in buffers]
    try:
        yield
    finally:
        # past autograd: a way back that has kept a buffer does not look at its numbers
        for each, was in zip(buffers, saved, strict=True):
            each.data.copy_(was)
