"""The table of classes as text, from what `snndeploy.report.classes` measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snndeploy.errors import CODES
from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "classes.json"
HEAD = {
    "reference": "`reference`",
    "torch": "`torch`",
    "lava": "`lava`",
    "other": "the other library",
    "file": "`.nir` and back",
    "theirs": "own exporter → own importer",
    "theirs, other": "own exporter → other's importer",
}
LIBRARY = {"snntorch": "snnTorch", "norse": "Norse"}


@dataclass(frozen=True)
class Cell:
    """What some networks showed in one column: the words of `snndeploy.report.classes`."""

    words: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """What kind of answer this is: cells of one key may share a row."""
        return tuple(sorted({_kind(word) for word in self.words}))

    def __add__(self, other: Cell) -> Cell:
        return Cell(self.words + other.words)

    def __str__(self) -> str:
        ties = sum(int(word.split()[1]) for word in self.words if word.startswith("ties"))
        parts = [f"exact but {ties} tie{'s' * (ties > 1)}" if ties else "exact"] if "exact" in self.key else []
        parts += [kind for kind in self.key if kind not in ("exact", "differs")]
        missed = sorted(_part(word) for word in self.words if word.startswith("differs"))
        if missed:
            low, high = (f"{100 * part:.{0 if part >= 0.01 else 2}f}" for part in (missed[0], missed[-1]))
            parts.append(f"{low} %" if low == high else f"{low}-{high} %")
        return "; ".join(parts)


def _kind(word: str) -> str:
    first, _, rest = word.partition(" ")
    if first in ("exact", "ties"):
        return "exact"
    if first in ("differs", "-"):
        return first
    return f"refused {rest}" if first == "refused" else f"`{rest}` ({first})"


def _part(word: str) -> float:
    bad, of = word.split()[1].split("/")
    return int(bad) / int(of)


@dataclass(frozen=True)
class Row:
    """One class in one setting, or several with the same kinds of answers."""

    framework: str
    names: tuple[str, ...]
    settings: tuple[str, ...]
    cells: dict[str, Cell]

    @property
    def key(self) -> tuple[Any, ...]:
        return tuple(cell.key for cell in self.cells.values())


def measured(path: Path = MEASURED) -> tuple[dict[str, Any], list[Row]]:
    """Everything that was measured, and its rows."""
    found = json.loads(path.read_text("utf-8"))
    rows = []
    for each in found["rows"]:
        cells = {
            column: Cell((words,) * found["seeds"] if isinstance(words, str) else tuple(words))
            for column, words in each["cells"].items()
        }
        rows.append(Row(each["framework"], (each["class"],), (each["setting"],), cells))
    return found, rows


def _grouped(rows: list[Row]) -> list[Row]:
    """Rows of one class whose answers are of the same kind are one row; then classes with the same settings."""
    by_class: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        same = (row.framework, row.names, row.key)
        by_class[same] = _joined(by_class[same], row, row.names) if same in by_class else row
    by_answer: dict[tuple[Any, ...], Row] = {}
    for row in by_class.values():
        same = (row.framework, row.settings, row.key)
        by_answer[same] = _joined(by_answer[same], row, None) if same in by_answer else row
    return list(by_answer.values())


def _joined(a: Row, b: Row, names: tuple[str, ...] | None) -> Row:
    cells = {column: a.cells[column] + b.cells[column] for column in a.cells}
    if names is None:
        return Row(a.framework, a.names + b.names, a.settings, cells)
    return Row(a.framework, names, a.settings + b.settings, cells)


def _settings(settings: tuple[str, ...]) -> str:
    """ "subtract, zero (reset_delay=True)": a mechanism that is there with both delays is named once."""
    left = list(settings)
    for each in settings:
        twin = each.replace("(reset_delay=True)", "(reset_delay=False)")
        if twin != each and each in left and twin in left:
            left[left.index(each)] = each.replace(" (reset_delay=True)", "")
            left.remove(twin)
    for each in list(left):
        twin = f"{each}, one to one"
        if twin in left:
            left.remove(twin)
            left[left.index(each)] = f"{each} (dense or one to one)"
    return "" if left == ["as it is"] else ", ".join(left)


def _columns(row: Row) -> list[str]:
    return [column for column in row.cells if not column.endswith("best")]


def _texts(row: Row) -> tuple[str, ...]:
    """One text per column; the best that an exporter can be made to do is said where it is better."""
    found = []
    for column in _columns(row):
        text = str(row.cells[column])
        best = row.cells.get(f"{column} best")
        if best is not None and str(best) != text:
            text += f"; at best {best}"
        found.append(text)
    return tuple(found)


def _head(row: Row) -> tuple[str, ...]:
    return ("neuron", "setting", *(HEAD.get(column, column) for column in _columns(row)))


def _lines(rows: list[Row]) -> list[tuple[str, ...]]:
    return [(", ".join(f"`{name}`" for name in row.names), _settings(row.settings), *_texts(row)) for row in rows]


def summary() -> str:
    """For the README: rows of equal answers together, a table per library, and what was measured."""
    found, rows = measured()
    parts = []
    for framework, name in LIBRARY.items():
        own = _grouped([row for row in rows if row.framework == framework])
        parts.append(f"**{name} {found['versions'][framework]}**\n\n{table(_head(own[0]), _lines(own))}")
    return "\n\n".join([*parts, _legend(found, rows)])


def full() -> str:
    """Every row that was measured."""
    found, rows = measured()
    parts = ["# Every class, every setting, every engine"]
    for framework, name in LIBRARY.items():
        own = [row for row in rows if row.framework == framework]
        parts.append(f"## {name} {found['versions'][framework]}\n\n{table(_head(own[0]), _lines(own))}")
    return "\n\n".join([*parts, _legend(found, rows)]) + "\n"


def _legend(found: dict[str, Any], rows: list[Row]) -> str:
    used = {code for row in rows for cell in row.cells.values() for word in cell.words for code in word.split()}
    codes = "; ".join(f"{code} {CODES[code]}" for code in sorted(used & set(CODES)))
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    bins = sum(len(row.cells["reference"].words) for row in rows)
    return (
        f"Each of {len(rows)} settings: {found['seeds']} random networks linear - neuron - linear - neuron (6, 8, 5 "
        f"neurons), {bins} in all, 100 steps, 4 samples, binary input, weights with which neurons fire; a readout sits "
        "behind a spiking layer. Our columns compare with the library's own module: all spikes of all layers, and the "
        "membranes of readouts; on the chips, spikes, u and v of the integers on `reference`, `torch` and `lava`, bit "
        "for bit. A tie is proven by replay. The two last columns: the library's own exporter as it is called by "
        "default, a file, an importer; part of the output bins that differ, or what was raised, and where. *At best*: "
        "the best of all settings that these functions have (dt of Norse's two, its reset method). Parameters have one "
        "value per neuron where the exporters ask for it. "
        f"Refused: {codes}. {versions}."
    )
