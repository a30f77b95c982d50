"""Checkpoints: one file that holds all a run needs to go on as if nothing had happened.

A file is replaced as a whole or not at all (temporary file, fsync, rename, fsync of the folder), and its predecessor
is kept beside it. It starts with a line that holds the SHA-256 of the rest; the rest is what `torch.save` writes of
plain values and tensors, and nothing else is unpickled.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snndeploy.errors import error
from snndeploy.files import short

MAGIC = b"snndeploy checkpoint 1 sha256 "
HEAD = len(MAGIC) + 64 + 1
LAST, PREVIOUS = "checkpoint.ckpt", "checkpoint-previous.ckpt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Writes `folder/checkpoint.ckpt`; what was there becomes `checkpoint-previous.ckpt`.

    Raises:
        SnnDeployError SD840: it cannot be written; both files are as they were.
    """
    held = io.BytesIO()
    torch.save(state, held)
    content = held.getvalue()
    head = MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n"
    target = folder / LAST
    try:
        if target.exists():
            _keep(target, folder / PREVIOUS)
        write(target, head + content)
    except OSError as problem:
        what = f"the checkpoint cannot be written ({short(problem)}); the last one is as it was"
        raise error("SD840", str(target), what, "free some space, then go on with resume (--resume)") from problem


def write(target: Path, content: bytes) -> None:
    """Replaces a file by one that is on the disk as a whole. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _keep(target: Path, other: Path) -> None:
    """`other` becomes a second name of the file, which itself stays where it is. Raises OSError."""
    link = target.with_name(f".{target.stem}-link.part")
    link.unlink(missing_ok=True)
    try:
        os.link(target, link)
    except OSError:  # a file system without links
        write(other, target.read_bytes())
        return
    os.replace(link, other)


def sync_folder(folder: Path) -> None:
    """Makes a rename in a folder last, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load(folder: Path, previous: bool = False) -> dict[str, Any]:
    """What the last checkpoint holds, or the one before it.

    Raises:
        SnnDeployError SD801: there is none. SD841: it is damaged.
    """
    path = folder / (PREVIOUS if previous else LAST)
    if not path.is_file():
        fix = "name the folder of a run" if previous else "leave out resume (--resume) to begin one"
        raise error("SD801", str(path), "there is no such checkpoint", fix)
    content = path.read_bytes()
    head, body = content[:HEAD], memoryview(content)[HEAD:]
    other = folder / PREVIOUS
    fix = "begin the run anew" if previous else "resume='previous' (--resume-previous) goes on from the one before it"
    if not previous and not other.is_file():
        fix = "begin the run anew, in another folder"
    if (
        not head.startswith(MAGIC)
        or head[len(MAGIC) : -1].decode("ascii", "replace") != hashlib.sha256(body).hexdigest()
    ):
        raise error("SD841", str(path), f"its {len(content):,} bytes are not those that were written", fix)
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except Exception as problem:
        raise error("SD841", str(path), f"it cannot be read ({short(problem)})", fix) from problem
    return state


def sweep(folder: Path) -> None:
    """Removes what a killed run left half-written."""
    for each in folder.glob(".*.part"):
        each.unlink(missing_ok=True)


def random_state(cuda: bool = True) -> dict[str, Any]:
    """The states of all generators of this process, as plain values; those of CUDA only if asked for."""
    kind, keys, position, has, cached = np.random.get_state(legacy=True)
    version, numbers, gauss = random.getstate()
    drawn = torch.cuda.get_rng_state_all() if cuda and torch.cuda.is_available() else []
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [kind, torch.from_numpy(np.asarray(keys, np.int64)), int(position), int(has), float(cached)],
        "torch": torch.get_rng_state(),
        "cuda": drawn,
    }


def set_random_state(state: dict[str, Any]) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, position, has, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def seed_everything(seed: int) -> None:
    """All generators, those of devices too."""
    seed_generators(seed)
    torch.manual_seed(seed)


def seed_generators(seed: int) -> None:
    """Those of this process and of the CPU."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)


def save_weights(path: Path, module: torch.nn.Module) -> None:
    """A plain state_dict, as `snndeploy capture --weights` reads it. Raises SD840."""
    held = io.BytesIO()
    torch.save(module.state_dict(), held)
    try:
        write(path, held.getvalue())
    except OSError as problem:
        what = f"the weights cannot be written ({short(problem)}); the checkpoint holds them too"
        raise error("SD840", str(path), what, "free some space, then resume (--resume)") from problem
