"""Runs that end in an error behind some batches: it is named, the last checkpoint is whole, and the run goes on from it
as if nothing had been."""

import numpy as np
import pytest
import snntorch
import torch

from snndeploy.errors import SnnDeployError
from snndeploy.train import checkpoint
from snndeploy.train.loop import train

SAMPLES, BATCH, BAD = 64, 8, 40
HOW = {"epochs": 2, "batch": BATCH, "lr": 0.05, "scheduler": "none", "seed": 3, "every": 1}


class Lines(torch.utils.data.Dataset):
    """Four classes; what becomes of sample `BAD` is the caller's choice."""

    def __init__(self, spoil=None):
        rng = np.random.default_rng(0)
        self.labels = rng.integers(0, 4, SAMPLES)
        lit = np.repeat(np.eye(4)[self.labels], 2, axis=1)
        self.x = (rng.random((10, SAMPLES, 8)) < 0.1 + 0.8 * lit).astype(np.float32)
        self.spoil = spoil

    def __len__(self):
        return SAMPLES

    def __getitem__(self, k):
        x = torch.from_numpy(self.x[:, k].copy())
        return (x if k != BAD or self.spoil is None else self.spoil(x)), int(self.labels[k])


def raises(x):
    raise OSError("the file of this recording ends too early")


SPOILED = {
    "NaN": (lambda x: x.index_fill(0, torch.tensor(3), float("nan")), "SD843", {}),
    "shape": (lambda x: x[:, :5], "SD843", {}),
    "raises": (raises, "SD843", {}),
    "NaN loss": (lambda x: torch.full_like(x, 3e38), "SD844", {"loss": "ce_max_membrane_loss", "clip": 1.0}),
}


def small():
    """One layer: what is too large reaches the membranes that the loss looks at."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(8, 4), snntorch.Leaky(0.8, init_hidden=True))


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("name", SPOILED)
def test_the_last_checkpoint_is_whole_and_the_run_goes_on_from_it(name, accelerate, tmp_path):
    spoil, code, more = SPOILED[name]
    how = {**HOW, **more, "accelerate": accelerate}
    order = torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(3)).tolist()
    done = order.index(BAD) // BATCH
    assert 0 < done < SAMPLES // BATCH
    with pytest.raises(SnnDeployError, match=code):
        train(small(), Lines(spoil), out=tmp_path / "run", **how)
    held = checkpoint.load(tmp_path / "run")
    assert held["state"]["step"] == done
    assert all(torch.isfinite(each).all() for each in held["module"].values())
    assert not list((tmp_path / "run").glob("*.part"))

    mended, whole = small(), small()
    train(mended, Lines(), out=tmp_path / "run", resume=True, **how)
    train(whole, Lines(), out=tmp_path / "whole", **how)
    assert (tmp_path / "run" / "batches.csv").read_text() == (tmp_path / "whole" / "batches.csv").read_text()
    assert all(torch.equal(a, b) for a, b in zip(mended.parameters(), whole.parameters(), strict=True))
