"""Targets as text: the list of them, and all numbers of one with where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import shorten

from pydantic import BaseModel

from snndeploy.targets import Fact, Range, Target

SHOWN = 76


def every(targets: Sequence[Target]) -> str:
    """A line for each: name, title, cores of a chip, chips of the largest machine."""
    rows = [("name", "cores", "chips", "")]
    rows += [(t.name, f"{t.chip.cores.value:,}", f"{t.chips:,}", t.title) for t in targets]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in rows)


def one(target: Target) -> str:
    """Every number: value, how sure it is, and its source, shortened to a line."""
    rows = list(_facts(target, ""))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{target.name}: {target.title}"]
    for name, value, certainty, source in rows:
        text = f"{name:<{widths[0]}}  {value:>{widths[1]}}  {certainty:<{widths[2]}}  "
        lines.append(text + shorten(source, SHOWN, placeholder=" …"))
    return "\n".join(lines)


def _facts(part: BaseModel, path: str) -> Iterator[tuple[str, str, str, str]]:
    for name, held in part:
        where = f"{path}.{name}".lstrip(".")
        if isinstance(held, Fact):
            yield where, _number(held.value), held.certainty, held.source
        elif isinstance(held, Range):
            yield where, f"{held.low:g} to {held.high:g}", held.certainty, held.source
        elif isinstance(held, BaseModel):
            yield from _facts(held, where)


def _number(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
