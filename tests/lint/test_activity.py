"""What only data can show."""

from __future__ import annotations

import json
from importlib import import_module

import numpy as np
import pytest
import snntorch
import torch
from one_population import found, net
from random_networks import PLAIN, float_network, integer_network, spikes_for

import snndeploy as sd
from snndeploy import cli
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.lint import lint
from snndeploy.network import Receptor, Registers, Rule

X = (np.random.default_rng(0).random((30, 4, 2)) < 0.3).astype(int)


def test_dead_and_always_on_neurons_are_counted_and_named():
    network = net(Rule(0.5, 1.0, bias=np.array([-5.0, 5.0, 0.0])), np.full((3, 2), 0.8))
    (dead,), (on,) = found("SD231", network, data=X), found("SD232", network, data=X)
    assert "1 of 3 neurons (0), 33%, never spike in 120 steps" in dead.what
    assert "1 of 3 neurons (1), 33%, spike in at least 95%" in on.what
    assert found("SD231", network) == []


def test_counts_are_those_of_the_reference():
    for seed in range(6):
        rng = np.random.default_rng([seed, 9])
        for network in (float_network(rng, PLAIN), integer_network(rng, PLAIN)):
            x = spikes_for(rng, network, 12, 3)
            spikes = run(network, x).spikes
            silent = {f"population {n!r}" for n, s in spikes.items() if not s.any(axis=(0, 1)).all()}
            assert {f.where for f in found("SD231", network, data=x)} == silent


def test_samples_in_chunks_are_all_seen(monkeypatch):
    network = net(Rule(0.9))
    whole = lint(network, data=X)
    monkeypatch.setattr(import_module("snndeploy.lint.observe"), "CHUNK", 1)
    assert [f for f in lint(network, data=X) if f.code < "SD233"] == [f for f in whole if f.code < "SD233"]


def test_a_sample_that_changes_the_next_is_noticed():
    late = np.zeros((10, 2, 2), int)
    late[9] = 1
    late[0, :, 0] = 1
    weight = np.full((1, 2), 0.6)
    (bad,) = found("SD234", net(Rule(0.9, 1.5), weight), data=late)
    # alone it ends at 0.6·0.9^9 + 1.2 < 1.5; behind it the next sample's first 0.6 is enough
    assert bad.what.startswith("2 of 20 bins")
    assert "LIFReset every 10 steps" in bad.fix
    steps = int(bad.fix.split("at least ")[1].split(" ")[0])
    silence = np.zeros((steps, 2, 2), int)
    pair = np.concatenate([late, silence, late])
    spikes = run(net(Rule(0.9, 1.5), weight), pair).spikes["p"]
    assert np.array_equal(spikes[10 + steps :], spikes[:10])
    assert found("SD234", net(Rule(0.0, 1.0), weight), data=late) == []
    assert found("SD234", net(Registers(4095, 409, 50), [[20, 20]]), data=late)


def test_the_number_of_moved_bins_is_that_of_runs_back_to_back():
    network = net(Rule(0.9, 1.0, (Receptor(0.8),)))
    after = run(network, np.concatenate([np.roll(X, 1, axis=1), X])).spikes["p"][30:]
    moved = int((after != run(network, X).spikes["p"]).sum())
    (bad,) = found("SD234", network, data=X)
    assert bad.what.startswith(f"{moved} of 240 bins")


def test_a_module_that_keeps_its_state_is_noticed():
    kept = torch.nn.Sequential(torch.nn.Linear(2, 2), snntorch.Leaky(beta=0.5, init_hidden=True)).eval()
    network = sd.capture(kept, X.astype(np.float32))
    (bad,) = found("SD233", network)
    assert "snntorch.utils.reset" in bad.fix
    assert found("SD233", network.with_(source=None)) == []


