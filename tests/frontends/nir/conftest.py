"""Reading without a new process per file, for tests of what is in the files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from snndeploy.frontends.nir import child, loading


def open_here(path: Path, limits: loading.Limits) -> tuple[dict[str, Any], bytes]:
    reader = child.Reader(asdict(limits))
    return reader.file(str(path)), b"".join(reader.data)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_open", open_here)
