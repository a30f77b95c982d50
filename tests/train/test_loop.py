"""Training: state, determinism, what it refuses, and that both frameworks learn."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.train.data import Data, digits, rate_code
from snndeploy.train.forwards import forward_of
from snndeploy.train.loop import score, train
from snndeploy.train.losses import rate_loss
from snndeploy.train.settings import Settings


def snntorch_module(**settings):
    return nn.Sequential(nn.Linear(8, 4), snn.Leaky(beta=0.8, init_hidden=True, **settings))


def norse_module():
    from norse.torch import LIFBoxCell, LIFBoxParameters, SequentialState

    p = LIFBoxParameters(tau_mem_inv=torch.tensor(300.0), v_th=torch.tensor(0.5))
    return SequentialState(nn.Linear(8, 4), LIFBoxCell(p, dt=1e-3))


def four_lines(samples=64, steps=10):
    """Class c lights inputs 2c and 2c + 1, with noise: every module learns this."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, samples)
    lit = np.repeat(np.eye(4)[labels], 2, axis=1)
    x = (rng.random((steps, samples, 8)) < 0.1 + 0.8 * lit).astype(np.float32)
    return Data(x, labels, x, labels)


def over_time(module):
    """(time, batch, *shape) -> what the output emits, (time, batch, class)."""
    unrolled = forward_of(module, {"input": torch.from_numpy(four_lines(2).train)}, Settings()).unrolled
    return lambda x: unrolled({"input": x}).output


@pytest.mark.parametrize("steps", [1, 7, 16])
def test_rate_code_gives_each_pixel_its_share_of_spikes(steps):
    x = np.linspace(0, 1, 33)[None]
    spikes = rate_code(x, steps)
    assert spikes.shape == (steps, 1, 33)
    assert set(np.unique(spikes)) <= {0.0, 1.0}
    assert np.array_equal(spikes.sum(axis=0), np.floor(steps * x + 0.5))


def test_digits_are_all_there_and_split_alike_every_time():
    a, b = digits(4), digits(4, flat=True)
    assert a.train.shape[1] + a.test.shape[1] == 1797
    assert np.array_equal(a.test.reshape(4, -1, 64), b.test)
    assert np.array_equal(a.test_labels, b.test_labels)


@pytest.mark.parametrize("make", [snntorch_module, norse_module])
def test_both_frameworks_learn_and_do_so_alike_every_time(make):
    found = []
    for _ in range(2):
        torch.manual_seed(5)
        module = make()
        result = train(module, four_lines(), epochs=12, batch=16, lr=0.02, seed=1)
        found.append(result)
        assert not module.training
    assert found[0] == found[1]
    assert found[0].accuracy > 0.9
    assert found[0].history[-1][0] < found[0].history[0][0]


@pytest.mark.parametrize("make", [snntorch_module, norse_module])
def test_every_call_starts_from_fresh_state(make):
    torch.manual_seed(0)
    forward = over_time(make())
    x = torch.from_numpy(four_lines().train)
    assert torch.equal(forward(x), forward(x))


def test_over_time_is_the_equation_of_the_neuron():
    """Leaky with subtract, written out in float64, is what comes out."""
    torch.manual_seed(2)
    module = snntorch_module()
    x = torch.from_numpy(four_lines(8).train)
    weight, bias = (p.detach().double().numpy() for p in module[0].parameters())
    v, expected = np.zeros((8, 4)), []
    for now in x.double().numpy():
        v = 0.8 * v + now @ weight.T + bias - (v > 1)
        expected.append(v > 1)
    assert np.array_equal(over_time(module)(x).detach().numpy(), np.array(expected))


def test_the_lowest_class_wins_a_tie():
    silent = snntorch_module(threshold=1e9)
    data = four_lines()
    assert score(silent, data)[0].accuracy == np.mean(data.test_labels == 0)


def test_rate_loss_is_cross_entropy_of_scaled_rates():
    spikes, labels = torch.zeros(5, 1, 3), torch.tensor([1])
    spikes[:, 0, 1] = 1
    expected = -np.log(np.exp(10) / (np.exp(10) + 2))
    assert rate_loss(spikes, labels).item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"device": "abacus"}, "auto, cpu, cuda, mps"), ({"epochs": 0}, "at least 1"), ({"lr": float("nan")}, "lr = nan")],
)
def test_what_is_refused(settings, word):
    with pytest.raises(SnnDeployError, match=word) as caught:
        train(snntorch_module(), four_lines(), **{"epochs": 3, **settings})
    assert caught.value.findings[0].code == "SD807"


def test_a_sample_that_is_not_a_number_is_named():
    data = four_lines()
    data.train[3, 5, 1] = np.nan
    with pytest.raises(SnnDeployError, match=r"SD843 training data, sample 5: 1 of 80 values .* NaN or infinite"):
        train(snntorch_module(), data, epochs=2)


def test_a_loss_that_is_lost_is_named_with_its_batch():
    """Sample 40 overflows the membranes: the batch that holds it is the first one without a number."""
    data = four_lines()
    data.train[:, 40] = 3e38
    order = torch.randperm(64, generator=torch.Generator().manual_seed(3)).tolist()
    module = snntorch_module()
    before = 1 + order.index(40) // 8
    with pytest.raises(SnnDeployError, match=rf"SD844 epoch 1, batch {before}: loss nan.* at learning rate 0\.1;"):
        train(module, data, epochs=2, batch=8, seed=3, lr=0.1, loss="ce_max_membrane_loss", scheduler="none", clip=1.0)
    assert all(torch.isfinite(each).all() for each in module.parameters())


def test_a_module_that_returns_its_membrane_too_is_trained_alike():
    found = []
    for output in (False, True):
        torch.manual_seed(5)
        found.append(train(snntorch_module(output=output), four_lines(), epochs=3, batch=16, lr=0.02))
    assert found[0] == found[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_device_learns_too():
    torch.manual_seed(5)
    assert train(snntorch_module(), four_lines(), epochs=12, batch=16, lr=0.02, device="cuda").accuracy > 0.9


def test_neurons_of_other_modules_keep_their_state():
    other = snn.Leaky(0.9, init_hidden=True)
    other(torch.full((1, 2), 0.5))
    over_time(snntorch_module())(torch.from_numpy(four_lines().train))
    assert torch.equal(other.mem, torch.full((1, 2), 0.5))


def test_a_module_that_fails_is_named_with_its_batch():
    """Batch norm and a last batch of one sample."""
    module = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), snn.Leaky(0.8, init_hidden=True))
    with pytest.raises(
        SnnDeployError, match=r"SD312 epoch 1, batch 4.*ValueError on 1 samples: .*batch norm needs two"
    ):
        train(module, four_lines(64), epochs=1, batch=21)


def test_memory_that_does_not_suffice_is_told(monkeypatch):
    module = snntorch_module()

    def full(*args, **kwargs):
        if module.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        return torch.nn.functional.linear(*args, module[0].weight)

    monkeypatch.setattr(module[0], "forward", full, raising=True)
    with pytest.raises(SnnDeployError, match=r"SD808 epoch 1, batch 1: 64 samples do not fit .*smaller batch"):
        train(module, four_lines(), epochs=1, capture=False)
