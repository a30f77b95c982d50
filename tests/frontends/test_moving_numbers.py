"""Reshapes, slices, permutations, padding and repetition in forward: random modules against the framework itself."""

import numpy as np
import pytest
import snntorch as snn
import torch
from captures import agree, spikes
from torch import nn
from torch.nn import functional as F

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.network import Conv, Dense, Flatten, Reshape, Sparse


def lif(**options):
    return snn.Leaky(**({"beta": 0.8, "threshold": 0.5, "init_hidden": True} | options))


class Moved(nn.Module):
    """Spikes of a convolution go through `move`, then through a dense layer."""

    def __init__(self, seed, move, norse=False):
        super().__init__()
        torch.manual_seed(seed)
        self.move, self.norse = move, norse
        self.first, self.lif1 = nn.Conv2d(2, 4, 3), lif()
        self.order = nn.Parameter(torch.randperm(6).float())
        self.register_buffer("picks", torch.tensor([3, 0, 2]))
        with torch.no_grad():
            self.first.weight.add_(0.15)
            width = move(self, torch.zeros(2, 4, 6, 6)).flatten(1).shape[1]
        self.last, self.lif2 = nn.Linear(width, 5), lif()
        with torch.no_grad():
            self.last.weight.mul_(3).add_(0.05)
        self.eval()

    def forward(self, x):
        return self.lif2(self.last(self.move(self, self.lif1(self.first(x))).flatten(1)))


