"""What is written while a module is trained: a row per batch and a row per epoch, CSV, and TensorBoard if asked for.

A checkpoint holds the lengths of the files at its time; what was written after it is cut off when a run is resumed, so
that every row is there once. Numbers are written so that they read back to the last digit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from snndeploy.errors import Finding, MissingEngineError, error
from snndeploy.files import short

FILES = BATCHES, EPOCHS = "batches.csv", "epochs.csv"
# looks at the test samples on the way, where they are asked for
TESTS = "tests.csv"


class Logs:
    """Files of a run.

    Args:
        lengths: of each file at the checkpoint; what is behind is cut off.
        tensorboard: write event files for TensorBoard too. step: batches done.

    Raises:
        SnnDeployError SD840: a file cannot be written. SD841: a file is shorter than the checkpoint knows it.
        MissingEngineError SD502: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, lengths: Mapping[str, int], tensorboard: bool = False, step: int = 0):
        self.folder = folder
        self.files: dict[str, IO[str]] = {}
        self.headed = {name for name, known in lengths.items() if known}
        for name, known in lengths.items():
            path = folder / name
            size = path.stat().st_size if path.exists() else 0
            if size < known:
                what = f"it has {size:,} bytes, and had {known:,} at the checkpoint: rows were lost"
                fix = "put the file back, name the folder of logs that the run was begun with (--log), or begin it anew"
                raise error("SD841", str(path), what, fix)
        self.board: Any = _board(folder, step) if tensorboard else None
        for name, known in lengths.items():
            path = folder / name
            try:
                self.files[name] = path.open("a", encoding="utf-8", newline="")
                os.truncate(path, known)
            except OSError as problem:
                self.close()
                raise _unwritten(path, problem) from problem

    def row(self, name: str, step: int, values: Mapping[str, float | int | None]) -> None:
        """One row; the first one of a file writes the names of its columns."""
        file = self.files[name]
        try:
            if name not in self.headed:
                file.write(",".join(values) + "\n")
                self.headed.add(name)
            file.write(",".join("" if each is None else repr(each) for each in values.values()) + "\n")
        except OSError as problem:
            raise _unwritten(self.folder / name, problem) from problem
        for key, each in values.items() if self.board is not None else ():
            if each is not None:
                self.board.add_scalar(f"{name.removesuffix('.csv')}/{key}", each, step)

    def lengths(self) -> dict[str, int]:
        """The lengths of the files, which are on the disk by then. Raises SD840."""
        found = {}
        for name, file in self.files.items():
            try:
                file.flush()
                os.fsync(file.fileno())
            except OSError as problem:
                raise _unwritten(self.folder / name, problem) from problem
            found[name] = os.fstat(file.fileno()).st_size
        if self.board is not None:
            self.board.flush()
        return found

    def close(self) -> None:
        for file in (*self.files.values(), *([self.board] if self.board is not None else [])):
            try:
                file.close()
            except OSError:  # the rows behind the last checkpoint, which a resumed run writes again
                continue


def _unwritten(path: Path, problem: OSError) -> Exception:
    what = f"the log cannot be written ({short(problem)}); the last checkpoint is as it was"
    return error("SD840", str(path), what, "free some space, then go on with resume (--resume)")


def check_board() -> None:
    """Raises MissingEngineError SD502 where TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        fix = "pip install tensorboard, or leave it out: the same numbers are in the .csv files"
        raise MissingEngineError(Finding("SD502", "tensorboard", "the package tensorboard is not installed", fix))


def _board(folder: Path, step: int) -> Any:
    check_board()
    from torch.utils.tensorboard import SummaryWriter

    # steps from this one on are those that a killed run wrote behind its last checkpoint
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
