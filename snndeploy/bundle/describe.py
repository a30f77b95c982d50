"""A network as the contract of a bundle: JSON and arrays, from which the verifier computes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from snndeploy.bundle.verifier.network import FORMAT
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Shape, Sparse
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.registers import STATE_MAX, Registers
from snndeploy.network.timing import update_order

Keep = Callable[[Array], str]
SMALLEST = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64)


def narrow(values: Array) -> Array:
    """The same whole numbers in the smallest type that holds them."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    fitting = (t for t in SMALLEST if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    return np.ascontiguousarray(values, next(fitting))


def contract(network: Network, keep: Keep) -> dict[str, Any]:
    """What the verifier reads; `keep` stores an array and returns its name."""
    decision = network.decision
    return {
        "format": FORMAT,
        "form": "integer",
        "dt": network.dt,
        "inputs": [
            {"name": i.name, "shape": list(i.shape), "kind": i.kind, "onset": i.onset, "population": i.population}
            for i in network.inputs
        ],
        "populations": [_population(each, keep) for each in network.populations],
        "projections": [_projection(each, network, keep) for each in network.projections],
        "order": [name for group in update_order(network) for name in group],
        "outputs": list(network.outputs),
        "decision": None if decision is None else {"population": decision.population, "rule": decision.rule},
        "encodings": [{"input": each.input, "kind": each.name, "said": each.said} for each in network.encodings],
    }


def _whole(value: Any, keep: Keep) -> int | str:
    given = np.asarray(value)
    return int(given) if given.ndim == 0 else keep(narrow(given))


def _real(value: Any, keep: Keep) -> float | str:
    given = np.asarray(value, np.float64)
    return float(given) if given.ndim == 0 else keep(np.ascontiguousarray(given))


def _population(each: Population, keep: Keep) -> dict[str, Any]:
    rule = each.rule
    assert isinstance(rule, Registers)
    registers: dict[str, Any] = {
        name: _whole(getattr(rule, name), keep)
        for name in ("du", "dv", "bias_mant", "bias_exp", "initial_u", "initial_v")
    }
    registers["vth"] = None if rule.vth is None else _whole(rule.vth, keep)
    registers["bias_onset"] = rule.bias_onset
    registers["reset"] = {"kind": rule.reset.kind, "when": rule.reset.when, "value": _whole(rule.reset.value, keep)}
    rest, moves = rule.refractory, rule.adaptation
    registers["refractory"] = None if rest is None else {"steps": rest.steps, "freezes": rest.freezes}
    registers["adaptation"] = (
        None
        if moves is None
        else {"da": _whole(moves.da, keep), "jump": _whole(moves.jump, keep), "decays": moves.decays}
    )
    scale, offset = _real(rule.scale, keep), _real(rule.offset, keep)
    return {
        "name": each.name,
        "shape": list(each.shape),
        "registers": registers,
        "scale": scale,
        "offset": offset,
        "largest state": STATE_MAX,
    }


def _projection(p: Projection, network: Network, keep: Keep) -> dict[str, Any]:
    assert p.format is not None
    maps, shape = [], network.shapes[p.source]
    for each in p.maps:
        maps.append(_map(each, shape, keep))
        shape = each.shape_out(shape)
    stored = {"exponent": p.format.exponent, "bits": p.format.bits, "sign": p.format.sign}
    return {"name": p.name, "source": p.source, "target": p.target, "delay": p.delay, "maps": maps, **stored}


def _map(each: Map, shape: Shape, keep: Keep) -> dict[str, Any]:
    out = each.shape_out(shape)
    match each:
        case Dense():
            return {"map": "dense", "weight": keep(narrow(each.weight))}
        case Sparse():
            matrix = each.weight
            held = {
                "weight": keep(narrow(matrix.data)),
                "columns": keep(narrow(matrix.indices)),
                "rows": keep(narrow(matrix.indptr)),
            }
            ways = {"shape_from": list(each.shape_from), "shape_to": list(each.shape_to)}
            return {"map": "sparse", "synapses": int(matrix.nnz), **ways, **held}
        case Conv():
            return {
                "map": "convolution",
                "weight": keep(narrow(each.weight)),
                "stride": list(each.stride),
                "dilation": list(each.dilation),
                "padding": [list(pair) for pair in each.padding],
                "groups": each.groups,
            }
        case Pool():
            sides = [[n, n] for n in each.padding]
            return {
                "map": "sum pool",
                "kernel": list(each.kernel),
                "stride": list(each.stride),
                "padding": sides,
                "space": list(out[1:]),
            }
        case Flatten() | Reshape():
            assert prod(out) == prod(shape)
            return {"map": "reshape", "shape_to": list(out)}
    raise TypeError(f"{type(each).__name__} has no integer form")
