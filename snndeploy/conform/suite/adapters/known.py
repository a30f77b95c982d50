"""What the backends that come with the suite are known to get wrong, and why, from known.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def known() -> dict[str, dict[str, str]]:
    """{backend: {pattern: reason}}"""
    held = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {
        backend: {pattern: why for why, patterns in reasons.items() for pattern in patterns}
        for backend, reasons in held.items()
    }
