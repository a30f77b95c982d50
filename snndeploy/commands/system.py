"""demo, doctor, install-lava: the whole path at once, and what is installed here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snndeploy.commands import options as opt
from snndeploy.commands.output import progress, say, show


def demo(
    output: Annotated[Path, typer.Option("--out", help="Folder to write to; it is made.")] = Path("build/demo"),
    model: Annotated[list[str] | None, typer.Option("--model", help="A model's name or file; may be repeated.")] = None,
    target: Annotated[str, typer.Option("--target", help="loihi1, loihi2 or a .toml file.")] = "loihi2",
    quick: Annotated[
        bool, typer.Option("--quick", help="Less training and fewer samples: a test of the path.")
    ] = False,
    json: opt.Json = False,
) -> None:
    """Train two networks, bring them to Loihi's integers, and compare every engine; exit code 1 if engines disagree."""
    from snndeploy import demo as whole
    from snndeploy import targets

    chip = targets.load(target)
    with progress("demo", json) as update:
        verdict = whole.run(output, model or whole.MODELS, chip, quick, update, lambda text: say(text, json))
    show(verdict, json, lambda console: whole.print_tables(console, verdict))
    say(f"{output / 'verdict.json'}: {'all that must be identical is' if verdict['ok'] else 'FAILED'}", json)
    if not verdict["ok"]:
        raise typer.Exit(1)


def doctor(
    known: Annotated[
        bool, typer.Option("--known", help="List what these releases do wrong, and what snndeploy does about it.")
    ] = False,
    json: opt.Json = False,
) -> None:
    """Show what is installed and which engines run here; exit code 1 if something is wrong, 3 if one is missing."""
    from snndeploy import doctor as examine

    with progress("doctor", json) as update:
        found = examine.examine(update)
    show(found, json, lambda console: examine.print_tables(console, found, known))
    code = examine.exit_code(found)
    if code:
        raise typer.Exit(code)


def install_lava(json: opt.Json = False) -> None:
    """Install Lava 0.10.0 beside current Python and NumPy, without its pins."""
    from snndeploy.engines.lava.install import install
    from snndeploy.engines.lava.patches import VERSION

    with progress("pip install lava-nc", json) as update:
        install()
        update(1, 1)
    show({"installed": f"lava-nc {VERSION}"}, json, f"lava-nc {VERSION} is installed")


COMMANDS = (demo, doctor, install_lava)
