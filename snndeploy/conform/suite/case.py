"""One vector: a graph, an input, what must come out, and the contract under which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.expected import Recorded
from snndeploy.conform.suite.files import FOLDER, MANIFEST, read_arrays
from snndeploy.errors import error
from snndeploy.network.arrays import Array


@dataclass(frozen=True, eq=False)
class Case:
    """A vector of the suite. `str` is its name.

    Attributes:
        name: family/reading/case; reading is "standard" where the contract is the usual one.
        about: what it is there for.
        contract: the reading of NIR that it tests.
        relies: node types and fields of plain NIR, and structures, that a backend must know to pass.
        tells: other readings that give something else on this graph and input; it distinguishes them.
        exact: every number is exact in float32; else spikes are exact and states good to `TOLERANCE`.
        margin: least distance of a membrane from its threshold, ties aside; None without a threshold.
        status: "accepted" if at least two other engines agree, one of them not written here; else "self-defined".
        agreed: who gave the same, and on what: "spikes" or "spikes and states".
    """

    name: str
    about: str
    contract: Contract
    relies: tuple[str, ...]
    tells: tuple[str, ...]
    exact: bool
    margin: float | None
    status: str
    agreed: Mapping[str, str]
    folder: Path

    @property
    def path(self) -> Path:
        """The .nir file."""
        return self.folder / f"{self.name}.nir"

    @cached_property
    def _arrays(self) -> tuple[dict[str, Array], Recorded]:
        return read_arrays(self.folder / f"{self.name}.npz")

    @property
    def inputs(self) -> Mapping[str, Array]:
        """By name of Input node, int64 or float64 (time, batch, *shape)."""
        return self._arrays[0]

    @property
    def input(self) -> Any:
        """The array of the only input, or the mapping by name where there are several."""
        return next(iter(self.inputs.values())) if len(self.inputs) == 1 else dict(self.inputs)

    @property
    def expected(self) -> Recorded:
        return self._arrays[1]

    @property
    def dt(self) -> float:
        return self.contract.dt

    def graph(self) -> Any:
        """A new `nir.NIRGraph`, read from the file; without nir's checks where they refuse what is right."""
        import nir

        try:
            return nir.read(self.path)
        except ValueError:
            return nir.read(self.path, type_check=False)

    def __str__(self) -> str:
        return self.name


def manifest(folder: Path = FOLDER) -> dict[str, Any]:
    """Raises SnnDeployError SD740: there is no suite."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise error("SD740", str(folder), f"the suite cannot be read ({problem})", "install snndeploy again") from None
    return found


@cache
def every(folder: Path = FOLDER) -> tuple[Case, ...]:
    """All vectors, in the order of the manifest."""
    return tuple(
        Case(
            name,
            each["about"],
            Contract(**each["contract"]),
            tuple(each["relies"]),
            tuple(each["tells"]),
            each["exact"],
            each["margin"],
            each["status"],
            {who: on for on, names in each["agreed"].items() for who in names},
            folder,
        )
        for name, each in manifest(folder)["vectors"].items()
    )


def matching(pattern: str, found: tuple[Case, ...]) -> tuple[Case, ...]:
    """Those whose name fits, as in "lif/*" or "*/subtract*"; `*` crosses slashes."""
    return tuple(each for each in found if fnmatchcase(each.name, pattern))