MOVES = {
    "slice of channels": lambda m, s: s[:, 1:3],
    "every second": lambda m, s: s[:, ::2],
    "one channel": lambda m, s: s[:, 0],
    "one row": lambda m, s: s[:, :, 2],
    "rows": lambda m, s: s[:, :, 1:5, ::2],
    "ellipsis": lambda m, s: s[..., -2:],
    "list": lambda m, s: s[:, [2, 0, 0]],
    "buffer of places": lambda m, s: s[:, m.picks],
    "new axis": lambda m, s: s[:, None, :, 1],
    "split": lambda m, s: torch.split(s, 2, dim=1)[1],
    "split method": lambda m, s: s.split([1, 3], 1)[1],
    "chunk": lambda m, s: torch.cat(torch.chunk(s, 2, 1)[::-1], 1),
    "narrow": lambda m, s: s.narrow(2, 1, 3),
    "select": lambda m, s: s.select(1, 3),
    "index_select": lambda m, s: torch.index_select(s, 3, m.picks),
    "gather": lambda m, s: s.flatten(1).gather(1, torch.arange(0, 60, 7).expand(s.shape[0], -1)),
    "unbind": lambda m, s: s.unbind(1)[2],
    "roll": lambda m, s: torch.roll(s, (1, -2), (2, 3)),
    "flip": lambda m, s: s.flip(1, 3),
    "permute": lambda m, s: s.permute(0, 2, 3, 1),
    "transpose": lambda m, s: s.transpose(2, 3),
    "movedim": lambda m, s: s.movedim(1, -1),
    "view": lambda m, s: s.view(s.size(0), 2, 2, 36),
    "view of all": lambda m, s: s.view(-1, 4 * 6 * 6),
    "reshape": lambda m, s: s.reshape(s.shape[0], 6, 24),
    "unflatten": lambda m, s: s.flatten(1).unflatten(1, (9, 16)),
    "squeeze": lambda m, s: s.unsqueeze(2).squeeze(2).unsqueeze(-1),
    "pad": lambda m, s: F.pad(s, (1, 2, 0, 1)),
    "pad with channels": lambda m, s: F.pad(s, (0, 0, 0, 0, 1, 1)),
    "crop": lambda m, s: F.pad(s, (-1, -2, -1, 0)),
    "upsample": lambda m, s: F.interpolate(s, scale_factor=2),
    "repeat": lambda m, s: s.repeat(1, 2, 1, 1),
    "repeat_interleave": lambda m, s: s.repeat_interleave(3, dim=1),
    "expand": lambda m, s: s[:, :1].expand(-1, 3, -1, -1),
    "pixel_unshuffle": lambda m, s: F.pixel_unshuffle(s, 2),
    "unfold": lambda m, s: F.unfold(s, 3),
    "windows": lambda m, s: s.unfold(2, 3, 2),
    "stack of neurons": lambda m, s: torch.stack([s[:, 0], s[:, 2]], dim=1),
    "hstack": lambda m, s: torch.hstack([s[:, :1], s[:, 3:]]),
    "sides": lambda m, s: torch.cat([s, s.flip(3)], dim=3),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("move", MOVES)
def test_moves(move, seed):
    rng = np.random.default_rng(seed)
    agree(Moved(seed, MOVES[move]), spikes(rng, (8, 3, 2, 8, 8)), "snntorch")


MODULES = {
    "Unflatten": lambda: [nn.Flatten(), nn.Unflatten(1, (2, 8, 9))],
    "Unflatten of two": lambda: [nn.Unflatten(1, (2, 2)), nn.Flatten(2, 3)],
    "ZeroPad2d": lambda: [nn.ZeroPad2d((1, 0, 2, 1))],
    "ZeroPad2d and convolution": lambda: [nn.ZeroPad2d(1), nn.Conv2d(4, 2, 3, padding=1, stride=2)],
    "ConstantPad2d": lambda: [nn.ConstantPad2d(1, 0.0)],
    "ReflectionPad2d": lambda: [nn.ReflectionPad2d(2)],
    "ReplicationPad2d": lambda: [nn.ReplicationPad2d((0, 1, 1, 0))],
    "CircularPad2d": lambda: [nn.CircularPad2d(1), nn.Conv2d(4, 2, 3)],
    "Upsample": lambda: [nn.Upsample(scale_factor=2), nn.Conv2d(4, 1, 3)],
    "UpsamplingNearest2d": lambda: [nn.UpsamplingNearest2d(size=(8, 9))],
    "PixelShuffle": lambda: [nn.PixelShuffle(2)],
    "PixelUnshuffle": lambda: [nn.PixelUnshuffle(3)],
    "ChannelShuffle": lambda: [nn.ChannelShuffle(2)],
    "Unfold": lambda: [nn.Unfold(2, stride=2)],
    "ZeroPad1d": lambda: [nn.Flatten(2), nn.ZeroPad1d(2), nn.Conv1d(4, 2, 5, stride=3)],
    "ConvTranspose2d": lambda: [nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1)],
    "ConvTranspose2d without stride": lambda: [nn.ConvTranspose2d(4, 6, (2, 3), padding=(0, 1), groups=2)],
    "ConvTranspose2d with dilation": lambda: [nn.ConvTranspose2d(4, 4, 3, stride=(1, 2), dilation=2, groups=4)],
    "ConvTranspose1d": lambda: [nn.Flatten(2), nn.ConvTranspose1d(4, 2, 4, stride=3, bias=False)],
    "ConvTranspose1d without stride": lambda: [nn.Flatten(2), nn.ConvTranspose1d(4, 3, 4, dilation=2)],
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MODULES)
def test_modules_that_move(name, seed):
    torch.manual_seed(seed)
    inner = nn.Sequential(*MODULES[name]())
    with torch.no_grad():
        for each in inner.parameters():
            each.mul_(2)
    module = Moved(seed, lambda m, s: inner(s))
    module.inner = inner
    agree(module.eval(), spikes(np.random.default_rng(seed), (8, 3, 2, 8, 8)), "snntorch")


def maps(move):
    network = sd.capture(Moved(0, move), spikes(np.random.default_rng(0), (8, 3, 2, 8, 8)))
    return network.into("lif2")[0].maps


