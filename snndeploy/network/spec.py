"""What a legal network is. Each rule is one function named as a sentence; `findings` reports every breach at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints
from weakref import WeakSet

import numpy as np

from snndeploy.errors import Finding, SnnDeployError, raise_errors
from snndeploy.network import registers as reg
from snndeploy.network.arrays import Array
from snndeploy.network.encodings import ENCODINGS
from snndeploy.network.maps import Pool, Shape, chain_matrix
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import Registers
from snndeploy.network.rule import Rule, parameters
from snndeploy.network.table import number
from snndeploy.network.timing import update_order

Breaches = Iterator[Finding]
SpecRule = Callable[[Network], Breaches]
# parameters are read-only: a network that was found legal is not looked at again
_legal: WeakSet[Network] = WeakSet()


def names_are_unique_and_plain(network: Network) -> Breaches:
    for what, names in (
        ("input or population", [*(i.name for i in network.inputs), *(p.name for p in network.populations)]),
        ("projection", [p.name for p in network.projections]),
        ("output", list(network.outputs)),
    ):
        for name, times in Counter(names).items():
            if times > 1:
                yield Finding("SD101", f"{what} {name!r}", f"the name is used {times} times", "rename one")
            if not name or name == "." or "/" in name or not name.isprintable():
                told = "the name is empty, '.', or holds '/' or a character that cannot be printed"
                yield Finding("SD101", f"{what} {name!r}", told, "rename it")


def every_reference_is_known(network: Network) -> Breaches:
    for p in network.projections:
        if p.source not in network.shapes:
            yield Finding("SD102", f"projection {p.name!r}", f"its source {p.source!r} does not exist")
        if p.target not in network.population:
            yield Finding("SD102", f"projection {p.name!r}", f"its target {p.target!r} is not a population")
    for name in network.outputs:
        if name not in network.population:
            yield Finding("SD102", f"output {name!r}", "it is not a population")
    if network.decision is not None and network.decision.population not in network.outputs:
        yield Finding("SD102", "decision", f"it reads {network.decision.population!r}, which is not an output")


def something_comes_in_and_goes_out(network: Network) -> Breaches:
    if not network.inputs:
        yield Finding("SD112", "network", "it has no input")
    if not network.outputs:
        yield Finding("SD112", "network", "it has no output", "name a population in `outputs`")


def every_population_receives_something(network: Network) -> Breaches:
    for each in network.populations:
        if not network.into(each.name) and each.name not in {i.population for i in network.inputs}:
            yield Finding("SD114", f"population {each.name!r}", "no projection feeds it", "connect or remove it")


def every_shape_fits(network: Network) -> Breaches:
    for name, shape in network.shapes.items():
        if any(n < 1 for n in shape):
            yield Finding("SD103", repr(name), f"the shape {shape} has an axis without elements")
    for p in network.projections:
        if p.source not in network.shapes or p.target not in network.population:
            continue
        try:
            arrives = network.shape_after(p)
        except ValueError as problem:
            yield Finding("SD103", f"projection {p.name!r}", str(problem))
            continue
        if arrives != network.shapes[p.target]:
            yield Finding(
                "SD103",
                f"projection {p.name!r}",
                f"it delivers {arrives}, but {p.target!r} has shape {network.shapes[p.target]}",
            )


def _fits(array: Array, shape: Shape) -> bool:
    try:
        return np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        return False


def _numbers(each: Population) -> dict[str, Array]:
    if isinstance(each.rule, Rule):
        return parameters(each.rule)
    names = ("du", "dv", "vth", "bias_mant", "bias_exp", "initial_u", "initial_v", "scale", "offset")
    found = {name: np.asarray(getattr(each.rule, name)) for name in names if getattr(each.rule, name) is not None}
    moves = each.rule.adaptation
    found |= {} if moves is None else {"adaptation.da": np.asarray(moves.da), "adaptation.jump": np.asarray(moves.jump)}
    return found | {"reset.value": np.asarray(each.rule.reset.value)}


def every_parameter_is_finite_and_fits_its_population(network: Network) -> Breaches:
    for each in network.populations:
        for name, value in _numbers(each).items():
            where = f"population {each.name!r}, {name}"
            if not _fits(value, each.shape):
                yield Finding("SD103", where, f"its shape {value.shape} does not broadcast to {each.shape}")
            elif not np.isfinite(value).all():
                yield Finding(
                    "SD104", where, f"{np.count_nonzero(~np.isfinite(value))} of {value.size} are NaN or infinite"
                )


def every_weight_is_finite(network: Network) -> Breaches:
    for p in network.projections:
        for each in p.maps:
            weight = getattr(each, "factor", getattr(each, "weight", None))
            if weight is None:
                continue
            weight = weight if isinstance(weight, np.ndarray) else np.asarray(weight.data)
            if not np.isfinite(weight).all():
                bad = np.count_nonzero(~np.isfinite(weight))
                yield Finding("SD104", f"projection {p.name!r}", f"{bad} of {weight.size} weights are NaN or infinite")


def every_float_setting_is_in_range(network: Network) -> Breaches:
    if not (np.isfinite(network.dt) and network.dt > 0):
        yield Finding("SD105", "network", f"dt = {network.dt} s is not a positive time")
    for each in network.populations:
        rule = each.rule
        if not isinstance(rule, Rule):
            continue
        where = f"population {each.name!r}"
        for name, value in parameters(rule).items():
            decays = name == "beta" or name.endswith(".alpha") or name == "adaptation.decay"
            if decays and np.isfinite(value).all() and (np.min(value) < -1 or np.max(value) > 1):
                yield Finding("SD105", where, f"{name} = {number(value)} is outside -1..1, so the state would grow")
        if not rule.receptors:
            yield Finding("SD105", where, "it has no receptor")
        onsets = [rule.bias_onset, *(r.onset for r in rule.receptors)]
        if min(onsets) < 0:
            yield Finding("SD105", where, f"an onset of {min(onsets)} is negative")


def every_rest_and_adaptation_belongs_to_spikes(network: Network) -> Breaches:
    for each in network.populations:
        rule, where = each.rule, f"population {each.name!r}"
        if rule.refractory is not None and rule.refractory.steps < 0:
            yield Finding("SD105", where, f"a refractory period of {rule.refractory.steps} steps is negative")
        if not rule.spiking and (rule.adaptation or rule.refractory):
            yield Finding("SD113", where, "adaptation and refractory periods need a threshold")


def every_projection_setting_is_in_range(network: Network) -> Breaches:
    for p in network.projections:
        if p.delay < 0:
            yield Finding("SD105", f"projection {p.name!r}", f"a delay of {p.delay} steps is negative")
        target = network.population.get(p.target)
        if target is None:
            continue
        receptors = len(target.rule.receptors) if isinstance(target.rule, Rule) else 1
        if not 0 <= p.receptor < receptors:
            yield Finding("SD102", f"projection {p.name!r}", f"receptor {p.receptor} of {receptors} does not exist")


@cache
def _declared(kind: type[Any]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Fields of a dataclass that hold one of some words, and fields that hold a whole number."""
    hints = get_type_hints(kind)
    words = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    return words, tuple(name for name, hint in hints.items() if hint is int)


