"""What the doctor found, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

STYLES = {"runs": "green", "missing": "yellow", "not used": "dim", "wrong": "red"}


def print_tables(console: Any, found: dict[str, Any], every: bool = False) -> None:
    """On a Rich console; `every`: each known defect with what snndeploy does about it, not their ids alone."""
    for table in _tables(found):
        console.print(table)
        console.print()
    console.print("Known about these versions", style="bold")
    for line in _each(found) if every else _ids(found):
        console.print(line, markup=False)
    console.print()
    for line in found["wrong"]:
        console.print(f"WRONG {line}", style="bold red", markup=False)
    console.print(f"{found['seconds']:.1f} s", markup=False)


def _tables(found: dict[str, Any]) -> list[Any]:
    from rich.markup import escape
    from rich.table import Table

    def table(title: str, *columns: str) -> Table:
        return Table(*columns, box=None, title=title, title_justify="left", title_style="bold", padding=(0, 2, 0, 0))

    def state(name: str) -> str:
        return f"[{STYLES[name]}]{name}[/]"

    packages = table("Packages", "package", "version", "")
    packages.add_row("python", found["python"])
    for name, version in found["packages"].items():
        wanted = found["unfit"].get(name)
        packages.add_row(escape(name), escape(version or "-"), escape(f"snndeploy needs {wanted}" if wanted else ""))
    engines = table("Engines", "engine", "state", "seconds", "")
    for name, each in found["engines"].items():
        engines.add_row(escape(name), state(each["state"]), f"{each['seconds']:.2f}", escape(each["detail"]))
    devices = table("Devices", "device", "state", "")
    for each in found["devices"]:
        devices.add_row(escape(each["name"]), state(each["state"]), escape(each["detail"]))
    extras = table("Extras", "extra", "for", "")
    for each in found["extras"]:
        lacking = f"without {', '.join(each['missing'])}: {each['fix']}"
        extras.add_row(*map(escape, (each["name"], each["purpose"], lacking if each["missing"] else "installed")))
    return [packages, engines, devices, extras]


def _ids(found: dict[str, Any]) -> Iterator[str]:
    """A line per package."""
    by: dict[str, list[str]] = {}
    for each in found["known"]:
        by.setdefault(each["package"], []).append(each["id"])
    for name, ids in by.items():
        yield f"{name} {found['packages'][name]}: {', '.join(ids)}"
    yield "What each is, and what is done about it: snndeploy doctor --known. A module's own settings: snndeploy lint."


def _each(found: dict[str, Any]) -> Iterator[str]:
    """Three lines per defect."""
    for each in found["known"]:
        where = f" with {each['setting']}" if each["setting"] else ""
        see = "".join(f", {code}" for code in each["found_by"])
        yield f"{each['id']} {each['package']} {found['packages'][each['package']]}{where}: {each['wrong']}."
        yield f"    here: {each['here'] or 'nothing; install another release'}. ({each['source']}{see})"
