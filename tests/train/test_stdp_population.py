"""models/stdp_population.py: codes of pictures and what is read back, learning without labels, the way to a chip."""

from pathlib import Path

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import models
from snndeploy.engines.lava.patches import missing

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FILE = models.load("stdp_population")


def distance(x, curves, steps, rate=0.8):
    spikes = FILE.coded(x, curves, steps, rate, 0)
    assert spikes.shape == (steps, len(x), x[0].size * curves)
    return float(np.sqrt(np.nanmean((FILE.decoded(spikes, curves, rate, x.shape[1:]) - x) ** 2)))


@pytest.mark.parametrize("curves", [1, 3, 5])
def test_pictures_are_read_back_the_better_the_longer_they_are_shown(curves):
    x = np.random.default_rng(0).random((6, 8, 8)) * 0.8 + 0.1
    near, far = distance(x, curves, 2000), distance(x, curves, 20)
    # a hundred times the spikes: a tenth of the distance, and what 256 levels cannot say
    assert near < 0.2 * far
    assert far < 0.25


def test_a_poisson_code_is_off_by_what_chance_says():
    x = np.full((50, 10, 10), 0.5)
    p = 0.4
    assert distance(x, 1, 64) == pytest.approx(np.sqrt(p * (1 - p) / 64) / 0.8, rel=0.1)


def test_pictures_of_cifar_100_become_spikes_and_come_back(tmp_path):
    rng = np.random.default_rng(1)
    for name, count in (("train", 5), ("test", 3)):
        pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        labels = np.stack([rng.integers(0, 20, count), rng.integers(0, 100, count)], axis=1).astype(np.uint8)
        np.concatenate([labels, pixels], axis=1).tofile(tmp_path / f"{name}.bin")
    held = FILE.data(tmp_path, kind="cifar100", curves=3, steps=60)
    assert held.train.shape == (60, 5, 3 * 3 * 32 * 32)
    x, y, _, _ = FILE.pictures(tmp_path, "cifar100")
    np.testing.assert_array_equal(held.train_labels, y)
    back = FILE.decoded(held.train, 3, 0.8, x.shape[1:])
    assert np.corrcoef(back.ravel(), x.ravel())[0, 1] > 0.9


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="shared/data/mnist is not there")
def test_pictures_of_mnist_become_spikes_and_come_back():
    x, y, _, _ = FILE.pictures(SHARED / "mnist", samples=20)
    assert x.shape == (20, 28, 28)
    assert y.shape == (20,)
    assert np.corrcoef(FILE.decoded(FILE.coded(x, 3, 60, 0.8, 0), 3, 0.8, (28, 28)).ravel(), x.ravel())[0, 1] > 0.95


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A short run: 400 digits, 40 steps."""
    shorter = {"samples": 400, "steps": 40, "wanted": 4.0, "attraction": 0.08, "rise": 0.005}
    return sd.train("stdp_population", arguments=shorter, epochs=2, out=tmp_path_factory.mktemp("stdp") / "run")


def test_it_learns_without_labels(learned):
    x, y, _, _ = FILE.pictures(None, samples=400)
    assert learned.accuracy > 0.6
    votes, weight = learned.module[1].weight.detach().numpy(), learned.module[0].input_weights.detach().numpy()
    assert set(np.unique(votes)) <= {0, 1}
    assert votes.sum(axis=0).max() == 1
    # what a neuron answers to looks like the class that it votes for, more than like the others
    means = np.stack([FILE.population_code(x[y == k], 3).reshape((y == k).sum(), -1).mean(axis=0) for k in range(10)])
    alike = np.corrcoef(np.concatenate([weight, means]))[: len(weight), len(weight) :]
    voting = votes.any(axis=0)
    assert np.mean(alike.argmax(axis=1)[voting] == votes.argmax(axis=0)[voting]) > 0.5


@pytest.mark.skipif(missing() is not None, reason=f"Lava: {missing()}")
def test_what_is_learned_runs_on_a_chip(learned):
    x = FILE.data(samples=400, steps=40).train[:, :300]
    integers = sd.quantize(learned.network, "loihi1", calibration=x.astype(np.float32), method="split")
    assert len(sd.place(integers, "loihi1").cores) >= 1
    ours = sd.run(integers, x, "torch").decisions()
    kept = np.mean(ours == sd.run(learned.network, x, "torch").decisions())
    # a short run decides by few spikes; the card says what the whole one keeps
    assert kept > 0.7
    few = x[:, :4]
    a, b = (sd.run(integers, few, engine, record=("spikes", "u", "v")) for engine in ("reference", "lava"))
    assert sd.compare(a, b).identical
    np.testing.assert_array_equal(b.decisions(), ours[:4])


def single(module, drive, steps=300):
    x = np.full((steps, 1, 1), drive, np.float32)
    import torch

    with torch.no_grad():
        module[0].weight.fill_(1.0)
    network = sd.capture(module.eval(), x, 1e-3)
    (name,) = sd.run(network, x).spikes
    return network, np.flatnonzero(sd.run(network, x).spikes[name])


def test_a_neuron_rests_behind_each_spike():
    free, resting = (single(FILE.refractory(rest), 0.5)[1] for rest in (0, 7))
    assert len(free) > 5
    # the current is constant: what comes between two spikes grows by the rest
    assert np.median(np.diff(resting)) == np.median(np.diff(free)) + 7


def test_an_adaptive_neuron_slows_down_and_settles():
    _, spikes = single(FILE.adaptive(), 1.0)
    between = np.diff(spikes)
    assert between[0] < between[-1]
    assert (np.diff(between[: len(between) // 2]) >= -1).all()
    _, free = single(FILE.adaptive(jump=0.0), 1.0)
    assert len(np.unique(np.diff(free))) == 1
