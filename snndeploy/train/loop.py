"""One small training loop: surrogate gradients through time on spike counts, over Lightning Fabric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from snndeploy.errors import error
from snndeploy.train.data import Data
from snndeploy.train.sequence import Forward, over_time

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Trained:
    """What `train` did.

    Attributes:
        loss: mean of the last epoch.
        accuracy: on the test samples, after the last epoch.
        history: (loss, training accuracy) per epoch.
    """

    loss: float
    accuracy: float
    history: tuple[tuple[float, float], ...]


def rate_loss(spikes: torch.Tensor, labels: torch.Tensor, scale: float = 10.0) -> torch.Tensor:
    """Cross-entropy of `scale` · spikes per step. `spikes: (time, batch, class)`, `labels: int64 (batch,)`."""
    return cross_entropy(scale * spikes.mean(dim=0), labels)


def train(
    module: torch.nn.Module,
    data: Data,
    epochs: int = 10,
    batch: int = 64,
    lr: float = 2e-3,
    scale: float = 10.0,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Trained:
    """Trains a module over one step in place and leaves it in eval mode on the CPU.

    Adam with a learning rate that falls to zero along a cosine; the loss is `rate_loss`. State is fresh in each batch.

    Args:
        module: returns one tensor of spikes (batch, class) per step; snnTorch with init_hidden, or Norse.
        device: "cpu", "cuda" or "auto".
        progress: called as (batches done, batches in all, text).

    Raises:
        SnnDeployError SD807: there is no such device, a setting is out of its range, or weights become NaN or infinite.
    """
    if device not in ("cpu", "cuda", "auto"):
        raise error("SD807", f"device {device!r}", "there is no such device", "choose from cpu, cuda, auto")
    if device == "cuda" and not torch.cuda.is_available():
        raise error("SD807", "device 'cuda'", "torch finds no CUDA device here", "device='cpu'")
    if epochs < 1 or batch < 1 or not 0 < lr < float("inf"):
        what = f"epochs = {epochs} and batch = {batch} must be at least 1, lr = {lr:g} finite and above 0"
        raise error("SD807", "train", what)
    from lightning_fabric import Fabric

    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    fabric = Fabric(accelerator=device, devices=1)
    optimizer = torch.optim.Adam(module.parameters(), lr=lr)
    count = data.train.shape[1]
    steps = epochs * -(-count // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    wrapped, optimizer = fabric.setup(module, optimizer)
    forward = over_time(module, wrapped)
    x, y = fabric.to_device(torch.from_numpy(data.train)), fabric.to_device(torch.from_numpy(data.train_labels))

    history: list[tuple[float, float]] = []
    done = 0
    for epoch in range(epochs):
        module.train()
        total, right = 0.0, 0
        for part in torch.split(torch.randperm(count, generator=order), batch):
            spikes = forward(x[:, part])
            loss = rate_loss(spikes, y[part], scale)
            optimizer.zero_grad()
            fabric.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(part)
            right += int((spikes.sum(dim=0).argmax(dim=1) == y[part]).sum())
            done += 1
            if progress is not None:
                progress(done, steps, f"epoch {epoch + 1} of {epochs}, loss {loss.item():.3f}")
        # spikes are 0 or 1 whatever happens, so that a loss stays finite when the weights are not
        lost = [name for name, p in module.named_parameters() if not torch.isfinite(p).all()]
        if lost:
            what = f"{', '.join(lost)} are NaN or infinite after epoch {epoch + 1}"
            raise error("SD807", type(module).__name__, what, f"check the samples for NaN, or lower lr (now {lr:g})")
        history.append((total / count, right / count))
    module.cpu().eval()
    return Trained(history[-1][0], accuracy(module, data.test, data.test_labels), tuple(history))


@torch.no_grad()
def accuracy(module: torch.nn.Module, samples: Any, labels: Any, forward: Forward | None = None) -> float:
    """Share of samples whose label spikes most; the lowest index wins a tie. `samples: (time, sample, *shape)`."""
    spikes = (forward or over_time(module))(torch.as_tensor(samples))
    chosen = spikes.sum(dim=0).cpu().numpy().argmax(axis=1)
    return float((torch.as_tensor(labels).cpu().numpy() == chosen).mean())
