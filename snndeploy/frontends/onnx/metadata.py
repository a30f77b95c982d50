"""What a model says about itself to a reader: Netron shows it, and a program finds the names in it.

Keys of `metadata_props`: "snndeploy" (version), "network" (hash of what it computes), "form", "graph", "arithmetic",
"dt" (seconds per step), "equation" (of every population), "population NAME" and "projection NAME" (their numbers), and
as JSON "inputs", "outputs", "states", "units", "decision", "encodings" (what made the inputs) and "provenance".
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from snndeploy.frontends.onnx.settings import Interface, Settings
from snndeploy.network import registers, rule
from snndeploy.network.digest import network_hash
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.network.table import projection_text, render, rule_text

GRAPHS = {
    "step": "One step. Every state that ends in .before is fed with zeros at first, then with its .after.",
    "sequence": "All steps of a sample, time first.",
}


def describe(model: Any, network: Network, settings: Settings, interface: Interface) -> None:
    """Fills in who made the model, and everything that its tensors alone do not say."""
    from importlib.metadata import version

    from onnx import helper

    carried = " States go in and out: zeros at first, then what came out." if interface.states else ""
    how = GRAPHS[settings.form] + (carried if settings.form == "sequence" else "")
    model.producer_name, model.producer_version = "snndeploy", version("snndeploy")
    model.doc_string = model.graph.doc_string = f"{render(network)}\n\n{how}"
    helper.set_model_props(model, properties(network, settings, interface))


def properties(network: Network, settings: Settings, interface: Interface) -> dict[str, str]:
    """Everything as text, by key."""
    from importlib.metadata import version

    integer = network.form == "integer"
    found = {
        "snndeploy": version("snndeploy"),
        "network": network_hash(network),
        "form": network.form,
        "graph": settings.form,
        "arithmetic": "int32" if integer else settings.dtype,
        "dt": repr(float(network.dt)),
        "equation": str((registers if integer else rule).__doc__).strip(),
        "decision": json.dumps(None if network.decision is None else asdict(network.decision)),
        "inputs": json.dumps(_inputs(network, interface)),
        "outputs": json.dumps({"spikes": interface.spikes, "u": interface.u, "v": interface.v}),
        "states": json.dumps([[state.before, state.after] for state in interface.states]),
        "encodings": json.dumps({each.input: each.said for each in network.encodings}),
        "provenance": json.dumps(dict(network.provenance)),
    }
    for p in network.projections:
        late = f", {p.delay} steps late" if p.delay else ""
        found[f"projection {p.name}"] = f"{p.source} -> {p.target}: {projection_text(p)}{late}"
    units = {}
    for each in network.populations:
        found[f"population {each.name}"] = rule_text(each)
        if isinstance(each.rule, Registers):
            units[each.name] = {
                "scale": np.asarray(each.rule.scale).tolist(),
                "offset": np.asarray(each.rule.offset).tolist(),
            }
    if units:
        # v in units of the float membrane is v / scale + offset
        found["units"] = json.dumps(units)
    return found


def _inputs(network: Network, interface: Interface) -> dict[str, dict[str, str]]:
    return {
        each.name: {
            "tensor": interface.inputs[each.name],
            "kind": each.kind,
            "type": interface.types[interface.inputs[each.name]],
        }
        for each in network.given
    }
