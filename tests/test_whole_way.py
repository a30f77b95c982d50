"""Every shipped model in a short form, by the commands that a user types: train, card, verify, place, report.

A model has a row in SHORT, a variant of it one called "model, variant"; what the commands claim is measured again here,
by the framework and by other engines.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path

import nir
import numpy as np
import pytest
import torch

import snndeploy as sd
from snndeploy import cli, models
from snndeploy.conform.statistics import wilson
from snndeploy.network.arrays import equal


@dataclass(frozen=True)
class Short:
    """Attributes:
    arguments: of build() and data(). train, card: options of the commands; those of card name the target.
    better_than: the least accuracy, in per cent; a short training shows that something is learned.
    """

    arguments: dict[str, object]
    train: tuple[str, ...] = ()
    card: tuple[str, ...] = ("--target", "loihi1")
    better_than: float = 0.0


# a shipped model -> how it goes the whole way in seconds, on data that come with the package
SHORT = {
    "digits_csnn": Short({}, ("--epochs", "3"), ("--target", "loihi2"), better_than=20),
    "digits_norse": Short({}, ("--epochs", "3"), better_than=60),
    "mnist_csnn": Short(
        {"steps": 6, "samples": 256, "code": "rate", "hidden": 64},
        ("--epochs", "1", "--lr", "2e-3", "--accelerate"),
        ("--target", "loihi2", "--samples", "32"),
    ),
    "mnist_rate_norse": Short({"hidden": 64, "steps": 8}, ("--epochs", "2"), better_than=30),
    "nmnist_spiking_cnn": Short(
        {"steps": 8, "samples": 64, "test": 16},
        ("--epochs", "1"),
        ("--target", "loihi2", "--lava", "1", "--method", "adaptive"),
    ),
    "nmnist_spiking_resnet": Short(
        {"steps": 6, "samples": 64, "test": 8},
        ("--epochs", "1"),
        ("--target", "loihi2", "--lava", "1", "--method", "adaptive"),
    ),
    "stdp_population": Short(
        {"steps": 40, "samples": 300, "wanted": 4.0, "attraction": 0.08, "rise": 0.005},
        ("--epochs", "2"),
        ("--target", "loihi1", "--method", "adaptive"),
        better_than=30,
    ),
    "nmnist_norse": Short(
        {"steps": 8, "samples": 64, "test": 16, "channels": 4, "wide": 8},
        ("--epochs", "1"),
        ("--target", "loihi2", "--lava", "1"),
    ),
    "shd_recurrent": Short(
        {"hidden": 32, "wide": 32, "steps": 40, "samples": 60}, ("--epochs", "2"), ("--target", "loihi1")
    ),
    "shd_recurrent, recurrent": Short(
        {"recurrent": True, "hidden": 32, "wide": 32, "steps": 40, "samples": 60},
        ("--epochs", "2", "--clip", "0.3", "--accelerate"),
        ("--target", "loihi1"),
    ),
}


@dataclass(frozen=True)
class Way:
    """A model that went the whole way: its row, the folder of the run, what the card says, and the samples of that."""

    name: str
    short: Short
    run: Path
    card: dict[str, object]
    samples: tuple[np.ndarray, np.ndarray]

    @property
    def target(self) -> str:
        return self.short.card[self.short.card.index("--target") + 1]

    def integers(self):
        return sd.read(self.file(f".{self.target}.nir"))

    def file(self, ending: str) -> Path:
        return self.run / f"{self.name}{ending}"


def samples_measured(name, short, card):
    """Those that the card was measured on."""
    file = models.load(name)
    data = file.data(**models.chosen(short.arguments, file.data))
    which = np.linspace(0, data.test.shape[1] - 1, card["data"]["measured"]).round().astype(int)
    return data.test[:, which], data.test_labels[which]


def command(*words) -> int:
    return cli.main([str(each) for each in words])


@pytest.fixture(scope="module", params=SHORT)
def way(request, tmp_path_factory):
    name, short = request.param.partition(",")[0], SHORT[request.param]
    run = tmp_path_factory.mktemp(name) / "run"
    chosen = [word for key, value in short.arguments.items() for word in ("--set", f"{key}={value}")]
    # a fifth is held back, so that the integers are chosen on samples of their own
    assert command("train", name, "--out", run, "--device", "cpu", "--validation", 0.2, *chosen, *short.train) == 0
    assert command("card", run, "--integers", *short.card) == 0
    card = json.loads((run / f"{name}.json").read_text("utf-8"))
    return Way(name, short, run, card, samples_measured(name, short, card))


def test_every_shipped_model_goes_the_whole_way():
    assert {name.partition(",")[0] for name in SHORT} == set(models.shipped()), "each shipped model has a row in SHORT"


def test_the_accuracy_is_that_of_the_module_in_its_own_framework(way):
    x, labels = way.samples
    given = models.chosen(way.short.arguments, models.function(way.name))
    module = models.build(way.name, way.run / "best.pt", given)
    right = int((decided_by(module, torch.from_numpy(x).float()) == labels).sum())
    assert way.card["float"]["right"] == right
    assert way.card["float"]["interval"] == pytest.approx(wilson(right, len(labels)))
    assert 100 * right / len(labels) >= way.short.better_than


def decided_by(module, x):
    """The class with most spikes, by the framework's own loop; x: (time, sample, *shape)."""
    import snntorch as snn

    named = [n for n, each in signature(module.forward).parameters.items() if each.kind is Parameter.KEYWORD_ONLY]
    state, total = None, 0
    # utils.reset would reset every layer that any test has made, and fails where one has not run yet
    for each in module.modules():
        if isinstance(each, snn.SpikingNeuron):
            each.reset_mem()
    with torch.no_grad():
        for each in x:
            if "norse" in type(module).__module__:
                out, state = module(each, state)
            elif named:
                out, *state = module(each, **dict(zip(named, state or (), strict=False)))
            else:
                out = module(each)
            total = total + out
    return total.flatten(1).argmax(dim=1).numpy()


