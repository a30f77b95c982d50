"""A placement: which neuron is on which core, and how full every core is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snndeploy.errors import Finding
from snndeploy.network.arrays import Array
from snndeploy.placement import report


@dataclass(frozen=True)
class Core:
    """What one core holds. `share` is how much of each limit is used, 0..1.

    Attributes:
        populations: number of neurons by name of population.
        synapses: pairs of neurons that are joined there; stored: those that take memory, for sources that share an axon
            share its synapses.
        thresholds, neuron_settings: different ones that its neurons need. formats: different synapse formats.
    """

    index: int
    populations: Mapping[str, int]
    neurons: int
    input_axons: int
    output_axons: int
    synapses: int
    memory_bits: int
    thresholds: int
    neuron_settings: int
    share: Mapping[str, float]
    stored: int = 0
    formats: int = 0


@dataclass(frozen=True, eq=False)
class Placement:
    """Where every neuron is.

    Attributes:
        target: name of the chip; chip_cores: cores of one chip.
        cores: numbered in the order in which the neurons of the network lie on them.
        core_of: core of each neuron by population, int64 (neurons,), neurons in row-major order.
        sites: int64 (cores, 3), where each core lies: number of its chip, x and y of its tile on that chip. Several
            cores share a tile.
        arranged: how sites were chosen, and where the spike rates behind it come from.
        findings: worth knowing; what does not fit at all is raised instead.
        strategy: what split the populations, see `pack.STRATEGIES`.
    """

    target: str
    chip_cores: int
    cores: tuple[Core, ...]
    core_of: Mapping[str, Array]
    sites: Array
    arranged: str
    findings: tuple[Finding, ...] = field(default=())
    strategy: str = ""

    @property
    def chips(self) -> int:
        """Chips that hold a core."""
        return len(np.unique(self.sites[:, 0]))

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON; `core_of` as lists of core numbers."""
        return {
            "target": self.target,
            "strategy": self.strategy,
            "cores": len(self.cores),
            "chip_cores": self.chip_cores,
            "chips": self.chips,
            "layers": report.layers(self),
            "core": [{**vars(c), "populations": dict(c.populations), "share": dict(c.share)} for c in self.cores],
            "core_of": {name: cores.tolist() for name, cores in self.core_of.items()},
            "arranged": self.arranged,
            "sites": self.sites.tolist(),
            "findings": [each.as_dict() for each in self.findings],
        }

    def __str__(self) -> str:
        return "\n".join([report.text(self), *map(str, self.findings)])
