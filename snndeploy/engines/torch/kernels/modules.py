"""Where generated source lives: files in the user's cache folder, named by their content.

A file never changes once it is there; compilers keep what they made of it beside it. Where that folder cannot be
written, a temporary one serves until the process ends.
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import cache
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from snndeploy.files import replacing

# removed when the process ends
_temporary: list[tempfile.TemporaryDirectory[str]] = []


@cache
def folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    wanted = Path(base) / "snndeploy" / "kernels"
    try:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(wanted, os.W_OK | os.X_OK):
            return wanted
    except OSError:
        pass
    _temporary.append(tempfile.TemporaryDirectory(prefix="snndeploy-kernels-"))
    return Path(_temporary[-1].name)


def load(label: str, text: str) -> ModuleType:
    """The module whose source is `text`."""
    name = f"{label}_{sha256(text.encode()).hexdigest()[:16]}"
    file = folder() / f"{name}.py"
    if not file.exists() or file.read_text("utf-8") != text:
        with replacing(file) as fresh:
            fresh.write_text(text, "utf-8")
            # compilers tell versions apart by this time: whoever writes the file writes the same one
            os.utime(fresh, (0, 0))
    spec = spec_from_file_location(f"snndeploy_kernels.{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module
