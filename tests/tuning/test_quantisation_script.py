"""benchmarks/quantisation.py chooses on other samples than it reports, and reports all that it says."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import snndeploy as sd

GIVEN = SimpleNamespace(recordings=1000)
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """The script, with searches and scores that note which samples they see."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    module = importlib.import_module("quantisation")
    seen = {"chosen": [], "scored": [], "methods": []}

    def auto(network, chip, calibration, synapses, progress):
        del network, chip, progress
        seen["chosen"].append(calibration)
        return SimpleNamespace(method=f"took {synapses}", as_dict=lambda: {"method": f"took {synapses}"})

    def compare_methods(network, chip, chosen, methods, scored, labels, progress):
        del network, chip, progress
        assert scored.shape[1] == len(labels)
        seen["chosen"].append(chosen)
        seen["scored"].append(scored)
        seen["methods"].append(tuple(methods))
        return []

    for name, value in (("auto", auto), ("compare_methods", compare_methods), ("say", lambda text: None)):
        monkeypatch.setattr(module, name, value)
    yield module, seen
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == BENCHMARKS:
            del sys.modules[name]


def numbered(count):
    """Samples that tell their number: (1 step, count, 1)."""
    return np.arange(count).reshape(1, -1, 1)


def check(seen, chosen, scored):
    for arrays, wanted in ((seen["chosen"], chosen), (seen["scored"], scored)):
        assert arrays
        assert all(set(each.ravel().tolist()) == set(wanted) for each in arrays)


def test_braille(script, monkeypatch):
    module, seen = script
    monkeypatch.setattr(module, "braille", lambda: (None, numbered(700), np.zeros(700)))
    found = module.whole(module.NETWORKS["braille"](GIVEN))
    check(seen, range(200), range(200, 700))
    assert seen["methods"] == [(*module.METHODS, "took 1", "took 2")]
    assert set(found["searches"]["braille"]) == {"auto, 1 per weight", "auto, 2 per weight"}


def test_nmnist_in_both_readings(script, monkeypatch):
    module, seen = script
    monkeypatch.setattr(module, "nmnist", lambda last: (numbered(last), np.zeros(last)))
    monkeypatch.setattr(module, "nmnist_network", lambda reset: None)
    for reset in ("to-zero", "by-threshold"):
        found = module.whole(module.NETWORKS[f"nmnist-{reset}"](GIVEN))
        assert set(found["searches"]) == {f"nmnist, {reset}"}
    check(seen, range(200), range(200, 1000))


def test_mnist_on_all_test_digits(script, monkeypatch):
    module, seen = script
    data = SimpleNamespace(train=numbered(20_000) % 256, test=numbered(10_000) % 256, test_labels=np.zeros(10_000))
    monkeypatch.setattr(module, "train_model", lambda framework: (None, data, 0.9))
    found = module.whole(module.NETWORKS["mnist-norse"](GIVEN))
    assert {each.shape[1] for each in seen["chosen"]} == {200}
    assert {each.shape[1] for each in seen["scored"]} == {10_000}
    assert len(seen["scored"]) == 1 + 7
    assert found["curves"] == []
    widths = [module.with_bits(module.targets.load("loihi2"), bits).synapse.weight_bits.value for bits in module.BITS]
    assert widths == [2, 3, 4, 5, 6, 7, 8]


def test_costs_are_measured_again_and_nothing_else(script):
    """Rows with wrong costs get those of their method; what was scored stays, and so do rows without a network."""
    module, seen = script
    rng = np.random.default_rng(0)
    x = (rng.random((20, 200, 12)) < 0.3).astype(np.uint8)
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(12, 8), snn.Leaky(0.8, init_hidden=True, reset_mechanism="zero"))
    network = sd.capture(layers, x[:, :4].astype(np.float32))
    case = module.Case("small", network, module.targets.load("loihi2"), x, x, np.zeros(200), ("adaptive",))
    wrong = {"synapses": 9, "axons": 9, "cores": 9, "thresholds": 9, "kept": 0.5, "refused": ""}
    rows = [
        {"method": "float", **wrong},
        {"method": "adaptive", **wrong},
        {"method": "signs", **wrong, "refused": "no"},
    ]
    found = module.costs(case, {"rows": rows, "searches": {"a": 1}})
    assert [each["cores"] for each in found["rows"]] == [9, 1, 9]
    weights = np.asarray(sd.quantize(network, "loihi2", x, "adaptive").projections[0].maps[0].weight)
    assert found["rows"][1] == {
        **rows[1],
        "synapses": int((weights != 0).sum()),
        "axons": 12,
        "cores": 1,
        "thresholds": 1,
    }
    assert found["searches"] == {"a": 1}
    assert not seen["scored"]
