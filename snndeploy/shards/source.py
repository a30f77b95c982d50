"""Where samples come from: arrays and files that give any block of samples without being in memory as a whole.

A source is small and can be pickled: a worker gets the source, and reads its own block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from snndeploy.errors import error
from snndeploy.files import load_arrays
from snndeploy.network.arrays import Array

# by name of input
Block = dict[str, Array]


@runtime_checkable
class Source(Protocol):
    """A data set: `samples` samples of `steps` steps. A class of your own with these members can be given as data."""

    @property
    def steps(self) -> int: ...

    @property
    def samples(self) -> int: ...

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample as they are stored, all inputs together."""

    @property
    def paths(self) -> tuple[Path, ...] | None:
        """The files that were named, whose change tells that samples may have changed; None: arrays in memory."""

    def load(self, start: int, stop: int) -> Block:
        """Samples `start`...`stop - 1`, `(time, batch, *shape)` by name of input. Raises SD801, SD803, SD104."""

    def where(self, sample: int) -> str:
        """What a reader calls a sample: its file, and its number there."""


@dataclass(frozen=True)
class Stored:
    """One array in a file, (time, batch, ...), of which blocks of samples are read; the rest never enters memory."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False

    def block(self, start: int, stop: int) -> Array:
        steps, samples, *rest = self.shape
        if self.fortran:
            whole = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, "F")
            return np.array(whole[:, start:stop], order="C")
        found: Array = np.empty((steps, stop - start, *rest), self.dtype)
        width = int(np.prod(rest, dtype=np.int64)) * self.dtype.itemsize
        # pages of a memory map stay in memory after they were read; plain reads leave nothing behind
        with self.path.open("rb", buffering=0) as stream:
            for t in range(steps):
                stream.seek(self.offset + (t * samples + start) * width)
                row = memoryview(found[t].reshape(-1).view(np.uint8))
                while row:
                    got = stream.readinto(row)
                    if not got:
                        raise error("SD803", str(self.path), "it ends within a step", "np.save(path, x)")
                    row = row[got:]
        return found


@dataclass(frozen=True, eq=False)
class Arrays:
    """One array per input, in memory or stored. `label`: what a reader calls them; `paths`: as `Source` has them."""

    arrays: Mapping[str, Array | Stored]
    label: str = ""
    paths: tuple[Path, ...] | None = None

    @property
    def steps(self) -> int:
        return self._shape[0]

    @property
    def samples(self) -> int:
        return self._shape[1]

    @property
    def _shape(self) -> tuple[int, ...]:
        return next(iter(self.arrays.values())).shape

    @property
    def sample_bytes(self) -> int:
        sizes = (np.prod(a.shape[2:], dtype=np.int64) * a.dtype.itemsize for a in self.arrays.values())
        return self.steps * int(sum(sizes))

    def load(self, start: int, stop: int) -> Block:
        return {
            name: each.block(start, stop) if isinstance(each, Stored) else np.ascontiguousarray(each[:, start:stop])
            for name, each in self.arrays.items()
        }

    def where(self, sample: int) -> str:
        return f"{self.label}: sample {sample}" if self.label else f"sample {sample}"


@dataclass(frozen=True)
class File:
    """One file of a folder: one sample (time, ...) or a block of samples (time, batch, ...)."""

    path: Path
    samples: int
    single: bool


@dataclass(frozen=True, eq=False)
class Files:
    """A folder of files, in the natural order of their names; `shapes`: of the inputs, by name."""

    files: tuple[File, ...]
    steps: int
    sample_bytes: int
    shapes: Mapping[str, tuple[int, ...]]

    @cached_property
    def ends(self) -> Array:
        return np.cumsum([each.samples for each in self.files])

    @property
    def samples(self) -> int:
        return int(self.ends[-1])

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(each.path for each in self.files)

    def _at(self, sample: int) -> tuple[int, int]:
        """(number of the file, number of the sample in it)."""
        at = int(np.searchsorted(self.ends, sample, side="right"))
        return at, sample - (int(self.ends[at - 1]) if at else 0)

    def load(self, start: int, stop: int) -> Block:
        pieces: dict[str, list[Array]] = {name: [] for name in self.shapes}
        at, first = self._at(start)
        left = stop - start
        while left:
            file = self.files[at]
            take = min(left, file.samples - first)
            for name, array in self._content(file).items():
                whole = array[:, None] if file.single else array
                if whole.shape != (self.steps, file.samples, *self.shapes[name]):
                    what = f"its shape is {array.shape} now: it was changed during the run"
                    raise error("SD824", str(file.path), what, "run the same command again")
                pieces[name].append(whole[:, first : first + take])
            at, first, left = at + 1, 0, left - take
        return {name: np.concatenate(rows, axis=1) for name, rows in pieces.items()}

    def _content(self, file: File) -> dict[str, Array]:
        content = load_arrays(file.path)
        if not isinstance(content, dict):
            return dict.fromkeys(self.shapes, content)
        if not set(self.shapes) <= set(content):
            what = f"it holds {', '.join(content)} now: it was changed during the run"
            raise error("SD824", str(file.path), what, "run the same command again")
        return {name: content[name] for name in self.shapes}

    def where(self, sample: int) -> str:
        at, own = self._at(sample)
        file = self.files[at]
        return f"{file.path} (sample {sample})" if file.single else f"{file.path}: sample {own} (sample {sample})"


def digest(block: Block) -> str:
    """A hash of a block's numbers: equal for equal shapes and values, whatever type holds them."""
    made = hashlib.blake2b(digest_size=16)
    for name in sorted(block):
        array = block[name]
        made.update(f"{name} {array.shape}\n".encode())
        for row in array:  # one step at a time, since a wider type takes more memory
            ones = row == 1
            bits = bool((ones | (row == 0)).all())
            made.update(b"bits" if bits else b"numbers")
            made.update(np.packbits(ones).tobytes() if bits else (row.astype(np.float64) + 0.0).tobytes())
    return made.hexdigest()
