"""Which samples choose the integers of a card, and which method is taken of those that are tried."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from snndeploy.card import choosing
from snndeploy.card.measuring import Measured, kept
from snndeploy.card.samples import samples_of
from snndeploy.errors import SnnDeployError, error
from snndeploy.targets import load
from snndeploy.train.data import Data
from snndeploy.train.settings import Settings
from snndeploy.train.sources import sources_of


def sources(validation):
    """200 samples to train with and 30 to test, each recognised by its one number."""
    x = np.arange(230.0, dtype=np.float32).reshape(1, 230, 1)
    y = np.zeros(230, int)
    return sources_of(Data(x[:, :200], y[:200], x[:, 200:], y[200:]), Settings(validation=validation), None)


def numbers(split):
    return set(split.all().ravel().astype(int).tolist())


def test_without_samples_held_back_none_is_both_calibrated_on_and_chosen_by():
    held = samples_of(sources(0.0), None)
    calibration, selection = numbers(held.calibration), numbers(held.selection)
    assert calibration
    assert selection
    assert not calibration & selection
    assert calibration | selection <= set(range(200))
    assert numbers(held.test) == set(range(200, 230))
    assert (len(held.test), held.all_test) == (30, 30)


def test_samples_held_back_choose_and_training_samples_calibrate():
    own = sources(0.25)
    held = samples_of(own, 10)
    assert numbers(held.selection) == set(own.validation.index.tolist())
    assert numbers(held.calibration) <= set(own.train.index.tolist())
    assert not numbers(held.calibration) & numbers(held.selection)
    assert (len(held.test), held.all_test) == (10, 30)
    assert numbers(held.test) <= set(range(200, 230))


def test_one_sample_is_said_to_be_both():
    x = np.zeros((1, 1, 1), np.float32)
    held = samples_of(sources_of(Data(x, np.zeros(1, int), x, np.zeros(1, int)), Settings(), None), None)
    assert held.selected_from.startswith("the one training sample")


def tried(monkeypatch, shares, cores=1):
    """What is chosen where each method keeps such a share of 200 decisions; None: it is refused."""

    def made(network, target, samples, name):
        if shares.get(name) is None:
            raise error("SD604", name, "no")
        return SimpleNamespace(share=shares[name], name=name, encodings=())

    def decided(network, samples, told):
        changed = round(200 * (1 - network.share))
        return SimpleNamespace(decisions=np.where(np.arange(200) < changed, 1, 0))

    monkeypatch.setattr(choosing, "quantize", made)
    monkeypatch.setattr(choosing, "measured", decided)
    monkeypatch.setattr(choosing, "cores_of", lambda network, target: cores)
    network = SimpleNamespace(share=1.0, encodings=())
    return choosing.choose(network, load("loihi2"), "cheapest", None, None, True, None, lambda *at: None)


def test_the_first_that_keeps_enough_is_taken_and_no_more_are_tried(monkeypatch):
    found = tried(monkeypatch, {"adaptive": 0.95, "membranes": None, "spike-flip": 0.99, "signs": 1.0})
    assert found.method == "spike-flip"
    assert [each.method for each in found.tried] == ["adaptive", "membranes", "spike-flip"]
    assert [bool(each.refused) for each in found.tried] == [False, True, False]
    assert "the cheapest that was tried and keeps 99%" in found.why


def test_where_none_keeps_enough_the_best_is_taken_and_said_to_fall_short(monkeypatch):
    shares = {name: 0.9 for line in choosing.LADDER for name in line} | {"signs": 0.97, "split": 0.95}
    found = tried(monkeypatch, shares)
    assert found.method == found.network.name == "signs"
    assert len(found.tried) == len(shares)
    assert "no method keeps 99%" in found.why
    assert "2.00 points short" in found.why


def test_where_all_are_refused_the_first_reason_is_told(monkeypatch):
    with pytest.raises(SnnDeployError, match="SD604 adaptive"):
        tried(monkeypatch, {})


def test_what_is_kept_is_counted_by_hand():
    labels = np.array([0, 0, 1, 1, 2])
    taken = [np.array(each) for each in ([0, 0, 1, 0, 0], [0, 1, 1, 1, 1])]
    a, b = (Measured("e", "d", 1, decisions, labels, None, {}, 0.0) for decisions in taken)
    found = kept(a, b)
    names = ("kept", "changed", "lost", "won", "wrong_both_ways")
    assert [found[name] for name in names] == [0.4, 3, 1, 1, 1]


def test_spikes_of_all_blocks_are_added_up(monkeypatch):
    """Many small runs, one sum: of every neuron over all samples and steps."""
    from snndeploy.card import measuring

    held = samples_of(sources(0.0), None)
    trace = lambda network, x, engine: SimpleNamespace(  # noqa: E731
        spikes={"a": x > 214}, scores=lambda: np.tile([1, 5, 3], (x.shape[1], 1)), engine=engine, dtype="f"
    )
    monkeypatch.setattr(measuring, "run", trace)
    monkeypatch.setattr(measuring, "CHUNK", 7)
    found = measuring.measured(SimpleNamespace(encodings=(), shapes={"a": (1,)}), held.test, lambda *at: None)
    assert found.spikes["a"].tolist() == [15]
    assert found.samples == 30
    assert found.rates() == {"a": 0.5}
    assert found.silent() == {"a": 0}
    assert (found.decisions.tolist(), found.margins.tolist()) == ([1] * 30, [2] * 30)