def every_setting_is_one_that_exists(network: Network) -> Breaches:
    parts: list[tuple[str, Any]] = [(f"input {each.name!r}", each) for each in network.inputs]
    for p in network.projections:
        parts += [(f"projection {p.name!r}", each) for each in (p, p.format, *p.maps)]
    for population in network.populations:
        rule = population.rule
        held: list[Any] = [rule, rule.reset]
        held += [rule.refractory, rule.adaptation, *(rule.receptors if isinstance(rule, Rule) else ())]
        parts += [(f"population {population.name!r}", each) for each in held]
    parts += [(f"input {each.input!r}, its encoding", each) for each in network.encodings]
    for where, part in [*parts, ("decision", network.decision)]:
        if part is None:
            continue
        kind: Any = type(part)
        words, whole = _declared(kind)
        for name, known in words.items():
            value = getattr(part, name)
            if value not in known:
                yield Finding("SD105", where, f"{name} {value!r} is unknown", f"choose from {', '.join(known)}")
        for name in whole:
            value = getattr(part, name)
            if not isinstance(value, (int, np.integer)):
                yield Finding("SD105", where, f"{name} {value!r} is not a whole number")


def every_loop_has_a_delay(network: Network) -> Breaches:
    try:
        update_order(network)
    except SnnDeployError as problem:
        yield from problem.findings


