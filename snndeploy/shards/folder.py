"""The work folder beside an output: finished shards, and what they were computed from.

    out.npz.parts/manifest.json   what went in; another run refuses to go on with other things
    out.npz.parts/00000064.npz    the shard that begins with sample 64, whole or not there
    out.npz.parts/lock            held while a run is at work

A shard's file is written beside itself and then renamed, so that whatever stops a run leaves finished shards and none
that are half written.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.files import UNREADABLE, replacing
from snndeploy.shards.source import Source, digest

FORMAT = "snndeploy shards 1"
MANIFEST = "manifest.json"
FRESH = "run the command that it belongs to, or begin again with --fresh"


def parts_of(output: Path) -> Path:
    """The work folder of an output."""
    return output.with_name(output.name + ".parts")


def stamps(source: Source) -> list[list[Any]] | None:
    """(name, bytes, time of the last change) of each file, enough to see that none was changed; None: not in files."""
    if source.paths is None:
        return None
    found = [(path, path.stat()) for path in source.paths]
    return [[path.name, stat.st_size, stat.st_mtime_ns] for path, stat in found]


class Folder:
    """A work folder that is held by this process."""

    def __init__(self, path: Path):
        self.path = path

    def shard(self, start: int) -> Path:
        return self.path / f"{start:08d}.npz"

    def finished(self, ranges: tuple[tuple[int, int], ...]) -> dict[int, dict[str, Any]]:
        """By first sample the header of every shard that is there; a damaged one counts as not there."""
        found = {}
        for start, stop in ranges:
            header = read_header(self.shard(start))
            if header is not None and header["samples"] == [start, stop]:
                found[start] = header
        return found

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def read_header(path: Path) -> dict[str, Any] | None:
    """The header of a shard's file; None if there is no such file, or it is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            header: dict[str, Any] = json.loads(archive["header"].tobytes())
            return header
    except (*UNREADABLE, zipfile.BadZipFile):
        return None


@contextlib.contextmanager
def work_folder(path: Path, manifest: dict[str, Any], source: Source, fresh: bool) -> Iterator[Folder]:
    """The folder at `path`, new or with what an earlier run of the same things left in it.

    manifest: names and values that must be the same; "data" is what `stamps` says and may differ where the samples of
        the finished shards are still the same numbers.

    Raises:
        SnnDeployError SD821: it belongs to another run; all that differs is named. SD822: another run is at work.
        SD802: it cannot be written.
    """
    try:
        path.mkdir(exist_ok=True)
        lock = (path / "lock").open("a")
    except OSError as problem:
        raise error(
            "SD802", str(path), f"it cannot be written ({problem.strerror})", "choose another folder"
        ) from problem
    with lock:
        _hold(lock, path)
        if fresh:
            for each in path.iterdir():
                if each.name != "lock":
                    each.unlink()
        for each in path.glob(".*"):
            each.unlink()  # what a killed run was writing
        folder = Folder(path)
        held = path / MANIFEST
        if held.exists():
            _same(folder, manifest, source)
        try:
            with replacing(held) as temporary:
                temporary.write_text(json.dumps({"format": FORMAT, **manifest}, indent=1) + "\n", "utf-8")
        except OSError as problem:
            raise error(
                "SD802", str(held), f"it cannot be written ({problem.strerror})", "choose another folder"
            ) from problem
        yield folder


def _hold(lock: Any, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # not on this system: then nothing tells two runs apart
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        what = "another run is at work in it"
        raise error("SD822", str(path), what, "wait for it, or choose another output") from None


def earlier(path: Path) -> dict[str, Any] | None:
    """The manifest that an earlier run left in a work folder; None if there is none."""
    try:
        found: dict[str, Any] = json.loads((path / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if found.get("format") == FORMAT else None


def _same(folder: Folder, manifest: dict[str, Any], source: Source) -> None:
    """Raises SD821 with all in which the finished shards differ from this run."""
    before = earlier(folder.path)
    if before is None:
        raise error(
            "SD821", str(folder.path / MANIFEST), "it is no manifest of this version", "begin again with --fresh"
        )
    found = []
    for name, value in manifest.items():
        if name != "data" and before.get(name) != value:
            what = f"{name} of its finished shards: {_short(before.get(name))}; of this run: {_short(value)}"
            found.append(Finding("SD821", str(folder.path), what, FRESH))
    if not found and (manifest["data"] is None or before.get("data") != manifest["data"]):
        found = _moved(folder, source, int(manifest["shard size"]))
    raise_errors(found)


def _moved(folder: Folder, source: Source, size: int) -> list[Finding]:
    """Files were touched, replaced or mended: are the samples of the finished shards still the same?"""
    for start in range(0, source.samples, size):
        header = read_header(folder.shard(start))
        if header is None:
            continue
        stop = header["samples"][1]
        if stop > source.samples or digest(source.load(start, stop)) != header["digest"]:
            what = f"samples {start} to {stop - 1} are not those of its finished shard"
            return [Finding("SD821", str(folder.path), what, FRESH)]
    return []


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def versions(engines: tuple[str, ...]) -> dict[str, str]:
    """Of what decides the numbers."""
    from importlib.metadata import PackageNotFoundError, version

    packages = {"lava": "lava-nc", "onnx": "onnxruntime"}
    names = ["snndeploy", "numpy", *(packages.get(each, each) for each in engines if each != "reference")]
    found = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
