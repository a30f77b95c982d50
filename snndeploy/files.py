"""Files of a user: what is accepted as input, and how outputs are written."""

from __future__ import annotations

import os
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from snndeploy.errors import Finding, SnnDeployError, error, raise_errors

# what NumPy and zipfile raise on damaged or foreign files
UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError, RuntimeError),
    *(SyntaxError, tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error),
)


def existing(path: str | os.PathLike[str], what: str) -> Path:
    """`path`, if it is a file that can be read.

    Raises:
        SnnDeployError SD801: it is missing, a folder, or not readable.
    """
    found = Path(path)
    if not found.exists():
        raise error("SD801", str(path), f"there is no such {what}", "check the path")
    if not found.is_file():
        raise error("SD801", str(path), f"it is not a file, and {what} is expected", "name a file")
    if not os.access(found, os.R_OK):
        raise error("SD801", str(path), "it cannot be read", f"chmod u+r {path}")
    return found


def check_output(path: str | os.PathLike[str], inputs: tuple[str | os.PathLike[str] | None, ...] = ()) -> Path:
    """`path`, if a file can be written there without touching an input.

    Raises:
        SnnDeployError SD802: its folder is missing or not writable, it is a folder, or it is one of `inputs`.
    """
    target = Path(path)
    found: list[Finding] = []
    if target.is_dir():
        found.append(Finding("SD802", str(path), "it is a folder", "name a file in it"))
    elif not target.parent.is_dir():
        found.append(Finding("SD802", str(path), "its folder does not exist", f"mkdir -p {target.parent}"))
    elif not os.access(target.parent, os.W_OK):
        found.append(Finding("SD802", str(path), "its folder cannot be written", "choose another folder"))
    for each in inputs:
        if each is not None and target.exists() and Path(each).exists() and target.samefile(each):
            found.append(
                Finding("SD802", str(path), "it is also an input, which is never changed", "name another file")
            )
    raise_errors(found)
    return target


def make_folder(path: str | os.PathLike[str]) -> Path:
    """`path`, a folder that files can be written into, made where it is not there.

    Raises:
        SnnDeployError SD802: it cannot be made, or not be written.
    """
    target = Path(path)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        what = f"the folder cannot be made ({short(problem)})"
        raise error("SD802", str(path), what, "choose another") from problem
    if not os.access(target, os.W_OK):
        raise error("SD802", str(path), "it cannot be written", "choose another folder")
    return target


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to, in the same folder; it becomes `path` when the block ends well, else it is removed."""
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def load_arrays(path: str | os.PathLike[str], what: str = "sample file") -> Any:
    """The array of a .npy file, or of a .npz file: its only array, or a mapping by name where it holds several.

    Nothing is unpickled.

    Raises:
        SnnDeployError SD801, SD803: it is missing, damaged, empty or holds something else than numbers. SD104: one of
        them is not finite.
    """
    import numpy as np

    found = existing(path, what)
    try:
        with found.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            content: Any = {name: loaded[name] for name in loaded.files} if hasattr(loaded, "files") else loaded
    except UNREADABLE as problem:
        raise error(
            "SD803", str(path), f"it is not a whole .npy or .npz file of numbers ({short(problem)})", "np.save(path, x)"
        ) from problem
    arrays: Mapping[str, Any] = content if isinstance(content, dict) else {"": content}
    if not arrays:
        raise error("SD803", str(path), "it holds no array", "np.savez(path, x)")
    for name, array in arrays.items():
        where = f"{path}:{name}" if name else str(path)
        if array.dtype.kind not in "biuf":
            raise error("SD803", where, f"its type is {array.dtype}, not numbers", "np.save(path, x.astype(float))")
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            first = f"{array[tuple(wrong[0])]} at {wrong[0].tolist()}"
            what = f"{len(wrong):,} of {array.size:,} values are NaN or infinite, the first is {first}"
            raise error("SD104", where, what, "np.nan_to_num(x), if 0 is what they mean")
    return next(iter(arrays.values())) if len(arrays) == 1 else dict(arrays)


def readable(text: str, longest: int = 300) -> str:
    """A text that somebody wrote parts of, in one line: control characters escaped, the middle of a long one out."""
    text = text.strip()
    if len(text) > longest:
        half = (longest - 5) // 2
        text = f"{text[:half]} ... {text[-half:]}"
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        text = text if len(text) <= 2 * longest else readable(text, longest)
    return text


def short(problem: BaseException) -> str:
    """One line of an exception that somebody else raised."""
    text = str(problem).strip() or type(problem).__name__
    line = text.splitlines()[0].strip()
    return line if len(line) <= 160 else line[:157] + "..."


@contextmanager
def inputs_of(path: str | os.PathLike[str] | None) -> Iterator[None]:
    """Findings about an input, raised inside the block, name the file that the input came from."""
    try:
        yield
    except SnnDeployError as problem:
        raise type(problem)(
            replace(f, where=f"{path}: {f.where}")
            if path and f.where.startswith(("input", "calibration", "sample"))
            else f
            for f in problem.findings
        ) from problem


def findings_at(path: str | os.PathLike[str], problem: SnnDeployError) -> SnnDeployError:
    """The same error with the file's name in front of every place."""
    named = (Finding(f.code, f"{path}: {f.where}", f.what, f.fix, f.severity) for f in problem.findings)
    return type(problem)(named)
