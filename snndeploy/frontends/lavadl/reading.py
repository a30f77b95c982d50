"""A lava-dl exchange file -> an integer network, as lava-dl's own netx runs it on Loihi.

`layer/<i>` are the layers in order, each with a `type`; shapes are (channels, height, width), weights integers::

    neuron CUBA or LOIHI      du = iDecay - 1, dv = vDecay, vth = vThMant, reset to 0 in the step of the spike
    dense                     weight (out, in), row-major over (channels, height, width) behind a flatten
    conv                      weight (out, in/groups, kernel height, kernel width), cross-correlation
    bias                      bias_mant, with an exponent of 6
    delay                     of the layer's axons, in steps

Without biases a layer's latency is not part of the network, as everywhere here. A bias starts to integrate before the
first input has come through the layers in front, one step for each: networks with biases keep these steps as delays.
Sources: lava-dl's netx/hdf5.py, netx/utils.py and slayer/block/base.py (BSD-3), for the facts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy.errors import Finding, SnnDeployError, raise_errors
from snndeploy.files import findings_at, readable
from snndeploy.frontends.lavadl.layers import Layer, Stack, add
from snndeploy.frontends.nir.loading import Limits, NetFile, load_any
from snndeploy.network import spec
from snndeploy.network.maps import at_most
from snndeploy.network.network import Input, InputKind, Network


def read(
    path: str | os.PathLike[str], dt: float | None = None, kind: InputKind = "binary", limits: Limits | None = None
) -> Network:
    """The network in an exchange file of lava-dl.

    Args:
        dt: seconds per step; the file does not say it.
        kind: of the input.
        limits: what the file may cost; it is opened in a child process.

    Raises:
        SnnDeployError SD401-SD403, SD801: the file cannot be opened. SD408: no dt. SD420-SD422: what it holds is not
            known, not supported or out of range; everything at once. SD1xx: the network is not legal.
    """
    held = load_any(path, limits)
    if not isinstance(held, NetFile):
        what = "it is a NIR file, not an exchange file of lava-dl"
        raise SnnDeployError(Finding("SD420", str(path), what, "read it with sd.read"))
    return network(held, str(path), dt, kind, limits)


def network(held: NetFile, path: str, dt: float | None, kind: InputKind, limits: Limits | None = None) -> Network:
    """The network of an opened file; see `read`."""
    found: list[Finding] = []
    if dt is None or not (np.isfinite(dt) and dt > 0):
        what = "the file has no time step, and none was given" if dt is None else f"{dt} s is not a positive time"
        found.append(Finding("SD408", f"{path}: dt", what, "say it in seconds: dt=1e-3"))
    numbers = (limits or Limits()).numbers
    stack = Stack(left=numbers)
    for i, fields in enumerate(_ordered(held.layers, path)):
        layer = Layer(f"{path}: layer {i}", i, fields)
        add(stack, layer)
        found += layer.findings
        if layer.findings:
            break
    if not found and not stack.populations:
        found.append(Finding("SD420", f"{path}: layer", "it has no layer with neurons", "export the network again"))
    if not found and stack.late:
        what = f"the axons of the last layer are {stack.late} steps late, which has no effect but on its output's time"
        found.append(Finding("SD421", f"{path}: layer {len(held.layers) - 1}, delay", what, "export it without"))
    raise_errors(found)
    assert dt is not None
    biased = any(np.any(p.rule.bias_mant) for p in stack.populations)
    projections = [replace(p, delay=p.delay + biased) for p in stack.projections]
    note = "biases integrate from step 0 on: each layer is a step behind the one in front, as on the chip"
    made = Network(
        dt,
        (Input("input", stack.start or (1,), kind),),
        tuple(stack.populations),
        tuple(projections),
        (stack.populations[-1].name,),
        provenance={"format": "lava-dl", "repairs": note if biased else ""},
    )
    try:
        with at_most(numbers):
            return spec.check(made)
    except SnnDeployError as problem:
        raise findings_at(path, problem) from None


def _ordered(layers: Mapping[str, Any], path: str) -> list[Any]:
    names = [str(i) for i in range(len(layers))]
    if set(names) != set(layers):
        what = f"its members are {', '.join(sorted(layers)[:8])}, not 0 to {len(layers) - 1}"
        raise SnnDeployError(Finding("SD420", f"{path}: layer", readable(what), "export the network again"))
    return [layers[name] for name in names]
