"""For all tests: torch starts each from the same seed, and properties try the same examples in every run.

`pytest --hypothesis-profile explore` tries new ones.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _seeded():
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """NIR files are read without a new process per file, for tests of what is in the files."""
    from snndeploy.frontends.nir import child, loading

    def open_here(path: Path, limits: loading.Limits) -> tuple[dict[str, Any], bytes]:
        reader = child.Reader(asdict(limits))
        try:
            return reader.file(str(path)), b"".join(reader.data)
        except child.Refused as problem:
            return {"error": list(problem.args)}, b""

    monkeypatch.setattr(loading, "_open", open_here)
