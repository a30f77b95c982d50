"""What every command has in common: one JSON document or readable text on stdout, all else on stderr."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from snndeploy.errors import Finding

# the words of the command that runs
GIVEN: list[str] = []
STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def show(document: dict[str, Any], as_json: bool, text: str | Callable[[Any], None]) -> None:
    """Prints the document, or the text; `text` may be a function that prints on a Rich console."""
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if callable(text):
        text(console)
    else:
        console.print(plain(text), markup=False)


def plain(text: str) -> str:
    """Names and notes may come from a stranger's file: what a terminal would obey is shown instead."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def report(findings: Iterable[Finding]) -> None:
    """Findings on stderr, a line each."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for each in findings:
        console.print(Text.assemble((each.severity, STYLES[each.severity]), " ", plain(str(each))))


def say(text: str, as_json: bool) -> None:
    """A line about what was done, on stderr."""
    if not as_json:
        sys.stderr.write(text + "\n")


@contextmanager
def progress(task: str, as_json: bool) -> Iterator[Callable[..., None]]:
    """A function (done, total, text=None) that draws a bar on stderr; it does nothing with --json or off a terminal."""
    if as_json or not sys.stderr.isatty():
        yield lambda done, total, text=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    texts = (TextColumn("{task.description}"), BarColumn(12), TextColumn("{task.fields[text]}"))
    columns = (*texts, TimeElapsedColumn(), TextColumn("+"), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(task, total=None, text="")

        def update(done: int, total: int, text: str | None = None) -> None:
            bars.update(bar, completed=done, total=total or None, text=text or f"{done:,} of {total:,}")

        yield update


def command_line() -> str:
    """The command that runs, as a shell takes it."""
    return shlex.join(["snndeploy", *GIVEN])


def findings_document(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [each.as_dict() for each in findings]
