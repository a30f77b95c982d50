"""The torch module of a network: layers and neurons in the order of the update, states from step to step.

A chain becomes the sequential container of the framework; everything else a `Steps`, whose forward takes one step and
the state of the step before: `out, state = module(x, state)`, where state is None at the start.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from snndeploy.frontends.arguments import Arguments, Slot, one
from snndeploy.frontends.rebuild.algebra import head
from snndeploy.frontends.rebuild.layers import Bias, as_bias, torch_layer
from snndeploy.frontends.stepping import Stepping
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, Map, Pool, Shape
from snndeploy.network.network import Network, Population, Projection, Source
from snndeploy.network.rule import Rule
from snndeploy.network.timing import update_order

# names that are parts of every module
TAKEN = {*dir(nn.Sequential()), *dir(nn.ModuleDict()), "state", "x"}
TAKEN |= {"nodes", "outputs", "inputs", "shapes", "reach", "longest_delay"}


@dataclass(frozen=True)
class Route:
    """A projection: source, steps it is late, paths of its layers."""

    source: str
    delay: int
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """A population: its routes, its neuron and what it starts from.

    Attributes:
        neuron: path; "" for a head, which emits what arrives.
        bias: path of the layer behind the sum, or "".
        starts: per state variable the name of a buffer, or "" for zeros; None: the neuron knows by itself.
        emits_state: what leaves is the last state variable (the membrane), not what the neuron returns first.
    """

    name: str
    shape: Shape
    routes: tuple[Route, ...]
    neuron: str = ""
    bias: str = ""
    starts: tuple[str, ...] | None = None
    emits_state: bool = False


class Steps(nn.Module):
    """One step of a network: `out, state = module(x, state)`; with several outputs `out1, out2, state`.

    x: float (batch, *shape); with several inputs a dict of them by name, or a tuple in the order of `inputs`.
    state: None at the start, then what the last step returned: the states of the neurons, and what was emitted in the
    steps that a delay can reach back to, the latest first.
    """

    def __init__(
        self, nodes: tuple[Node, ...], outputs: tuple[str, ...], inputs: tuple[str, ...], shapes: Mapping[str, Shape]
    ):
        super().__init__()
        self.nodes, self.outputs, self.inputs, self.shapes = nodes, outputs, inputs, dict(shapes)
        self.reach = dict.fromkeys(shapes, 0)
        for node in nodes:
            for route in node.routes:
                self.reach[route.source] = max(self.reach[route.source], route.delay)

    @property
    def longest_delay(self) -> int:
        """Steps that a spike is under way at most; capture traces that far."""
        return max(self.reach.values())

    def forward(self, x: Any, state: Any = None) -> tuple[Any, ...]:
        given = dict(zip(self.inputs, x, strict=True)) if isinstance(x, (tuple, list)) else x
        emitted: dict[str, torch.Tensor] = dict(given) if isinstance(given, Mapping) else {self.inputs[0]: x}
        like = emitted[self.inputs[0]]
        neurons: dict[str, Any] = {} if state is None else state["neurons"]
        past: dict[str, tuple[torch.Tensor, ...]] = {} if state is None else state["past"]
        after: dict[str, Any] = {}
        for node in self.nodes:
            total = None
            for route in node.routes:
                value = self._sent(route, emitted, past, like)
                for path in route.layers:
                    value = self.get_submodule(path)(value)
                total = value if total is None else total + value
            if total is None:
                total = like.new_zeros(len(like), *node.shape)
            if node.bias:
                total = self.get_submodule(node.bias)(total)
            if not node.neuron:
                emitted[node.name] = total
                continue
            before = neurons[node.name] if node.name in neurons else self._start(node, total)
            first, *rest = self.get_submodule(node.neuron)(total, *before)
            emitted[node.name] = rest[-1] if node.emits_state else first
            after[node.name] = tuple(rest)
        kept = {name: (emitted[name], *past.get(name, ()))[:reach] for name, reach in self.reach.items() if reach}
        return (*(emitted[name] for name in self.outputs), {"neurons": after, "past": kept})

    def _sent(self, route: Route, emitted: Any, past: Any, like: torch.Tensor) -> torch.Tensor:
        """What a route carries in this step: zeros where nothing was emitted yet."""
        if route.delay == 0:
            now: torch.Tensor = emitted[route.source]
            return now
        before = past.get(route.source, ())
        if len(before) >= route.delay:
            late: torch.Tensor = before[route.delay - 1]
            return late
        return like.new_zeros(len(like), *self.shapes[route.source])

    def _start(self, node: Node, total: torch.Tensor) -> tuple[Any, ...]:
        if node.starts is None:
            return (None,)
        shape = (len(total), *node.shape)
        return tuple(
            getattr(self, buffer).expand(shape) if buffer else total.new_zeros(shape) for buffer in node.starts
        )


@dataclass(frozen=True, eq=False)
class Neuron:
    """A neuron of a framework for one population.

    Attributes:
        make: a new one; `hidden`: it keeps its state to itself.
        starts: first value of each state variable, None for zeros; None: the neuron knows by itself.
        emits_state: see `Node`.
    """

    make: Callable[[bool], nn.Module]
    starts: tuple[Array | None, ...] | None = None
    emits_state: bool = False


def assemble(
    network: Network,
    framework: str,
    neurons: Mapping[str, Neuron],
    chained: Callable[[OrderedDict[str, nn.Module]], nn.Module],
    hidden: bool,
) -> Source:
    """The module of a prepared network: constants in receptor 0, everything else in the neurons.

    Args:
        chained: the framework's sequential container of these.
        hidden: in a chain, neurons keep their states to themselves.
    """
    names = _Names()
    order = [name for group in update_order(network) for name in group]
    made: OrderedDict[str, nn.Module] = OrderedDict()
    nodes = []
    chain = _is_chain(network, neurons, order)
    paths = {name: names.new(name) for name in order if name in neurons}
    for name in order:
        each = network.population[name]
        routes, bias = _routes(network, each, names, made)
        neuron = neurons.get(name)
        starts = None
        if neuron is not None:
            made[paths[name]] = neuron.make(chain and hidden)
            if neuron.starts is not None:
                # buffers belong to the whole, and have no dots in their names
                flat = name.replace(".", "_")
                starts = tuple("" if s is None else names.new(f"{flat}_start{i}") for i, s in enumerate(neuron.starts))
        emits = neuron is not None and neuron.emits_state
        nodes.append(Node(name, each.shape, routes, paths.get(name, ""), bias, starts, emits))
    inputs = tuple(network.input)
    module: nn.Module
    if chain:
        module = chained(OrderedDict((path.replace(".", "_"), layer) for path, layer in made.items()))
        paths = {name: path.replace(".", "_") for name, path in paths.items()}
        stepping = Stepping(1, one(inputs[0]), feeds={} if hidden else {"state": (1,)}, outputs=network.outputs)
    else:
        module = Steps(tuple(nodes), network.outputs, inputs, network.shapes)
        for path, layer in made.items():
            _place(module, path, layer)
        for node in nodes:
            for buffer, start in zip(
                node.starts or (), neurons[node.name].starts or () if node.neuron else (), strict=True
            ):
                if buffer:
                    module.register_buffer(buffer, torch.tensor(start, dtype=torch.float32))
        heads = {name: (place,) for place, name in enumerate(network.outputs) if head_of(network, name)}
        feeds = {"state": (len(network.outputs),)}
        stepping = Stepping(1, _arguments(inputs), feeds=feeds, outputs=network.outputs, heads=heads)
    return Source(framework, module.eval(), paths, stepping)


def _arguments(inputs: tuple[str, ...]) -> Arguments:
    """One input is x itself, several are a dict."""
    if len(inputs) == 1:
        return one(inputs[0])
    return Arguments(tuple(Slot(name, "x", name) for name in inputs), ("x",), {"x": dict})


def head_of(network: Network, name: str) -> bool:
    rule = network.population[name].rule
    return isinstance(rule, Rule) and head(rule)


def _is_chain(network: Network, neurons: Mapping[str, Neuron], order: list[str]) -> bool:
    """Each population fed by the one before alone, without delay, states from zero, the last one is the output."""
    if len(network.inputs) != 1:
        return False
    before = network.inputs[0].name
    for name in order:
        into = network.into(name)
        neuron = neurons.get(name)
        plain = len(into) == 1 and into[0].source == before and into[0].delay == 0 and "." not in name
        last = name == order[-1]
        if not plain or (neuron is None and not last):
            return False
        if neuron is not None and (neuron.emits_state or any(s is not None for s in neuron.starts or ())):
            return False
        before = name
    return network.outputs == (order[-1],) and neurons.get(order[-1]) is not None


def _routes(
    network: Network, each: Population, names: _Names, made: OrderedDict[str, nn.Module]
) -> tuple[tuple[Route, ...], str]:
    """The layers of all projections into a population; its constant in the bias of one of them, or behind the sum."""
    assert isinstance(each.rule, Rule)
    constant = each.rule.receptors[0].constant
    open_constant = bool((constant != 0).any())
    routes = []
    for p in network.into(each.name):
        layers, took = _layers(network, p, constant if open_constant else None, names, made)
        open_constant = open_constant and not took
        routes.append(Route(p.source, p.delay, layers))
    if not open_constant:
        return tuple(routes), ""
    path = names.new(f"{each.name}_bias")
    made[path] = Bias(constant)
    return tuple(routes), path


def _layers(
    network: Network, p: Projection, constant: Array | None, names: _Names, made: OrderedDict[str, nn.Module]
) -> tuple[tuple[str, ...], bool]:
    shapes: list[Shape] = [network.shapes[p.source]]
    for each in p.maps:
        shapes.append(each.shape_out(shapes[-1]))
    owner = _bias_owner(p.maps)
    bias = None
    if constant is not None and owner is not None:
        bias = as_bias(
            p.maps[owner], _before_pools(constant, shapes[-1], p.maps[owner], shapes[owner + 1]), shapes[owner + 1]
        )
    main = max((i for i, each in enumerate(p.maps) if each.weighted), default=len(p.maps) - 1)
    found = []
    for i, each in enumerate(p.maps):
        path = names.new(p.name if i == main else f"{p.name}_{type(each).__name__.lower()}")
        made[path] = torch_layer(each, shapes[i], bias if i == owner else None)
        found.append(path)
    return tuple(found), bias is not None


def _bias_owner(maps: tuple[Map, ...]) -> int | None:
    """The map whose bias arrives unchanged: only averages over whole windows come after it."""
    for i in reversed(range(len(maps))):
        each = maps[i]
        if isinstance(each, (Dense, Conv)):
            return i
        if not (isinstance(each, Pool) and each.kind == "average" and not any(each.padding) and not each.ceil_mode):
            return None
    return None


def _before_pools(constant: Array, shape: Shape, owner: Map, at: Shape) -> Array:
    """A constant of each channel, whatever the size of its plane."""
    import numpy as np

    whole = np.broadcast_to(constant, shape)
    if shape == at:
        return whole
    channels = as_bias(owner, whole, shape)
    if channels is None:
        return np.arange(int(np.prod(at)), dtype=np.float64).reshape(at) * np.nan
    return np.broadcast_to(channels.reshape(-1, *(1,) * (len(at) - 1)), at)


class _Names:
    """Paths of modules: as the network has them, changed where torch cannot have them."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def new(self, wished: str) -> str:
        parts = ["".join(c if c.isalnum() or c == "_" else "_" for c in part) or "_" for part in wished.split(".")]
        path = ".".join(f"{part}_" if part in TAKEN else part for part in parts)
        if not self._free(path):
            # below a module that is no container there is no place
            path = path.replace(".", "_")
        while not self._free(path):
            path += "_"
        self.taken.add(path)
        return path

    def _free(self, path: str) -> bool:
        above = {".".join(path.split(".")[:i]) for i in range(1, path.count(".") + 2)}
        return not (above & self.taken) and not any(each.startswith(f"{path}.") for each in self.taken)


def _place(root: nn.Module, path: str, module: nn.Module) -> None:
    """`root.a.b = module`, with plain containers on the way."""
    *above, last = path.split(".")
    for part in above:
        if part not in root._modules:
            root.add_module(part, nn.ModuleDict())
        root = root._modules[part]  # type: ignore[assignment]
    root.add_module(last, module)


__all__ = ["Neuron", "Node", "Route", "Steps", "assemble"]