def forms_are_not_mixed(network: Network) -> Breaches:
    integer = network.form == "integer"
    for each in network.populations:
        if isinstance(each.rule, Registers) != integer:
            yield Finding(
                "SD107", f"population {each.name!r}", "it is in the float form, others are in the integer form"
            )
    for p in network.projections:
        if (p.format is not None) != integer:
            has = "has a format, but the network is in the float form" if p.format else "has no format"
            yield Finding("SD107", f"projection {p.name!r}", f"it {has}")


REGISTER_LIMITS: dict[str, tuple[int, int]] = {
    "du": (0, reg.DECAY_MAX),
    "dv": (0, reg.DECAY_MAX),
    "vth": (0, reg.VTH_MAX),
    "bias_mant": (reg.BIAS_MANT_MIN, reg.BIAS_MANT_MAX),
    "bias_exp": (0, reg.BIAS_EXP_MAX),
    "initial_u": (-reg.STATE_MAX, reg.STATE_MAX),
    "initial_v": (-reg.STATE_MAX, reg.STATE_MAX),
    "reset.value": (-reg.STATE_MAX, reg.STATE_MAX),
    "adaptation.da": (0, reg.DECAY_MAX),
    "adaptation.jump": (-reg.STATE_MAX, reg.STATE_MAX),
}


def integers_come_in(network: Network) -> Breaches:
    for each in network.inputs:
        if network.form == "integer" and each.kind == "real":
            yield Finding("SD111", f"input {each.name!r}", "real numbers cannot enter the integer form", "encode them")


def every_register_holds_its_value(network: Network) -> Breaches:
    for each in network.populations:
        if not isinstance(each.rule, Registers):
            continue
        values = _numbers(each)
        for name, (low, high) in REGISTER_LIMITS.items():
            value = values.get(name)
            if value is not None and value.size and (value.min() < low or value.max() > high):
                yield Finding(
                    "SD109", f"population {each.name!r}", f"{name} = {number(value)} is outside {low}..{high}"
                )
        if each.rule.bias_onset < 0:
            yield Finding("SD105", f"population {each.name!r}", f"an onset of {each.rule.bias_onset} is negative")
        if not each.rule.spiking and any(p.source == each.name for p in network.projections):
            yield Finding(
                "SD108",
                f"population {each.name!r}",
                "it emits its membrane into other populations",
                "give it a threshold, or end the network there",
            )


def _weighted(p: Projection) -> Array | None:
    """The mantissas of a projection, or None if it has not exactly one weighted map."""
    found = [each for each in p.maps if each.weighted]
    if len(found) != 1:
        return None
    weight = found[0].weight  # type: ignore[attr-defined]
    return weight if isinstance(weight, np.ndarray) else np.asarray(weight.data)


def every_weight_is_on_its_grid(network: Network) -> Breaches:
    for p in network.projections:
        if p.format is None:
            continue
        where = f"projection {p.name!r}"
        weight = _weighted(p)
        if weight is None or weight.dtype != np.int64:
            yield Finding("SD107", where, "the integer form needs exactly one map with integer weights per projection")
            continue
        for each in p.maps:
            if type(each).__name__ == "Scale" or getattr(each, "kind", "sum") == "average":
                yield Finding(
                    "SD107", where, f"a {type(each).__name__.lower()} has no integer form", "fold it into the weights"
                )
        if not 1 <= p.format.bits <= 8:
            yield Finding("SD109", where, f"{p.format.bits} weight bits are outside 1..8")
            continue
        if not reg.WEIGHT_EXP_MIN <= p.format.exponent <= reg.WEIGHT_EXP_MAX:
            yield Finding(
                "SD109", where, f"exponent {p.format.exponent} is outside {reg.WEIGHT_EXP_MIN}..{reg.WEIGHT_EXP_MAX}"
            )
        low, high = p.format.limits
        off = np.count_nonzero((weight < low) | (weight > high) | (weight & (p.format.step - 1) != 0))
        if off:
            yield Finding(
                "SD110",
                where,
                f"{off} of {weight.size} mantissas are outside {low}..{high} in steps of {p.format.step}",
                "quantise again",
            )
        elif any(isinstance(each, Pool) for each in p.maps):
            yield from _joined_weights(network, p, (low, high))


