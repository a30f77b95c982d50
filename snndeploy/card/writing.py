"""The files of a card: each is there as a whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snndeploy.errors import error
from snndeploy.files import make_folder, replacing, short
from snndeploy.network.network import Network


def prepare(folder: Path, name: str) -> Path:
    """`folder/name`, to which endings are added.

    Raises:
        SnnDeployError SD896: no file can be called so. SD802: the folder cannot be made or written.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise error("SD896", f"name {name!r}", "files cannot be called so", "--name mnist_csnn")
    return make_folder(folder) / name


def write(where: Path, numbers: Mapping[str, Any], text: str, networks: Mapping[str, Network]) -> tuple[Path, ...]:
    """The card as `.json` and `.md`, and networks by the ending of their file. Raises SD802."""
    from snndeploy.frontends.nir import write as write_nir

    files: tuple[Path, ...] = ()
    for ending, network in networks.items():
        write_nir(network, _ending(where, ending))
        files += (_ending(where, ending),)
    content = {".json": json.dumps(numbers, indent=1, allow_nan=False) + "\n", ".md": text + "\n"}
    for ending, held in content.items():
        path = _ending(where, ending)
        try:
            with replacing(path) as temporary:
                temporary.write_text(held, "utf-8")
        except OSError as problem:
            raise error("SD802", str(path), f"it cannot be written ({short(problem)})", "free some space") from problem
        files += (path,)
    return files


def _ending(where: Path, ending: str) -> Path:
    return where.with_name(where.name + ending)
