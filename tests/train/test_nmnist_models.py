"""The networks for event cameras: first weights that fire at any threshold, and neurons that adapt."""

import numpy as np
import pytest
import torch

import snndeploy as sd
from snndeploy import models
from snndeploy.errors import SnnDeployError


@pytest.fixture(scope="module")
def digits():
    return models.load("nmnist_spiking_cnn").data(samples=16, test=8).train.astype(np.float32)


def rates(module, x):
    network = sd.capture(module.eval(), x[:, :2], 0.012, decision="spike-count")
    return {name: float(rows.mean()) for name, rows in sd.run(network, x, "torch").spikes.items()}


@pytest.mark.parametrize("threshold", [0.1, 1.0])
def test_first_weights_let_each_layer_fire(digits, threshold):
    found = rates(models.build_seeded("nmnist_spiking_cnn", 3, {"threshold": threshold}), digits)
    assert all(0.02 < found[name] < 0.3 for name in ("lif1", "lif2", "lif3", "lif4", "out")), found


def test_the_threshold_is_a_unit_of_the_weights(digits):
    """A threshold of 1/8 with weights w is the network of threshold 1 with weights 8 w: a power of two, so exactly."""
    one, other = (models.build_seeded("nmnist_spiking_cnn", 0, {"threshold": each}) for each in (1.0, 0.125))
    x = digits[:6, :3]
    found = [sd.run(sd.capture(each, x, 0.012), x, "torch") for each in (one, other)]
    assert sd.compare(*found).identical
    assert found[0].spikes["out"].any()


def adapting(**given):
    """One channel of the adaptive layer, fed by hand."""
    module = models.build_seeded("nmnist_spiking_resnet", 0, given)
    return module.lif0


@pytest.mark.parametrize("adapt", [0.0, 0.5])
def test_neurons_that_adapt(adapt):
    """Their equations in NumPy give the same spikes; under a constant input their spikes draw apart."""
    beta, slow, steps = 0.95, 0.9, 60
    layer = adapting(beta=beta, slow=slow, adapt=adapt).eval()
    drive = np.random.default_rng(0).uniform(0.2, 0.6, (16, 17, 17)).astype(np.float32)
    fast = held = torch.zeros(1, 16, 17, 17)
    found = []
    with torch.no_grad():
        for _ in range(steps):
            fast, held = layer(torch.from_numpy(drive)[None], fast, held)
            found.append(fast[0].numpy().astype(bool))
    u, w, v = np.zeros_like(drive), np.zeros_like(drive), np.zeros_like(drive)
    s, z = np.zeros_like(drive), np.zeros_like(drive)
    for t in range(steps):
        u = np.float32(slow) * u + np.float32(0.5) * s
        w = np.float32(0.5) * w + u
        v = np.float32(beta) * v + drive - np.float32(adapt) * z
        s, z = (v > 1).astype(np.float32), (w > 1).astype(np.float32)
        v, w = v * (1 - s), w * (1 - z)
        np.testing.assert_array_equal(found[t], s.astype(bool))
    between = [np.diff(np.flatnonzero(each)) for each in np.array(found).reshape(steps, -1).T]
    first, last = (np.array([gaps[k] for gaps in between if len(gaps) > 3]) for k in (0, -1))
    assert len(first) > 1000
    # a membrane that is reset to zero goes the same way again, unless something holds it back
    assert last.mean() > 1.5 * first.mean() if adapt else (last == first).all()


def test_the_residual_network_is_captured_with_its_delays(digits):
    module = models.build_seeded("nmnist_spiking_resnet")
    with torch.no_grad():
        for name, each in module.named_parameters():
            if "norm" in name and name.endswith("weight"):
                each.mul_(6)
    x = digits[:8, :2]
    network = sd.capture(module, x, 0.012, decision="spike-count")
    late = {p.name for p in network.projections if p.delay}
    assert late == {f"lif{k}.{way}" for k in (0, 4) for way in ("charge", "inhibit")}
    assert all(p.delay == 1 for p in network.projections if p.name in late)
    # two projections arrive where a skip ends
    for target in ("lif2", "lif4.fast"):
        assert sum(p.target == target and p.delay == 0 for p in network.projections) == 2
    a, b = sd.run(network, x, "snntorch"), sd.run(network, x, "reference")
    assert sd.compare(a, b).identical
    assert all(rows.any() for rows in b.spikes.values())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "faces"}, r"SD807 kind 'faces': .*nmnist, gestures"),
        ({"kind": "gestures"}, "SD807 kind 'gestures': nothing says in which folder"),
        ({"kind": "gestures", "simulated": True, "folder": "."}, "SD807 kind 'gestures': simulated ones are asked for"),
    ],
)
def test_recordings_that_are_not_there_are_no_simulated_digits(given, said):
    with pytest.raises(SnnDeployError, match=said):
        models.load("nmnist_spiking_cnn").data(**given)


def test_pictures_are_fetched_into_a_folder_or_not_at_all():
    with pytest.raises(SnnDeployError, match="SD807 download: nothing says in which folder"):
        models.load("mnist_csnn").data(download=True)
    with pytest.raises(SnnDeployError, match=r"SD807 pool 'least': .*analogue, spikes, average"):
        models.build("mnist_csnn", given={"pool": "least"})
