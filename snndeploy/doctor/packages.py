"""Which packages are installed, whether snndeploy knows their releases, and what the extras would add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

# what a user would want them for; an extra that is not named here shows its packages alone
PURPOSE = {
    "lava": "engine lava, with lava-nc itself: snndeploy install-lava",
    "onnx": "engine onnx and export",
    "cluster": "runs on a Dask cluster: --scheduler",
    "tensorboard": "event files of training: --tensorboard",
    "events": "event cameras and their data sets",
    "sanafe": "a second opinion on energy and time of Loihi 1",
    "search": "search of hyperparameters",
    "backends": "other readers of .nir in the conformance suite",
    "test": "make test",
}
# not required by name, but part of what a result depends on
BESIDE = ("nirtorch", "lava-nc")


@dataclass(frozen=True)
class Package:
    """One requirement. fits: False where the release is not one that snndeploy names."""

    name: str
    version: str | None
    wanted: str
    fits: bool


@dataclass(frozen=True)
class Extra:
    """An optional group: `versions` by package, `missing` what of it is not installed, `fix` installs it."""

    name: str
    purpose: str
    versions: Mapping[str, str]
    missing: tuple[str, ...]
    fix: str

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "versions": dict(self.versions), "missing": list(self.missing)}


def version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def required(requirements: list[str] | None = None) -> list[Package]:
    """Every package that snndeploy needs in any case, by name; `requirements`: other lines than the installed ones."""
    from packaging.requirements import Requirement

    found = {"snndeploy": Package("snndeploy", version_of("snndeploy"), "", True)}
    for text in requirements if requirements is not None else metadata.requires("snndeploy") or []:
        each = Requirement(text)
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            version = version_of(each.name)
            fits = version is not None and each.specifier.contains(version, prereleases=True)
            found[each.name] = Package(each.name, version, str(each.specifier), fits)
    for name in BESIDE:
        if (version := version_of(name)) is not None:
            found.setdefault(name, Package(name, version, "", True))
    return [found[name] for name in sorted(found, key=str.lower)]


def extras(requirements: list[str] | None = None) -> list[Extra]:
    """The optional groups of snndeploy, in the order in which it declares them."""
    from packaging.requirements import Requirement

    lines = [Requirement(text) for text in requirements or metadata.requires("snndeploy") or []]
    found = []
    for name in metadata.metadata("snndeploy").get_all("Provides-Extra") or []:
        here = [each for each in lines if each.marker is not None and each.marker.evaluate({"extra": name})]
        needed = [each.name for each in here if not each.marker or not each.marker.evaluate({"extra": ""})]
        needed += ["lava-nc"] if name == "lava" else []
        versions = {each: version_of(each) for each in needed}
        there = {each: version for each, version in versions.items() if version is not None}
        missing = tuple(each for each in needed if each not in there)
        fix = "snndeploy install-lava" if name == "lava" else f'pip install "snndeploy[{name}]"'
        found.append(Extra(name, PURPOSE.get(name, ", ".join(needed)), there, missing, fix if missing else ""))
    return found
