"""A network -> a NIR file."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.files import check_output, replacing, short
from snndeploy.frontends.nir.block import pack
from snndeploy.frontends.nir.graph import Graph, Node
from snndeploy.frontends.nir.styles import plain
from snndeploy.network import spec
from snndeploy.network.network import Network


def write(
    network: Network, path: str | os.PathLike[str], style: str = "standard", for_: str | None = None
) -> tuple[str, ...]:
    """Writes a legal network of either form so that any NIR reader opens it, and `read` gives it back bit for bit.

    The plain fields hold the nearest standard model (the table in `encode.py`; float64, full shapes,
    tau = dt/(1 - beta), r = gain·tau/dt); the block `snndeploy` in the graph's metadata holds the rest. The captured
    module (`source`) is not written. Same network, same bytes. The file appears whole or not at all.

    Args:
        style: "standard", or "decomposed": soft resets by NIR's primitives alone, so that the plain fields have the
            same spikes (`decomposed.py`).
        for_: "norse" or "snntorch": plain fields from which this library's own importer builds a module with the
            same spikes (`for_norse.py`, `for_snntorch.py`). None: for nobody in particular.

    Returns:
        How to import the file where that needs saying, a line each.

    Raises:
        SnnDeployError SD1xx: the network is not legal. SD414: it has no plain form. SD415: the style cannot hold it.
            SD416: the importer cannot hold it. SD417: no such style. SD802: no file can be written there.
    """
    target = check_output(path)
    spec.check(network)
    with np.errstate(all="ignore"):
        made = plain(network, style, for_)
    graph = made.graph
    raise_errors(_overflows(graph))
    block = pack(network, graph, made.places, style, for_)
    metadata: dict[str, Any] = {"manifest": block.manifest}
    # HDF5 cannot compress an array without elements, so such an array is left out
    for name, array in (("float64", block.floats), ("int64", block.integers)):
        if array.size:
            metadata[name] = array
    try:
        built = as_nir(graph, {"snndeploy": metadata})
    except (ValueError, AssertionError) as problem:
        raise error("SD414", str(path), f"nir refuses the graph: {short(problem)}", "report this network") from problem
    try:
        with replacing(target) as temporary:
            _save(built, temporary)
    except UnicodeEncodeError as problem:
        raise error("SD414", str(path), f"a name is not text: {short(problem)}", "rename it") from problem
    except OSError as problem:
        raise SnnDeployError(
            Finding("SD802", str(path), f"writing failed: {short(problem)}", "free space, or choose another folder")
        ) from problem
    return made.notes


def _overflows(graph: Graph) -> list[Finding]:
    """Plain fields that float64 cannot hold."""
    found = []
    for name, node in graph.nodes.items():
        if isinstance(node, Graph):
            found += _overflows(node)
            continue
        for field, value in node.fields.items():
            if not isinstance(value, str) and not np.isfinite(value).all():
                what = "it is too large for float64 in the units of NIR"
                found.append(Finding("SD414", f"node {name!r}, {field}", what, "rescale the weights, or choose dt = 1"))
    return found


def _save(graph: Any, path: os.PathLike[str]) -> None:
    import nir

    nir.write(path, graph)


def as_nir(graph: Graph, metadata: dict[str, Any] | None = None) -> Any:
    """The graph as a `nir.NIRGraph`, with nir's own checks of types.

    Raises:
        ValueError: nir refuses it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nir

    def node(each: Node | Graph) -> Any:
        if isinstance(each, Graph):
            return as_nir(each)
        fields = dict(each.fields)
        if "shape" in fields:
            fields["input_type" if each.type == "Input" else "output_type"] = fields.pop("shape")
        for name in ("groups", "start_dim", "end_dim"):
            if name in fields:
                fields[name] = np.int64(np.asarray(fields[name]).item())  # type: ignore[assignment]
        if each.type == "Conv1d":
            for name in ("input_shape", "stride", "padding", "dilation"):
                if not isinstance(fields[name], str):
                    fields[name] = np.int64(np.asarray(fields[name]).item())  # type: ignore[assignment]
        return getattr(nir, each.type)(**fields)

    return nir.NIRGraph(
        nodes={name: node(each) for name, each in graph.nodes.items()},
        edges=list(graph.edges),
        metadata=metadata or {},
        type_check=True,
    )
