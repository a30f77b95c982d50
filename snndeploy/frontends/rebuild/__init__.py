"""Networks back into framework modules: `build(framework, network)`."""

from __future__ import annotations

from typing import Any

from snndeploy.errors import SnnDeployError, raise_errors
from snndeploy.frontends.rebuild.algebra import Found, View
from snndeploy.network.network import Network, Source


def build(framework: str, network: Network, **options: Any) -> tuple[Source, dict[str, View]]:
    """The module of a float network in neurons of "snntorch" or "norse", and how to read its membranes.

    Raises:
        SnnDeployError SD330: everything that the framework cannot hold, at once.
    """
    from importlib import import_module

    import torch

    maker = import_module(f"snndeploy.frontends.rebuild.{framework}")
    with torch.random.fork_rng(devices=[]):
        source, views, found = maker.build(network, **options)
    raise_errors(found)
    return source, views


def refusals(framework: str, network: Network) -> Found:
    """What a framework cannot hold of a network."""
    try:
        build(framework, network)
    except SnnDeployError as problem:
        return list(problem.findings)
    return []


__all__ = ["View", "build", "refusals"]
