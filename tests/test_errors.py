"""Codes are listed once, used, and say what they are about."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from snndeploy import errors

PACKAGE = Path(errors.__file__).parent
# no longer reported; kept in the list, so that no other finding ever gets the code
RETIRED = {"SD530"}


def codes_in(file: Path) -> set[str]:
    """Codes that stand as a string of their own in a file."""
    strings = (node.value for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Constant))
    return {each for each in strings if isinstance(each, str) and re.fullmatch(r"SD\d{3}", each)}


def test_every_code_is_listed_and_every_listed_code_is_used() -> None:
    used: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        if file.name != "errors.py":
            used |= codes_in(file)
    assert used == set(errors.CODES) - RETIRED


def test_a_code_is_listed_once() -> None:
    keys = re.findall(r'^    "(SD\d{3})":', (PACKAGE / "errors.py").read_text("utf-8"), re.MULTILINE)
    assert len(keys) == len(set(keys)) == len(errors.CODES)


def test_titles_are_short_sentences_of_their_own() -> None:
    titles = list(errors.CODES.values())
    assert len(titles) == len(set(titles))
    assert all(title and not title.endswith(".") and len(title) < 80 for title in titles)
