"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snndeploy.errors import error
from snndeploy.models import network_file

if TYPE_CHECKING:
    from snndeploy.network import Network

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors included.")]
Model = Annotated[
    Path,
    typer.Argument(parser=network_file, help="A .nir file, or trained:NAME of `models`.", show_default=False),
]
Dt = Annotated[float | None, typer.Option("--dt", help="Seconds per step, for a file that does not say it.")]
Reset = Annotated[str | None, typer.Option("--reset", help="What a spike does, for a file that does not say it.")]
Delay = Annotated[
    list[str] | None,
    typer.Option("--delay", help="Steps between two neurons, 'a->b=1', for a loop that can be read in several ways."),
]
Kind = Annotated[
    str, typer.Option("--kind", help="Of the inputs: binary, counts or real; or by input: x=binary,y=real.")
]
Integrators = Annotated[
    str, typer.Option("--integrators", help="Whether r of I and IF is per-second or, as some writers mean, per-step.")
]
Unit = Annotated[
    str | None, typer.Option("--unit", help="Of the times in a file where it is open: s, ms or steps (of dt).")
]
IgnoreBlock = Annotated[bool, typer.Option("--ignore-block", help="Read the plain fields alone, as other readers do.")]
Encoding = Annotated[
    list[str] | None,
    typer.Option(
        "--encoding",
        help="How real inputs become events: graded, planes, rate, delta, bias, host, counts; settings behind a colon, "
        "graded:bits=4. For one of several inputs x=rate; may be repeated.",
    ),
]
KINDS = ("binary", "counts", "real")
READING: dict[str, tuple[Any, Any]] = {
    "dt": (Dt, None),
    "reset": (Reset, None),
    "delay": (Delay, None),
    "kind": (Kind, "binary"),
    "integrators": (Integrators, "per-second"),
    "unit": (Unit, None),
    "ignore_block": (IgnoreBlock, False),
}
Target = Annotated[str, typer.Option("--target", help="loihi1, loihi2 or a .toml file.", show_default=False)]


@dataclass(frozen=True)
class Reading:
    """What a file does not say and its reader must: the options of every command that reads one."""

    dt: float | None = None
    reset: str | None = None
    delay: tuple[str, ...] = ()
    kind: str = "binary"
    integrators: str = "per-second"
    unit: str | None = None
    ignore_block: bool = False

    def of(self, path: Path) -> Network:
        """The network of a file.

        Raises:
            SnnDeployError SD800: an option is not as it should be. SD801, SD4xx: the file is not.
        """
        from snndeploy import verbs
        from snndeploy.files import existing

        kind: Any = by_name("--kind", self.kind, KINDS)
        return verbs.read(
            existing(path, "NIR file"),
            self.dt,
            self.reset,
            delays=delays(self.delay),
            kind=kind,
            integrators=self.integrators,
            unit=self.unit,
            ignore_block=self.ignore_block,
        )


UNSAID = Reading()


def reads(command: Callable[..., None]) -> Callable[..., None]:
    """A command with a parameter `reading: Reading` as one with the options that make it, in front of --json."""

    @wraps(command)
    def run(*args: Any, **given: Any) -> None:
        said = {name: given.pop(name) for name in READING}
        said["delay"] = tuple(said["delay"] or ())
        command(*args, reading=Reading(**said), **given)

    own = signature(command, eval_str=True)
    kept = [each for name, each in own.parameters.items() if name != "reading"]
    options = [Parameter(name, Parameter.KEYWORD_ONLY, default=d, annotation=a) for name, (a, d) in READING.items()]
    at = next((i for i, each in enumerate(kept) if each.name == "json"), len(kept))
    merged = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*kept[:at], *options, *kept[at:])]
    run.__signature__ = own.replace(parameters=merged)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in merged}
    return run


def delays(pairs: Iterable[str]) -> dict[tuple[str, str], int]:
    """["a->b=2"] -> {("a", "b"): 2}.

    Raises:
        SnnDeployError SD800: one is not of this form.
    """
    found: dict[tuple[str, str], int] = {}
    for pair in pairs:
        way, _, steps = pair.rpartition("=")
        source, arrow, target = way.partition("->")
        if not (arrow and source and target and steps.isdecimal()):
            raise error("SD800", f"--delay {pair}", "it is not of the form source->target=steps", "--delay 'a->b=1'")
        found[source, target] = int(steps)
    return found


def choice(option: str, value: str, values: tuple[str, ...]) -> str:
    """`value`, if it is one of the option's. Raises SD800."""
    if value not in values:
        raise error("SD800", option, f"{value!r} is not one of its values", f"choose from {', '.join(values)}")
    return value


def by_name(option: str, text: str | None, values: tuple[str, ...]) -> str | dict[str, str] | None:
    """ "real" -> "real"; "x=real,y=binary" -> {"x": "real", "y": "binary"}. Raises SD800."""
    if text is None or "=" not in text:
        return None if text is None else choice(option, text, values)
    pairs = [each.rpartition("=") for each in words(text)]
    return {name.strip(): choice(option, value.strip(), values) for name, _, value in pairs}


def rates(text: str | None) -> float | dict[str, float] | None:
    """ "0.1" -> 0.1; "x=0.2,hidden=0.05" -> {"x": 0.2, "hidden": 0.05}.

    Raises:
        SnnDeployError SD800: one is no number.
    """
    if text is None:
        return None
    pairs = [each.rpartition("=") for each in words(text)]
    try:
        found = {name.strip(): float(value) for name, _, value in pairs}
    except ValueError:
        raise error("SD800", f"--rates {text}", "a rate is no number", "--rates 0.1, or x=0.2,hidden=0.05") from None
    if "" in found and len(pairs) > 1:
        raise error("SD800", f"--rates {text}", "a rate names no input or population", "--rates x=0.2,hidden=0.05")
    return found.get("", found)


def encodings(given: Iterable[str] | None) -> str | dict[str, str] | None:
    """["rate"] -> "rate"; ["x=rate", "y=graded:bits=4"] -> {"x": "rate", "y": "graded:bits=4"}.

    Raises:
        SnnDeployError SD800: one for all inputs stands beside others.
    """
    asked = list(given or ())
    by: dict[str, str] = {}
    for each in asked:
        name, equals, text = each.partition("=")
        if equals and ":" not in name:
            by[name.strip()] = text.strip()
        elif len(asked) > 1:
            raise error("SD800", f"--encoding {each}", "it names no input, and there are several", "--encoding x=rate")
        else:
            return each
    return by or None


def words(text: str) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b"). Raises SD800 if there is none."""
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise error("SD800", f"a list of words, {text!r}", "it is empty", "name at least one, separated by commas")
    return found


def settings(pairs: Iterable[str]) -> dict[str, Any]:
    """["mode=runtime", "timeout=20"] -> {"mode": "runtime", "timeout": 20}: numbers and true/false are recognised.

    Raises:
        SnnDeployError SD800: one is not of the form name=value.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise error("SD800", f"--option {pair}", "it is not of the form name=value", "--option mode=runtime")
        value: Any = {"true": True, "false": False}.get(text, text)
        for kind in (int, float):
            if isinstance(value, str):
                try:
                    value = kind(text)
                except ValueError:
                    continue
        found[name] = value
    return found
