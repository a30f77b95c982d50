"""Who may import whom: dependencies point down only, and `network` loads NumPy alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "snndeploy"

# from the bottom up; the parts of one row do not import each other
LAYERS = (
    ("errors",),
    ("files", "machine", "resources"),
    ("network", "models"),
    ("targets", "passes"),
    ("frontends",),
    ("engines",),
    ("encoding",),
    ("quantize",),
    ("placement", "conform", "train"),
    ("tuning", "deliver"),
    ("bundle", "lint", "shards", "searching"),
    ("report",),
    ("card",),
    ("verbs",),
    ("demo", "doctor"),
    ("commands",),
    ("cli", "__init__"),
    ("__main__",),
)
RANK = {part: rank for rank, row in enumerate(LAYERS) for part in row}

FILES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path, at_load: bool = False) -> Iterator[str]:
    """Full names of what a file imports, also when it runs; what only a type checker reads does not count."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in tree.body if at_load else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            ours = node.module == "snndeploy"
            yield from (f"snndeploy.{each.name}" for each in node.names) if ours else (node.module,)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_point_down(file: Path) -> None:
    own = file.relative_to(PACKAGE)
    part = own.parts[0].removesuffix(".py")
    used = {name.split(".")[1] for name in imported(file) if name.startswith("snndeploy.")} - {part}
    wrong = {each for each in used if RANK[each] >= RANK[part]}
    assert not wrong, f"{own} imports {sorted(wrong)}, which are not below {part}"


def test_every_part_has_a_layer() -> None:
    parts = {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in FILES}
    assert parts == set(RANK)


def test_the_network_loads_numpy_alone() -> None:
    names = {
        name.split(".")[0] for file in (PACKAGE / "network").rglob("*.py") for name in imported(file, at_load=True)
    }
    assert names - set(sys.stdlib_module_names) - {"snndeploy"} == {"numpy"}
