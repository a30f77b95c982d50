"""The options of the torch engine, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch

from snndeploy.engines.base import Job, check_options
from snndeploy.errors import error

FLOATS = {"float32": torch.float32, "float64": torch.float64}


DEFAULTS = {"device": "cpu", "dtype": None, "threads": None, "memory": "512MiB", "units": "int8,events,float"}
# what computes sums of products in the integer form, see `synapses`
UNITS = ("int8", "events", "float")
MEMORY = re.compile(r"(\d+(?:\.\d*)?)\s*([KMG]i?)?B?")
SIZES = {"K": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True)
class Settings:
    """Where to compute, and in which type the float form computes (the integer form keeps whole numbers).

    Attributes:
        threads: how many blocks of samples are computed at once.
        memory: bytes for what lies between the inputs and what is recorded.
        units: which units may compute sums of products in the integer form; "events" on the CPU alone.
    """

    device: torch.device
    dtype: torch.dtype
    threads: int = 1
    memory: int = 2**29
    units: tuple[str, ...] = UNITS

    @property
    def label(self) -> str:
        return f"torch {self.device} {torch.__version__}"


def float32_is_whole() -> bool:
    """False where the caller lets torch multiply float32 matrices in TF32 or bfloat16."""
    return torch.get_float32_matmul_precision() == "highest"


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise error("SD520", "engine 'torch'", f"{name!r} is not a device", 'device="cpu" or "cuda"') from None
    if device.type not in ("cpu", "cuda"):
        raise error(
            "SD520", "engine 'torch'", f"it does not compute on {device.type!r}", 'device="cpu" or "cuda"'
        ) from None
    count = torch.cuda.device_count() if device.type == "cuda" and torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise error(
            "SD520",
            "engine 'torch'",
            f"device {name!r} is not there ({count} CUDA devices are visible to torch {torch.__version__})",
            'use device="cpu", or install the CUDA build of torch',
        )
    return device


def _memory(given: Any) -> int:
    """Bytes: a whole number, or text as "2GiB", "500 MB"."""
    found = MEMORY.fullmatch(str(given).strip())
    size = int(float(found[1]) * SIZES.get(found[2] or "", 1)) if found else 0
    if size < 1:
        raise error("SD525", "engine 'torch'", f"memory={given!r} is no size", 'a number of bytes, or "2GiB"')
    return size


def _threads(given: Any) -> int:
    if given is None:
        return torch.get_num_threads()
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise error("SD525", "engine 'torch'", f"threads={given!r} is no number of threads", "threads=2")
    return given


def _units(given: Any) -> tuple[str, ...]:
    names = tuple(each.strip() for each in given.split(",")) if isinstance(given, str) else tuple(given)
    for each in names:
        if each not in UNITS:
            raise error("SD525", "engine 'torch'", f"unit {each!r} is not offered", f"choose from {', '.join(UNITS)}")
    return names


def settings(job: Job) -> Settings:
    """The options of a job.

    Raises:
        SnnDeployError SD503, SD520, SD521, SD525.
    """
    given = check_options("torch", job.options, DEFAULTS)
    dtype, integer = given["dtype"], job.network.form == "integer"
    if integer and dtype is not None:
        raise error("SD521", "engine 'torch'", f"dtype={dtype!r} has no meaning for the integer form", "leave it out")
    if dtype is not None and dtype not in FLOATS:
        raise error("SD521", "engine 'torch'", f"dtype={dtype!r} is not offered", f"choose from {', '.join(FLOATS)}")
    limits = _threads(given["threads"]), _memory(given["memory"]), _units(given["units"])
    chosen = Settings(_device(str(given["device"])), FLOATS[dtype or "float32"], *limits)
    if chosen.dtype == torch.float32 and not integer and not float32_is_whole():
        raise error(
            "SD521",
            "engine 'torch'",
            f"torch multiplies float32 at {torch.get_float32_matmul_precision()!r} precision, which is not float32",
            'torch.set_float32_matmul_precision("highest"), or dtype="float64"',
        )
    return chosen
