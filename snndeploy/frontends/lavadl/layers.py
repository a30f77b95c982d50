"""The layers of an exchange file, one after the other: what each adds to the network, or why it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from snndeploy.errors import Finding
from snndeploy.files import readable
from snndeploy.frontends.nir.loading import Limits
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Shape
from snndeploy.network.network import Population, Projection
from snndeploy.network.registers import Format, Registers

Fields = Mapping[str, Any]
BIAS_EXP = 6
# state units per unit of SLAYER's membrane: its weights are scaled by 64, its state by 64 again
SCALE = 4096.0
SIZE_LIMIT = 2**26
KNOWN = {
    "input": {"type", "shape"},
    "flatten": {"type", "shape"},
    "dense": {"type", "shape", "inFeatures", "outFeatures", "weight", "bias", "delay", "neuron"},
    "conv": {
        *("type", "shape", "inChannels", "outChannels", "kernelSize", "stride", "padding", "dilation", "groups"),
        *("weight", "bias", "delay", "neuron"),
    },
}
NEURON = {"type", "iDecay", "vDecay", "vThMant", "refDelay", "gradedSpike", "messageBits", "weight_exp", "wgtExp"}
# learning and surrogate settings of SLAYER, which take no part in inference
TRAINING = {"scaleRho", "tauRho", "theta"}


class WrongError(Exception):
    """(code, field, what, fix)"""


@dataclass
class Layer:
    where: str
    index: int
    fields: Fields
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Stack:
    """What the layers so far have made.

    Attributes:
        start, shape: of the input, and of what leaves the last layer; None before the first.
        late: steps that the axons of the last layer take beside.
        left: numbers that may still be written out.
    """

    start: Shape | None = None
    shape: Shape | None = None
    flatten: bool = False
    late: int = 0
    populations: list[Any] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)
    left: int = Limits.numbers

    def spend(self, numbers: int, name: str) -> None:
        """Counts numbers that are about to be written out."""
        self.left -= numbers
        if self.left < 0:
            raise WrongError("SD402", name, "with it, the file describes too many numbers", "raise Limits.numbers")


def add(stack: Stack, layer: Layer) -> None:
    """Adds one layer, or a finding to it."""
    try:
        kind = text(layer.fields, "type")
        if kind not in KNOWN:
            what = f"lava-dl's netx does not run a {kind!r} layer, and neither does this"
            raise WrongError("SD421", "type", what, "use dense, conv, flatten and input layers")
        unknown = sorted(set(layer.fields) - KNOWN[kind])
        if kind == "input" and "neuron" in unknown:
            what = "an input layer with neurons turns numbers into spikes by its bias, which no chip input does"
            raise WrongError("SD421", "neuron", what, "export without it, and feed the spikes that it makes")
        if unknown:
            what = f"a {kind} layer with {unknown[0]!r} is not known"
            raise WrongError("SD420", unknown[0], what, "export the network again with lava-dl 0.6")
        if kind == "input":
            _input(stack, layer.fields)
        elif kind == "flatten":
            stack.flatten = True
        else:
            _neurons(stack, layer, kind)
    except WrongError as problem:
        code, name, what, fix = problem.args
        layer.findings.append(Finding(code, f"{layer.where}, {readable(name, 80)}", readable(what), fix))


def _input(stack: Stack, fields: Fields) -> None:
    if stack.populations or stack.start is not None:
        raise WrongError("SD421", "type", "an input layer behind others", "let it be the first")
    stack.start = stack.shape = _shape(fields, "shape")


def _neurons(stack: Stack, layer: Layer, kind: str) -> None:
    fields = layer.fields
    shape = _shape(fields, "shape")
    weight = whole(fields, "weight")
    stack.spend(weight.size, "weight")
    maps: tuple[Map, ...]
    if kind == "dense":
        shape = (prod(shape),)
        maps = _dense(stack, shape, weight)
    else:
        maps = _conv(stack, fields, shape, weight)
    assert stack.shape is not None
    name = f"layer{layer.index}"
    form = fit(maps[-1].weight)  # type: ignore[attr-defined]
    maps = (*maps[:-1], _shifted(maps[-1], -form.exponent))
    try:
        arrives = stack.shape
        for each in maps:
            arrives = each.shape_out(arrives)
    except ValueError as problem:
        raise WrongError("SD422", "weight", str(problem), "export the network again") from None
    if arrives != shape:
        raise WrongError("SD422", "shape", f"it is {shape}, and its weights make {arrives}", "export the network again")
    source = stack.populations[-1].name if stack.populations else "input"
    stack.projections.append(Projection(source, name, maps, stack.late, 0, form))
    registers = _registers(fields, shape)
    full = [np.asarray(each) for each in (registers.du, registers.dv, registers.vth, registers.bias_mant)]
    stack.spend(sum(each.size for each in full if each.ndim), "neuron")
    stack.populations.append(Population(name, shape, registers))
    stack.shape, stack.flatten, stack.late = shape, False, _late(fields)


def _dense(stack: Stack, shape: Shape, weight: Array) -> tuple[Map, ...]:
    if weight.ndim == 1 and shape[0] and weight.size % shape[0] == 0:
        weight = weight.reshape(shape[0], -1)
    if weight.ndim != 2:
        raise WrongError("SD422", "weight", f"its shape {weight.shape} is not (out, in)", "export the network again")
    if stack.shape is None:
        stack.start = stack.shape = (weight.shape[1],)
    flat: tuple[Map, ...] = ()
    if len(stack.shape) > 1:
        if not stack.flatten and max(stack.shape) != prod(stack.shape):
            what = f"{stack.shape} comes in without a flatten layer, so the order of its axes is open"
            raise WrongError("SD420", "weight", what, "put a flatten layer in front")
        flat = (Flatten(0, -1, len(stack.shape)),)
    return (*flat, Dense(weight))


def _conv(stack: Stack, fields: Fields, shape: Shape, weight: Array) -> tuple[Map, ...]:
    if weight.ndim == 5 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.ndim != 4 or len(shape) != 3:
        what = f"a weight of shape {weight.shape} on {shape} is not one of images"
        raise WrongError("SD422", "weight", what, "export the network again")
    if stack.shape is None or len(stack.shape) != 3:
        what = "what comes in is unknown" if stack.shape is None else f"what comes in is {stack.shape}"
        raise WrongError("SD420", "weight", f"{what}, not (channels, height, width)", "export the input layer too")
    stride, padding, dilation = (pair(fields, name) for name in ("stride", "padding", "dilation"))
    (groups,) = _numbers(fields, "groups", 1)
    if min(stride) < 1 or min(dilation) < 1 or groups < 1 or min(padding) < 0:
        what = f"stride {stride}, padding {padding}, dilation {dilation} or groups {groups} is too small"
        raise WrongError("SD422", "stride", what, "export the network again")
    return (Conv(weight, stride, ((padding[0],) * 2, (padding[1],) * 2), dilation, groups),)


def fit(weight: Array) -> Format:
    """The format that holds integer weights exactly: mixed signs lie on even numbers, smaller ones are shifted."""
    low, high = int(weight.min()), int(weight.max())
    sign: Any = "excitatory" if low >= 0 else "inhibitory" if high <= 0 else "mixed"
    shift = int(sign == "mixed" and bool((weight % 2).any()))
    form = Format(-shift, 8, sign)
    if low << shift < form.limits[0] or high << shift > form.limits[1]:
        odd = " with odd numbers among them" if shift else ""
        what = f"weights from {low} to {high}{odd} do not fit {form.limits[0] >> shift}..{form.limits[1] >> shift}"
        raise WrongError("SD422", "weight", what, "train with quantised weights (quantize_hook_fx)")
    return form


def _shifted(each: Map, by: int) -> Map:
    from dataclasses import replace

    return replace(each, weight=each.weight << by) if by else each  # type: ignore[type-var, attr-defined]


def _registers(fields: Fields, shape: Shape) -> Registers:
    neuron = fields.get("neuron")
    if not isinstance(neuron, Mapping):
        raise WrongError("SD420", "neuron", "it has none", "export the network again")
    kind = text(neuron, "type", "neuron/")
    if kind not in ("CUBA", "LOIHI"):
        what = f"{kind!r} is not CUBA or LOIHI"
        raise WrongError("SD421", "neuron/type", what, "train with slayer.block.cuba")
    unknown = sorted(set(neuron) - NEURON - TRAINING)
    if unknown:
        raise WrongError(
            "SD420", f"neuron/{unknown[0]}", "it is not known", "export the network again with lava-dl 0.6"
        )
    for name, allowed, why in (
        ("gradedSpike", (0,), "spikes carry a value"),
        ("messageBits", (0,), "spikes carry a value"),
        ("refDelay", (0, 1), "the neuron is refractory"),
        ("weight_exp", (0,), "its normalisation scales the current"),
        ("wgtExp", (0, 6), "its weights have an exponent"),
    ):
        if name in neuron and not np.isin(_numbers(neuron, name, None, "neuron/"), allowed).all():
            told = _numbers(neuron, name, None, "neuron/")[0]
            raise WrongError("SD421", f"neuron/{name}", f"{why} ({told})", f"train with {name} = {allowed[0]}")
    found = {}
    for name, least, most in (("iDecay", 1, 4096), ("vDecay", 0, 4095), ("vThMant", 0, 2**17 - 1)):
        value = np.asarray(_numbers(neuron, name, None, "neuron/"))
        if value.min() < least or value.max() > most:
            what = f"{value.min()} to {value.max()} is outside {least}..{most}"
            raise WrongError("SD422", f"neuron/{name}", what, "train with another decay or threshold")
        found[name] = _spread(value, shape, f"neuron/{name}")
    bias = _spread(whole(fields, "bias").ravel(), shape, "bias") if "bias" in fields else 0
    return Registers(
        found["iDecay"] - 1, found["vDecay"], found["vThMant"], bias, BIAS_EXP if np.any(bias) else 0, scale=SCALE
    )


def _spread(value: Array, shape: Shape, name: str) -> Array:
    """One number, one per channel, or one per neuron."""
    if value.size == 1:
        return value.reshape(())
    if value.size == prod(shape):
        return value.reshape(shape)
    if value.size == shape[0]:
        return np.broadcast_to(value.reshape(-1, *(1,) * (len(shape) - 1)), shape)
    raise WrongError("SD422", name, f"{value.size} numbers for {shape} neurons", "export the network again")


def _late(fields: Fields) -> int:
    if "delay" not in fields:
        return 0
    delay = _numbers(fields, "delay", None)
    if len(set(delay)) > 1:
        what = f"axons of one layer are {min(delay)} to {max(delay)} steps late, and netx runs them without delay"
        raise WrongError("SD421", "delay", what, "train without delays, or with the same for a layer")
    if not 0 <= delay[0] <= 62:
        raise WrongError("SD422", "delay", f"{delay[0]} is outside 0..62", "train with shorter delays")
    return delay[0]


def text(fields: Fields, name: str, at: str = "") -> str:
    value = fields.get(name)
    if isinstance(value, Mapping) and isinstance(value.get("texts"), list) and len(value["texts"]) == 1:
        value = value["texts"][0]
    if not isinstance(value, str):
        raise WrongError("SD420", f"{at}{name}", "it is not one text", "export the network again")
    return value


def whole(fields: Fields, name: str) -> Array:
    """An array of whole numbers, int64."""
    value = fields.get(name)
    if not isinstance(value, np.ndarray) or not value.size:
        raise WrongError("SD420", name, "it has no numbers", "export the network again")
    if (
        not np.isfinite(value).all()
        or (value != np.floor(value)).any()
        or np.abs(value.astype(np.float64)).max() > 2**31
    ):
        what = "it holds numbers that are not whole"
        raise WrongError("SD422", name, what, "train with quantised weights (quantize_hook_fx)")
    return value.astype(np.int64)


def _numbers(fields: Fields, name: str, count: int | None, at: str = "") -> list[int]:
    try:
        found = [int(n) for n in whole(fields, name).ravel()]
    except WrongError as problem:
        code, _, what, fix = problem.args
        raise WrongError(code, f"{at}{name}", what, fix) from None
    if count is not None and len(found) != count:
        raise WrongError("SD422", f"{at}{name}", f"{len(found)} numbers, not {count}", "export the network again")
    return found


def pair(fields: Fields, name: str) -> tuple[int, int]:
    found = _numbers(fields, name, None)
    if len(found) not in (1, 2):
        raise WrongError("SD422", name, f"{len(found)} numbers, not 2", "export the network again")
    return found[0], found[-1]


def _shape(fields: Fields, name: str) -> Shape:
    shape = tuple(_numbers(fields, name, None))
    if len(shape) > 3 or min(shape) < 1 or prod(shape) > SIZE_LIMIT:
        raise WrongError("SD422", name, f"{shape[:6]} is not a shape", "export the network again")
    return shape
