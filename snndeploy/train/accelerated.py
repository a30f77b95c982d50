"""A captured module, called once with the steps of time in its batch: its layers see all of them at once, and its
neuron modules, whose forward is another one for the length of the call, compute all steps in one kernel.

The parameters are the module's own, so optimizer, checkpoints and delivery know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from snndeploy.errors import Finding, SnnDeployError, raise_errors
from snndeploy.frontends.neurons import FAMILIES
from snndeploy.network.network import Network
from snndeploy.network.timing import update_order
from snndeploy.train.pooled import FewerProducts
from snndeploy.train.time_cells import Cells, cells_of, refuse
from snndeploy.train.time_neurons import Running
from snndeploy.train.time_surrogates import check_surrogate
from snndeploy.train.unrolled import Inputs, Signals, Unrolled, clear

# numbers of the largest population that are computed at once: what lies between layers stays in the cache
PIECE = 2**23
DRAWS = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)


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
        self.module, self.how = of.module, of.how
        self.output, self.signal, self.learned = of.output, of.signal, of.learned
        self.counted, self.full_states = of.counted, False
        self.neurons = {
            name: path for name, path in of.paths.items() if type(self.module.get_submodule(path)) in FAMILIES
        }
        self.largest = max(prod(network.shapes[name]) for name in self.neurons) if self.neurons else 1
        # whether convolutions wait for a pool behind them, and one did
        self.joining = True
        # what neurons showed in the last call, where that is wanted
        self.watching = False
        self.seen: dict[str, dict[str, Tensor]] = {}
        raise_errors([*self._findings(of, network), *self._unread()])

    def _unread(self) -> Iterator[Finding]:
        for name, path in self.neurons.items():
            try:
                check_surrogate(cells_of(self.module.get_submodule(path), name).surrogate, name)
            except SnnDeployError as problem:
                yield from problem.findings

    def _findings(self, of: Unrolled, network: Network) -> Iterator[Finding]:
        def no(where: str, what: str) -> Finding:
            return Finding("SD846", where, what, "train without acceleration")

        if self.signal != "spikes":
            yield no(f"population {self.output!r}", "the loss is one of membranes, which are not kept over time")
        if self.how.time == "held" or self.how.held:
            yield no("time", "forward repeats one frame by itself, and cannot be given all steps at once")
        for path, each in self.module.named_modules():
            if isinstance(each, DRAWS):
                yield no(path, f"{type(each).__name__} does something else with all steps than step by step")
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
            if each.name not in of.paths and each.rule.spiking:
                yield no(f"population {each.name!r}", "no neuron module stands for it")
        if self.output not in of.paths:
            yield no(f"population {self.output!r}", "no neuron module stands for it, and it is the output")

    def cells(self) -> dict[str, Cells]:
        """The kernels' numbers of now. Raises SnnDeployError SD846."""
        return {name: cells_of(self.module.get_submodule(path), name) for name, path in self.neurons.items()}

    def forward(self, inputs: Inputs) -> Signals:
        steps, batch = next(iter(inputs.values())).shape[:2]
        together = max(1, min(steps, PIECE // (batch * self.largest)))
        if self.watching:  # what is proven of pieces holds of all of them
            together = min(together, -(-steps // 3))
        running = {name: Running(cells) for name, cells in self.cells().items()}
        products = FewerProducts() if self.joining else None
        clear(self.module)
        for at in range(0, steps, together):
            piece = {name: x[at : at + together] for name, x in inputs.items()}
            with self._swapped(min(together, steps - at), batch, running), products or nullcontext():
                self._call(piece)
        self.joining = products is not None and products.waited
        clear(self.module)
        missing = [name for name, each in running.items() if not each.emitted]
        if missing:
            raise refuse(", ".join(missing), "it was not called")
        emitted = {name: torch.cat(running[name].emitted) for name in {*self.learned, self.output}}
        self.seen = {name: _seen(each) for name, each in running.items() if self.watching}
        counts = {
            name: emitted[name].sum(dim=(0, 1))
            if name in self.learned
            else torch.stack([each.detach().sum() for each in running[name].emitted]).sum()
            for name in self.counted
        }
        return Signals(emitted[self.output], counts)

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
    def _swapped(self, steps: int, batch: int, running: dict[str, Running]) -> Iterator[None]:
        """Neuron modules with another forward."""
        changed = []
        try:
            for name, each in running.items():
                module = self.module.get_submodule(self.neurons[name])
                changed.append((module, module.__dict__.get("forward")))
                module.__dict__["forward"] = _forward(self, name, module, each, (steps, batch))
            yield
        finally:
            for module, before in changed:
                module.__dict__.pop("forward")
                if before is not None:
                    module.__dict__["forward"] = before


def _feeds_itself(module: nn.Module) -> bool:
    return hasattr(module, "recurrent") or hasattr(module, "recurrent_weights")


def _seen(each: Running) -> dict[str, Tensor]:
    shown = {"s": torch.cat(each.emitted).detach()}
    if each.seen:
        shown |= {"p": torch.cat([piece["p"] for piece in each.seen]), "theta": each.seen[0]["theta"]}
    return shown


def _forward(of: Accelerated, name: str, module: nn.Module, each: Running, rows: tuple[int, int]) -> Any:
    """The forward of a neuron module with several steps in its batch axis; states that come are not looked at."""
    family: Any = FAMILIES[type(module)]
    before = len(each.emitted)

    def forward(*args: Any, **kwargs: Any) -> Any:
        x, _ = family.given(args, kwargs)
        if len(each.emitted) != before:
            raise refuse(name, "it is called more than once in a step")
        lead = 2 if family.over_time else 1
        if x.dtype != torch.float32 or x.shape[:lead].numel() != rows[0] * rows[1]:
            what = f"{tuple(x.shape)} of {x.dtype} arrives with {rows[0]} steps of {rows[1]} samples as one batch"
            raise refuse(name, what, "let the layers before it treat all samples alike, in float32")
        out = each.advance(x.reshape(*rows, *x.shape[lead:]), of.watching)
        spikes = out.reshape(*x.shape[:lead], *out.shape[2:])
        # nobody looks at states: the capture says that they go back into the neurons alone
        nothing = spikes.new_zeros(()).expand(spikes.shape)
        states = {state: spikes if state == family.echo else nothing for state in family.states}
        return family.answer(module, spikes, states)

    return forward
