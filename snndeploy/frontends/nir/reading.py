"""A NIR file -> a network."""

from __future__ import annotations

import os

from snndeploy.errors import SnnDeployError, error, raise_errors
from snndeploy.frontends.nir.agree import disagreements
from snndeploy.frontends.nir.block import unpack
from snndeploy.frontends.nir.encode import encode
from snndeploy.frontends.nir.graph import Graph
from snndeploy.frontends.nir.loading import Limits, load
from snndeploy.network import spec
from snndeploy.network.network import Network


def read(
    path: str | os.PathLike[str],
    dt: float | None = None,
    reset: str | None = None,
    *,
    ignore_block: bool = False,
    limits: Limits | None = None,
) -> Network:
    graph = load(path, limits)
    if graph.block is not None and not ignore_block:
        return _from_block(graph, str(path))
    raise NotImplementedError


def _from_block(graph: Graph, where: str) -> Network:
    network = unpack(graph, where)
    try:
        spec.check(network)
        meant, _ = encode(network)
    except SnnDeployError as problem:
        raise error("SD413", where, str(problem)) from problem
    raise_errors(disagreements(graph, meant, where))
    return network
