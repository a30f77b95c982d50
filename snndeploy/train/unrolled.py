"""A user's module over time: what its neurons emit, with the gradients of its own code.

`forward(inputs) -> Signals` is all that the training loop knows of a module, so that another module with the same
parameters can stand in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from snndeploy.errors import error
from snndeploy.frontends.max_pool import WATCHED
from snndeploy.frontends.neurons import FAMILIES, Family
from snndeploy.frontends.stepping import Stepping
from snndeploy.frontends.structures import changed, pick
from snndeploy.network.network import Network
from snndeploy.network.rule import Rule
from snndeploy.train.pieces import WHOLE, Hidden, clear, cut, hidden, restore

Inputs = Mapping[str, Tensor]


class Signals(NamedTuple):
    """What one pass over time showed.

    Attributes:
        output: float (time, batch, *shape), what the output population emits, or its membrane.
        counts: population -> spikes of each neuron over time and batch, float (*shape); their sum, float (), where
            nothing is learned from them.
    """

    output: Tensor
    counts: dict[str, Tensor]


class Unrolled(nn.Module):
    """A captured module, called as its capture says: step by step, or once where the loop over time is inside.

    Every call starts from fresh states and leaves them fresh. The module is the user's own and is left without hooks.

    Args:
        network: as captured, with the module as its source.
        population: whose emission or membrane (`signal`: "spikes" or "v") is the output.
        learned: populations whose counts carry gradients, neuron by neuron.

    Raises:
        SnnDeployError SD807: the output cannot be seen, or has no such signal.
    """

    def __init__(self, network: Network, population: str, signal: str, learned: frozenset[str] = frozenset()):
        super().__init__()
        source = network.source
        assert source is not None
        self.module: nn.Module = source.module
        self.how: Stepping = source.stepping
        self.output, self.signal, self.learned = population, signal, learned
        self.paths = {name: source.paths[name] for name in source.paths}
        self.values = {
            each.name: np.asarray(each.rule.value)
            for each in network.populations
            if isinstance(each.rule, Rule) and each.rule.spiking
        }
        self.pieces = WHOLE
        # set for products in 16 bits: membranes in fewer than 32 forget what is small beside them
        self.full_states = False
        spiking = population in self.values
        if signal == "spikes" and not spiking:
            fix = "loss='ce_max_membrane_loss' or 'ce_last_membrane_loss'"
            raise error("SD807", f"population {population!r}", "it never spikes, and the loss is one of spikes", fix)
        if population not in self.paths and population not in self.how.heads:
            what = "no module shows its values, as of a max-pool in functional form"
            raise error("SD807", f"population {population!r}", what, "return what a neuron module emits")

    @property
    def counted(self) -> list[str]:
        """Populations that are counted."""
        return [name for name in self.paths if name in self.values]

    def forward(self, inputs: Inputs) -> Signals:
        clear(self.module)
        try:
            if self.how.time == "outside":
                rows, counts = self._pieces(inputs)
            else:
                with self._watched() as watch:
                    self._whole(inputs, watch.rows)
                rows, counts = watch.rows, watch.counts
        finally:
            clear(self.module)
        return Signals(torch.stack(rows), counts)

    @contextmanager
    def _watched(self) -> Iterator[_Watch]:
        watch = _Watch(self)
        handles = [each for name in self.paths for each in watch.on(name)]
        try:
            yield watch
        finally:
            for each in handles:
                each.remove()

    def _pieces(self, inputs: Inputs) -> tuple[list[Tensor], dict[str, Tensor]]:
        first = next(iter(inputs.values()))
        states: dict[str, Any] = {
            name: None if shape is None else first.new_zeros(first.shape[1], *shape)
            for name, shape in self.how.starts.items()
        }
        rows: list[Tensor] = []
        counts: dict[str, Tensor] = {}
        kept = hidden(self.module)
        for begin, end in self.pieces.of(len(first), len(first)):
            if self.pieces.cuts(begin):
                states, kept = cut(states), cut(kept)
            piece = {name: x[begin:end] for name, x in inputs.items()}
            part: Any = self.pieces.call(self.module, self._steps, piece, states, kept)
            more, counted, states, kept = part
            rows += more
            counts = {name: counts[name] + each if counts else each for name, each in counted.items()}
        return rows, counts

    def _steps(self, inputs: Inputs, states: dict[str, Any], kept: Hidden) -> Any:
        """Some steps: rows of the output, counts, states that are arguments and those that neurons keep."""
        restore(self.module, kept)
        # a module may write into the list of states that it is given
        states = tree_map(lambda each: each, states)
        with self._watched() as watch:
            for t in range(len(next(iter(inputs.values())))):
                args, named = self.how.arguments.call({name: x[t] for name, x in inputs.items()})
                result = self.module(*args, **named, **states)
                states = {argument: pick(result, place) for argument, place in self.how.feeds.items()}
                if self.output in self.how.heads:
                    watch.rows.append(pick(result, self.how.heads[self.output]))
        return watch.rows, watch.counts, states, hidden(self.module)

    def _whole(self, inputs: Inputs, rows: list[Tensor]) -> None:
        axis = 1 if self.how.time == "batch-first" else 0
        given = {name: x[0] if name in self.how.held else x.movedim(0, axis) for name, x in inputs.items()}
        args, named = self.how.arguments.call(given)
        result = self.module(*args, **named)
        if self.output in self.how.heads:
            value = pick(result, self.how.heads[self.output])
            rows += value if isinstance(value, list) else value.movedim(self.how.axes[self.output], 0)


class _Watch:
    """Hooks that gather, during one pass, what neurons emit."""

    def __init__(self, unrolled: Unrolled):
        self.of = unrolled
        self.rows: list[Tensor] = []
        self.counts: dict[str, Tensor] = {}
        self.before: Any = None

    def on(self, name: str) -> list[Any]:
        module = self.of.module.get_submodule(self.of.paths[name])
        family = FAMILIES.get(type(module)) or WATCHED[type(module)]
        handles = []
        if self.of.full_states:
            handles.append(module.register_forward_pre_hook(_in_float32, with_kwargs=True))
        if name == self.of.output and self.of.signal == "v":
            ahead = partial(self._ahead, family=family)
            handles.append(module.register_forward_pre_hook(ahead, with_kwargs=True))
        behind = partial(self._behind, name=name, family=family)
        return [*handles, module.register_forward_hook(behind)]

    def _ahead(self, module: Any, args: Any, kwargs: Any, *, family: Family) -> None:
        self.before = family.before(module, args, kwargs)

    def _behind(self, module: Any, args: Any, output: Any, *, name: str, family: Family) -> None:
        del args
        emitted = output[0] if isinstance(output, tuple) else output
        if name in self.of.values:
            axes = (0, 1) if family.over_time else (0,)
            if name in self.of.learned:
                count = self._worth(emitted, name).sum(dim=axes)
            else:
                count = self._worth(emitted.detach(), name).sum()
            known = self.counts.get(name)
            self.counts[name] = count if known is None else known + count
        if name == self.of.output:
            shown = emitted
            if self.of.signal == "v" and name in self.of.values:
                shown = family.seen(module, self.before, output).v
            self.rows += list(shown) if family.over_time else [shown]

    def _worth(self, emitted: Tensor, name: str) -> Tensor:
        """Spikes as ones, where one emits something else."""
        value = self.of.values[name]
        return emitted if (value == 1).all() else emitted / torch.as_tensor(value).to(emitted)


def _in_float32(module: Any, args: Any, kwargs: Any) -> Any:
    """What a neuron gets, its states too, in float32."""
    del module

    def full(each: Any) -> Any:
        return each.float() if isinstance(each, Tensor) and each.is_floating_point() else each

    return changed(args, full), changed(kwargs, full)
