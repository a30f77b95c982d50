"""What is known to be wrong in releases and settings of other libraries: `known.toml`, and which of it applies."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Known:
    """One thing that releases of a package do wrong.

    Attributes:
        versions: PEP 440 specifier of the releases in which it was seen.
        setting: of a module or call, without which it does not happen; empty: always.
        here: what snndeploy does about it; empty: nothing, so another release is needed.
        found_by: codes of findings that name it to a user.
        source: where it is known from.
    """

    id: str
    package: str
    versions: str
    wrong: str
    here: str
    source: str
    setting: str = ""
    found_by: tuple[str, ...] = ()

    def applies(self, version: str | None) -> bool:
        """True if an installed release is one of `versions`; of a version that is no version nothing is known."""
        from packaging.specifiers import SpecifierSet
        from packaging.version import InvalidVersion, Version

        try:
            return version is not None and Version(Version(version).public) in SpecifierSet(
                self.versions, prereleases=True
            )
        except InvalidVersion:
            return False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"found_by": list(self.found_by)}


@cache
def load() -> tuple[Known, ...]:
    """All of `known.toml`."""
    text = resources.files(__package__).joinpath("known.toml").read_text("utf-8")
    entries = tomllib.loads(text)["known"]
    return tuple(Known(**{**each, "found_by": tuple(each.get("found_by", ()))}) for each in entries)


def applying(versions: Mapping[str, str | None]) -> list[Known]:
    """What applies to installed releases, by name of distribution; in the order of the file."""
    return [each for each in load() if each.applies(versions.get(each.package))]
