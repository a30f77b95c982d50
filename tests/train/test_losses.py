"""Losses against those of snnTorch, and the classes they choose."""

import pytest
import snntorch.functional as SF
import torch

from snndeploy.train.losses import LOSSES, chosen

THEIRS = {
    "ce_rate_loss": SF.ce_rate_loss(),
    "ce_count_loss": SF.ce_count_loss(),
    "mse_count_loss": SF.mse_count_loss(),
    "ce_max_membrane_loss": SF.ce_max_membrane_loss(),
    "mse_membrane_loss": SF.mse_membrane_loss(),
}


def drawn(signal, steps=9, batch=6, classes=4):
    x = torch.rand(steps, batch, classes) if signal == "v" else (torch.rand(steps, batch, classes) < 0.4).float()
    return x.requires_grad_(), torch.randint(0, classes, (batch,))


@pytest.mark.parametrize("name", THEIRS)
def test_loss_and_gradient_are_those_of_snntorch(name):
    x, labels = drawn(LOSSES[name].signal)
    ours, theirs = LOSSES[name].of(x, labels, 10.0), THEIRS[name](x, labels)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    a, b = (torch.autograd.grad(each, x)[0] for each in (ours, theirs.sum()))
    assert torch.allclose(a, b, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_the_parts_of_a_batch_add_up(name):
    x, labels = drawn(LOSSES[name].signal)
    whole = LOSSES[name].of(x, labels, 3.0)
    parts = [LOSSES[name].of(x[:, part], labels[part], 3.0) * len(part) for part in (range(2), range(2, 6))]
    assert (sum(parts) / 6).item() == pytest.approx(whole.item(), rel=1e-5)


def test_the_last_membrane_is_what_counts():
    x, labels = drawn("v")
    expected = torch.nn.functional.cross_entropy(x[-1], labels)
    assert LOSSES["ce_last_membrane_loss"].of(x, labels, 1.0).item() == expected.item()


@pytest.mark.parametrize(
    ("decision", "x", "expected"),
    [
        ("spike-count", [[0, 1, 0], [0, 0, 1]], 1),
        ("spike-count", [[0, 0, 0], [0, 0, 0]], 0),
        ("spike-count", [[5, 0, 0], [0, 1, 0], [0, 1, 0]], 1),
        ("last-v", [[9, 0, 0], [1, 2, 2]], 1),
        ("max-v", [[-1, 7, 0], [-1, 2, 7]], 1),
    ],
)
def test_the_lowest_class_wins_a_tie(decision, x, expected):
    assert chosen(torch.tensor(x, dtype=torch.float32)[:, None], decision).tolist() == [expected]
