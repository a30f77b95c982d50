"""For all tests: torch starts each from the same seed, and properties try the same examples in every run.

`pytest --hypothesis-profile explore` tries new ones.
"""

from __future__ import annotations

import json
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


# what the tests of random instances counted, by case
COUNTED: dict = {}


def pytest_runtest_logreport(report):
    for name, entry in report.user_properties if report.when == "call" else ():
        if name == "instances":
            COUNTED[entry["part"], entry["name"]] = entry


def pytest_sessionfinish(session):
    """build/instances.json: the counts of this run; other cases keep those of their last run."""
    if not COUNTED or hasattr(session.config, "workerinput"):
        return
    file = session.config.rootpath / "build" / "instances.json"
    file.parent.mkdir(exist_ok=True)
    known = json.loads(file.read_text()) if file.exists() else []
    cases = {(each["part"], each["name"]): each for each in known} | COUNTED
    file.write_text(json.dumps([cases[key] for key in sorted(cases)], indent=1) + "\n")
