"""Where batches come from: arrays, a torch Dataset, or the caller's own DataLoader; the same order every time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.train.augment import Change, generator, named

Inputs = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Batch:
    """The part of a batch that one process has.

    Attributes:
        inputs: name -> (time, sample, *shape), any type of number.
        labels: int64 (sample,).
        index: what the samples are called in errors.
        total: samples of the whole batch, over all processes.
        weight: 0 where this process has no sample of its own and shows one for company.
    """

    inputs: Inputs
    labels: Tensor
    index: Sequence[int]
    total: int
    weight: float = 1.0

    @property
    def size(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Part:
    """Which process this is, and of how many."""

    rank: int = 0
    world: int = 1

    def of(self, batch: Sequence[int]) -> tuple[list[int], float]:
        """Its samples of a batch, every `world`th, and their weight."""
        own = list(batch[self.rank :: self.world])
        return (own, 1.0) if own else (list(batch[:1]), 0.0)


class Source(ABC):
    """Samples in batches.

    Attributes:
        samples: how many there are; batches: per epoch; None: unknown.
        draws: it may use the generators of this process.
    """

    draws: bool = True

    samples: int | None
    batches: int | None

    @abstractmethod
    def epoch(self, epoch: int, start: int, part: Part) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on, the same in every run."""

    @abstractmethod
    def first(self, count: int) -> tuple[Inputs, Tensor]:
        """Some samples to look at, the same ones every time."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Tells other data."""


def shuffled(count: int, seed: int, epoch: int) -> Tensor:
    """The order of an epoch: the (epoch + 1)th permutation that a generator of this seed draws."""
    order = torch.Generator().manual_seed(seed)
    for _ in range(epoch):
        torch.randperm(count, generator=order)
    return torch.randperm(count, generator=order)


def divided(count: int, share: float, seed: int) -> tuple[Array, Array]:
    """Indices that are trained with and indices that are held back, both sorted."""
    held = round(count * share)
    mixed = torch.randperm(count, generator=torch.Generator().manual_seed(seed + 1)).numpy()
    return np.sort(mixed[held:]), np.sort(mixed[:held])


def check_labels(labels: Array, where: str, classes: int | None = None, names: Sequence[int] | None = None) -> None:
    """Labels are whole numbers within the classes; the first that is not is named.

    Raises:
        SnnDeployError SD843.
    """
    if labels.dtype.kind not in "iu":
        what = f"its labels are {labels.dtype}, not whole numbers"
        raise error("SD843", where, what, "give class numbers: labels.astype(np.int64)")
    wrong = np.flatnonzero((labels < 0) | (labels >= (np.inf if classes is None else classes)))
    if len(wrong):
        first = int(wrong[0])
        index = first if names is None else int(names[first])
        limit = "" if classes is None else f", the module decides among {classes} classes"
        what = f"its label is {labels[first]}{limit}; {len(wrong):,} of {len(labels):,} labels are so"
        raise error("SD843", f"{where}, sample {index}", what, "number the classes from 0")


def check_finite(inputs: Mapping[str, Tensor], where: str, names: Sequence[int] | None = None) -> None:
    """No sample holds NaN or infinity; those that do are named.

    Raises:
        SnnDeployError SD843.
    """
    found = []
    for name, x in inputs.items():
        if not x.is_floating_point() or bool(torch.isfinite(x.sum())):
            continue
        bad = (~torch.isfinite(x)).transpose(0, 1).flatten(1).sum(dim=1)
        for k in bad.nonzero().flatten().tolist()[:5]:
            index = k if names is None else names[k]
            what = f"{int(bad[k]):,} of {x[:, k].numel():,} values of {name!r} are NaN or infinite"
            found.append(Finding("SD843", f"{where}, sample {index}", what, "leave it out, or np.nan_to_num(x)"))
    raise_errors(found)


class Arrays(Source):
    """Arrays in memory (or memory-mapped), (time, sample, *shape), of any type of number.

    Args:
        order: seed of the order; None: as they are.
        index: the samples that are used; None: all.
        augment: what is done with each batch, where there is an order; not with samples that are held back.

    Raises:
        SnnDeployError SD843: shapes or labels do not fit, or a sample holds NaN; all are named.
    """

    draws = False

    def __init__(
        self,
        inputs: Mapping[str, Array],
        labels: Array,
        batch: int,
        order: int | None,
        where: str,
        index: Array | None = None,
        augment: Change | None = None,
    ):
        self.augment = augment
        self.inputs = {name: torch.from_numpy(np.asarray(x)) for name, x in inputs.items()}
        self.labels, self.batch, self.order, self.where = labels, batch, order, where
        self.index = np.arange(len(labels)) if index is None else index
        self.samples: int = len(self.index)
        self.batches: int = -(-self.samples // batch)
        if index is None:
            self._check()

    def _check(self) -> None:
        where = self.where
        found = []
        if self.labels.ndim != 1:
            fix = "one class number per sample: labels.argmax(axis=1) of one-hot rows, labels[:, 0] of a column"
            raise error("SD843", where, f"its labels are {self.labels.shape}, not (sample,)", fix)
        for name, x in self.inputs.items():
            if x.ndim < 3 or x.shape[1] != self.samples:
                what = f"{name!r} is {tuple(x.shape)}, and {self.samples} labels ask for "
                what += f"(time, {self.samples}, *shape)"
                other = len(x) == self.samples
                fix = "layout='batch-major' (--layout batch-major)" if other else "give one label per sample"
                found.append(Finding("SD843", where, what, fix))
        if not self.samples:
            found.append(Finding("SD843", where, "there is no sample", "give one at least"))
        raise_errors(found)
        check_labels(self.labels, where)
        for start in range(0, self.samples, 256):
            part = {name: x[:, start : start + 256] for name, x in self.inputs.items()}
            check_finite(part, where, range(start, self.samples))

    def split(self, share: float, seed: int) -> tuple[Arrays, Arrays]:
        """The samples that are trained with, and a share that is held back."""
        kept, held = (self.index[each] for each in divided(self.samples, share, seed))
        arrays = {name: x.numpy() for name, x in self.inputs.items()}
        ours = Arrays(arrays, self.labels, self.batch, self.order, self.where, kept, self.augment)
        return ours, Arrays(arrays, self.labels, self.batch, None, self.where, held)

    def rows(self, index: Array) -> tuple[Inputs, Tensor]:
        chosen = torch.from_numpy(index)
        labels = torch.from_numpy(self.labels[index].astype(np.int64))
        return {name: x[:, chosen] for name, x in self.inputs.items()}, labels

    def epoch(self, epoch: int, start: int, part: Part) -> Iterator[Batch]:
        count = len(self.index)
        whole = torch.arange(count) if self.order is None else shuffled(count, self.order, epoch)
        for number, batch in enumerate(torch.split(whole, self.batch)[start:], start):
            own, weight = part.of(batch.tolist())
            names = self.index[own]
            inputs, labels = self.rows(names)
            if self.augment is not None and self.order is not None:
                drawn = (self.order, epoch, number, part.rank)
                inputs = {name: self.augment(x, generator(*drawn)) for name, x in inputs.items()}
            yield Batch(inputs, labels, names.tolist(), len(batch), weight)

    def first(self, count: int) -> tuple[Inputs, Tensor]:
        return self.rows(self.index[:count])

    def fingerprint(self) -> str:
        from snndeploy.train.fingerprints import of_arrays

        held = of_arrays([*self.inputs.items(), ("labels", torch.from_numpy(self.labels))])
        return held if self.augment is None else f"{held} {named(self.augment)}"
