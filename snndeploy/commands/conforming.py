"""conformance: a NIR backend against the vectors of the suite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.output import plain, progress, say, show

Patterns = list[str] | None


def conformance(
    adapter: Annotated[
        str, typer.Option("--adapter", help="A backend's name (--list), or module:object with run(graph, input, dt).")
    ] = "reference",
    include: Annotated[Patterns, typer.Option("--include", help="Vectors, as lif/*; may be repeated.")] = None,
    exclude: Annotated[
        Patterns, typer.Option("--exclude", help="PATTERN=reason: these do not run; may be repeated.")
    ] = None,
    xfail: Annotated[
        Patterns, typer.Option("--xfail", help="PATTERN=reason: these are to fail; may be repeated.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="The .xml file to write.")] = None,
    late: Annotated[int, typer.Option("--late", help="Steps by which all outputs may be late.")] = 0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Name the reading of NIR that gives what was found, where it differs.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Known failures of a backend that comes with the suite count.")
    ] = False,
    seconds: Annotated[float, typer.Option("--seconds", help="That one vector may take.")] = 60.0,
    listing: Annotated[bool, typer.Option("--list", help="Show backends and vectors, and run nothing.")] = False,
    json: opt.Json = False,
) -> None:
    """Hold a NIR backend against the conformance suite; exit code 1 if a vector fails, or passes unexpectedly."""
    from snndeploy import verbs
    from snndeploy.conform.suite import junit as xml
    from snndeploy.conform.suite.choice import pairs
    from snndeploy.errors import error
    from snndeploy.files import check_output

    if listing:
        document = _listed(include or ["*"])
        show(document, json, lambda console: _print_list(console, document))
        return
    if not 0 < seconds < float("inf"):
        raise error("SD800", "--seconds", f"{seconds:g} is no time", "--seconds 60")
    if junit is not None:
        check_output(junit)
    excluded, failing = pairs("exclude", exclude or ()), pairs("xfail", xfail or ())
    with progress(adapter, json) as update:
        report = verbs.conformance(
            adapter,
            include or ("*",),
            excluded,
            failing,
            known=not strict,
            late=late,
            explain=explain,
            seconds=seconds,
            progress=update,
        )
    show(report.as_dict(), json, str(report))
    if junit is not None:
        xml.write(report, junit)
        say(f"{junit}: JUnit XML", json)
    if not report.ok:
        raise typer.Exit(1)


def _listed(include: list[str]) -> dict[str, Any]:
    from snndeploy.conform.suite import cases
    from snndeploy.conform.suite.adapters import ABSENT, BACKENDS
    from snndeploy.conform.suite.case import manifest

    return {
        "suite": manifest()["version"],
        "backends": {
            each.name: {"about": each.about, "package": each.package, "version": each.version, "missing": each.missing}
            for each in BACKENDS.values()
        },
        "absent": dict(ABSENT),
        "vectors": {
            case.name: {"about": case.about, "status": case.status, "relies": list(case.relies)}
            for case in cases(include)
        },
    }


def _print_list(console: Any, document: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    backends = Table("backend", "what runs", "version", box=None)
    for name, each in document["backends"].items():
        backends.add_row(name, Text(plain(each["about"])), each["missing"] or f"{each['package']} {each['version']}")
    for name, reason in document["absent"].items():
        backends.add_row(name, f"no adapter: {reason}", "")
    console.print(backends)
    vectors = Table("vector", "what it tells", box=None)
    for name, each in document["vectors"].items():
        note = "" if each["status"] == "accepted" else f" ({each['status']})"
        vectors.add_row(Text(name), Text(plain(each["about"]) + note))
    console.print(vectors)


COMMANDS = (conformance,)
