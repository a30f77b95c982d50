"""Where data of others lies: a folder that is named, the environment, or the net."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from snndeploy.errors import error
from snndeploy.files import replacing, short

# the folder of all data, where none is named
ENVIRONMENT = "SNNDEPLOY_DATA"
TIMEOUT = 20.0


@dataclass(frozen=True)
class Known:
    """A file that can be fetched: its address and MD5, as its publisher gives them."""

    url: str
    md5: str


def data_folder(name: str, given: str | Path | None) -> Path:
    """`given`, else the folder `name` below SNNDEPLOY_DATA, else below ~/.cache/snndeploy."""
    if given is not None:
        return Path(given)
    base = os.environ.get(ENVIRONMENT)
    return Path(base) / name if base else Path.home() / ".cache" / "snndeploy" / name


def find(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of several names that is in a folder, or in one below it."""
    for name in names:
        found = [folder / name, *sorted(folder.glob(f"*/{name}")), *sorted(folder.glob(f"*/*/{name}"))]
        for each in found:
            if each.is_file():
                return each
    return None


def found_or_fetched(
    folder: Path, names: tuple[str, ...], known: Mapping[str, Known], download: bool, what: str
) -> Path:
    """A file of a data set.

    Raises:
        SnnDeployError SD880: it is not there and was not to be, or could not be, fetched; says what to put where.
        SD883: what came is not the file that was published.
    """
    at = find(folder, names)
    if at is not None:
        return at
    name = next((n for n in names if n in known), names[0])
    put = f"put {' or '.join(names)} into {folder}, or name its folder (--data)"
    if name not in known or not download:
        allow = "" if name not in known else "; download=True (--set download=true) fetches it"
        raise error("SD880", what, f"{name} is not in {folder}", put + allow)
    return fetched(folder / name, known[name], what, put)


def fetched(path: Path, known: Known, what: str, put: str) -> Path:
    """`path`, once it holds what lies at the address; written as a whole or not at all."""
    try:
        with urllib.request.urlopen(known.url, timeout=TIMEOUT) as answer:
            content = answer.read()
    except (OSError, urllib.error.URLError, ValueError) as problem:
        said = f"{path.name} is not in {path.parent}, and {known.url} cannot be reached ({short(problem)})"
        raise error("SD880", what, said, put) from None
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != known.md5:
        said = f"{known.url} gave {len(content):,} bytes that are not the published file (MD5 {known.md5})"
        raise error("SD883", what, said, put)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path
