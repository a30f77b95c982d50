"""Loops as people write them: how steps are taken from the input, and how results are kept, against the framework."""

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import agree, fresh, spikes
from torch import nn
from torch.nn import functional as F

import snndeploy as sd
from snndeploy.errors import SnnDeployError

STEPS, BATCH = 9, 3


class Loop(nn.Module):
    def __init__(self, body, seed=0, hidden=True):
        super().__init__()
        torch.manual_seed(seed)
        self.body, self.num_steps = body, STEPS
        self.fc1, self.lif1 = nn.Linear(6, 10), snn.Leaky(beta=0.9, init_hidden=hidden)
        self.fc2, self.lif2 = nn.Linear(10, 4), snn.Leaky(beta=0.75, init_hidden=hidden)
        with torch.no_grad():
            self.fc1.weight.mul_(3).add_(0.1)
            self.fc2.weight.mul_(3).add_(0.1)
        self.eval()

    def forward(self, x):
        return self.body(self, x)


def go(m, x):
    return m.lif2(m.fc2(m.lif1(m.fc1(x))))


def preallocated(m, x):
    recorded = torch.zeros(x.shape[0], x.shape[1], 4)
    for step in range(x.shape[0]):
        recorded[step] = go(m, x[step])
    return recorded


def preallocated_with_full_index(m, x):
    recorded = torch.zeros((len(x), x.size(1), 4), device=x.device)
    for step, frame in enumerate(x):
        recorded[step, :, :] = go(m, frame)
    return recorded


def preallocated_batch_first(m, x):
    recorded = x.new_zeros(x.shape[1], x.shape[0], 4)
    for step in range(x.shape[0]):
        recorded[:, step] = go(m, x[step])
    return recorded


def preallocated_empty(m, x):
    recorded = torch.empty(x.shape[0], x.shape[1], 4).fill_(7.0)
    for step in range(x.shape[0]):
        recorded[step, ...] = go(m, x[step])
    return recorded


def cat_of_unsqueezed(m, x):
    return torch.cat([go(m, frame).unsqueeze(0) for frame in x], dim=0)


def cat_of_unsqueezed_in_the_middle(m, x):
    return torch.cat([go(m, frame).unsqueeze(1) for frame in x], dim=1)


def cat_of_new_axes(m, x):
    return torch.cat([go(m, frame)[None] for frame in x])


def growing_cat(m, x):
    recorded = torch.empty(0)
    for frame in x.unbind(0):
        recorded = torch.cat((recorded, go(m, frame)[None]))
    return recorded


def stacked_in_the_middle(m, x):
    return torch.stack([go(m, frame) for frame in x], dim=1)


def stacked_last(m, x):
    return torch.stack([go(m, x[k]) for k in range(len(x))], dim=-1)


def sum_kept(m, x):
    count = torch.zeros(x.shape[1], 4)
    for frame in x:
        count += go(m, frame)
    return count


def sum_kept_from_nothing(m, x):
    count = 0
    for frame in x:
        count = count + go(m, frame)
    return count / len(x)


def sum_of_recorded(m, x):
    return torch.stack([go(m, frame) for frame in x]).sum(dim=0)


def mean_of_recorded(m, x):
    return preallocated(m, x).mean(0) * 2.0


def softmax_of_counts(m, x):
    return F.log_softmax(sum_of_recorded(m, x), dim=1)


def softmax_of_kept_sum(m, x):
    return torch.softmax(sum_kept(m, x), dim=-1)


def while_loop(m, x):
    step, recorded = 0, []
    while step < x.shape[0]:
        assert x[step].shape == (x.shape[1], 6), f"shape of {x[step].shape}"
        recorded.append(go(m, x[step].to("cpu").float()))
        step += 1
    return torch.stack(recorded)


def zipped(m, x):
    return [go(m, frame) for frame, _ in zip(x, range(m.num_steps), strict=False)]


def split_over_time(m, x):
    return torch.stack([go(m, frame.squeeze(0)) for frame in torch.split(x, 1, dim=0)])


def chunks_over_time(m, x):
    return torch.stack([go(m, frame[0]) for frame in x.chunk(x.size(0))])


