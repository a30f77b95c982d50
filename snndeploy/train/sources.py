"""What a caller gives as data -> samples to train with, to choose the best epoch by, and to test with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from snndeploy.errors import error
from snndeploy.frontends.arguments import INPUT
from snndeploy.network.arrays import Array
from snndeploy.train.batches import Arrays, Source
from snndeploy.train.data import Data
from snndeploy.train.datasets.recorded import Recorded
from snndeploy.train.event_batches import EventBatches
from snndeploy.train.settings import Settings
from snndeploy.train.streams import Items, Loader

LAYOUTS = ("time-major", "batch-major")


@dataclass(frozen=True)
class Sources:
    """`validation` and `test` may be missing."""

    train: Source
    validation: Source | None
    test: Source | None


def sources_of(data: Any, how: Settings, layout: str | None, validation: Any = None, test: Any = None) -> Sources:
    """Samples from `Data`, (inputs, labels), `Recorded` events, a torch Dataset or a DataLoader.

    Raises:
        SnnDeployError SD807: it is none of them, or the layout is not known. SD843: a sample or a label is bad.
    """
    if layout is not None and layout not in LAYOUTS:
        fix = f"choose from {', '.join(LAYOUTS)}"
        raise error("SD807", f"layout {layout!r}", "there is no such order of axes", fix)
    if isinstance(data, Data):
        given = (data.train, data.train_labels)
        test = (data.test, data.test_labels) if test is None else test
    else:
        given = data
    train = source_of(given, how, layout, how.seed, "training data")
    if isinstance(data, Data) and isinstance(train, Arrays):
        train.augment = data.augment
    held = None if validation is None else source_of(validation, how, layout, None, "validation data")
    if held is None and how.validation:
        train, held = _split(train, how)
    return Sources(train, held, None if test is None else source_of(test, how, layout, None, "test data"))


def source_of(data: Any, how: Settings, layout: str | None, order: int | None, where: str) -> Source:
    """One source; `order` is the seed of its order, or None."""
    if isinstance(data, Recorded):
        return EventBatches(data, how.batch, order, where)
    if isinstance(data, tuple) and len(data) == 2:
        inputs, labels = data
        named = inputs if isinstance(inputs, Mapping) else {INPUT: inputs}
        arrays = {str(name): array_of(x) for name, x in named.items()}
        if layout == "batch-major":
            arrays = {name: x.swapaxes(0, 1) if x.ndim > 1 else x for name, x in arrays.items()}
        return Arrays(arrays, np.atleast_1d(array_of(labels)), how.batch, order, where)
    if isinstance(data, DataLoader):
        return Loader(data, layout, order, where)
    if isinstance(data, IterableDataset):
        return Loader(DataLoader(data, how.batch, num_workers=how.workers), "batch-major", order, where)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (tuple, list, dict, str)):
        return Items(data, how.batch, order, how.workers, where)
    what = f"a {type(data).__name__} holds no samples with labels"
    fix = "give (x, labels), train.data.Data, a torch Dataset of (x, label), or a DataLoader"
    raise error("SD807", where, what, fix)


def array_of(given: Any) -> Array:
    """NumPy's view of an array or a tensor."""
    return np.asarray(given.detach().cpu() if isinstance(given, torch.Tensor) else given)


def _split(train: Source, how: Settings) -> tuple[Source, Source]:
    if not isinstance(train, (Arrays, Items, EventBatches)):
        fix = "give validation data of their own, or a Dataset"
        raise error("SD807", "validation", "a stream cannot be split, for nothing says what is in it", fix)
    if not 0 < round(train.samples * how.validation) < train.samples:
        what = f"{how.validation:g} of {train.samples} samples leaves one of the two parts empty"
        raise error("SD807", "validation", what, "choose another share")
    return train.split(how.validation, how.seed)
