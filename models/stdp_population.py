"""Pictures as spikes of populations, and neurons that learn them by STDP, without labels.

Each pixel is coded by a population of neurons with Gaussian tuning curves over its brightness, or by one neuron; they
spike at random (Poisson). 100 LIF neurons with a refractory period, first-order synapses and mutual inhibition compete
for the pictures, and what wins learns (Diehl and Cook, Front. Comput. Neurosci. 2015). Labels are assigned afterwards:
each neuron votes for the class to which it answered most. scikit-learn's digits; MNIST (`--set inputs=784` or 2352,
with `--set curves=3`) and CIFAR-100 from a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from norse.torch import (
    LIFBoxCell,
    LIFParameters,
    LIFRefracCell,
    LIFRefracParameters,
    LIFRefracRecurrentCell,
    LSNNCell,
    LSNNParameters,
    SequentialState,
)
from norse.torch.functional.lif_box import LIFBoxParameters
from torch import nn

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.train.data import Data, split_digits
from snndeploy.train.datasets.encoders import poisson_code, population_code
from snndeploy.train.learning.competition import Competitors, Layer, labels_of
from snndeploy.train.learning.stdp import PairSTDP

DT = 1e-3
TRAIN = {"epochs": 10, "batch": 256}


def build(
    inputs: int = 192,
    neurons: int = 100,
    classes: int = 10,
    tau_syn: float = 4e-3,
    tau_mem: float = 4e-3,
    rest: int = 1,
) -> SequentialState:
    """(batch, inputs) spikes of one step and the state -> (batch, classes) spikes and the state.

    A neuron of the last layer spikes whenever one of those that vote for its class does.

    Args:
        tau_syn, tau_mem: of current and membrane, seconds. rest: refractory steps.
    """
    lif = LIFParameters(tau_syn_inv=torch.tensor(1 / tau_syn), tau_mem_inv=torch.tensor(1 / tau_mem))
    competing = LIFRefracRecurrentCell(inputs, neurons, LIFRefracParameters(lif, torch.tensor(float(rest))), dt=DT)
    votes = nn.Linear(neurons, classes, bias=False)
    with torch.no_grad():
        competing.input_weights.copy_(torch.rand(neurons, inputs))
        competing.recurrent_weights.copy_(torch.eye(neurons) - 1)
        votes.weight.copy_(torch.eye(classes).repeat(1, -(-neurons // classes))[:, :neurons])
    once = LIFBoxParameters(tau_mem_inv=torch.tensor(1 / DT), v_th=torch.tensor(0.5))
    return SequentialState(competing, votes, LIFBoxCell(once, dt=DT))


def data(
    folder: Path | None = None,
    kind: str = "mnist",
    curves: int = 3,
    steps: int = 80,
    rate: float = 0.8,
    samples: int | None = None,
    draw: int = 0,
) -> Data:
    """Spikes uint8 (steps, sample, inputs), inputs = pixels · curves.

    Args:
        folder: of MNIST's or CIFAR-100's files; None: scikit-learn's digits. kind: mnist, fashion or cifar100.
        curves: neurons per pixel; 1: the pixel's brightness itself. rate: spikes per step at the top of a curve.
        samples: of the training set, the first ones. draw: seed of the spikes.
    """
    x, y, x_test, y_test = pictures(folder, kind, samples)
    spikes = (coded(each, curves, steps, rate, draw + k) for k, each in enumerate((x, x_test)))
    return Data(next(spikes), y, next(spikes), y_test)


def pictures(folder: Path | None, kind: str = "mnist", samples: int | None = None) -> tuple[Array, Array, Array, Array]:
    """Brightness 0..1 (sample, *shape) and labels, to train with and to test."""
    if samples is not None and samples < 1:
        raise error("SD807", "samples", f"{samples} samples cannot be taken", "--set samples=100")
    if folder is None:
        if kind != "mnist":
            raise error("SD807", f"kind {kind!r}", "nothing says in which folder", "name it (--data)")
        x, y, x_test, y_test = split_digits()
        return x[:samples], y[:samples], x_test, y_test
    if kind == "cifar100":
        from snndeploy.train.datasets.cifar import cifar100

        held = cifar100(folder).first(samples, None)
    else:
        from snndeploy.train.datasets.mnist import mnist

        held = mnist(folder, kind, download=False).first(samples, None)
    return held.train / 255, held.train_labels, held.test / 255, held.test_labels


def coded(x: Array, curves: int, steps: int, rate: float, seed: int) -> Array:
    """Random spikes of the neurons of each pixel, uint8 (steps, sample, pixels · curves)."""
    rates = population_code(x, curves) if curves > 1 else x
    return poisson_code(rates.reshape(len(x), -1), steps, seed, rate).astype(np.uint8)


def decoded(spikes: Array, curves: int, rate: float, shape: tuple[int, ...]) -> Array:
    """What `coded` coded, read back from the spike counts, (sample, *shape).

    Of one neuron its rate; of a population the brightness, of 256, whose curves are nearest to the rates (the mean of
    preferred values would lie off at the ends of the range).
    """
    seen = spikes.mean(axis=0, dtype=np.float64).reshape(-1, curves) / rate
    if curves == 1:
        return np.asarray(seen.reshape(-1, *shape))
    levels = np.linspace(0, 1, 256)
    wanted = population_code(levels, curves)
    nearest = ((wanted**2).sum(axis=1) - 2 * seen @ wanted.T).argmin(axis=1)
    return np.asarray(levels[nearest].reshape(-1, *shape))


def learn(
    module: SequentialState,
    x: Array,
    labels: Array,
    epochs: int = 10,
    seed: int = 0,
    attraction: float = 0.04,
    weakening: float = 0.3,
    tau: float = 5.0,
    threshold: float = 0.6,
    rise: float = 0.0025,
    wanted: float = 8.0,
    inhibition: float = 1.5,
    feedforward: float = 0.7,
    progress: Callable[[int, int, str], None] = lambda done, of, text: None,
) -> Iterator[dict[str, float]]:
    """STDP under competition; labels only say, behind each epoch, which class a neuron votes for.

    Args:
        attraction: A+ in mean weights. weakening: A- in A+. tau: of both traces, steps.
        threshold: at the beginning, in membranes that the mean picture leads to. rise: with each spike, in thresholds;
            attraction and rise fall to 0 over the epochs. wanted: spikes per sample, which thresholds settle at.
            inhibition: of each spike of another neuron, in first thresholds. feedforward: of each input spike, in mean
            weights: what all pictures have in common does not count then.
    """
    competing, votes = module[0], module[1]
    lif = competing.p.lif
    alpha, k = 1 - competing.dt * float(lif.tau_syn_inv), competing.dt * float(lif.tau_mem_inv)
    weight = competing.input_weights.detach().numpy().astype(np.float64)
    weight /= np.linalg.norm(weight, axis=1, keepdims=True)
    common = feedforward * float(weight.mean())
    start = threshold * float(((weight - common) @ x.mean(axis=(0, 1))).mean()) / (1 - alpha)
    if not 0 < start < np.inf:
        what = f"the mean picture leads to a first threshold of {start:.3g}, which must be above 0"
        fix = "a smaller feedforward, a threshold above 0, or brighter pictures"
        raise error("SD807", "learn()", what, fix)
    layer = Layer(alpha, 1 - k, k, int(competing.p.rho_reset), inhibition * start, common)
    held = Competitors(layer, weight, np.full(len(weight), start), 1.0)
    amount, draws = attraction * float(weight.mean()), np.random.default_rng(seed)
    for epoch in range(epochs):
        progress(epoch, epochs, f"epoch {epoch + 1}/{epochs}")
        left, before = 1 - epoch / epochs, held.weight.copy()
        rule = PairSTDP(left * amount, left * weakening * amount, tau, tau, low=0.0, high=np.inf)
        held.learn(x, draws.permutation(len(labels)), rule, left * rise * start, wanted)
        chosen = labels_of(held.counts(x), labels, len(votes.weight))
        with torch.no_grad():
            # in units of each neuron's own threshold, which so is 1
            own = held.threshold[:, None]
            competing.input_weights.copy_(torch.from_numpy((held.weight - common) / own))
            competing.recurrent_weights.copy_(torch.from_numpy((np.eye(len(own)) - 1) * layer.inhibition / own))
            votes.weight.copy_(torch.from_numpy(np.arange(len(votes.weight))[:, None] == chosen))
        moved = float(np.linalg.norm(held.weight - before, axis=1).mean())
        yield {"moved": moved, "threshold": float(held.threshold.mean() / start), "voting": float((chosen >= 0).sum())}


def refractory(rest: int = 5) -> SequentialState:
    """One LIF neuron that rests behind each spike."""
    return SequentialState(
        nn.Linear(1, 1, bias=False), LIFRefracCell(LIFRefracParameters(rho_reset=torch.tensor(float(rest))))
    )


def adaptive(jump: float = 0.4, tau: float = 0.1) -> SequentialState:
    """One LIF neuron whose threshold rises with each spike by `jump` and comes back with `tau` seconds."""
    about = LSNNParameters(tau_adapt_inv=torch.tensor(1 / tau), beta=torch.tensor(jump))
    return SequentialState(nn.Linear(1, 1, bias=False), LSNNCell(about, dt=DT))