def permuted(m, x):
    turned = x.permute(1, 0, 2)
    return torch.stack([go(m, turned[:, step, :]) for step in range(turned.size(1))])


def features_of_a_step(m, x):
    return torch.stack([go(m, x[step, :, [5, 4, 3, 2, 1, 0]]) for step in range(x.shape[0])])


def selected(m, x):
    return torch.stack([go(m, x.select(0, step)) for step in range(x.shape[0])])


def narrowed(m, x):
    return torch.stack([go(m, x[step : step + 1].squeeze(0)) for step in range(x.shape[0])])


STYLES = [
    *(preallocated, preallocated_with_full_index, preallocated_batch_first, preallocated_empty, cat_of_unsqueezed),
    *(cat_of_unsqueezed_in_the_middle, cat_of_new_axes, growing_cat, stacked_in_the_middle, stacked_last, sum_kept),
    *(sum_kept_from_nothing, sum_of_recorded, mean_of_recorded, softmax_of_counts, softmax_of_kept_sum, while_loop),
    *(zipped, split_over_time, chunks_over_time, permuted, features_of_a_step, selected, narrowed),
]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_styles(style, seed):
    network = agree(Loop(style, seed), spikes(np.random.default_rng(seed), (STEPS, BATCH, 6)), "snntorch")
    assert network.source.stepping.time == "inside"
    assert network.outputs == ("lif2",)


def steps_of_axis_one(m, x):
    return torch.stack([go(m, x[:, step]) for step in range(x.size(1))], dim=1)


def features_of_axis_one(m, x):
    return torch.stack([go(m, x[:, step, :]) for step in range(x.shape[1])])


def unbound(m, x):
    return torch.stack([go(m, frame) for frame in x.unbind(dim=1)], 1).sum(1)


def transposed(m, x):
    return torch.stack([go(m, frame) for frame in x.transpose(0, 1)], 1)


def layers_before_the_loop(m, x):
    current = m.fc1(x)
    return torch.stack([m.lif2(m.fc2(m.lif1(current[:, k]))) for k in range(current.shape[1])], 1)


def merged_before_the_loop(m, x):
    current = m.fc1(x.reshape(x.shape[0] * x.shape[1], -1)).view(x.shape[0], x.shape[1], -1)
    return torch.stack([m.lif2(m.fc2(m.lif1(current[:, k]))) for k in range(current.shape[1])], 1)


def kept_along_axis_one(m, x):
    recorded = torch.zeros(*x.shape[:2], 4)
    for step in range(x.size(1)):
        recorded[:, step, :] = go(m, x[:, step])
    return recorded


BATCH_FIRST = [
    *(steps_of_axis_one, features_of_axis_one, unbound, transposed, layers_before_the_loop, merged_before_the_loop),
    kept_along_axis_one,
]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("style", BATCH_FIRST, ids=lambda style: style.__name__)
def test_batch_first(style, seed):
    x = spikes(np.random.default_rng(seed), (STEPS, BATCH, 6))
    network = agree(Loop(style, seed), x, "snntorch")
    assert network.source.stepping.time == "batch-first"
    assert network.outputs == ("lif2",)
    assert network.input["input"].shape == (6,)
    with pytest.raises(SnnDeployError):
        sd.capture(Loop(style, seed), x, time="inside")


ONE = [style for style in STYLES + BATCH_FIRST if style.__name__ != "merged_before_the_loop"]


@pytest.mark.parametrize("style", ONE, ids=lambda style: style.__name__)
def test_one_sample(style):
    network = agree(Loop(style), spikes(np.random.default_rng(0), (STEPS, 1, 6)), "snntorch")
    assert network.outputs == ("lif2",)


def test_one_sample_that_cannot_be_told_from_time():
    with pytest.raises(SnnDeployError, match="SD302 .*may drop or merge the axis of the one sample.*two or more"):
        sd.capture(Loop(merged_before_the_loop), spikes(np.random.default_rng(0), (STEPS, 1, 6)))


