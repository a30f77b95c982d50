"""Where the data that comes with the package lies: `targets/` and `models/`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from snndeploy.errors import error

PACKAGE = Path(__file__).resolve().parent


def _is_our_checkout(folder: Path) -> bool:
    try:
        named = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    project = named.get("project")
    return isinstance(project, dict) and project.get("name") == "snndeploy"


def folder(name: str, package: Path = PACKAGE) -> Path:
    """The folder `name` inside an installed package, or beside it in a checkout.

    The folder beside the package counts only if the pyproject.toml there names snndeploy: a folder `models` that
    happens to lie in site-packages is somebody else's.

    Raises:
        SnnDeployError SD210: neither is there.
    """
    if (package / name).is_dir():
        return package / name
    beside = package.parent / name
    if beside.is_dir() and _is_our_checkout(package.parent):
        return beside
    raise error("SD210", f"folder {name!r}", f"it is not in {package} and not beside it", "install snndeploy again")