def _joined_weights(network: Network, p: Projection, limits: tuple[int, int]) -> Breaches:
    """Windows of a pool that overlap add weights up: a synapse then holds their sum."""
    try:
        joined = chain_matrix(p.maps, network.shapes[p.source]).data
    except (KeyError, ValueError):
        return  # reported as a name or a shape
    except SnnDeployError as problem:
        yield from (replace(each, where=f"projection {p.name!r}, {each.where}") for each in problem.findings)
        return
    off = np.count_nonzero((joined < limits[0]) | (joined > limits[1]))
    if off:
        what = f"{off} of {joined.size} synapses are outside {limits[0]}..{limits[1]} once its maps are one"
        yield Finding("SD110", f"projection {p.name!r}", what, "pool without overlap, or quantise the float network")


def every_bias_belongs_to_a_population(network: Network) -> Breaches:
    for each in network.inputs:
        where, fed = f"input {each.name!r}", network.population.get(each.population)
        if each.kind != "bias":
            if each.population:
                yield Finding("SD105", where, f"it is {each.kind} and names a population, {each.population!r}")
        elif fed is None:
            yield Finding("SD102", where, f"it is a bias of {each.population!r}, which is not a population")
        elif fed.shape != each.shape:
            yield Finding("SD103", where, f"its shape is {each.shape}, that of {each.population!r} is {fed.shape}")
        for p in network.projections:
            if p.source == each.name and each.kind == "bias":
                yield Finding("SD105", f"projection {p.name!r}", "its source is a bias, which sends no events")


def every_encoding_feeds_inputs_that_are_there(network: Network) -> Breaches:
    fed: Counter[str] = Counter()
    for each in network.encodings:
        where = f"input {each.input!r}, encoding {type(each).__name__}"
        if type(each) not in ENCODINGS.values():
            yield Finding("SD105", where, "it is none that exists", f"choose from {', '.join(ENCODINGS)}")
            continue
        wrong = each.problems()
        if wrong:
            yield Finding("SD105", where, f"it is set to {' and '.join(wrong)}")
            continue
        for made in each.made:
            held = network.input.get(made.name)
            fed[made.name] += 1
            if held is None:
                yield Finding("SD102", where, f"the network has no input {made.name!r} for its events")
            elif (held.shape, held.kind, held.population) != (made.shape, made.kind, made.population):
                what = (
                    f"its events for {made.name!r} are {made.kind} {made.shape}, the input is {held.kind} {held.shape}"
                )
                yield Finding("SD103", where, what)
    for name, times in fed.items():
        if times > 1:
            yield Finding("SD101", f"input {name!r}", f"{times} encodings make its events", "leave one")


RULES: tuple[SpecRule, ...] = (
    names_are_unique_and_plain,
    every_reference_is_known,
    something_comes_in_and_goes_out,
    every_population_receives_something,
    every_shape_fits,
    every_parameter_is_finite_and_fits_its_population,
    every_weight_is_finite,
    every_float_setting_is_in_range,
    every_rest_and_adaptation_belongs_to_spikes,
    every_projection_setting_is_in_range,
    every_setting_is_one_that_exists,
    forms_are_not_mixed,
    integers_come_in,
    every_bias_belongs_to_a_population,
    every_encoding_feeds_inputs_that_are_there,
    every_register_holds_its_value,
    every_weight_is_on_its_grid,
)


def findings(network: Network) -> list[Finding]:
    """Everything that keeps a network from being legal; an empty list if it is.

    `every_loop_has_a_delay` needs known names, so it runs only where the other rules found nothing.
    """
    found = [finding for rule in RULES for finding in rule(network)]
    return found or list(every_loop_has_a_delay(network))


def check(network: Network) -> Network:
    """The same network. Raises SnnDeployError with every finding if it is not legal; one that is stays so."""
    if network not in _legal:
        raise_errors(findings(network))
        _legal.add(network)
    return network
