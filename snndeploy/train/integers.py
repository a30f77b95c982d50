"""The deployed network as a torch module that learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import torch
from torch import Tensor, nn

from snndeploy.engines.torch.settings import Settings
from snndeploy.network import spec
from snndeploy.network.network import Network
from snndeploy.network.timing import update_order
from snndeploy.train.neurons import Neurons, Step
from snndeploy.train.scan import Running, recipe
from snndeploy.train.surrogate import surrogate
from snndeploy.train.weights import Shifted, Synapses

# numbers of the largest population that are computed at once
PIECE = 2**23


class Deployed(nn.Module):
    """An integer network whose forward is what the chip computes, bit for bit, and whose gradients are surrogates.

    Args:
        network: integer form.
        largest: the largest value that each input has, 1 where it is binary.
        learn: of "weight", "bias", "threshold".
        slope: `surrogate` function and slope, per unit of the threshold.
    """

    def __init__(
        self,
        network: Network,
        largest: Mapping[str, int],
        learn: tuple[str, ...] = ("weight", "bias"),
        slope: tuple[str, float] = ("fast_sigmoid", 5.0),
        device: str = "cpu",
    ):
        super().__init__()
        self.network = network
        by = Settings(torch.device(device), torch.float32)
        shape_of = surrogate(*slope)
        self.order = update_order(network)
        self.cells = {p.name: Neurons(p, by, learn, shape_of) for p in network.populations}
        self.links = {
            p.name: Synapses(network, p, largest.get(p.source, 1), by, "weight" in learn) for p in network.projections
        }
        self.parts = nn.ModuleList([*self.cells.values(), *self.links.values()])

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What every population emits: float32 (time, batch, *shape), spikes as 0 and 1, or v in state units (exact).

        Args:
            inputs: by name, whole numbers (time, batch, *shape).
        """
        rows: dict[str, list[Tensor]] = {name: [] for name in self.network.population}
        for piece in self.pieces(inputs):
            for name, each in piece.items():
                rows[name].append(each)
        return {name: each[0] if len(each) == 1 else torch.cat(each) for name, each in rows.items()}

    def pieces(self, inputs: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """As `forward`, some steps after the other, so that what lies between layers stays in the cache."""
        first = next(iter(inputs.values()))
        steps, batch = first.shape[:2]
        on_cpu = first.device.type == "cpu"
        how = {name: recipe(self.network, self.network.population[name], self.cells[name].slope) for name in self.cells}
        alone = on_cpu and all(len(names) == 1 for names in self.order)
        plain = alone and all(each is not None and not each.inner for each in how.values())
        largest = max((prod(self.network.shapes[name]) for name in self.cells), default=1)
        together = max(1, min(steps, PIECE // (batch * largest))) if plain else steps
        weights = {name: link.mantissas().to(link.dtype) for name, link in self.links.items()}
        running: dict[str, Running] = {}
        before: dict[str, list[Tensor]] = {name: [] for name in self.cells}
        for at in range(0, steps, together):
            end = min(steps, at + together)
            emitted = {name: x[:end] for name, x in inputs.items()}
            for names in self.order:
                for name in names:
                    emitted.pop(name, None)
                one = how[names[0]] if len(names) == 1 and on_cpu else None
                arrived = {name: self._arrived(name, names, emitted, before, weights, at, end) for name in names}
                if one is None:
                    outer = {n: None if x is None else _shifted(*x) for n, x in arrived.items()}
                    found = self._stepwise(names, steps, batch, outer)
                else:
                    (name,) = names
                    if name not in running:
                        inner = [weights[p.name] for p in one.inner]
                        running[name] = Running(one, self.cells[name].numbers(), inner, batch)
                    sums, exponent = arrived[name] or (torch.zeros(end - at, batch, *self.network.shapes[name]), 0)
                    found = {name: running[name].advance(sums, exponent)}
                emitted |= found
                for name, each in found.items():
                    before[name].append(each)
            yield {name: before[name][-1] for name in self.network.population}

    def _arrived(
        self,
        name: str,
        names: tuple[str, ...],
        inputs: Mapping[str, Tensor],
        before: Mapping[str, list[Tensor]],
        weights: Mapping[str, Tensor],
        at: int,
        end: int,
    ) -> tuple[Tensor, int] | None:
        """What comes from outside of a group in steps at..end, times 2^exponent: (sums, exponent)."""
        outer: tuple[Tensor, int] | None = None
        for p in (each for each in self.network.into(name) if each.source not in names):
            link = self.links[p.name]
            if p.source in before and p.delay == 0:
                x = before[p.source][-1]
            else:
                x = late(torch.cat(before[p.source]) if p.source in before else inputs[p.source], p.delay)[at:end]
            arrived = link.sums(x, weights[p.name]), link.form.exponent
            outer = arrived if outer is None else (_shifted(*outer) + _shifted(*arrived), 0)
        return outer

    def _stepwise(
        self, names: tuple[str, ...], steps: int, batch: int, outer: Mapping[str, Tensor | None]
    ) -> dict[str, Tensor]:
        """Loops over several populations, and what runs on CUDA."""
        # apart at once: a gradient per step of the whole would cost steps squared
        each_step = {name: None if rows is None else rows.unbind() for name, rows in outer.items()}
        inner = {name: [p for p in self.network.into(name) if p.source in names] for name in names}
        rows: dict[str, list[Tensor]] = {name: [] for name in names}
        state = {name: self.cells[name].start(batch) for name in names}
        for t in range(steps):
            for name in names:
                cells, u, v, bias, vth = state[name]
                given = each_step[name]
                a = torch.zeros_like(v) if given is None else given[t]
                for p in inner[name]:
                    if t >= p.delay:
                        a = a + self.links[p.name](rows[p.source][t - p.delay][None])[0]
                out, u, v = Step.apply(  # type: ignore[no-untyped-call]
                    a, u, v, bias, vth, cells, t, self.cells[name].slope
                )
                rows[name].append(out)
                state[name] = cells, u, v, bias, vth
        return {name: torch.stack(each).to(torch.float32) for name, each in rows.items()}

    def confine(self) -> None:
        """After an update: every number back inside its register."""
        for cells in self.cells.values():
            cells.confine()
        for link in self.links.values():
            link.confine()

    def deployed(self) -> Network:
        """The integer network of now, checked."""
        populations = tuple(each.deployed() for each in self.cells.values())
        projections = tuple(each.deployed() for each in self.links.values())
        return spec.check(self.network.with_(populations=populations, projections=projections))


def _shifted(y: Tensor, exponent: int) -> Tensor:
    arrived: Tensor = Shifted.apply(y, exponent)  # type: ignore[no-untyped-call]
    return arrived


def late(x: Tensor, delay: int) -> Tensor:
    """`x` after `delay` steps, silent before."""
    if delay == 0:
        return x
    return torch.cat([torch.zeros_like(x[:delay]), x[: max(0, len(x) - delay)]])
