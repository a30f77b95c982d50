"""The machine that measures, and the releases that a result depends on; nothing here names a host or a user."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("snndeploy", "torch", "snntorch", "norse", "nir", "numpy", "numba", "lava-nc", "onnxruntime")


def machine() -> dict[str, Any]:
    """CPU, its cores, threads of torch where it is loaded, and the system."""
    import sys

    found: dict[str, Any] = {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.system()}
    torch = sys.modules.get("torch")
    if torch is not None:
        found["threads"] = torch.get_num_threads()
        found["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return found


def versions() -> dict[str, str]:
    """Of Python and the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
