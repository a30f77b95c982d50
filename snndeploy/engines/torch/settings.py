"""The options of the torch engine, checked."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from snndeploy.engines.base import Job, check_options
from snndeploy.errors import error

FLOATS = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Settings:
    """Where to compute, and in which type the float form computes (the integer form keeps int64 states)."""

    device: torch.device
    dtype: torch.dtype

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


def settings(job: Job) -> Settings:
    """The options of a job.

    Raises:
        SnnDeployError SD503, SD520, SD521.
    """
    given = check_options("torch", job.options, {"device": "cpu", "dtype": None})
    dtype, integer = given["dtype"], job.network.form == "integer"
    if integer and dtype is not None:
        raise error("SD521", "engine 'torch'", f"dtype={dtype!r} has no meaning for the integer form", "leave it out")
    if dtype is not None and dtype not in FLOATS:
        raise error("SD521", "engine 'torch'", f"dtype={dtype!r} is not offered", f"choose from {', '.join(FLOATS)}")
    chosen = Settings(_device(str(given["device"])), FLOATS[dtype or "float32"])
    if chosen.dtype == torch.float32 and not integer and not float32_is_whole():
        raise error(
            "SD521",
            "engine 'torch'",
            f"torch multiplies float32 at {torch.get_float32_matmul_precision()!r} precision, which is not float32",
            'torch.set_float32_matmul_precision("highest"), or dtype="float64"',
        )
    return chosen