def test_counts_in_a_binary_input_are_noticed_and_not_run():
    counts = X * 3
    (bad,) = lint(net(Rule(0.9)), data=counts)
    assert (bad.code, bad.severity) == ("SD235", "error")
    assert "up to 3 events per step" in bad.what
    assert found("SD235", net(Rule(0.9)), data=X) == []
    assert found("SD235", net(Rule(0.9), kind="counts"), data=counts) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [(X[:, 0], "SD103"), (X * 0.5, "SD111"), ({"x": X}, "SD102"), ({"in": X, "labels": [1]}, "SD103")],
)
def test_data_that_do_not_fit_are_refused(data, code):
    with pytest.raises(SnnDeployError) as problem:
        lint(net(Rule(0.9)), data=data)
    assert problem.value.findings[0].code == code


def test_labels_beyond_the_neurons_are_noticed():
    assert found("SD236", net(Rule(0.9)), data={"x": X, "labels": np.array([0, 1, 1, 0])}) == []
    (bad,) = found("SD236", net(Rule(0.9)), data={"in": X, "labels": np.array([0, 1, 2, 0])})
    assert "2 neurons for 3 classes" in bad.what
    with pytest.raises(SnnDeployError, match="whole numbers"):
        lint(net(Rule(0.9)), data={"in": X, "labels": np.full(4, -1)})


def test_a_delay_beyond_the_sample_is_noticed():
    (bad,) = found("SD237", net(Rule(0.9), delay=30), data=X)
    assert "delay of 30 steps is not below the 30 steps" in bad.what
    assert found("SD237", net(Rule(0.9), delay=29), data=X) == []
    assert found("SD237", net(Rule(0.9), delay=30)) == []


def test_idle_weights_are_noticed():
    (bad,) = found("SD211", net(Rule(0.9), np.zeros((2, 2))))
    assert bad.where == "projection 'in->p'"
    assert found("SD211", net(Rule(0.9))) == []


def test_the_command_takes_data(tmp_path, capsys):
    sd.write(net(Rule(0.9, 100.0)), tmp_path / "m.nir")
    np.savez(tmp_path / "x.npz", x=X, labels=np.array([0, 1, 5, 0]))
    args = ["lint", str(tmp_path / "m.nir"), "--data", str(tmp_path / "x.npz"), "--json"]
    assert cli.main(args) == 0
    codes = {f["code"] for f in json.loads(capsys.readouterr().out)["findings"]}
    assert codes >= {"SD227", "SD231", "SD236"}
    np.save(tmp_path / "x.npy", X * 2)
    assert cli.main([*args[:3], str(tmp_path / "x.npy")]) == 1
    assert "SD235" in capsys.readouterr().err
    assert cli.main([*args[:3], str(tmp_path / "none.npy")]) == 2


class Keeps(torch.nn.Module):
    """The state in an attribute, as modules are often written."""

    def __init__(self, neuron, returns):
        super().__init__()
        self.fc, self.neuron, self.returns = torch.nn.Linear(2, 3), neuron, returns
        self.state = None
        with torch.no_grad():
            self.fc.weight.fill_(3.0)

    def forward(self, x):
        came = self.state
        if came is None and self.returns == "leaky":
            came = self.neuron.init_leaky()
        spikes, self.state = self.neuron(self.fc(x), came)
        return spikes


def test_a_module_that_keeps_its_state_in_an_attribute():
    import norse.torch as norse

    for module in (Keeps(snntorch.Leaky(beta=0.9), "leaky"), Keeps(norse.LIFCell(), "norse")):
        network = sd.capture(module.eval(), X.astype(np.float32))
        (kept,) = found("SD233", network)
        assert "a second call of Keeps goes on where the first ended" in kept.what
        assert "'neuron'" in kept.what
        # lint leaves the module as it was
        assert module.state is None
        assert [f.code for f in lint(network)].count("SD233") == 1


def test_modules_that_hand_their_state_over_keep_none():
    import norse.torch as norse

    class Over(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = torch.nn.Linear(2, 3), snntorch.Leaky(beta=0.9)

        def forward(self, x, mem=None):
            mem = self.lif.init_leaky() if mem is None else mem
            return self.lif(self.fc(x), mem)

    for module in (Over(), norse.SequentialState(torch.nn.Linear(2, 3), norse.LIFCell()), norse.LSNN()):
        x = X.astype(np.float32)
        assert found("SD233", sd.capture(module.eval(), x)) == []
