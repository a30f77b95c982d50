"""benchmarks/shd_baselines.py: what it counts, against torch's own counter and loops over all spikes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchmark_scripts import load_script
from torch.utils.flop_counter import FlopCounterMode

import snndeploy as sd
from snndeploy import models


@pytest.fixture(scope="module")
def script():
    return load_script("shd_baselines")


def test_bins_are_sums_over_steps_and_channels(script):
    x = (torch.rand(16, 3, 700) < 0.3).to(torch.uint8)
    found = script.binned(x)
    assert found.shape == (3, 1, 70, 4)
    for i, c, t in ((0, 0, 0), (2, 69, 3), (1, 7, 2)):
        count = int(x[4 * t : 4 * t + 4, i, 10 * c : 10 * c + 10].sum())
        assert found[i, 0, c, t] == pytest.approx(count**0.5)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_products_are_those_that_torch_counts(script, name):
    module = getattr(script, name)().eval()
    x = torch.rand(2, 1, 70, 16) + 0.1
    with FlopCounterMode(display=False) as counter:
        module(x)
    every, some = script.operations(module, x)
    # torch counts two operations for each product, and products with the padding too
    if name == "mlp":
        assert counter.get_total_flops() == 2 * 2 * every
    else:
        assert counter.get_total_flops() == 2 * 2 * (every + padding(70, 16, 5, 16) + padding(35, 8, 3, 16 * 32))
    assert 0 < some <= every
    nothing = script.operations(module, torch.zeros(2, 1, 70, 16))[1]
    assert nothing < some


def padding(height, width, kernel, pairs):
    """Products with zeros outside of a picture."""
    inside = [sum(0 <= i + k - kernel // 2 < n for i in range(n) for k in range(kernel)) for n in (height, width)]
    return pairs * (height * width * kernel**2 - inside[0] * inside[1])


@pytest.mark.parametrize("recurrent", [False, True])
def test_additions_are_spikes_times_weights_behind_them(script, recurrent):
    module = models.build_seeded("shd_recurrent", 0, {"hidden": 12, "wide": 9, "classes": 3, "recurrent": recurrent})
    x = (np.random.default_rng(0).random((15, 4, 700)) < 0.2).astype(np.float32)
    network = sd.capture(module, x, dt=1e-3)
    trace = sd.run(network, x)
    spikes = [int(trace.spikes[p.name].sum()) for p in network.populations]
    assert min(spikes[:2]) > 0
    wanted = x.sum() * 12 + spikes[0] * 9 + spikes[1] * 3 + (spikes[0] * 12 if recurrent else 0)
    assert script.additions(network, trace) == pytest.approx(float(wanted) / 4)


def test_a_decision_is_made_where_the_curve_stays(script):
    right = np.array([True, True, False, True])
    curve = [0.1, 0.75, 0.4, 0.745, *[0.75] * 12]
    found = script.row("x", [right, right], [curve, curve], kind="spiking")
    assert found["decided_by_step"] == 16
    assert found["accuracy"] == 0.75
    assert found["interval"][0] < 0.75 < found["interval"][1]
