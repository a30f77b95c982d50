"""Linear, Affine, Scale, Flatten: each in front of a LIF, so that what is wrong with it shows in spikes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snndeploy.conform.suite.sketch import Draft, chain, flat, linear, neuron, spikes, weights
from snndeploy.frontends.nir.graph import Node

STEPS, BATCH = 20, 2


def drafts() -> Iterator[Draft]:
    yield from _weights()
    yield from _biases()
    yield from _scales()
    yield from _shapes()


def _weights() -> Iterator[Draft]:
    cases = {
        "wide": ("more neurons come out than go in", weights("wide", 5, 3)),
        "narrow": ("fewer neurons come out than go in; a transposed weight does not fit", weights("narrow", 2, 4)),
        "square": ("as many neurons as inputs; a transposed weight fits and is wrong", weights("square", 4, 4)),
        "single": ("one input, one neuron", np.array([[1.5]])),
        "inhibition": ("negative weights keep membranes below zero", weights("inhibition", 3, 4, low=-24, high=32)),
    }
    for case, (about, weight) in cases.items():
        name, n = f"linear/standard/{case}", weight.shape[0]
        graph = chain(weight.shape[1:], [("linear", linear(2 * weight)), ("lif", neuron("LIF", n))])
        yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, weight.shape[1])})
    name = "linear/standard/readout"
    about = "a Linear in front of the Output: what leaves is the weighted sum of this step's spikes"
    graph = chain((3,), [("linear", linear(weights(name, 2, 3)))], (2,))
    yield Draft(name, about, graph, {"input": spikes(name, 8, BATCH, 3)})


def _biases() -> Iterator[Draft]:
    name = "affine/standard/bias"
    graph = chain((3,), [("affine", linear(2 * weights(name, 4, 3), [0.5, -0.25, 0, 1])), ("lif", neuron("LIF", 4))])
    yield Draft(name, "the bias arrives in every step", graph, {"input": spikes(name, STEPS, BATCH, 3)})
    name = "affine/standard/bias-alone"
    graph = chain((2,), [("affine", linear(np.ones((3, 2)), [2.5, 1.5, 3])), ("lif", neuron("LIF", 3))])
    about = "no input at all: the bias alone makes neurons fire, from step 0 on"
    yield Draft(name, about, graph, {"input": np.zeros((STEPS, BATCH, 2), np.int64)})
    name = "affine/standard/two-in-a-row"
    first, second = linear(weights(name, 3, 3), [0.25, 0, -0.25]), linear(weights(f"{name} 2", 2, 3), [0.5, 0.25])
    graph = chain((3,), [("first", first), ("second", second), ("lif", neuron("LIF", 2))])
    about = "two Affines without a neuron between: the second one weighs the first one's bias"
    yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 3)})


def _scales() -> Iterator[Draft]:
    cases = {
        "uniform": ("one factor for all", [1.5, 1.5, 1.5]),
        "per-neuron": ("a factor per neuron, negative and zero among them", [2.5, -1.0, 0.0]),
    }
    for case, (about, factor) in cases.items():
        name = f"scale/standard/{case}"
        graph = chain((3,), [("scale", Node("Scale", {"scale": np.array(factor)})), ("lif", neuron("LIF", 3))])
        yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 3, rate=0.7)})


def _shapes() -> Iterator[Draft]:
    about = "axes without the batch: all of (2, 3) become 6, in the order of C"
    name = "flatten/standard/all"
    steps = [("flatten", flat(0, -1, (2, 3))), ("linear", linear(2 * weights(name, 3, 6))), ("lif", neuron("LIF", 3))]
    yield Draft(name, about, chain((2, 3), steps), {"input": spikes(name, STEPS, BATCH, 2, 3)})
    name = "flatten/standard/some-axes"
    about = "the last two of three axes: (2, 2, 2) becomes (2, 4)"
    graph = chain((2, 2, 2), [("flatten", flat(1, 2, (2, 2, 2))), ("lif", neuron("LIF", (2, 4), ease=2.5))])
    yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 2, 2, 2, rate=0.6)})
    name = "flatten/standard/negative-axes"
    about = "axes counted from the end: (2, 2, 2) becomes (2, 4)"
    graph = chain((2, 2, 2), [("flatten", flat(-2, -1, (2, 2, 2))), ("lif", neuron("LIF", (2, 4), ease=2.5))])
    yield Draft(name, about, graph, {"input": spikes(name, STEPS, BATCH, 2, 2, 2, rate=0.6)})
