"""Options of commands that run data sets: where samples come from, how they are cut, who works."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.errors import error

_DATA = typer.Option(
    "--input",
    "--data",
    help="(time, batch, *shape): .npy, .npz, a folder of them, or name=file for each of several inputs.",
    show_default=False,
)
Data = Annotated[list[str], _DATA]
MaybeData = Annotated[list[str] | None, _DATA]
Labels = Annotated[Path | None, typer.Option("--labels", help=".npy, the class of each sample; gives the accuracy.")]
ShardSize = Annotated[
    int | None, typer.Option("--shard-size", help="Samples per shard; chosen by --memory if not said.")
]
Workers = Annotated[int | None, typer.Option("--workers", help="Processes that run shards; 1 if not said.")]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="A Dask scheduler whose workers run the shards, tcp://host:port.")
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", help="What all shards at work may take, 2GiB; half of what is free if not said."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin again, whatever shards an earlier run has finished.")]


def named(values: list[str]) -> Path | dict[str, Path]:
    """["x.npy"] -> Path("x.npy"); ["x=a.npy", "y=b.npy"] -> {"x": Path("a.npy"), "y": Path("b.npy")}.

    Raises:
        SnnDeployError SD800: several without names, or a name twice.
    """
    if len(values) == 1 and (Path(values[0]).exists() or "=" not in values[0]):
        return Path(values[0])
    found: dict[str, Path] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or not name or not path or name in found:
            what = "several inputs are named once each, name=file"
            raise error("SD800", f"--input {value}", what, "--input x=x.npy --input y=y.npy, or one .npz with both")
        found[name] = Path(path)
    return found


def files(given: Path | dict[str, Path]) -> tuple[Path, ...]:
    """The files and folders that are named."""
    return (given,) if isinstance(given, Path) else tuple(given.values())


def needed(given: Path | dict[str, Path], output: Path | None, said: tuple[Any, ...]) -> bool:
    """Whether a run goes over its samples in shards: it is asked to, they are several files, or they are many."""
    from snndeploy.shards.plan import default_memory

    if any(each is not None and each is not False for each in said) or (
        output is not None and output.suffix == ".json"
    ):
        return True
    if not isinstance(given, Path) or given.is_dir():
        return True
    # numbers are widened to 8 bytes, and what is recorded takes as much again
    return given.is_file() and 16 * given.stat().st_size > default_memory()


def in_one(given: Path | dict[str, Path], output: Path | None, said: tuple[Any, ...]) -> None:
    """For a run of cores, which holds all samples at once.

    Raises:
        SnnDeployError SD800: it would go over its samples in shards.
    """
    if needed(given, output, said):
        what = "cores run all samples at once: one .npy or .npz file, no shards, workers, labels or .json"
        raise error("SD800", "--placement", what, "leave it out: the network itself gives the same bits")


def paced(update: Callable[..., None]) -> Callable[[int, int], None]:
    """A function (done, total) in samples that shows how many there are a second, and how long the rest takes."""
    calls: list[tuple[int, float]] = []

    def told(done: int, total: int) -> None:
        now = time.monotonic()
        if len(calls) < 2:
            calls.append((done, now))
        # the first shards wait until processes have started: the clock runs from their end
        first, since = calls[0] if len(calls) < 2 or calls[1][0] == done else calls[1]
        text = f"{done:,} of {total:,} samples"
        if done > first and now > since:
            rate = (done - first) / (now - since)
            minutes, seconds = divmod(round((total - done) / rate), 60)
            text += f", {rate:,.3g} a second, {minutes}:{seconds:02} left"
        update(done, total, text)

    return told
