"""The README: its tables are those of the registries, its commands exist, its links lead somewhere."""

import re
from pathlib import Path

import pytest

from snndeploy import cli
from snndeploy.report import readme

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")


def test_the_tables_are_up_to_date():
    assert readme.fill(TEXT, readme.tables()) == TEXT, "run: make readme"


def test_every_command_is_named():
    names = {command.__name__.replace("_", "-") for group in cli.GROUPS for command in group.COMMANDS}
    block = TEXT.split("The same as commands")[1].split("```")[1]
    assert names == {name for name in re.findall(r"[a-z]+(?:-lava)?", block) if name in names}


def test_pictures_are_there():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT):
        assert (ROOT / path).is_file()


def test_a_missing_place_is_noticed():
    with pytest.raises(ValueError, match="layers"):
        readme.fill("nothing here", {"layers": "x"})
