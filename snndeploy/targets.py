"""A target: a piece of hardware as data. Every number carries its source and how sure it is.

The shipped ones are `targets/*.toml`; a user's own file is named by path and treated exactly alike. No number of a
target may exceed what the integer arithmetic of `network/registers.py` can hold, for that is what engines compute.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from snndeploy import resources
from snndeploy.errors import Finding, SnnDeployError, error
from snndeploy.network import registers as reg

T = TypeVar("T")
Certainty = Literal["measured", "documented", "derived", "fitted", "assumed"]


Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(_Part, Generic[T]):
    """One number, where it comes from, and how sure it is.

    certainty: "measured" by experiment, "documented" by the vendor or a paper, "derived" from such, "fitted" to
    published results of a compiler, or "assumed".
    """

    value: T
    source: Annotated[str, Field(min_length=1)]
    certainty: Certainty


class Range(_Part):
    """Between which two numbers a quantity lies, as far as is known, and the source of both."""

    low: Amount
    high: Amount
    source: Annotated[str, Field(min_length=1)]
    certainty: Certainty

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"low = {self.low:g} is above high = {self.high:g}")
        return self


Count = Annotated[int, Field(strict=True, ge=1, le=2**40)]
Hops = Annotated[int, Field(strict=True, ge=0, le=10**6)]
Bits = Annotated[int, Field(strict=True, ge=0, le=64)]
DecayMax = Annotated[int, Field(strict=True, ge=1, le=reg.DECAY_MAX)]
ThresholdMax = Annotated[int, Field(strict=True, ge=1, le=reg.VTH_MAX)]
StateMax = Annotated[int, Field(strict=True, ge=1, le=reg.STATE_MAX)]
BiasMax = Annotated[int, Field(strict=True, ge=0, le=reg.BIAS_MANT_MAX)]
BiasExponent = Annotated[int, Field(strict=True, ge=0, le=reg.BIAS_EXP_MAX)]
WeightBits = Annotated[int, Field(strict=True, ge=1, le=8)]
WeightExponent = Annotated[int, Field(strict=True, ge=0, le=reg.WEIGHT_EXP_MAX)]


class Neuron(_Part):
    """What the registers of one neuron hold, and which neurons the chip can host.

    Attributes:
        decay_max: largest du and dv, in 1/4096 per step.
        state_max: largest magnitude of u and v, in state units (64 per weight LSB).
        threshold_max: largest threshold mantissa.
        bias_mantissa_max, bias_exponent_max: |bias| <= mantissa·2^exponent, in state units.
        reset_kinds, reset_times: as in `network.rule.Reset`.
        reset_to_zero_only: a reset "to" can only be to zero.
        refractory_max: longest refractory period, in steps beyond that of the spike, in which v keeps its value.
        refractory_freezes_current: u can keep its value too.
        adaptive_threshold: the threshold can move with the neuron's own spikes.
    """

    decay_max: Fact[DecayMax]
    state_max: Fact[StateMax]
    threshold_max: Fact[ThresholdMax]
    bias_mantissa_max: Fact[BiasMax]
    bias_exponent_max: Fact[BiasExponent]
    reset_kinds: Fact[tuple[Literal["none", "to", "by"], ...]]
    reset_times: Fact[tuple[Literal["now", "next", "residual"], ...]]
    reset_to_zero_only: Fact[bool]
    refractory_max: Fact[Annotated[int, Field(strict=True, ge=0, le=2**16)]]
    refractory_freezes_current: Fact[bool]
    adaptive_threshold: Fact[bool]


class Synapse(_Part):
    """Attributes:
    weight_bits: without sign. weight_fields: widths of a stored weight, bits; a narrower one takes the next.
    weight_exponent_max: largest left shift of a projection's sum.
    delay_max: steps beyond the one step that every projection costs.
    input_kinds: as in `network.network.Input`. payload_bits: of the signed number that an event carries; 0: none.
    """

    weight_bits: Fact[WeightBits]
    weight_fields: Fact[Annotated[tuple[WeightBits, ...], Field(min_length=1)]]
    weight_exponent_max: Fact[WeightExponent]
    delay_max: Fact[Annotated[int, Field(strict=True, ge=0, le=2**16)]]
    input_kinds: Fact[tuple[Literal["binary", "counts"], ...]]
    payload_bits: Fact[Annotated[int, Field(strict=True, ge=0, le=53)]]


class Core(_Part):
    """What one core holds.

    The synapses of one input axon on one core are stored in blocks of at most `block_synapses`; a block of n takes
    n·(weight + delay + tag + index bits) + header bits, rounded up to whole words.

    Attributes:
        axons_are_shared: source neurons whose synapses on the core are all equal can send to one input axon: each
            spike is an event of its own, so sums stay exact.
        tag_bits: of each synapse, for learning.
        convolutions_share_weights: the kernel of a convolution is stored once on a core, as an axon for each of its
            taps and input channels, whatever the number of places.
        threshold_settings: different threshold mantissas that its neurons can have between them.
        neuron_settings: different (du, dv, refractory period, moving threshold) that they can have.
        synapse_formats: different (weight bits, sign, exponent, with or without delay) of projections onto it.
    """

    neurons: Fact[Count]
    input_axons: Fact[Count]
    output_axons: Fact[Count]
    axons_are_shared: Fact[Annotated[bool, Field(strict=True)]]
    synaptic_memory_bits: Fact[Count]
    block_synapses: Fact[Count]
    block_header_bits: Fact[Bits]
    index_bits: Fact[Bits]
    delay_bits: Fact[Bits]
    tag_bits: Fact[Bits]
    word_bits: Fact[Annotated[int, Field(strict=True, ge=1, le=4096)]]
    threshold_settings: Fact[Count]
    neuron_settings: Fact[Count]
    synapse_formats: Fact[Count]
    convolutions_share_weights: Fact[Annotated[bool, Field(strict=True)]]


class Chip(_Part):
    cores: Fact[Count]


class Mesh(_Part):
    """How cores lie beside each other. Tiles form a grid, chips continue it over their borders, boards along y.

    A *hop* is the step of a spike from a tile to a neighbour of it, first along x, then along y; within a tile a spike
    takes none. A hop over the border of a chip counts as `chip_hops` more, one over that of a board as `board_hops`
    more again.

    Attributes:
        tiles_x, tiles_y: tiles of a chip along both axes; cores_per_tile: cores of each.
        chips_x, chips_y: chips of a board along both axes; boards: of the largest machine.
    """

    tiles_x: Fact[Count]
    tiles_y: Fact[Count]
    cores_per_tile: Fact[Count]
    chips_x: Fact[Count]
    chips_y: Fact[Count]
    boards: Fact[Count]
    chip_hops: Fact[Hops]
    board_hops: Fact[Hops]

    @property
    def cores(self) -> int:
        """Cores for which the tiles of a chip have room."""
        return self.tiles_x.value * self.tiles_y.value * self.cores_per_tile.value


class Energy(_Part):
    """What an event costs, in pJ.

    Attributes:
        synaptic_operation: a spike that arrives at one synapse.
        update_active, update_inactive: of a neuron in a step: one that changes, one at rest.
        spike: a neuron that spikes, beyond its update.
        message: a spike that is sent to one core, beyond its way.
        tile: a spike that enters a tile.
        hop_x, hop_y: to the next tile along an axis. chip_border: what a hop over the border of a chip costs more.
    """

    synaptic_operation: Range
    update_active: Range
    update_inactive: Range
    spike: Range
    message: Range
    tile: Range
    hop_x: Range
    hop_y: Range
    chip_border: Range


class Time(_Part):
    """What an event takes, in ns; as in `Energy`.

    Attributes:
        message_in: a message that a core takes in; message_out: one that it sends.
        barrier: what the end of a step takes on one chip; barrier_chips: on several.
    """

    synaptic_operation: Range
    update_active: Range
    update_inactive: Range
    spike: Range
    message_in: Range
    message_out: Range
    tile: Range
    hop_x: Range
    hop_y: Range
    chip_border: Range
    barrier: Range
    barrier_chips: Range


class Power(_Part):
    """static: of a chip that does nothing, in W."""

    static: Range


class Target(_Part):
    """A chip. `load` finds one by name or path."""

    name: Annotated[str, Field(min_length=1)]
    title: Annotated[str, Field(min_length=1)]
    neuron: Neuron
    synapse: Synapse
    core: Core
    chip: Chip
    mesh: Mesh
    # what nobody has measured is not there: such a target has no cost
    energy: Energy | None = None
    time: Time | None = None
    power: Power | None = None

    @property
    def chips(self) -> int:
        """Chips of the largest machine."""
        return self.mesh.chips_x.value * self.mesh.chips_y.value * self.mesh.boards.value

    @model_validator(mode="after")
    def _every_core_has_a_tile(self) -> Target:
        if self.chip.cores.value > self.mesh.cores:
            wrong = f"the tiles of the mesh hold {self.mesh.cores:,} cores, a chip has {self.chip.cores.value:,}"
            raise ValueError(wrong)
        return self


# files beside the shipped chips that are none: what a user starts from, and capacities fitted for a comparison
TEMPLATE, FITTED = "template", "loihi2_fitted"


def shipped() -> tuple[str, ...]:
    """Names of the chips that come with snndeploy. `load` also takes FITTED."""
    found = (path.stem for path in resources.folder("targets").glob("*.toml"))
    return tuple(sorted(name for name in found if name not in (TEMPLATE, FITTED)))


def template(name: str) -> str:
    """The text of a target to start from, named so: every field with what it means, and values to be replaced."""
    text = (resources.folder("targets") / f"{TEMPLATE}.toml").read_text("utf-8")
    return text.replace('name = "mine"', f"name = {json.dumps(name)}")


def load(target: str | Path | Target) -> Target:
    """The target of that name, or of that file if the name ends in .toml or holds a path separator.

    A file that says `base = "loihi2"` holds only what differs from that shipped target, field by field.

    Raises:
        SnnDeployError SD201: no such target; the shipped ones are listed. SD202: the file cannot be read or is not
        TOML. SD204: every field that is missing, unknown or out of range, at once.
    """
    if isinstance(target, Target):
        return target
    text = str(target)
    if isinstance(target, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        path = Path(target)
    elif text in shipped() or text == FITTED:
        path = resources.folder("targets") / f"{text}.toml"
    else:
        fix = f"choose from {', '.join(shipped())}, or name a .toml file"
        raise error("SD201", f"target {text!r}", "there is no such target", fix)
    data = _parsed(path, text)
    base = data.pop("base", None)
    if base is not None:
        if base not in shipped():
            fix = f"choose from {', '.join(shipped())}"
            raise error("SD201", f"target {text!r}, base", f"there is no shipped target {base!r}", fix)
        below = load(base).model_dump(mode="json", exclude_none=True)
        data = {**below, **{key: _joined(below.get(key), value) for key, value in data.items()}}
    try:
        return Target.model_validate(data)
    except ValidationError as problem:
        raise SnnDeployError(_finding(text, each) for each in problem.errors(include_url=False)) from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        fix = f"check the path; shipped targets: {', '.join(shipped())}"
        raise error("SD201", f"target {text!r}", "there is no such file", fix) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise error(
            "SD202",
            f"target {text!r}",
            getattr(problem, "strerror", None) or str(problem),
            "see targets/loihi2.toml for the form",
        ) from None


def _joined(below: Any, value: Any) -> Any:
    """A section over that of the base, field by field."""
    return {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value


def _finding(text: str, problem: object) -> Finding:
    details = dict(problem)  # type: ignore[call-overload]
    field = ".".join(map(str, details["loc"])) or "(top level)"
    given = details.get("input")
    shown = "" if isinstance(given, dict) or details["type"] == "missing" else f" (it is {given!r})"
    fix = "remove it" if details["type"] == "extra_forbidden" else "see targets/loihi2.toml for the form"
    return Finding("SD204", f"target {text!r}, {field}", f"{details['msg']}{shown}", fix)