def test_batch_first_by_hand():
    """What the engine compares with is the module on (batch, time, *shape), not our own reading of it."""
    x = spikes(np.random.default_rng(4), (STEPS, BATCH, 6))
    module = Loop(steps_of_axis_one, 4)
    network = sd.capture(module, x)
    fresh(module)
    with torch.no_grad():
        expected = module(torch.from_numpy(x).transpose(0, 1)).numpy()
    assert np.array_equal(sd.run(network, x).spikes["lif2"], expected.swapaxes(0, 1))


def states(m, x):
    mem1, mem2 = m.lif1.init_leaky(), m.lif2.init_leaky()
    kept = torch.zeros(len(x), x.shape[1], 4)
    for k, frame in enumerate(x):
        spk1, mem1 = m.lif1(m.fc1(frame), mem1)
        _, mem2 = m.lif2(m.fc2(spk1), mem2)
        kept[k] = mem2
    return kept


def joined_states(m, x):
    mem1, mem2 = m.lif1.init_leaky(), m.lif2.init_leaky()
    kept = []
    for frame in x:
        spk1, mem1 = m.lif1(m.fc1(frame), mem1)
        _, mem2 = m.lif2(m.fc2(spk1), mem2)
        kept.append(mem2.unsqueeze(1))
    return torch.cat(kept, 1)


@pytest.mark.parametrize("style", [states, joined_states], ids=lambda style: style.__name__)
def test_membranes_that_are_kept(style):
    network = agree(Loop(style, hidden=False), spikes(np.random.default_rng(0), (STEPS, BATCH, 6)), "snntorch")
    assert network.outputs == ("lif2",)


def test_means_over_an_image_in_each_step():
    class Means(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.lif1 = nn.Conv2d(1, 6, 3), snn.Leaky(0.8, init_hidden=True)
            self.fc, self.lif2 = nn.Linear(6, 4), snn.Leaky(0.9, init_hidden=True)
            self.conv.weight.data.add_(0.2)
            self.fc.weight.data.mul_(3).add_(0.5)

        def forward(self, x):
            s = self.lif1(self.conv(x))
            rows, all_of_it = 0.1 * s.sum([1, 3])[:, :4], s.mean(1, keepdim=True).sum((1, 2, 3))
            return self.lif2(self.fc(s.mean(dim=(2, 3))) + rows - 0.1 * all_of_it[:, None].expand(-1, 4))

    agree(Means().eval(), spikes(np.random.default_rng(0), (STEPS, BATCH, 1, 8, 8)), "snntorch")


REFUSED = {
    "SD302 .*is kept at": lambda m, x: partly(m, x),
    "SD313 .*sum them behind the module": lambda m, x: sum(m.fc2(m.lif1(m.fc1(f))) for f in x),
    "SD302 module 'fc2': Linear 'fc2' gets a sum over time.*in every step": lambda m, x: m.fc2(
        torch.stack([m.lif1(m.fc1(f)) for f in x]).sum(0)
    ),
    "SD302 .*numbers of a value are overwritten.*mask": lambda m, x: overwritten(m, x),
    "SD302 .*sigmoid\\(\\)": lambda m, x: torch.stack([torch.sigmoid(go(m, x[:, k])) for k in range(x.shape[1])]),
    "SD302 .*sum\\(\\) along \\[0, 2\\] has no meaning.*decision": lambda m, x: torch.stack([go(m, f) for f in x]).sum(
        [0, 2]
    ),
}


def partly(m, x):
    recorded = torch.zeros(len(x), x.shape[1], 5)
    for k, frame in enumerate(x):
        recorded[k, :, :4] = go(m, frame)
    return recorded


def overwritten(m, x):
    recorded = []
    for frame in x:
        frame[:, 0] = 0
        recorded.append(go(m, frame))
    return torch.stack(recorded)


@pytest.mark.parametrize("text", REFUSED)
def test_loops_that_are_refused(text):
    with pytest.raises(SnnDeployError, match=text) as caught:
        sd.capture(Loop(REFUSED[text]), spikes(np.random.default_rng(0), (STEPS, BATCH, 6)))
    assert all(finding.fix for finding in caught.value.findings)
