"""The machine that measures: nothing in it names a host."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8")
INT8 = ("avx_vnni", "avx512_vnni", "amx_int8")


def machine() -> dict[str, Any]:
    """CPU, GPU, threads, versions, and how many programs wanted to run in the last minute."""
    model, flags = _cpu()
    return {
        "cpu": model,
        "features": [each for each in FLAGS if each in flags],
        "int8": any(each in flags for each in INT8),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "numba", "snntorch", "norse")},
    }


def _cpu() -> tuple[str, set[str]]:
    """Name and flags, as Linux tells them."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine(), set()
    fields: dict[str, str] = {}
    for line in info.read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields.get("model name", platform.machine()), set(fields.get("flags", "").split())
