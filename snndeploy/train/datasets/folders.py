"""Recordings in a folder or in a .zip file: <anything>/<label>/<name>.<ending>, as N-MNIST and others are laid out."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.files import UNREADABLE, short
from snndeploy.network.arrays import Array
from snndeploy.train.datasets.event_files import READERS, Size, read_events
from snndeploy.train.datasets.events import Events

Progress = Callable[[int, int, str], None]
DAMAGED = ("refuse", "skip")
# names of damaged recordings that a note has
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Recordings:
    """Attributes:
    events: one each, in the order of their names. labels: int64 (recording,), numbers of `classes`.
    classes: names of the folders; numbers in their own order. skipped: what was damaged, if that was asked for.
    """

    events: tuple[Events, ...]
    labels: Array
    classes: tuple[str, ...]
    skipped: tuple[Finding, ...] = ()


def read_folder(
    source: str | Path,
    part: str | None = None,
    size: Size | None = None,
    damaged: str = "refuse",
    progress: Progress = lambda done, of, what: None,
) -> Recordings:
    """All recordings below a folder, or in a .zip file.

    Args:
        part: only what lies below a folder of this name ("Train"), if there is one; case does not matter.
        damaged: "refuse" names every damaged file; "skip" leaves them out and lists them in `skipped`.

    Raises:
        SnnDeployError SD880: there is no such folder, or nothing is in it. SD881, SD884: what is damaged, all at once.
        SD885: a package is missing that reads them, whatever `damaged` says.
    """
    if damaged not in DAMAGED:
        raise error("SD807", f"damaged {damaged!r}", "there is no such way", f"choose from {', '.join(DAMAGED)}")
    source = Path(source)
    with _archive(source) if source.is_file() else nullcontext() as archive:
        return _read(source, archive, part, size, damaged, progress)


def _read(
    source: Path, archive: zipfile.ZipFile | None, part: str | None, size: Size | None, damaged: str, progress: Progress
) -> Recordings:
    names = _names(source, archive, part)
    classes = tuple(sorted({name.parent.name for name in names}, key=_natural))
    number = {name: i for i, name in enumerate(classes)}
    read: list[Events] = []
    labels: list[int] = []
    bad: list[Finding] = []
    for i, name in enumerate(names):
        progress(i, len(names), str(name))
        try:
            content = None if archive is None else archive.read(str(name))
            read.append(read_events(source / name, size, content))
            labels.append(number[name.parent.name])
        except SnnDeployError as problem:
            bad += damage(problem)
        except UNREADABLE as problem:
            what = f"it cannot be read from the archive ({short(problem)})"
            bad.append(Finding("SD881", f"{source}: {name}", what, "fetch it again, or leave it out"))
    refuse_damaged(bad, damaged)
    if not read:
        raise_errors([Finding("SD880", str(source), "every recording in it is damaged", "fetch it again"), *bad])
    return Recordings(tuple(read), np.array(labels, np.int64), classes, tuple(bad))


def damage(problem: SnnDeployError) -> Sequence[Finding]:
    """What is wrong with a file. Raises `problem` itself where that is not the file's fault: a package is missing."""
    if any(each.code not in ("SD881", "SD884") for each in problem.findings):
        raise problem
    return problem.findings


def refuse_damaged(bad: Sequence[Finding], damaged: str) -> None:
    """Raises what is damaged, all at once and with both ways out, unless that is to be skipped."""
    if damaged == "refuse":
        other = "skip leaves out what is damaged and says so: damaged='skip' (--set damaged=skip)"
        raise_errors([replace(each, fix=f"{each.fix}; {other}" if each.fix else other) for each in bad])


def _archive(source: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except UNREADABLE as problem:
        what = f"it is no whole .zip file ({short(problem)})"
        raise error("SD881", str(source), what, "fetch it again, or unpack it and name the folder") from None


def _names(source: Path, archive: zipfile.ZipFile | None, part: str | None) -> list[PurePosixPath]:
    if archive is not None:
        held = [PurePosixPath(name) for name in archive.namelist()]
    elif source.is_dir():
        held = [PurePosixPath(path.relative_to(source).as_posix()) for path in source.rglob("*") if path.is_file()]
    else:
        raise error("SD880", str(source), "there is no such folder", "--data names the folder of the recordings")
    found = [n for n in held if n.suffix.lower() in READERS and not n.name.startswith(".") and len(n.parts) > 1]
    below = [n for n in found if part is not None and part.lower() in (p.lower() for p in n.parts[:-1])]
    if not (below or found):
        what = f"it holds no recordings as <label>/<name> with {', '.join(READERS)}"
        raise error("SD880", str(source), what, "name the folder that holds a folder for each class")
    return sorted(below or found, key=lambda n: (_natural(n.stem), str(n)))


def left_out(names: Sequence[str]) -> tuple[str, ...]:
    """What a reader of the result should know of damaged recordings: how many, and the first of them by name."""
    if not names:
        return ()
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (f"{len(names)} damaged recordings were left out: {', '.join(names[:SHOWN])}{more}",)


def _natural(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdigit() else (1, 0, name)
