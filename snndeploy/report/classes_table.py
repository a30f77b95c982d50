"""The table of classes as text, from what `snndeploy.report.classes` measured."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from snndeploy.errors import CODES
from snndeploy.report.markdown import table

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "classes.json"
FLOATS = ("reference", "torch", "lava")
HEAD = {
    **{name: f"`{name}`" for name in FLOATS},
    ", ".join(FLOATS): ", ".join(f"`{name}`" for name in FLOATS),
    "other": "the other library",
    "file": "`.nir` and back",
    "theirs": "own exporter → own importer",
    "theirs, other": "own exporter → other's importer",
}
SCORE = (
    "Of {} settings of {} classes, {} are captured, and {} of them are exact on `reference`, `torch` and `lava` and "
    "through a `.nir` file; the others are refused by name. The libraries' own exporters and importers give {} back as "
    "they were, {} if called with the best arguments."
)
NOTES = """\
Each setting: {seeds} random networks of two layers (6 inputs, 8 and 5 neurons; {networks} in all), 100 steps, 4
samples, binary input, weights with which neurons fire; a readout sits behind a spiking layer. One value per neuron
where the exporters ask for it.

The columns of the engines and of `.nir` compare with the library's own module: all spikes of all layers, and the
membranes of readouts; *the other library* runs a module rebuilt from the network. On the chips: spikes, u and v of
the integers on `reference`, `torch` and `lava`, bit for bit. A tie is proven by replay.

The two last columns: the library's own exporter as it is called by default, a file, an importer; the part of the
output's bins that differ, or what was raised, and where (module: in the network itself). *At best*: with the best
arguments that these functions have (dt of Norse's two, its reset method).

Refused: {codes}.

Measured with {versions}."""
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
        parts = [kind for kind in self.key if kind not in ("exact", "differs")]
        missed = sorted(_part(word) if word.startswith("differs") else 0.0 for word in self.words)
        if self.key == ("exact",):
            parts.append(f"exact but {ties} tie{'s' * (ties > 1)}" if ties else "exact")
        elif "differs" in self.key:
            low, high = (f"{100 * part:.{2 if 0 < part < 0.01 else 0}f}" for part in (missed[0], missed[-1]))
            parts.append(f"{low} %" if low == high else f"{low}-{high} %")
        elif "exact" in self.key:
            parts.append(f"exact {sum(_kind(word) == 'exact' for word in self.words)} of {len(self.words)} times")
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


def _as_one(rows: list[Row]) -> list[Row]:
    """The engines of the floating form in one column, if they answer alike everywhere."""
    if any(len({row.cells[name] for name in FLOATS}) > 1 for row in rows):
        return rows
    found = []
    for row in rows:
        rest = {column: cell for column, cell in row.cells.items() if column not in FLOATS}
        found.append(replace(row, cells={", ".join(FLOATS): row.cells[FLOATS[0]], **rest}))
    return found


def _score(rows: list[Row]) -> str:
    """How many settings come back as they were."""
    captured = [row for row in rows if "exact" in row.cells["reference"].key]
    ours = [row for row in captured if all(row.cells[each].key == ("exact",) for each in (*FLOATS, "file"))]
    theirs, best = (sum(row.cells[column].key == ("exact",) for row in rows) for column in ("theirs", "theirs best"))
    classes = len({(row.framework, row.names) for row in rows})
    return SCORE.format(len(rows), classes, len(captured), len(ours), theirs, best)


def summary() -> str:
    """For the README: rows of equal answers together, a table per library, and what was measured."""
    found, rows = measured()
    parts = [_score(rows)]
    for framework, name in LIBRARY.items():
        own = _grouped(_as_one([row for row in rows if row.framework == framework]))
        parts.append(f"**{name} {found['versions'][framework]}**\n\n{table(_head(own[0]), _lines(own))}")
    return "\n\n".join([*parts, _legend(found, rows)])


def full() -> str:
    """Every row that was measured."""
    found, rows = measured()
    parts = ["# Every class, every setting, every engine", _score(rows)]
    for framework, name in LIBRARY.items():
        own = [row for row in rows if row.framework == framework]
        parts.append(f"## {name} {found['versions'][framework]}\n\n{table(_head(own[0]), _lines(own))}")
    return "\n\n".join([*parts, _legend(found, rows)]) + "\n"


def _legend(found: dict[str, Any], rows: list[Row]) -> str:
    used = {code for row in rows for cell in row.cells.values() for word in cell.words for code in word.split()}
    codes = "; ".join(f"{code} {CODES[code]}" for code in sorted(used & set(CODES)))
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    networks = sum(len(row.cells["file"].words) for row in rows)
    return NOTES.format(seeds=found["seeds"], networks=networks, codes=codes, versions=versions)
