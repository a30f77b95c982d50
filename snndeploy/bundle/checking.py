"""`verify` of a bundle: the verifier of this installation, never the one in the archive."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snndeploy.bundle.verifier.archive import unpack
from snndeploy.bundle.verifier.prove import prove
from snndeploy.bundle.verifier.reading import text
from snndeploy.bundle.verifier.refusal import Refused
from snndeploy.errors import Finding, SnnDeployError, VerdictError
from snndeploy.files import existing


def verify(path: str | os.PathLike[str], sha256: str = "", nir: bool = False) -> dict[str, Any]:
    """Runs the integers of a bundle on its golden input, and compares every spike and state that it holds.

    Needs Python and NumPy; nothing that the archive holds is executed, and its NIR file is hashed, not read.

    Args:
        sha256: of the whole file, as its sender said it.
        nir: also read its NIR file, with limits of time and memory, and hold its network to the contract; takes h5py.

    Returns:
        What was proven, for JSON; `said` in `bundle.verifier.main` makes text of it.

    Raises:
        SnnDeployError SD801: there is no such file. SD860-SD866, SD868: it is damaged, changed, or no bundle.
        VerdictError SD867: it is whole, and its network computes something else, or its NIR file is another network.
    """
    with findings():
        found = prove(existing(path, "bundle"), sha256)
        if nir:
            _same_network(unpack(Path(path)))
        return found | {"nir": nir}


def _same_network(members: dict[str, bytes]) -> None:
    """Raises VerdictError SD867: the NIR file makes another contract, or other arrays. SD4xx: it is no NIR file."""
    from snndeploy.bundle.describe import contract
    from snndeploy.bundle.members import Members
    from snndeploy.frontends.nir import read

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.nir"
        file.write_bytes(members["model.nir"])
        network = read(file)
    made = Members()
    made["contract.json"] = text(contract(network, made.kept("arrays")))
    held = {name: data for name, data in members.items() if name.startswith("arrays/") or name == "contract.json"}
    if made != held:
        other = sorted(name for name in {*made, *held} if made.get(name) != held.get(name))
        what = f"it is not the network of the contract: {', '.join(other[:5])} would be others"
        raise VerdictError(Finding("SD867", "model.nir", what, "use the arrays, or ask for the bundle again"))


@contextmanager
def findings() -> Iterator[None]:
    """Refusals of the verifier as findings."""
    try:
        yield
    except Refused as problem:
        kind = VerdictError if problem.verdict else SnnDeployError
        raise kind(Finding(*each) for each in problem.faults) from problem
