"""What the backends that come with the suite are known to get wrong: {backend: {pattern: reason}}, strict both ways."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {}
