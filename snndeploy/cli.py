"""The command line: `snndeploy <verb>`. Exit code 0 good, 1 a verdict failed, 2 usage or bad input, 3 engine missing.

Nothing heavy is imported before a command runs, and no command ends in a traceback.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Sequence

import typer

from snndeploy.commands import (
    advising,
    bundles,
    carding,
    chips,
    conforming,
    convert,
    costs,
    exporting,
    methods,
    models,
    output,
    plotting,
    proofs,
    reporting,
    searching,
    system,
    traces,
    train,
    training,
    verifying,
)
from snndeploy.errors import Finding, SnnDeployError

app = typer.Typer(
    name="snndeploy",
    help="Trained snnTorch and Norse networks on Loihi's integers, spike for spike.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
GROUPS = (
    models,
    convert,
    exporting,
    chips,
    costs,
    advising,
    methods,
    proofs,
    train,
    searching,
    carding,
    training,
    traces,
    conforming,
    verifying,
    bundles,
    plotting,
    reporting,
    system,
)
for group in GROUPS:
    for command in group.COMMANDS:
        summary = (command.__doc__ or "").split(";")[0].rstrip(".")
        app.command(command.__name__.replace("_", "-"), short_help=summary)(command)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"snndeploy {version('snndeploy')}\n")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an unforeseen error."),
) -> None:
    """Trained snnTorch and Norse networks on Loihi's integers, spike for spike."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with warnings.catch_warnings():
        if not sys.warnoptions:
            # what concerns the reader is a finding; warnings here are those of other packages
            warnings.simplefilter("ignore")
        try:
            code = _run(given, "--json" in given)
            sys.stdout.flush()
        except BrokenPipeError:
            # the reader of stdout went away (snndeploy ... | head)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        return code


def _run(given: list[str], as_json: bool) -> int:
    output.GIVEN[:] = given
    try:
        return int(app(given, prog_name="snndeploy", standalone_mode=False) or 0)
    except SnnDeployError as problem:
        return _fail(problem.findings, problem.exit_code, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except SystemExit as problem:
        if isinstance(problem.__context__, BrokenPipeError):
            # how Rich takes it that the reader of stdout went away
            return 141
        # our own commands return: this is the code of a model file
        what = f"it ends the program with sys.exit({problem.code!r})"
        return _fail((Finding("SD804", "model file", what, "take sys.exit out of what the module runs"),), 2, as_json)
    except BrokenPipeError:
        raise
    except MemoryError as problem:
        from snndeploy.files import readable

        what = f"what it takes does not fit into the memory that is free ({readable(str(problem))})"
        return _fail(
            (Finding("SD808", f"snndeploy {given[0]}", what, "use a smaller network, or fewer samples"),), 2, as_json
        )
    except Exception as problem:
        if hasattr(problem, "format_message"):
            named = given[:1] and not given[0].startswith("-")
            command = f"snndeploy {given[0]}" if named else "snndeploy"
            return _fail((Finding("SD800", command, problem.format_message(), f"{command} --help"),), 2, as_json)
        if "--debug" in given:
            raise
        return _fail((_unforeseen(problem),), 2, as_json)


def _unforeseen(problem: Exception) -> Finding:
    from snndeploy.files import short

    frame = problem.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "snndeploy"
    fix = "report this with the traceback that `snndeploy --debug ...` shows"
    return Finding("SD899", place, f"{type(problem).__name__}: {short(problem)}", fix)


def _fail(findings: Sequence[Finding], code: int, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps({"error": output.findings_document(findings)}, indent=2) + "\n")
    else:
        output.report(findings)
    return code
