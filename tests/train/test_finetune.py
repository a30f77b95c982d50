"""Fine-tuning on the integers: it learns, it starts where rounding left off, and it says what it did."""

import json
from dataclasses import replace

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import snndeploy as sd
from snndeploy import cli
from snndeploy.errors import SnnDeployError
from snndeploy.network.arrays import equal
from snndeploy.network.maps import values_of
from snndeploy.network.rule import Reset
from snndeploy.quantize.drive import weighted_map
from snndeploy.targets import load
from snndeploy.train.data import Data
from snndeploy.train.finetune import finetune
from snndeploy.train.integers import Deployed
from snndeploy.train.loop import train
from snndeploy.train.steps import Steps
from snndeploy.train.surrogate import SURROGATES, surrogate


def snntorch_convolution():
    return nn.Sequential(
        nn.Conv1d(1, 6, 3, padding=1),
        snn.Leaky(beta=0.8, init_hidden=True, reset_mechanism="subtract"),
        nn.Flatten(),
        nn.Linear(48, 4),
        snn.Leaky(beta=0.8, init_hidden=True, reset_mechanism="subtract"),
    )


def norse_recurrent():
    from norse.torch import LIFBoxCell, LIFBoxParameters, LIFParameters, LIFRecurrentCell, SequentialState

    box = LIFBoxParameters(tau_mem_inv=torch.tensor(300.0), v_th=torch.tensor(0.3))
    cell = LIFParameters(tau_mem_inv=torch.tensor(300.0), tau_syn_inv=torch.tensor(400.0), v_th=torch.tensor(0.2))
    return SequentialState(
        nn.Linear(8, 12), LIFRecurrentCell(12, 12, cell, dt=1e-3), nn.Linear(12, 4), LIFBoxCell(box, dt=1e-3)
    )


MODULES = {"snntorch convolution": (snntorch_convolution, (1, 8)), "norse recurrent": (norse_recurrent, (8,))}