def test_the_integers_keep_what_the_card_says(way):
    x, labels = way.samples
    net, integers = sd.read(way.file(".nir")), way.integers()
    found = [sd.evaluate(each, x, labels, engine="onnx").decisions for each in (net, integers)]
    assert way.card["integer"]["changed"] == int((found[0] != found[1]).sum())
    assert way.card["integer"]["right"] == int((found[1] == labels).sum())
    assert way.card["integer"]["kept"] == pytest.approx(float(np.mean(found[0] == found[1])))


def test_lava_gives_every_bit(way):
    lava, x = way.card["lava"], way.samples[0][:, :1]
    assert lava["identical"] is True
    assert lava["differing"] == 0
    assert lava["bins"] == lava["neurons"] * lava["steps"] * lava["samples"] > 0
    integers = way.integers()
    a, b = (sd.run(integers, x, engine, record=("spikes", "u", "v")) for engine in ("reference", "lava"))
    for recorded in ("spikes", "u", "v"):
        for name, rows in getattr(a, recorded).items():
            assert np.array_equal(rows, getattr(b, recorded)[name]), (recorded, name)
    assert sum(int(each.sum()) for each in a.spikes.values()) > 0


def test_the_file_is_one_that_anybody_reads(way):
    assert len(nir.read(str(way.file(".nir"))).nodes) > 2
    assert equal(sd.read(way.file(".nir")).with_(source=None), sd.read(way.run / "best.nir").with_(source=None))


def test_the_files_go_on_to_every_other_command(way):
    x, labels = way.samples
    net, integers = way.file(".nir"), way.file(f".{way.target}.nir")
    np.savez(way.run / "few.npz", x=x[:, :2], labels=labels[:2])
    few = ("--data", way.run / "few.npz")
    assert command("verify", net, *few, "--engines", "reference,torch,onnx", "--no-leaks") == 0
    assert len(sd.place(way.integers(), way.target).cores) == way.card["placement"]["cores"]
    assert command("verify", integers, *few, "--engines", "reference,torch,onnx", "--require", "state-identical") == 0
    assert command("place", integers, "--target", way.target, "-o", way.run / "plan.json") == 0
    assert json.loads((way.run / "plan.json").read_text("utf-8"))
    page = way.run / "report.html"
    assert command("report", net, integers, *few, "--engines", "reference,torch", "--no-budget", "-o", page) == 0
    assert page.stat().st_size > 10_000


def test_the_card_is_whole_and_names_no_folder(way):
    text = way.file(".md").read_text("utf-8")
    for part in ("Architecture", "Data", "Training", "From float to integers", "On the chip", "Limits", "How it was"):
        assert f"## {part}" in text
    written = text + way.file(".json").read_text("utf-8")
    # relative paths lead there, and depend on where the tests are
    for folder in (way.run.parent, Path.home()):
        assert not re.search(rf"(?<![\w./]){re.escape(str(folder))}", written)
    assert f"snndeploy train {way.name} " in text
    assert "snndeploy card " in text
