"""A sample of the campaign, every kind of mutation in it; `hostile_campaign.py` runs thousands."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_bytes import DAMAGES
from hostile_contents import BLOCKS, CONTENTS, GRAPHS, LAYERS
from hostile_files import SHARES, make
from hostile_outcome import examine, route_of
from hostile_server import Server
from hostile_sources import Source, sources
from hostile_structure import CHANGES

from snndeploy.frontends.nir import loading

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="files are opened in forks of one process")
COUNT, PARTS = 400, 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    """Without the corpus, so that the sample is the same everywhere."""
    return sources(tmp_path_factory.mktemp("sources"), networks=6, corpus=False)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    running = Server(seconds=1.0)
    yield running.open
    running.close()


@pytest.mark.parametrize("part", range(PARTS))
def test_a_hostile_file_ends_in_a_coded_error_or_a_sound_network(
    part: int, whole: list[Source], server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(loading, "_open", server)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    failures, outcomes, groups = [], set(), set()
    for number in range(part, COUNT, PARTS):
        case = make(tmp_path / "files" / "x", whole, 0, number)
        path = tmp_path / "files" / f"x{case.suffix}"
        outcome, wrong = examine(path, case, route_of(case))
        path.unlink()
        failures += [f"{case}: {each}" for each in wrong]
        outcomes.add(outcome)
        groups.add(case.group)
    assert not failures
    assert groups == set(SHARES)
    assert len(outcomes) >= 8
    assert not list((tmp_path / "tmp").iterdir())


def test_every_mutation_is_tried(whole: list[Source], tmp_path: Path) -> None:
    """By name, over more files than are opened here."""
    kinds = {change.__name__ for change in (*DAMAGES, *CHANGES, *CONTENTS, *GRAPHS, *BLOCKS, *LAYERS)}
    seen: set[str] = set()
    for number in range(COUNT):
        case = make(tmp_path / "x", whole, 0, number)
        (tmp_path / f"x{case.suffix}").unlink()
        seen |= set(case.mutation.split("+"))
    assert seen == kinds


def test_files_are_the_same_whenever_they_are_made(whole: list[Source], tmp_path: Path) -> None:
    for number in range(0, 40, 3):
        made = []
        for _ in range(2):
            case = make(tmp_path / "x", whole, 5, number)
            made.append((case, (tmp_path / f"x{case.suffix}").read_bytes()))
        if case.group == "bytes":
            assert made[0] == made[1]
        assert made[0][0] == made[1][0]