def test_a_selection_goes_into_the_weights_behind_it():
    module = Moved(0, lambda m, s: s.flatten(1)[:, 10:60:2])
    network = sd.capture(module, spikes(np.random.default_rng(0), (8, 3, 2, 8, 8)))
    flat, dense = network.into("lif2")[0].maps
    assert isinstance(flat, Flatten)
    expected = np.zeros((5, 144))
    expected[:, 10:60:2] = module.last.weight.detach().double().numpy()
    assert np.array_equal(dense.weight, expected)
    assert [type(each) for each in maps(lambda m, s: s[:, 1:3])] == [Conv, Flatten, Dense]
    assert [type(each) for each in maps(lambda m, s: s.permute(0, 2, 1, 3))] == [Sparse, Flatten, Dense]


def test_padding_goes_into_the_convolution_behind_it():
    class Padded(nn.Module):
        def __init__(self):
            super().__init__()
            self.pad, self.conv, self.lif = nn.ZeroPad2d((1, 2, 0, 1)), nn.Conv2d(1, 2, 3, padding=1), lif()
            nn.init.uniform_(self.conv.weight, 0, 0.5)

        def forward(self, x):
            return self.lif(self.conv(self.pad(x)))

    network = agree(Padded().eval(), spikes(np.random.default_rng(0), (12, 2, 1, 6, 6)), "snntorch")
    (conv,) = network.projections[0].maps
    assert conv.padding == ((1, 2), (2, 3))


def test_an_image_from_a_row():
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.lif = nn.Conv2d(1, 2, 3), lif()
            nn.init.uniform_(self.conv.weight, 0, 0.5)

        def forward(self, x):
            return self.lif(self.conv(x.view(-1, 1, 5, 6)))

    network = agree(Rows().eval(), spikes(np.random.default_rng(0), (12, 2, 30)), "snntorch")
    reshape, _ = network.projections[0].maps
    assert isinstance(reshape, Reshape)
    assert reshape.shape_to == (1, 5, 6)


REFUSED = {
    r"getitem\(\) from \(3, 4, 6, 6\) to \(4, 6, 6\) does not keep every sample apart": lambda m, s: s[0].expand(
        3, -1, 6, 6
    ),
    r"permute\(\) .* changes the order of the axes, or does not keep": lambda m, s: s.permute(1, 0, 2, 3).reshape(
        3, -1
    ),
    r"reshape\(\) .* does not keep every sample apart": lambda m, s: s.reshape(-1, 4).reshape(3, -1)[:, ::2],
    r"pad\(\) .* does more than move numbers.*pad with zeros": lambda m, s: F.pad(s, (1, 1), value=1.0),
    r"interpolate\(\) .* does more than move": lambda m, s: F.interpolate(s, scale_factor=2, mode="bilinear"),
    r"roll\(\) .* does not keep every sample apart": lambda m, s: torch.roll(s, 1, 0),
    r"SD302 .*long\(\) has no meaning": lambda m, s: s.flatten(1).gather(1, s.flatten(1).long()),
    r"cat\(\) along axis 0 joins steps or samples": lambda m, s: torch.cat([s, s])[:3],
}


@pytest.mark.parametrize("text", REFUSED)
def test_moves_that_are_refused(text):
    with pytest.raises(SnnDeployError, match=text) as caught:
        sd.capture(Moved(0, REFUSED[text]), np.ones((3, 3, 2, 8, 8)))
    assert all(finding.fix for finding in caught.value.findings)


REFUSED_MODULES = {
    r"SD308 module 'inner': it pads with 1.0": lambda: nn.ConstantPad2d(1, 1.0),
    r"SD308 module 'inner': its mode is 'bilinear'.*mode='nearest'": lambda: nn.Upsample(
        scale_factor=2, mode="bilinear"
    ),
    r"SD301 module 'inner': torch's Fold": lambda: nn.Fold((9, 16), 1),
}


@pytest.mark.parametrize("text", REFUSED_MODULES)
def test_modules_that_are_refused(text):
    inner = REFUSED_MODULES[text]()

    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.lif = inner, lif()

        def forward(self, x):
            return self.lif(self.inner(x))

    shape = (4, 144) if isinstance(inner, nn.Fold) else (4, 6, 6)
    with pytest.raises(SnnDeployError, match=text):
        sd.capture(One().eval(), np.ones((3, 2, *shape)))
