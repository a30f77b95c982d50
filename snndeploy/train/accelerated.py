"""A captured module, called once with steps of time in its batch: its layers see many of them at once, and its
neuron modules, whose forward is another one for the length of the call, compute all of them in one kernel.

The parameters are the module's own, so optimizer, checkpoints and delivery know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from snndeploy.errors import Finding, SnnDeployError, raise_errors
from snndeploy.frontends.max_pool import WATCHED
from snndeploy.frontends.neurons import FAMILIES
from snndeploy.network.network import Network, Population
from snndeploy.network.rule import Rule
from snndeploy.network.timing import update_order
from snndeploy.train.pieces import clear
from snndeploy.train.pooled import FewerProducts
from snndeploy.train.stepwise import Draws, Masks, by_step, draws_of, dropouts, findings, norms
from snndeploy.train.time_cells import Cells, cells_of, refuse
from snndeploy.train.time_neurons import Running
from snndeploy.train.time_surrogates import check_surrogate
from snndeploy.train.unrolled import Inputs, Signals, Unrolled

# numbers of the largest population that are computed at once: what lies between layers stays in the cache
PIECE = 2**23


class Part(NamedTuple):
    """What some steps showed: emissions of populations, the output, spikes of each population, states behind them."""

    emitted: dict[str, Tensor]
    output: Tensor
    counts: dict[str, Tensor]
    states: dict[str, Tensor]
    seen: dict[str, dict[str, Tensor]]


class Accelerated(nn.Module):
    """`forward(inputs) -> Signals` like `Unrolled`, of the same module.

    Args:
        of: the module step by step.
        network: as captured.

    Raises:
        SnnDeployError SD846: everything that keeps it from being computed over time, by name.
    """

    def __init__(self, of: Unrolled, network: Network):
        super().__init__()
        self.module, self.how, self.pieces = of.module, of.how, of.pieces
        self.output, self.signal, self.learned = of.output, of.signal, of.learned
        self.counted, self.full_states = of.counted, False
        modules = {name: self.module.get_submodule(path) for name, path in of.paths.items()}
        self.neurons = {name: of.paths[name] for name, each in modules.items() if type(each) in FAMILIES}
        self.pools = {name: of.paths[name] for name, each in modules.items() if type(each) in WATCHED}
        self.largest = max(prod(network.shapes[name]) for name in self.neurons) if self.neurons else 1
        # whether convolutions wait for a pool behind them, and one did
        self.joining = True
        self.draws: Draws = ()
        # what neurons showed in the last call, where that is wanted
        self.watching = False
        self.seen: dict[str, dict[str, Tensor]] = {}
        raise_errors([*self._findings(of, network), *self._unread(), *findings(self.module)])

    def learn_draws(self, own: Unrolled, inputs: Inputs) -> None:
        """Looks at what dropout draws in a step. Raises SnnDeployError SD846."""
        self.draws = draws_of(own, inputs)

    def _unread(self) -> Iterator[Finding]:
        for name, path in self.neurons.items():
            try:
                cells = cells_of(self.module.get_submodule(path), name)
                if cells.rule.spiking:
                    check_surrogate(cells.surrogate, name)
            except SnnDeployError as problem:
                yield from problem.findings

    def _findings(self, of: Unrolled, network: Network) -> Iterator[Finding]:
        def no(where: str, what: str) -> Finding:
            return Finding("SD846", where, what, "train without acceleration")

        if self.how.time == "held" or self.how.held:
            yield no("time", "forward repeats one frame by itself, and cannot be given all steps at once")
        recurrent = {name for name, path in of.paths.items() if _feeds_itself(self.module.get_submodule(path))}
        for names in update_order(network):
            if len(names) > 1:
                yield no(f"populations {', '.join(names)}", "they feed each other, so their steps cannot be separated")
        for p in network.projections:
            if p.source == p.target and p.source not in recurrent:
                yield no(f"projection {p.name!r}", "it comes back through layers outside of the neurons")
            elif p.source != p.target and p.delay:
                yield no(f"projection {p.name!r}", f"it has a delay of {p.delay} steps")
        for each in network.populations:
            if each.name not in of.paths and each.rule.spiking and not _forgets(each):
                yield no(f"population {each.name!r}", "no neuron module stands for it")
        if self.output not in self.neurons:
            yield no(f"population {self.output!r}", "no neuron module stands for it, and it is the output")

    def cells(self) -> dict[str, Cells]:
        """The kernels' numbers of now. Raises SnnDeployError SD846."""
        return {name: cells_of(self.module.get_submodule(path), name) for name, path in self.neurons.items()}

    def _running(self, states: Mapping[str, Tensor]) -> dict[str, Running]:
        showing = self.output if self.signal == "v" else ""
        return {name: Running(cells, name == showing, states.get(name)) for name, cells in self.cells().items()}

    def forward(self, inputs: Inputs) -> Signals:
        steps, batch = next(iter(inputs.values())).shape[:2]
        together = max(1, min(steps, PIECE // (batch * self.largest)))
        if self.watching:  # what is proven of pieces holds of all of them
            together = min(together, -(-steps // 3))
        running = None if self.pieces.again else self._running({})
        parts: list[Part] = []
        joining, watching = self.joining, self.watching

        def part(piece: Inputs, states: dict[str, Tensor]) -> Part:
            return self._part(piece, running or self._running(states), joining, watching)

        clear(self.module)
        for first, last in self.pieces.of(steps, together):
            states = parts[-1].states if parts else {}
            if self.pieces.cuts(first):
                states = {name: each.detach() for name, each in states.items()}
                for name, each in (running or {}).items():
                    each.state = states[name]
            piece = {name: x[first:last] for name, x in inputs.items()}
            parts.append(self.pieces.call(self.module, part, piece, states))
        clear(self.module)
        self.seen = _joined([each.seen for each in parts]) if watching else {}
        counts = {
            name: torch.cat([each.emitted[name] for each in parts]).sum(dim=(0, 1))
            if name in self.learned
            else torch.stack([each.counts[name] for each in parts]).sum()
            for name in self.counted
        }
        return Signals(torch.cat([each.output for each in parts]), counts)

    def _part(self, piece: Inputs, running: dict[str, Running], joining: bool, watching: bool) -> Part:
        first = next(iter(piece.values()))
        products = FewerProducts() if joining else None
        for each in running.values():
            each.watching = watching
            each.fresh()
        pooled: dict[str, Tensor] = {}
        with self._swapped(first, running, pooled), products or nullcontext():
            self._call(piece)
        if self.joining and products is not None:
            self.joining = products.waited
        missing = [name for name, each in running.items() if each.out is None]
        if missing:
            raise refuse(", ".join(missing), "it was not called")
        emitted = {name: each.out for name, each in running.items() if each.out is not None} | pooled
        output = running[self.output].v if self.signal == "v" else emitted[self.output]
        assert output is not None
        seen = {name: {**running[name].seen, "s": emitted[name].detach()} for name in running} if watching else {}
        seen |= {name: {"s": each.detach()} for name, each in pooled.items()} if watching else {}
        return Part(
            {name: emitted[name] for name in self.learned},
            output,
            {name: emitted[name].detach().sum() for name in self.counted if name not in self.learned},
            {name: each.state for name, each in running.items() if each.state is not None},
            seen,
        )

    def _call(self, inputs: Inputs) -> None:
        folded = {name: x.flatten(0, 1) for name, x in inputs.items()}
        if self.how.time != "outside":
            axis = 1 if self.how.time == "batch-first" else 0
            folded = {name: x.unsqueeze(axis) for name, x in folded.items()}
        args, named = self.how.arguments.call(folded)
        first = next(iter(folded.values()))
        states = {
            name: None if shape is None else first.new_zeros(()).expand(len(first), *shape)
            for name, shape in self.how.starts.items()
        }
        self.module(*args, **named, **states)

    @contextmanager
    def _swapped(self, like: Tensor, running: dict[str, Running], pooled: dict[str, Tensor]) -> Iterator[None]:
        """Neurons, norms and dropout with another forward; pools are watched."""
        steps, batch = like.shape[:2]
        found: dict[str, Callable[..., Any]] = {}
        for name, each in running.items():
            path = self.neurons[name]
            found[path] = _forward(name, self.module.get_submodule(path), each, (steps, batch))
        for path, norm in norms(self.module).items():
            found[path] = by_step(path, norm, (steps, batch))
        layers = dropouts(self.module)
        masks = Masks(self.draws, layers, (steps, batch), like)
        found |= {path: masks.of(path, layer) for path, layer in layers.items()}

        def keep(name: str) -> Callable[..., None]:
            def hook(module: Any, args: Any, output: Tensor) -> None:
                del module, args
                pooled[name] = output.reshape(steps, batch, *output.shape[1:])

            return hook

        handles = [self.module.get_submodule(path).register_forward_hook(keep(n)) for n, path in self.pools.items()]
        changed = []
        try:
            for path, forward in found.items():
                module = self.module.get_submodule(path)
                changed.append((module, module.__dict__.get("forward")))
                module.__dict__["forward"] = forward
            yield
        finally:
            for handle in handles:
                handle.remove()
            for module, before in changed:
                module.__dict__.pop("forward")
                if before is not None:
                    module.__dict__["forward"] = before


def _feeds_itself(module: nn.Module) -> bool:
    return hasattr(module, "recurrent") or hasattr(module, "recurrent_weights")


def _forgets(population: Population) -> bool:
    """True for what has no memory, as the pool of spikes in functional form."""
    rule = population.rule
    if not isinstance(rule, Rule) or np.any(rule.beta) or any(np.any(each.alpha) for each in rule.receptors):
        return False
    return rule.reset.kind == "to" and rule.reset.when == "now"


def _joined(parts: list[dict[str, dict[str, Tensor]]]) -> dict[str, dict[str, Tensor]]:
    """What was seen, all steps of it."""
    whole: dict[str, dict[str, Tensor]] = {}
    for name, first in parts[0].items():
        whole[name] = {key: torch.cat([each[name][key] for each in parts]) for key in first if key != "theta"}
        if "theta" in first:
            whole[name]["theta"] = first["theta"]
    return whole


def _forward(name: str, module: nn.Module, each: Running, rows: tuple[int, int]) -> Callable[..., Any]:
    """The forward of a neuron module with several steps in its batch axis; states that come are not looked at."""
    family: Any = FAMILIES[type(module)]

    def forward(*args: Any, **kwargs: Any) -> Any:
        x, _ = family.given(args, kwargs)
        if each.out is not None:
            raise refuse(name, "it is called more than once in a step")
        lead = 2 if family.over_time else 1
        if x.dtype != torch.float32 or x.shape[:lead].numel() != rows[0] * rows[1]:
            what = f"{tuple(x.shape)} of {x.dtype} arrives with {rows[0]} steps of {rows[1]} samples as one batch"
            raise refuse(name, what, "let the layers before it treat all samples alike, in float32")
        out = each.advance(x.reshape(*rows, *x.shape[lead:]))
        spikes = out.reshape(*x.shape[:lead], *out.shape[2:])
        # nobody looks at states: the capture says that they go back into the neurons alone
        nothing = spikes.new_zeros(()).expand(spikes.shape)
        states = {state: spikes if state == family.echo else nothing for state in family.states}
        return family.answer(module, spikes, states)

    return forward
