"""Batches of a torch Dataset, and of the caller's own DataLoader."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset

from snndeploy.errors import error
from snndeploy.files import short
from snndeploy.frontends.arguments import INPUT
from snndeploy.train import checkpoint
from snndeploy.train.batches import Batch, Inputs, Part, Source, check_finite, check_labels, divided, shuffled
from snndeploy.train.fingerprints import of_arrays


class Seeded(Dataset[Any]):
    """A Dataset whose item k of an epoch is drawn with the same random numbers, in whichever process and order.

    What `items[k]` raises is returned with its index, since it is raised again by a process that knows its name.
    """

    def __init__(self, items: Any, seed: int | None, epoch: int):
        self.items, self.seed, self.epoch = items, seed, epoch

    def __getitem__(self, k: int) -> Any:
        before = checkpoint.random_state(cuda=False)
        mixed = hashlib.blake2b(f"{self.seed} {self.epoch} {k}".encode(), digest_size=7)
        checkpoint.seed_generators(int.from_bytes(mixed.digest(), "little"))
        try:
            x, label = self.items[k]
            return k, x, label
        except Exception as problem:
            return k, None, f"it cannot be read ({type(problem).__name__}: {short(problem)})"
        finally:
            checkpoint.set_random_state(before)


def together(items: Sequence[tuple[int, Any, Any]], where: str) -> tuple[Inputs, Tensor, list[int]]:
    """Samples (time, *shape) and their labels -> (time, sample, *shape).

    Raises:
        SnnDeployError SD843: a sample cannot be read, or is of another shape than those before it; it is named.
    """
    columns: dict[str, list[Tensor]] = {}
    for k, x, label in items:
        at = f"{where}, sample {k}"
        if x is None:
            raise error("SD843", at, str(label), "leave it out, or correct the data set")
        for name, each in (x if isinstance(x, Mapping) else {INPUT: x}).items():
            tensor = torch.as_tensor(np.asarray(each) if not isinstance(each, Tensor) else each)
            column = columns.setdefault(str(name), [])
            if tensor.ndim < 2 or (column and tensor.shape != column[0].shape):
                usual = "(time, *shape)" if tensor.ndim < 2 else f"{tuple(column[0].shape)} as sample {items[0][0]}"
                what = f"its shape is {tuple(tensor.shape)}, not {usual}"
                raise error("SD843", at, what, "cut or pad all samples to one length: tonic.transforms.ToFrame(...)")
            column.append(tensor)
    labels = np.asarray([np.asarray(label).reshape(-1) for _, _, label in items])
    names = [k for k, _, _ in items]
    if labels.shape != (len(items), 1):
        raise error("SD843", f"{where}, sample {names[0]}", "its label is not one number", "give a class number")
    check_labels(labels[:, 0], where, names=names)
    inputs = {name: torch.stack(column, 1) for name, column in columns.items()}
    check_finite(inputs, where, names)
    return inputs, torch.from_numpy(labels[:, 0].astype(np.int64)), names


def as_they_are(items: list[Any]) -> list[Any]:
    return items


class Items(Source):
    """A torch Dataset of (x, label) with a length; x (time, *shape), or a mapping by argument of forward.

    Args:
        order: seed of the order and of what items draw; None: as they are.
        workers: processes that load.
        index: the samples that are used; None: all.
    """

    def __init__(self, items: Any, batch: int, order: int | None, workers: int, where: str, index: Any = None):
        self.items, self.batch, self.order, self.workers, self.where = items, batch, order, workers, where
        self.index = np.arange(len(items)) if index is None else index
        self.draws = workers == 0
        self.samples: int = len(self.index)
        self.batches: int = -(-self.samples // batch)
        if not self.samples:
            raise error("SD843", where, "there is no sample", "give one at least")

    def split(self, share: float, seed: int) -> tuple[Items, Items]:
        """The samples that are trained with, and a share that is held back."""
        kept, held = (self.index[each] for each in divided(self.samples, share, seed))
        given = (self.workers, self.where)
        return Items(self.items, self.batch, self.order, *given, kept), Items(
            self.items, self.batch, None, *given, held
        )

    def epoch(self, epoch: int, start: int, part: Part) -> Iterator[Batch]:
        whole = torch.arange(self.samples) if self.order is None else shuffled(self.samples, self.order, epoch)
        batches = torch.split(whole, self.batch)[start:]
        parts = [part.of(batch.tolist()) for batch in batches]
        loader: DataLoader[Any] = DataLoader(
            Seeded(self.items, self.order, epoch),
            batch_sampler=[self.index[own].tolist() for own, _ in parts],
            num_workers=self.workers,
            collate_fn=as_they_are,
            # else a seed would be drawn from the generator of this process, whenever an epoch begins or goes on
            generator=torch.Generator().manual_seed(0),
        )
        for items, batch, (_, weight) in zip(loader, batches, parts, strict=True):
            yield Batch(*together(items, self.where), len(batch), weight)

    def first(self, count: int) -> tuple[Inputs, Tensor]:
        seeded = Seeded(self.items, self.order, 0)
        inputs, labels, _ = together([seeded[int(k)] for k in self.index[:count]], self.where)
        return inputs, labels

    def fingerprint(self) -> str:
        """Of the number of samples, and of the first and the last."""
        seeded = Seeded(self.items, self.order, 0)
        shown = together([seeded[0]], self.where)[0] | {"last": together([seeded[len(self.items) - 1]], self.where)[1]}
        return f"{type(self.items).__name__} {len(self.items)} {of_arrays(shown.items())}"


class Loader(Source):
    """The caller's own DataLoader, or an IterableDataset; its batches as they come.

    An epoch begins with generators that belong to (seed, epoch), so that a RandomSampler gives the same order again; a
    run that is resumed in the middle of an epoch loads what was done and drops it. Every process loads all of it, if
    the loader has no DistributedSampler.

    Args:
        layout: of x in a batch.
    """

    def __init__(self, loader: DataLoader[Any], layout: str | None, seed: int | None, where: str):
        self.loader, self.seed, self.where = loader, seed, where
        if layout is None:
            what = "nothing says whether its batches are (time, sample, *shape) or (sample, time, *shape)"
            fix = "layout='batch-major' is what torch's own collation makes; layout='time-major'"
            raise error("SD807", where, what, fix)
        self.axis = 0 if layout == "time-major" else 1
        streamed = isinstance(loader.dataset, IterableDataset)
        self.samples = None if streamed else len(loader.dataset)  # type: ignore[arg-type]
        self.batches = None if streamed else len(loader)
        self.spread = isinstance(loader.sampler, DistributedSampler)

    def epoch(self, epoch: int, start: int, part: Part) -> Iterator[Batch]:
        for each in (self.loader.sampler, self.loader.dataset):
            if hasattr(each, "set_epoch"):
                each.set_epoch(epoch)
        own = checkpoint.random_state(cuda=False)
        checkpoint.seed_generators(_mixed(self.seed, epoch))
        if self.loader.generator is not None:
            self.loader.generator.manual_seed(_mixed(self.seed, epoch))
        loading = iter(self.loader)
        theirs = checkpoint.random_state(cuda=False)
        checkpoint.set_random_state(own)
        k = 0
        while True:
            # in this process, what the data set draws must not depend on what the module drew
            own = checkpoint.random_state(cuda=False)
            checkpoint.set_random_state(theirs)
            given = next(loading, None)
            theirs = checkpoint.random_state(cuda=False)
            checkpoint.set_random_state(own)
            if given is None:
                return
            k += 1
            if k > start:
                yield self._batch(given, k, Part() if self.spread else part, part.world if self.spread else 1)

    def _batch(self, given: Any, k: int, part: Part, spread: int) -> Batch:
        where = f"{self.where}, batch {k}"
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            what = f"it is a {type(given).__name__}, not (x, labels)"
            raise error("SD843", where, what, "let the data set return (x, label)")
        x, labels = given
        classes = torch.as_tensor(labels).reshape(-1)
        named = x if isinstance(x, Mapping) else {INPUT: x}
        inputs = {}
        for name, each in named.items():
            tensor = torch.as_tensor(each)
            tensor = tensor.movedim(self.axis, 0) if tensor.ndim > 2 else tensor
            if tensor.ndim < 3 or tensor.shape[1] != len(classes):
                what = f"x is {tuple(torch.as_tensor(each).shape)}, and there are {len(classes)} labels"
                fix = "layout='time-major' or 'batch-major', whichever it is (--layout)"
                raise error("SD843", where, what, fix)
            inputs[str(name)] = tensor
        check_labels(classes.numpy(), where)
        check_finite(inputs, where)
        own, weight = part.of(range(len(classes)))
        chosen = torch.tensor(own)
        total = len(classes) * spread
        return Batch({n: t[:, chosen] for n, t in inputs.items()}, classes[chosen].long(), own, total, weight)

    def first(self, count: int) -> tuple[Inputs, Tensor]:
        batch = next(self.epoch(0, 0, Part()), None)
        if batch is None:
            raise error("SD843", self.where, "there is no batch", "give one at least")
        return {name: x[:, :count] for name, x in batch.inputs.items()}, batch.labels[:count]

    def fingerprint(self) -> str:
        inputs, labels = self.first(1)
        return f"{type(self.loader.dataset).__name__} {self.samples} {of_arrays([*inputs.items(), ('labels', labels)])}"


def _mixed(seed: int | None, epoch: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed} {epoch}".encode(), digest_size=7).digest(), "little")
