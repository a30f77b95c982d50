"""Which samples a card is measured on: the test split, and of the training samples some to choose the integers by."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy import deliver, models
from snndeploy.errors import error
from snndeploy.files import load_arrays
from snndeploy.network.arrays import Array

if TYPE_CHECKING:
    from snndeploy.train.batches import Source
    from snndeploy.train.settings import Settings
    from snndeploy.train.sources import Sources

# to calibrate on, and to choose a method by
CALIBRATION, SELECTION = 128, 512


@dataclass(frozen=True, eq=False)
class Split:
    """Samples of a source, of which a block at a time is in memory. index: which, in the numbers of the source."""

    source: Source
    index: Array

    def __len__(self) -> int:
        return len(self.index)

    def block(self, start: int, stop: int) -> tuple[Any, Array]:
        """Samples (time, sample, *shape), or by name of input where there are several, and labels int64 (sample,)."""
        from snndeploy.frontends.arguments import INPUT

        chosen: Any = copy(self.source)
        chosen.index = self.index[start:stop]
        inputs, labels = chosen.first(len(chosen.index))
        arrays = {name: x.numpy() for name, x in inputs.items()}
        return (arrays[INPUT] if set(arrays) == {INPUT} else arrays), labels.numpy().astype(np.int64)

    def first(self, count: int) -> Any:
        return self.block(0, count)[0]

    def all(self) -> Any:
        return self.first(len(self))

    def at(self, which: Any) -> Split:
        return Split(self.source, self.index[which])


@dataclass(frozen=True, eq=False)
class Samples:
    """Attributes:
    test: what a card tells of; all_test: samples that there are.
    calibration, selection: to choose the integers by, none of them a test sample.
    selected_from: what `selection` was to the run. unseen: whether the network was trained without these; decisions
        on samples that it was trained on are surer, and integers keep more of them.
    """

    test: Split
    all_test: int
    calibration: Split
    selection: Split
    selected_from: str
    unseen: bool


def settings_of(record: Mapping[str, Any]) -> Settings:
    """The settings of a run; those that this release does not know are left out."""
    from snndeploy.train.settings import Settings

    known = {each.name for each in fields(Settings)}
    given = {name: each for name, each in record["settings"].items() if name in known}
    if given.get("rates"):
        given["rates"] = {name: tuple(band) for name, band in given["rates"].items()}
    return Settings(**given)


def sources_of(record: Mapping[str, Any], data: Any = None) -> Sources:
    """The samples of a run, split as it split them.

    Args:
        data: in place of the folder or file of the run: a path, or what `train` takes.

    Raises:
        SnnDeployError SD896: nothing says which samples they are, there are none to test with, or the data are no
            longer those of the run. SD801, SD803: a file of samples is gone or damaged.
    """
    from snndeploy.train.sources import sources_of as split

    files, test, own = record.get("files", {}), None, data is None
    if data is None and not files and record["model"] is None:
        fix = "card(run, data=...), as it was given to train"
        raise error("SD896", "data", "the run was trained on arrays, and its record does not hold them", fix)
    if data is None and "data" in files and record["data"] is None:
        data = _taught(files, "data", "labels")
    if "test" in files:
        test = _taught(files, "test", "test_labels")
    if data is None or isinstance(data, (str, Path)):
        data = _of_file(record, record["data"] if data is None else data)
    found = split(data, settings_of(record), record.get("layout"), None, test)
    if own:
        _as_they_were(record, found)
    if found.test is None:
        fix = "--test x.npz for train, or a data() that returns snndeploy.train.data.Data"
        raise error("SD896", "data", "the run has no test samples, of which a card tells", fix)
    return found


def _as_they_were(record: Mapping[str, Any], found: Sources) -> None:
    """As many samples as there were: otherwise they are split another way, and what was learned may be tested."""
    known = record.get("samples", {})
    for part, count in known.items():
        source = getattr(found, part)
        now = None if source is None else source.samples
        if now != count:
            what = f"there are {now or 0:,} samples for {part} now, and the run had {count or 0:,}"
            fix = "put the data back as they were, or name them (--data)"
            raise error("SD896", "data", what, fix)


def samples_of(sources: Sources, count: int | None) -> Samples:
    """`count` of the test samples, evenly spaced; None: all of them.

    Raises:
        SnnDeployError SD896: the samples come from a stream, of which nothing says what is in it.
    """
    test = _whole(sources.test)
    shown = spread(test, len(test) if count is None else count)
    train = _whole(sources.train)
    if sources.validation is not None:
        said = "held back from training, which chose its best epoch by them"
        chosen = spread(_whole(sources.validation), SELECTION)
        return Samples(shown, len(test), spread(train, CALIBRATION), chosen, said, True)
    both = spread(train, CALIBRATION + SELECTION)
    own = np.arange(len(both)) % (1 + SELECTION // CALIBRATION) == 0
    if len(both) == 1:
        said = "the one training sample, on which they were calibrated too"
        return Samples(shown, len(test), both, both, said, False)
    said = "training samples that the calibration leaves out"
    return Samples(shown, len(test), both.at(own), both.at(~own), said, False)


def spread(split: Split, count: int) -> Split:
    """At most `count` of them, evenly spaced."""
    wanted = min(count, len(split))
    return split.at(np.linspace(0, len(split) - 1, wanted).round().astype(int))


def _whole(source: Any) -> Split:
    if getattr(source, "index", None) is None:
        fix = "a torch Dataset, or arrays"
        raise error("SD896", "data", "a stream does not say which samples it holds", fix)
    return Split(source, source.index)


def first_of(samples: Any) -> Array:
    """The array of the first input."""
    found: Array = next(iter(samples.values())) if isinstance(samples, Mapping) else samples
    return found


def _taught(files: Mapping[str, str], samples: str, labels: str) -> tuple[Any, Any]:
    held = load_arrays(files[samples], "file of samples")
    if labels in files:
        classes = load_arrays(files[labels], "label file")
    elif isinstance(held, dict) and "labels" in held:
        classes = held.pop("labels")
    else:
        what = "it held labels when the run was trained, and holds none now"
        raise error("SD896", files[samples], what, "put the file back as it was")
    if isinstance(held, dict) and len(held) == 1:
        held = next(iter(held.values()))
    return held, classes


def _of_file(record: Mapping[str, Any], folder: Any) -> Any:
    name = record["model"]
    if name is None:
        raise error("SD896", "model", "the run was trained from a module, which is in no file", "card(run, data=...)")
    file = models.load(name.rpartition(":")[0] if ".py:" in name else name)
    return deliver.data_of(file, name, folder, record["arguments"])
