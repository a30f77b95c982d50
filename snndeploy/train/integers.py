"""The deployed network as a torch module that learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from snndeploy.engines.torch.settings import Settings
from snndeploy.network import spec
from snndeploy.network.network import Network, Projection
from snndeploy.network.timing import update_order
from snndeploy.train.neurons import Neurons, Step
from snndeploy.train.scan import Recipe, Scan, recipe
from snndeploy.train.surrogate import surrogate
from snndeploy.train.weights import Synapses


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
        emitted = dict(inputs)
        for names in self.order:
            emitted |= self._group(names, emitted)
        return {name: emitted[name] for name in self.network.population}

    def _group(self, names: tuple[str, ...], emitted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        how = None
        if len(names) == 1 and next(iter(emitted.values())).device.type == "cpu":
            how = recipe(self.network, self.network.population[names[0]], self.cells[names[0]].slope)
        if how is not None:
            return {names[0]: self._at_once(names[0], emitted, how)}
        outer = {name: self._arrived(name, names, emitted) for name in names}
        return self._stepwise(names, emitted, outer)

    def _into(self, name: str, names: tuple[str, ...]) -> list[Projection]:
        """Projections from outside of a group."""
        return [p for p in self.network.into(name) if p.source not in names]

    def _arrived(self, name: str, names: tuple[str, ...], emitted: Mapping[str, Tensor]) -> Tensor | None:
        outer: Tensor | None = None
        for p in self._into(name, names):
            arrived = self.links[p.name](late(emitted[p.source], p.delay))
            outer = arrived if outer is None else outer + arrived
        return outer

    def _at_once(self, name: str, emitted: Mapping[str, Tensor], how: Recipe) -> Tensor:
        """All steps of a population that depends on no other of its group."""
        outer, exponent = self._into(name, (name,)), 0
        if len(outer) == 1:  # the kernel shifts
            (p,) = outer
            link = self.links[p.name]
            sums, exponent = link.sums(late(emitted[p.source], p.delay)), link.form.exponent
        else:
            found = self._arrived(name, (name,), emitted)
            steps, batch = next(iter(emitted.values())).shape[:2]
            sums = torch.zeros(steps, batch, *self.network.shapes[name]) if found is None else found
        weights = [self.links[p.name].mantissas() for p in how.inner]
        given: Any = (sums, *self.cells[name].numbers(), exponent, how, *weights)
        out: Tensor = Scan.apply(*given)  # type: ignore[no-untyped-call]
        return out

    def _stepwise(
        self, names: tuple[str, ...], emitted: Mapping[str, Tensor], outer: Mapping[str, Tensor | None]
    ) -> dict[str, Tensor]:
        """Loops over several populations, and what runs on CUDA."""
        steps, batch = next(iter(emitted.values())).shape[:2]
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


def late(x: Tensor, delay: int) -> Tensor:
    """`x` after `delay` steps, silent before."""
    if delay == 0:
        return x
    return torch.cat([torch.zeros_like(x[:delay]), x[: max(0, len(x) - delay)]])
