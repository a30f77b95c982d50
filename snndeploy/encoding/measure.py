"""What an encoding costs: how far off its values are, how many events it takes, and which spikes move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snndeploy.encoding.apply import encoded_as, made_by, raw
from snndeploy.engines import run
from snndeploy.engines.trace import Trace
from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.network.binding import registers
from snndeploy.network.encoding import Encoding
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers


@dataclass(frozen=True)
class Cost:
    """One encoding on some samples.

    Attributes:
        input, encoding, said: the input, the name of its encoding, and its settings in words.
        error, largest_error: of the values, root mean square and largest, relative to the root mean square value; of
            biases, by their rounding to the registers; None where there is nothing of this kind.
        axons: inputs of the network that it makes; events: other than 0, per step and sample.
        moved: spikes that differ between the float network on the values and on the events, relative to the spikes
            of the first; kept: samples that are decided alike, None where the network decides nothing. Both of all
            encodings of the network together.
        samples: how many were measured.
    """

    input: str
    encoding: str
    said: str
    error: float | None
    largest_error: float | None
    axons: int
    events: float
    moved: float
    kept: float | None
    samples: int

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        off = "" if self.error is None else f" values off by {self.error:.2g} rms, {self.largest_error:.2g} at most;"
        kept = "" if self.kept is None else f", {self.kept:.1%} of {self.samples:,} samples decided alike"
        return (
            f"input {self.input!r}: {self.said};{off} {self.axons:,} axons, {self.events:.1f} events a step; "
            f"{self.moved:.2%} of the spikes move{kept}"
        )


def costs(wanted: Network, made: Network, data: Any) -> list[Cost]:
    """What each encoding of `made` costs on data.

    Args:
        wanted: the float network on values; made: the same network on events, `encode(wanted, ...)`, or its integer
            form, of which the encodings alone are measured.
        data: values, `(time, batch, *shape)`.

    Raises:
        SnnDeployError SD209: the networks do not belong together; SD1xx, SD612: the data do not fit.
    """
    integers = made
    if wanted.form == "float" and made.form == "integer":
        made = encoded_as(wanted, made)
    if made.form != "float" or wanted.form != "float" or wanted.encodings or not made.encodings:
        fix = "give the float network and what encode made of it"
        raise error("SD209", "costs", "these are not a float network and its encoded form", fix)
    held = as_inputs(raw(made), data)
    one = run(wanted, {each.name: held[each.name] for each in wanted.given}, "torch", dtype="float64")
    taken: dict[str, Any] = {}
    for each in made.encodings:
        taken |= made_by(each, held)
    own = {name: taken.get(name, held.get(name)) for name in (each.name for each in made.given)}
    two = run(made, own, "torch", dtype="float64")
    moved, kept = drift(one, two), None
    if wanted.decision is not None:
        kept = float(np.mean(one.decisions() == two.decisions()))
    return [_cost(each, held, taken, moved, kept, integers) for each in made.encodings]


def drift(one: Trace, two: Trace) -> float:
    """Spikes in which two runs differ over those of the first, in the populations that both have."""
    names = [name for name in one.spikes if name in two.spikes]
    spikes = sum(int(np.count_nonzero(one.spikes[name])) for name in names)
    return sum(int(np.count_nonzero(one.spikes[name] != two.spikes[name])) for name in names) / max(1, spikes)


def _cost(each: Encoding, held: Any, taken: Any, moved: float, kept: float | None, integers: Network) -> Cost:
    mine = {m.name: taken[m.name] for m in each.made}
    off = worst = None
    steps, batch = next(iter(mine.values())).shape[:2]
    if integers.form == "integer" and any(m.kind == "bias" for m in each.made):
        off, worst = _rounded(each, mine, integers)
    mine = {m.name: mine[m.name] for m in each.made if m.kind != "bias"}
    if each.planes:
        wrong = each.decode(mine) - held[each.input]
        power = float(np.sqrt(np.mean(np.square(held[each.input], dtype=np.float64)))) or 1.0
        off, worst = float(np.sqrt(np.mean(wrong**2))) / power, float(np.abs(wrong).max()) / power
    axons = sum(int(np.prod(m.shape)) for m in each.made if m.kind != "bias")
    number = sum(int(np.count_nonzero(x)) for x in mine.values()) / (steps * batch)
    return Cost(each.input, each.name, each.said, off, worst, axons, number, moved, kept, batch)


def _rounded(each: Encoding, currents: Mapping[str, Array], made: Network) -> tuple[float, float]:
    """How far biases are off in their registers, relative to their root mean square."""
    wrong, wanted = [], []
    for m in each.made:
        rule = made.population[m.population].rule
        assert isinstance(rule, Registers)
        x = currents[m.name][0]
        own = np.asarray(rule.bias_mant) * 2.0 ** np.asarray(rule.bias_exp)
        mantissa, exponent = registers(m.population, rule, x)
        wrong.append((mantissa * 2.0**exponent - own) / rule.scale - x)
        wanted.append(x)
    power = float(np.sqrt(np.mean([np.mean(x**2) for x in wanted]))) or 1.0
    return float(np.sqrt(np.mean([np.mean(x**2) for x in wrong]))) / power, float(
        max(np.abs(x).max() for x in wrong)
    ) / power