def lines(shape):
    """Four classes that light a quarter of the inputs a little more than the rest, so that no network is sure."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 96)
    lit = np.repeat(np.eye(4)[labels], 2, axis=1)
    x = (rng.random((12, 96, 8)) < 0.25 + 0.35 * lit).astype(np.float32).reshape(12, 96, *shape)
    return Data(x, labels, x, labels)


def three_bits(name):
    """A target whose weights have three bits: rounding alone loses a lot."""
    chip = load(name)
    synapse = chip.synapse
    coarse = synapse.model_copy(update={"weight_bits": synapse.weight_bits.model_copy(update={"value": 3})})
    return chip.model_copy(update={"synapse": coarse})


@pytest.fixture(scope="module", params=MODULES)
def trained(request):
    """A float network that knows the four lines, and samples of them."""
    torch.manual_seed(0)
    make, shape = MODULES[request.param]
    data, module = lines(shape), make()
    train(module, data, epochs=12, batch=16, lr=5e-3)
    return sd.capture(module, data.train[:, :4], decision="spike-count"), data


def test_training_on_the_integers_wins_back_what_rounding_lost(trained):
    net, data = trained
    samples = data.train[:, ::-1].copy(), data.train_labels[::-1].copy()
    done = finetune(net, three_bits("loihi2"), (data.train, data.train_labels), test=samples, batch=16, imitate=0.2)
    exact, rounded, tuned = done.stages
    assert [stage.name for stage in done.stages] == ["float", "integers, rounded", "integers, fine-tuned"]
    assert min(state.loss for state in done.history) < 0.95 * done.history[0].loss
    assert tuned.train > rounded.train
    assert done.history[0].accuracy == pytest.approx(rounded.train)
    assert exact.train == np.mean(sd.run(net, data.train, "reference").decisions() == data.train_labels)
    assert tuned.test == np.mean(sd.run(done.network, samples[0], "reference").decisions() == samples[1])
    assert any(share > 0 for share in done.changed.values())
    assert equal(sd.quantize(net, three_bits("loihi2"), data.train), done.start)


def test_the_result_runs_on_lava_and_lives_in_a_file(trained, tmp_path):
    net, data = trained
    done = finetune(net, three_bits("loihi2"), (data.train, data.train_labels), batch=16, imitate=0.2)
    assert not equal(done.network, done.start)
    few = data.train[:, :3]
    same = sd.compare(
        sd.run(done.network, few, "reference", ("spikes", "v")), sd.run(done.network, few, "lava", ("v",))
    )
    assert same.identical
    sd.write(done.network, tmp_path / "tuned.nir")
    assert equal(sd.read(tmp_path / "tuned.nir"), done.network)


def test_a_soft_reset_moves_to_a_chip_without_one_and_the_report_says_what_it_cost():
    torch.manual_seed(0)
    data, module = lines((1, 8)), snntorch_convolution()
    train(module, data, epochs=12, batch=16, lr=5e-3)
    net = sd.capture(module, data.train[:, :4], decision="spike-count")
    with pytest.raises(SnnDeployError, match="SD206"):
        finetune(net, "loihi1", (data.train, data.train_labels), epochs=1)
    done = finetune(net, "loihi1", (data.train, data.train_labels), reset="to-zero", epochs=4, batch=16)
    assert [stage.name for stage in done.stages][:2] == ["float", "float, reset to-zero"]
    assert all(equal(p.rule.reset, Reset("to", 0)) for p in done.network.populations)
    assert "float, reset to-zero" in str(done)


def test_the_same_seed_gives_the_same_network(trained):
    net, data = trained
    given = (data.train[:, :32], data.train_labels[:32])
    a, b = (finetune(net, "loihi2", given, epochs=1, batch=16, lr=1.0, seed=3) for _ in range(2))
    assert equal(a.network, b.network)
    assert a.history == b.history


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"epochs": 0}, "at least 1"),
        ({"lr": float("inf")}, "lr = inf"),
        ({"learn": ("delay",)}, "weight, bias, threshold"),
        ({"device": "abacus"}, "cpu, cuda"),
        ({"surrogate": "relu"}, "fast_sigmoid"),
        ({"slope": 0.0}, "above 0"),
        ({"reset": "soft"}, "to-zero"),
        ({"imitate": 1.5}, "within 0..1"),
        ({"speed": 3}, "epochs, batch, lr"),
    ],
)
def test_what_is_refused(trained, settings, word):
    net, data = trained
    with pytest.raises(SnnDeployError, match=word) as caught:
        finetune(net, "loihi2", (data.train, data.train_labels), **settings)
    assert caught.value.findings[0].code == "SD807"


def test_labels_must_fit_the_samples_and_the_classes(trained):
    net, data = trained
    for labels in (data.train_labels[:-1], data.train_labels + 1, data.train_labels.astype(float)):
        with pytest.raises(SnnDeployError, match="SD807 data"):
            finetune(net, "loihi2", (data.train, labels))
    with pytest.raises(SnnDeployError, match="decides nothing"):
        finetune(net.with_(decision=None), "loihi2", (data.train, data.train_labels))


def test_an_update_is_that_of_the_formula():
    """Two updates, written out."""
    w = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = Steps([{"params": [w], "lr": 0.5}], betas=(0.9, 0.99))
    expected, m, n = np.array([1.0, 2.0]), np.zeros(2), 0.0
    for k, g in enumerate([np.array([3.0, -1.0]), np.array([0.5, 4.0])], start=1):
        w.grad = torch.tensor(g, dtype=torch.float32)
        optimizer.step()
        m, n = 0.9 * m + 0.1 * g, 0.99 * n + 0.01 * np.mean(g**2)
        expected -= 0.5 * (m / (1 - 0.9**k)) / np.sqrt(n / (1 - 0.99**k))
    np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in SURROGATES if name != "straight_through"])
def test_surrogates_are_one_at_the_threshold_even_and_falling(name):
    x = torch.linspace(0, 3, 50, dtype=torch.float64)
    values = surrogate(name, 2.0)(x)
    assert values[0] == 1
    assert torch.all(values[1:] <= values[:-1])
    torch.testing.assert_close(surrogate(name, 2.0)(-x), values)


@pytest.mark.parametrize(("ours", "theirs"), [("fast_sigmoid", "fast_sigmoid"), ("atan", "atan")])
def test_surrogates_are_those_of_snntorch(ours, theirs):
    x = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    getattr(snn.surrogate, theirs)(4.0)(x).sum().backward()
    expected = x.grad / x.grad.max()  # theirs of atan has slope/2 as its height
    torch.testing.assert_close(surrogate(ours, 4.0)(x.detach()), expected)


def test_the_command(trained, tmp_path, capsys):
    net, data = trained
    sd.write(net, tmp_path / "m.nir")
    np.savez(tmp_path / "train.npz", x=data.train, labels=data.train_labels)
    np.save(tmp_path / "y.npy", data.train_labels)
    command = ["finetune", f"{tmp_path}/m.nir", "--target", "loihi2", "--data", f"{tmp_path}/train.npz"]
    more = ["-o", f"{tmp_path}/q.nir", "--epochs", "1", "--json"]
    assert cli.main([*command, *more]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [stage["name"] for stage in told["stages"]] == ["float", "integers, rounded", "integers, fine-tuned"]
    assert sd.read(tmp_path / "q.nir").form == "integer"
    assert cli.main([*command, "--labels", f"{tmp_path}/y.npy", *more]) == 2
    assert "labels are also in" in capsys.readouterr().out


def test_without_labels_in_the_loss_the_spikes_of_the_float_network_come_back(trained):
    """imitate=1: the distance is that of smoothed spikes, computed here by hand."""
    net, data = trained
    given = (data.train[:, :48], data.train_labels[:48])
    done = finetune(net, three_bits("loihi2"), given, batch=16, imitate=1.0)
    wanted = sd.run(net, given[0]).spikes
    decay = np.exp(-np.arange(25) / 5.0)

    def away(network):
        parts = []
        for name, spikes in sd.run(network, given[0]).spikes.items():
            filtered = [
                np.apply_along_axis(lambda row: np.convolve(row, decay)[: len(row)], 0, each.astype(float))
                for each in (spikes, wanted[name])
            ]
            parts.append(((filtered[0] - filtered[1]) ** 2).sum() / (filtered[1] ** 2).sum())
        return np.mean(parts)

    assert away(done.network) < away(done.start)
    assert done.history[0].loss == pytest.approx(away(done.start), rel=0.2)  # a mean over batches of shares


def test_training_starts_where_another_method_left_off(trained, tmp_path):
    net, data = trained
    start = sd.quantize(net, "loihi2", data.train, method="split")
    assert len(start.projections) > len(sd.quantize(net, "loihi2", data.train).projections)
    given = (data.train[:, :32], data.train_labels[:32])
    done = finetune(net, "loihi2", given, start=start, epochs=1, lr=1e-9)
    assert equal(done.start, start)
    assert equal(done.network.projections, start.projections)
    sd.write(net, tmp_path / "m.nir")
    sd.write(start, tmp_path / "s.nir")
    np.savez(tmp_path / "x.npz", x=given[0], labels=given[1])
    command = ["finetune", f"{tmp_path}/m.nir", "--target", "loihi2", "--data", f"{tmp_path}/x.npz", "--epochs", "1"]
    assert cli.main([*command, "--start", f"{tmp_path}/s.nir", "-o", f"{tmp_path}/q.nir", "--lr", "1e-9"]) == 0
    assert equal(sd.read(tmp_path / "q.nir").projections, start.projections)


def test_a_file_that_decides_nothing_is_told_how(trained, tmp_path, capsys):
    net, data = trained
    sd.write(net.with_(decision=None), tmp_path / "m.nir")
    sd.write(sd.quantize(net.with_(decision=None), "loihi2", data.train), tmp_path / "s.nir")
    np.savez(tmp_path / "x.npz", x=data.train[:, :32], labels=data.train_labels[:32])
    command = ["finetune", f"{tmp_path}/m.nir", "--target", "loihi2", "--data", f"{tmp_path}/x.npz", "--epochs", "1"]
    command += ["-o", f"{tmp_path}/q.nir", "--start", f"{tmp_path}/s.nir"]
    assert cli.main(command) == 2
    assert "--decision spike-count" in capsys.readouterr().err
    assert cli.main([*command, "--decision", "loudest"]) == 2
    assert cli.main([*command, "--decision", "spike-count", "--json"]) == 0
    assert equal(sd.read(tmp_path / "q.nir").decision, net.decision)


def test_a_target_that_lacks_the_resets_of_the_start_refuses_it(trained):
    net, data = trained
    if all(p.rule.reset.kind == "to" for p in net.populations):
        net = net.with_(
            populations=tuple(replace(p, rule=replace(p.rule, reset=Reset("by", 1.0))) for p in net.populations)
        )
    start = sd.quantize(net, "loihi2", data.train)
    for given in ({"network": net, "start": start}, {"network": start}):
        with pytest.raises(SnnDeployError, match="SD206"):
            finetune(target="loihi1", data=(data.train, data.train_labels), epochs=1, **given)


def test_a_start_must_be_the_integer_form_of_the_network(trained):
    net, data = trained
    given = (data.train, data.train_labels)
    with pytest.raises(SnnDeployError, match="it is float, and the network float"):
        finetune(net, "loihi2", given, start=net)
    with pytest.raises(SnnDeployError, match="resets of its own"):
        finetune(net, "loihi2", given, start=sd.quantize(net, "loihi2", data.train), reset="to-zero")


def test_a_part_of_a_projection_gets_no_synapse_that_another_part_has(trained):
    net, data = trained
    start = sd.quantize(net, "loihi2", data.train, method="signs")
    module = Deployed(start, {})
    with torch.no_grad():
        for link in module.links.values():
            link.weight += 8.0
    module.confine()
    for before, after in zip(start.projections, module.deployed().projections, strict=True):
        was, now = (values_of(weighted_map(p)[1]) for p in (before, after))
        if " | " in before.name:
            assert np.all(now[was == 0] == 0)
        assert np.any(was != now)
    assert any(" | " in p.name for p in start.projections)
