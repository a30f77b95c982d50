"""Training samples shifted in time and place, spoken faster or slower, with spikes left out: other ones each epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from snndeploy.errors import Finding, raise_errors

# (time, sample, *shape) -> the same shape
Change = Callable[[Tensor, Generator], Tensor]


@dataclass(frozen=True)
class Augment:
    """y[t, i, c] = x[round((t - a_i) / s_i), i, c - d_i] · keep, and 0 where x has no such time or place.

    All are drawn anew for each sample: a from -time..time, s from 1 - speed..1 + speed, d along each of the last axes
    from -places..places (whole numbers); keep is 0 with a probability drawn from 0..drop, else 1, for each number.

    Attributes:
        time: steps. speed: share. places: of the last axes, as (20,) of channels or (2, 2) of pixels. drop: share.

    Raises:
        SnnDeployError SD807: a number is out of its range.
    """

    time: int = 0
    speed: float = 0.0
    places: tuple[int, ...] = ()
    drop: float = 0.0

    def __post_init__(self) -> None:
        wrong = [
            f"{name} = {value} must be at least 0" + below
            for name, value, below, right in (
                ("time", self.time, "", self.time >= 0),
                ("speed", self.speed, " and below 1", 0 <= self.speed < 1),
                ("places", self.places, "", all(each >= 0 for each in self.places)),
                ("drop", self.drop, " and not above 1", 0 <= self.drop <= 1),
            )
            if not right
        ]
        raise_errors([Finding("SD807", "augment", what, "0 leaves it out") for what in wrong])

    def __call__(self, x: Tensor, draw: Generator) -> Tensor:
        if x.ndim - 2 < len(self.places):
            what = f"there are {len(self.places)} shifts, and a step of a sample has {x.ndim - 2} axes"
            raise_errors([Finding("SD807", "augment", what, "name one shift for each of the last axes")])
        steps, batch = x.shape[:2]
        every = torch.arange(batch)
        if self.time or self.speed:
            shift = _whole(self.time, batch, draw)
            speed = 1 + self.speed * (2 * torch.rand(batch, generator=draw) - 1)
            at = ((torch.arange(steps)[:, None] - shift) / speed).round().long()
            y = x[at.clamp(0, steps - 1), every]
            x = _zeroed(y, (at >= 0) & (at < steps), 0)
        for axis, most in enumerate(self.places, x.ndim - len(self.places)):
            size = x.shape[axis]
            at = torch.arange(size) - _whole(most, batch, draw)[:, None]
            moved = x.movedim(axis, 2)
            y = moved[:, every[:, None], at.clamp(0, size - 1)]
            x = _zeroed(y, (at >= 0) & (at < size), 1).movedim(2, axis)
        if self.drop:
            share = self.drop * torch.rand(batch, generator=draw)
            kept = torch.rand(x.shape, generator=draw) >= share.reshape(1, -1, *(1,) * (x.ndim - 2))
            x = x * kept
        return x


def _whole(most: int, count: int, draw: Generator) -> Tensor:
    return torch.randint(-most, most + 1, (count,), generator=draw)


def _zeroed(x: Tensor, inside: Tensor, axis: int) -> Tensor:
    """0 where `inside`, whose axes begin at that axis of x, is False."""
    shape = (1,) * axis + tuple(inside.shape)
    return x * inside.reshape(*shape, *(1,) * (x.ndim - len(shape))).to(x.dtype)


def generator(seed: int, epoch: int, batch: int, rank: int) -> Generator:
    """Of one batch: the same in a run that was stopped and resumed."""
    import hashlib

    mixed = hashlib.blake2b(f"augment {seed} {epoch} {batch} {rank}".encode(), digest_size=7)
    return Generator().manual_seed(int.from_bytes(mixed.digest(), "little"))


def named(change: Change | None) -> str:
    """What tells one from another, the same in every process."""
    return repr(change) if change is None or isinstance(change, Augment) else getattr(change, "__qualname__", "?")
