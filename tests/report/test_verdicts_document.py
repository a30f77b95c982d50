"""docs/verdicts.md says what the code says."""

from pathlib import Path
from typing import get_args

from snndeploy.conform.diagnosis.kinds import MEANINGS
from snndeploy.conform.diagnosis.result import Kind
from snndeploy.conform.tiers import DEFINITIONS
from snndeploy.conform.tiers.definition import Tier
from snndeploy.report.verdicts import document

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_file_is_up_to_date() -> None:
    assert (DOCS / "verdicts.md").read_text("utf-8") == document()


def test_every_tier_and_every_cause_has_a_meaning() -> None:
    assert tuple(DEFINITIONS) == get_args(Tier)
    assert set(MEANINGS) == set(get_args(Kind))
