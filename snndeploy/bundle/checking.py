"""`verify` of a bundle: the verifier of this installation, never the one in the archive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snndeploy.bundle.verifier.prove import prove
from snndeploy.bundle.verifier.refusal import Refused
from snndeploy.errors import Finding, SnnDeployError, VerdictError
from snndeploy.files import existing


def verify(path: str | os.PathLike[str], sha256: str = "") -> dict[str, Any]:
    """Runs the integers of a bundle on its golden input, and compares every spike and state that it holds.

    Needs Python and NumPy; nothing that the archive holds is executed, and its NIR file is hashed, not read.

    Args:
        sha256: of the whole file, as its sender said it.

    Returns:
        What was proven, for JSON; `said` in `bundle.verifier.main` makes text of it.

    Raises:
        SnnDeployError SD801: there is no such file. SD860-SD866, SD868: it is damaged, changed, or no bundle.
        VerdictError SD867: it is whole, and its network computes something else.
    """
    with findings():
        return prove(existing(path, "bundle"), sha256)


@contextmanager
def findings() -> Iterator[None]:
    """Refusals of the verifier as findings."""
    try:
        yield
    except Refused as problem:
        kind = VerdictError if problem.verdict else SnnDeployError
        raise kind(Finding(*each) for each in problem.faults) from problem
