"""Which devices torch sees here, and whether engine torch computes on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any


@dataclass(frozen=True)
class Device:
    """state: "runs", "not used" (there, but nothing computes on it), "missing" or "wrong"."""

    name: str
    state: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def examine(two_neurons: Callable[[str], tuple[str, str]]) -> list[Device]:
    """CPU, CUDA, Apple's MPS, and Triton, whose kernels are for CUDA.

    Args:
        two_neurons: runs engine torch on a device, (state, one line).
    """
    try:
        import torch
    except Exception as problem:  # a torch that does not import is what a doctor looks for
        return [Device("cpu", "missing", f"torch does not import: {type(problem).__name__}")]
    found = [Device("cpu", "runs", f"{torch.get_num_threads()} threads of torch")]
    return [*found, *_cuda(torch, two_neurons), _mps(torch), _triton(torch)]


def _cuda(torch: Any, two_neurons: Callable[[str], tuple[str, str]]) -> list[Device]:
    if not torch.cuda.is_available():
        built = torch.version.cuda
        why = f"this torch is built for CUDA {built}, and sees no device" if built else "this torch is built without"
        return [Device("cuda", "missing", why)]
    found = []
    for i in range(torch.cuda.device_count()):
        state, line = two_neurons(f"cuda:{i}")
        memory = torch.cuda.get_device_properties(i).total_memory / 2**30
        told = f"{torch.cuda.get_device_name(i)}, {memory:.0f} GiB, CUDA {torch.version.cuda}; {line}"
        found.append(Device(f"cuda:{i}", state, told))
    return found


def _mps(torch: Any) -> Device:
    there = getattr(torch.backends, "mps", None)
    if there is None or not there.is_available():
        return Device("mps", "missing", "only on Macs with Apple's chips")
    return Device("mps", "not used", "it has no float64, so engine torch computes on the CPU instead")


def _triton(torch: Any) -> Device:
    try:
        version = metadata.version("triton")
    except metadata.PackageNotFoundError:
        return Device("triton", "missing", "comes with the CUDA build of torch, on Linux")
    if not torch.cuda.is_available():
        return Device("triton", "not used", f"{version}; its kernels run on CUDA, which is not here")
    return Device("triton", "runs", version)
