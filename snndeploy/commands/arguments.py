"""`--set name=value`: arguments of the functions of a model file, in the type of their defaults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from snndeploy import models
from snndeploy.errors import Finding, raise_errors

SWITCHES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def arguments_of(model: str, pairs: Iterable[str] | None) -> dict[str, Any] | None:
    """["beta=0.95"] -> {"beta": 0.95}. Raises SD800, and SD804 for what the file does not take; all at once."""
    if not pairs:
        return None
    makers = models.makers(model)
    known = models.arguments(*makers)
    found: dict[str, Any] = {}
    wrong: list[Finding] = []
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            wrong.append(Finding("SD800", f"--set {pair}", "it is not of the form name=value", "--set beta=0.95"))
            continue
        try:
            found[name] = typed(text, known.get(name))
        except ValueError:
            kind = type(known[name]).__name__
            wrong.append(Finding("SD800", f"--set {pair}", f"{text!r} is no {kind}", f"--set {name}={known[name]}"))
    raise_errors(wrong)
    models.check_arguments(found, model, *makers)
    return found


def typed(text: str, default: Any) -> Any:
    """A text in the type of a default; where that is None, the number that it spells, if it spells one."""
    if isinstance(default, bool):
        if text.lower() not in SWITCHES:
            raise ValueError(text)
        return SWITCHES[text.lower()]
    if isinstance(default, (int, float)):
        return type(default)(text)
    if default is None:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text
