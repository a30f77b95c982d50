"""Modules that hold the loop over time, written as in tutorials, against the networks that capture makes of them."""

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import agree, spikes
from torch import nn

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.network.arrays import equal

RESETS = [(mechanism, delay) for mechanism in ("subtract", "zero", "none") for delay in (True, False)]


class Tutorial(nn.Module):
    """Two layers with explicit states; `self.step_input` says what a step sees of x."""

    def __init__(self, seed=0, kind="Leaky", steps=20, reset=("subtract", True), **more):
        super().__init__()
        torch.manual_seed(seed)
        self.num_steps, self.kind = steps, kind
        options = {"reset_mechanism": reset[0], "reset_delay": reset[1]} | more
        decay = {"alpha": 0.7} if kind == "Synaptic" else {}
        self.fc1, self.lif1 = nn.Linear(6, 12), getattr(snn, kind)(beta=0.9, **decay, **options)
        self.fc2, self.lif2 = nn.Linear(12, 4), getattr(snn, kind)(beta=0.75, **decay, **options)
        with torch.no_grad():
            self.fc1.weight.mul_(3)
            self.fc2.weight.mul_(3)
        self.eval()


class Sequence(Tutorial):
    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.reset_mem()
        recorded, membranes = [], []
        for step in range(x.size(0)):
            spk1, mem1 = self.lif1(self.fc1(x[step]), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            recorded.append(spk2)
            membranes.append(mem2)
        return torch.stack(recorded), torch.stack(membranes)


class Fixed(Tutorial):
    """Synaptic neurons, all currents computed before the loop, states returned too."""

    def forward(self, x):
        syn1, mem1 = self.lif1.init_synaptic()
        syn2, mem2 = self.lif2.reset_mem()
        current = self.fc1(x)
        recorded = []
        for step in range(self.num_steps):
            spk1, syn1, mem1 = self.lif1(current[step], syn1, mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
            recorded.append(spk2)
        return torch.stack(recorded, dim=0), syn2, mem2


class Static(Tutorial):
    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        recorded, membranes = [], []
        current = self.fc1(x.view(x.size(0), -1))
        for _ in range(self.num_steps):
            spk1, mem1 = self.lif1(current, mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            recorded.append(spk2)
            membranes.append(mem2)
        return torch.stack(recorded), torch.stack(membranes)


class OneStep(Tutorial):
    def forward(self, x, mem1, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2


def held(rng, steps=20, batch=3, shape=(6,)):
    return np.repeat(rng.random((1, batch, *shape)).astype(np.float32), steps, 0)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("style", [Sequence, Fixed, Static])
def test_every_reset_in_every_style(style, reset):
    rng = np.random.default_rng(1)
    module = style(1, "Synaptic" if style is Fixed else "Leaky", reset=reset)
    x = held(rng) if style is Static else spikes(rng, (20, 3, 6))
    network = agree(module, x, "snntorch", record=("spikes", "u", "v"))
    assert network.source.stepping.time == ("held" if style is Static else "inside")
    assert network.outputs == ("lif2",)


@pytest.mark.parametrize("seed", range(6))
def test_the_network_is_that_of_one_step(seed):
    rng = np.random.default_rng(seed)
    x = spikes(rng, (20, 3, 6))
    one = sd.capture(OneStep(seed), x)
    for style, sample in ((Sequence, x), (Static, held(rng))):
        network = sd.capture(style(seed), sample, input_kind="real" if style is Static else None)
        for part in ("populations", "projections", "outputs"):
            assert equal(getattr(network, part), getattr(one, part)), part


def test_the_engine_runs_other_lengths_where_the_module_does():
    rng = np.random.default_rng(2)
    network = sd.capture(Sequence(2), spikes(rng, (20, 3, 6)))
    x = spikes(rng, (33, 5, 6))
    assert sd.compare(sd.run(network, x), sd.run(network, x, engine="snntorch")).agrees
    network = sd.capture(Static(2), held(rng))
    with pytest.raises(SnnDeployError, match="SD533 .*20 steps for an input of 33"):
        sd.run(network, held(rng, 33), engine="snntorch")
    with pytest.raises(SnnDeployError, match="SD533 .*step 1 of the input differs"):
        sd.run(network, rng.random((20, 3, 6)), engine="snntorch")


class Loop(Tutorial):
    """`body(self, x)` is what forward does."""

    def __init__(self, body):
        super().__init__(init_hidden=True)
        self.body = body

    def forward(self, x):
        return self.body(self, x)


def step(m, x):
    return m.lif2(m.fc2(m.lif1(m.fc1(x))))


WAYS = {
    "iteration": lambda m, x: torch.stack([step(m, frame) for frame in x]),
    "a list, not stacked": lambda m, x: [step(m, x[k]) for k in range(len(x))],
    "batch first": lambda m, x: torch.stack([step(m, f) for f in x.unbind(0)], dim=1),
    "time moved": lambda m, x: torch.stack([step(m, x.transpose(0, 1)[:, k]) for k in range(x.shape[0])]).permute(
        1, 0, 2
    ),
    "counts": lambda m, x: torch.stack([step(m, frame) for frame in x]).sum(dim=0),
    "a dictionary": lambda m, x: {"spikes": torch.stack([step(m, frame) for frame in x])},
    "merged with the batch": lambda m, x: torch.stack(
        [m.lif2(m.fc2(m.lif1(c))) for c in m.fc1(x.flatten(0, 1)).view(x.shape[0], x.shape[1], 12)]
    ),
    "layer by layer": lambda m, x: torch.stack(
        [m.lif2(c) for c in m.fc2(torch.stack([m.lif1(c) for c in m.fc1(x) * 0.9 + 0.05]))]
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_to_write_a_loop(way):
    network = agree(Loop(WAYS[way]), spikes(np.random.default_rng(5), (20, 3, 6)), "snntorch")
    assert network.outputs == ("lif2",)


def test_values_without_a_neuron_and_the_layer_that_gives_them():
    body = WAYS["iteration"]
    module = Loop(lambda m, x: (body(m, x), m.fc1(x)))
    x = spikes(np.random.default_rng(6), (20, 3, 6))
    network = agree(module, x, "snntorch")
    assert network.outputs == ("lif2", "fc1.output") or network.outputs == ("lif2", "fc1")


REFUSED = {
    "SD310 module 'lif1': it is called 10 times": lambda m, x: torch.stack([step(m, x[k]) for k in range(10)]),
    "SD304 module 'lif1': it is called more often": lambda m, x: torch.stack([step(m, f) + step(m, f) for f in x]),
    "SD310 module 'lif1': what arrives in step": lambda m, x: torch.stack(
        [step(m, x[k] if k < 7 else 0.5 * x[k]) for k in range(len(x))]
    ),
    "SD302 module Loop, .*getitem": lambda m, x: torch.stack([step(m, x[:, k]) for k in range(x.shape[1])], 1),
    "SD302 .*'lif1' gets all steps": lambda m, x: torch.stack([m.lif1(m.fc1(x)), *(f for f in x[:, :, :1])]),
    "SD313 .*no neuron's spikes": lambda m, x: torch.stack([step(m, f) for f in x] * 2),
}


@pytest.mark.parametrize("text", REFUSED)
def test_loops_that_are_refused(text):
    with pytest.raises(SnnDeployError, match=text) as caught:
        sd.capture(Loop(REFUSED[text]), np.ones((20, 3, 6)), time="inside")
    assert all(finding.fix for finding in caught.value.findings)
