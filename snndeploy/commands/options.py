"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snndeploy.errors import error

if TYPE_CHECKING:
    from snndeploy.network import Network

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors included.")]
Model = Annotated[Path, typer.Argument(help="A .nir file.", show_default=False)]
Dt = Annotated[float | None, typer.Option("--dt", help="Seconds per step, for a file that does not say it.")]
Reset = Annotated[str | None, typer.Option("--reset", help="What a spike does, for a file that does not say it.")]
Target = Annotated[str, typer.Option("--target", help="loihi1, loihi2 or a .toml file.", show_default=False)]
Samples = Annotated[
    Path, typer.Option("--input", help=".npy or .npz, (time, batch, *shape); several inputs by name in one .npz.")
]


def network(path: Path, dt: float | None, reset: str | None) -> Network:
    """The network of a .nir file."""
    from snndeploy import verbs
    from snndeploy.files import existing

    return verbs.read(existing(path, "NIR file"), dt, reset)


def words(text: str) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b")."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


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
